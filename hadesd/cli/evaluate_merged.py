"""The part of `hadesd evaluate` for merged files: one policy in several environments."""

import argparse
from typing import TYPE_CHECKING, Any

from hades_protocol.errors import UsageError
from hadesd.cli.computing import interruptible, prepare_computing
from hadesd.cli.file_settings import settings_for
from hadesd.cli.output import number, print_json, say

if TYPE_CHECKING:
    from hades_protocol.run_spec import RunSpec
    from hadesd.analysis.datasets.reader import DatasetFile
    from hadesd.analysis.evaluation.multitask import Task


def evaluate_merged(args: argparse.Namespace, dataset: "DatasetFile", assignments: list[tuple[str, Any]]) -> int:
    """Train, roll out in every environment (or in --env alone), report."""
    from hadesd.analysis.datasets.merging import parts_of, with_training

    if args.env is not None and args.output is not None:
        raise UsageError("-o draws the comparison of all environments: leave --env out")
    parts = parts_of(dataset)
    specs = [settings_for(part, None, assignments) for part in parts]
    training = settings_for(with_training(parts[0], dataset), None, assignments)
    prepare_computing(training, "hadesd.analysis.evaluation.multitask")
    from hadesd.analysis.evaluation.multitask import Task, document, judge_all

    tasks = [Task(part, spec) for part, spec in zip(parts, specs, strict=True)]
    say(
        f"training {args.inits} policies on {len(dataset.states)} pairs of {', '.join(t.spec.env for t in tasks)} "
        f"({training.policy.depth} x {training.policy.width} {training.policy.activation}, "
        f"{training.cloning.epochs} epochs) …"
    )
    if args.env is not None:
        return _one(args, dataset, tasks, training)
    scored = interruptible(lambda: judge_all(dataset, tasks, training, args.inits, args.episodes, args.seed, say))
    found = document(dataset, scored, training, args.inits, args.episodes, args.seed)
    if args.json:
        print_json(found)
    else:
        print("\n".join(_table(found)))
        say("normalised: 0 is the level of the wrong pairs, 1 that of its own alone; ± is the standard error")
    if args.output is not None:
        from hadesd.analysis.pictures.multitask import draw
        from hadesd.analysis.pictures.style import save

        save(draw(found), args.output)
        say(f"drew {args.output}")
    return 0


def _one(args: argparse.Namespace, dataset: "DatasetFile", tasks: "list[Task]", training: "RunSpec") -> int:
    from hadesd.analysis.evaluation.multitask import judge_one
    from hadesd.spec import environments

    name, names = environments.find(args.env).name, [task.spec.env for task in tasks]
    if name not in names:
        raise UsageError(f"{dataset.path} was merged for {' and '.join(names)}, not for {name}")
    index = names.index(name)
    judged = interruptible(lambda: judge_one(dataset, tasks, index, training, args.inits, args.episodes, args.seed))
    summary = judged.summary()
    if args.json:
        head = {"schema": 1, "file": str(dataset.path), "environment": name, "pairs": len(dataset.states)}
        print_json(head | summary)
    else:
        print(
            f"return in {name} {number(summary['return_mean'])} ± {number(summary['return_std'])} "
            f"(mean ± standard deviation over {args.inits} policies; "
            f"{summary['episodes_completed']} completed episodes)"
        )
    return 0


def _table(document: dict[str, Any]) -> list[str]:
    left = max(11, *(len(name) for name in document["environments"]))
    lines = [f"{'ENVIRONMENT':{left}}  {'NORMALISED':>15}  {'RETURN':>16}  {'WRONG PAIRS':>16}  {'OWN PAIRS':>16}"]
    for task in document["tasks"]:
        mean, error = task["normalised_mean"], task["normalised_sem"]
        score = "–" if mean is None else f"{mean:.3f} ± {error:.3f}"
        cells = (_level(task), _level(task["wrong"]), _level(task["own"]))
        lines.append(f"{task['environment']:{left}}  {score:>15}  " + "  ".join(f"{cell:>16}" for cell in cells))
    return lines


def _level(summary: dict[str, Any]) -> str:
    return f"{number(summary['return_mean'])} ± {summary['return_sem']:.3g}"
