"""hadesd evaluate: train fresh policies on a dataset and report their return. No daemon is needed."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import RunSpec, spec_to_dict
from hades_protocol.settings import parse_assignment
from hadesd.cli.compute import interruptible, prepare_computing, require_daemon_extra
from hadesd.cli.datasets.inputs import check_range, settings_for
from hadesd.cli.output import number, print_json, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_verb
from hadesd.spec import environments

if TYPE_CHECKING:
    from hades_protocol.run_spec import RunSpec
    from hadesd.analysis.datasets.reader import DatasetFile
    from hadesd.analysis.evaluation.multitask import Task


SCHEMA = 1


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """The verb's arguments."""
    parser = add_verb(
        subparsers,
        "evaluate",
        "train fresh policies on a dataset and report their return",
        "hadesd evaluate cartpole.npz --inits 10\n"
        "hadesd evaluate plain.npz --env CartPole-v1 --set evaluation.normalisation=none --set policy.width=64\n"
        "hadesd evaluate both.npz -o both.svg",
    )
    parser.add_argument(
        "file", metavar="FILE.npz", type=Path, help="an exported or merged dataset, or any npz with states and actions"
    )
    parser.add_argument("--env", metavar="E", help="environment (default: what the file says)")
    parser.add_argument("--inits", metavar="N", type=int, default=10, help="policies to train (default: %(default)s)")
    parser.add_argument(
        "--episodes",
        metavar="M",
        type=int,
        default=16,
        help="environments for each policy, in groups of evaluation.environments (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", metavar="N", type=int, default=0, help="root of its random numbers (default: %(default)s)"
    )
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="a setting, over the file's")
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        help="merged files: draw normalised fitness into FILE.png or FILE.svg",
    )
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Train, roll out, report."""
    for name, low, high in (("inits", 1, 100_000), ("episodes", 1, 1_000_000), ("seed", 0, 2**32 - 1)):
        check_range(name, getattr(args, name), low, high)
    assignments = [parse_assignment(text) for text in args.set]
    require_daemon_extra("evaluate")
    from hadesd.analysis.datasets.reader import load

    dataset = load(args.file)
    if "parts" in dataset.meta:
        if args.output is not None:
            from hadesd.analysis.pictures.style import check_path

            check_path(args.output)

        return evaluate_merged(args, dataset, assignments)
    if args.output is not None:
        raise UsageError("-o draws what one policy returns in several environments: it is for merged files")
    spec = settings_for(dataset, args.env, assignments)
    from hadesd.cli.compute import interruptible, prepare_computing

    images = environments.find(spec.env).family == "images"
    prepare_computing(
        spec, "hadesd.analysis.evaluation.image_accuracy" if images else "hadesd.analysis.evaluation.evaluate"
    )
    sections = ("backend", "policy", "cloning", "evaluation")
    settings = {"settings": {key: spec_to_dict(spec)[key] for key in sections}}
    head = {"schema": SCHEMA, "file": str(args.file), "environment": spec.env, "pairs": len(dataset.states)}
    if images:
        return evaluate_images(dataset, spec, args.inits, args.seed, head | settings if args.json else None)
    from hadesd.analysis.evaluation.evaluate import evaluate

    say(
        f"training {args.inits} policies on {len(dataset.states)} pairs of {spec.env} "
        f"({spec.policy.depth} x {spec.policy.width} {spec.policy.activation}, {spec.cloning.epochs} epochs) …"
    )
    summary = interruptible(lambda: evaluate(dataset, spec, args.inits, args.episodes, args.seed).summary())
    if args.json:
        print_json(head | summary | settings)
    else:
        _show(summary)
    return 0


def _show(summary: dict[str, Any]) -> None:
    per_init = summary["return_per_init"]
    print(
        f"return {number(summary['return_mean'])} ± {number(summary['return_std'])} "
        f"(mean ± standard deviation over {len(per_init)} policies; {summary['episodes_completed']} completed episodes)"
    )
    print("per policy: " + "  ".join(number(value) for value in per_init))


def evaluate_images(dataset: "DatasetFile", spec: RunSpec, inits: int, seed: int, head: dict[str, Any] | None) -> int:
    """Train, classify, report; `head`: what the JSON begins with, None for a table."""
    from hadesd.analysis.evaluation.image_accuracy import evaluate

    say(
        f"training {inits} classifiers on {len(dataset.states)} images of {spec.env}, as many on class means and on "
        f"random real images ({spec.policy.kind}, {spec.cloning.epochs} epochs) …"
    )
    evaluated = interruptible(lambda: evaluate(dataset, spec, inits, seed))
    found = {name: accuracies.summary() for name, accuracies in evaluated.items()}
    if head is not None:
        print_json(head | found["dataset"] | {"baselines": {k: v for k, v in found.items() if k != "dataset"}})
        return 0
    print(f"{'trained on':<20}{'test accuracy':>18}{'train accuracy':>18}")
    for name, summary in found.items():
        cells = [
            f"{summary[f'{part}_accuracy_mean']:.3f} ± {summary[f'{part}_accuracy_std']:.3f}"
            for part in ("test", "train")
        ]
        print(f"{'this dataset' if name == 'dataset' else name:<20}{cells[0]:>18}{cells[1]:>18}")
    say(f"(mean ± standard deviation over {inits} classifiers each)")
    return 0


def evaluate_merged(args: argparse.Namespace, dataset: "DatasetFile", assignments: list[tuple[str, Any]]) -> int:
    """Train, roll out in every environment (or in --env alone), report."""
    from hadesd.analysis.datasets.merging import parts_of, with_training

    if args.env is not None and args.output is not None:
        raise UsageError("-o draws the comparison of all environments: leave --env out")
    parts = parts_of(dataset)
    specs = [settings_for(part, None, assignments) for part in parts]
    training = settings_for(with_training(parts[0], dataset), None, assignments)
    prepare_computing(training, "hadesd.analysis.evaluation.multitask")
    from hadesd.analysis.evaluation.multitask import Task, document, evaluate_all

    tasks = [Task(part, spec) for part, spec in zip(parts, specs, strict=True)]
    say(
        f"training {args.inits} policies on {len(dataset.states)} pairs of {', '.join(t.spec.env for t in tasks)} "
        f"({training.policy.depth} x {training.policy.width} {training.policy.activation}, "
        f"{training.cloning.epochs} epochs) …"
    )
    if args.env is not None:
        return _one(args, dataset, tasks, training)
    scored = interruptible(lambda: evaluate_all(dataset, tasks, training, args.inits, args.episodes, args.seed, say))
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
    from hadesd.analysis.evaluation.multitask import evaluate_one
    from hadesd.spec import environments

    name, names = environments.find(args.env).name, [task.spec.env for task in tasks]
    if name not in names:
        raise UsageError(f"{dataset.path} was merged for {' and '.join(names)}, not for {name}")
    index = names.index(name)
    evaluated = interruptible(
        lambda: evaluate_one(dataset, tasks, index, training, args.inits, args.episodes, args.seed)
    )
    summary = evaluated.summary()
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
