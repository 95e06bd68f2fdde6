"""hadesd evaluate: train fresh policies on a dataset and report their return. No daemon is needed."""

import argparse
from typing import TYPE_CHECKING, Any

from hades_protocol.errors import UsageError
from hades_protocol.formatting import count_of
from hades_protocol.run_spec import RunSpec
from hadesd.analysis.evaluation.documents import (
    Computation,
    EvaluationDocument,
    EvaluationSettings,
    ImageBaselines,
    ImageEvaluationDocument,
    Level,
    MultitaskDocument,
    Returns,
)
from hadesd.cli.compute import interruptible, prepare_computing, require_daemon_extra
from hadesd.cli.datasets.inputs import (
    DATASET_HELP,
    DATASET_METAVAR,
    add_trust,
    find_dataset,
    settings_for,
    training_settings,
)
from hadesd.cli.output import number, print_json, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_verb, check_range
from hadesd.cli.picture_options import add_picture, check_picture
from hadesd.cli.progress import LOADING, Progress
from hadesd.spec import environments

if TYPE_CHECKING:
    from hadesd.analysis.datasets.reader import DatasetFile
    from hadesd.analysis.evaluation.multitask import Task


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "evaluate",
        "train fresh policies on a dataset and report their return",
        "hadesd evaluate cartpole.npz --inits 10\n"
        "hadesd evaluate @ --inits 10\n"
        "hadesd evaluate plain.npz --env CartPole-v1 --set evaluation.normalisation=none --set policy.width=64\n"
        "hadesd evaluate both.npz -o both.svg",
    )
    parser.add_argument(
        "what",
        metavar=DATASET_METAVAR,
        help=f"{DATASET_HELP}; merged files and any npz with states and actions, too",
    )
    parser.add_argument("--env", metavar="E", help="environment (default: what the file says)")
    parser.add_argument("--inits", metavar="N", type=int, default=10, help="policies to train (default: %(default)s)")
    parser.add_argument(
        "--episodes",
        metavar="M",
        type=int,
        default=16,
        help="environments for each policy, in groups of evaluation.environments; every episode that ends in their "
        "evaluation.steps steps counts (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", metavar="N", type=int, default=0, help="root of its random numbers (default: %(default)s)"
    )
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="a setting, over the file's")
    add_picture(parser, "merged files: draw normalised fitness into FILE.png or FILE.svg")
    add_trust(parser)
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Train policies on the file, roll them out, print their returns."""
    for name, low, high in (("inits", 1, 100_000), ("episodes", 1, 1_000_000), ("seed", 0, 2**32 - 1)):
        check_range(name, getattr(args, name), low, high)
    assignments = training_settings(args.set)
    require_daemon_extra("evaluate")
    from hadesd.analysis.datasets.reader import check_sizes, in_order_of, load

    file, directory = find_dataset(args.what)
    dataset = load(file)
    if "parts" in dataset.meta:
        check_picture(args)
        return evaluate_merged(args, dataset, assignments)
    if args.output is not None:
        raise UsageError("-o draws what one policy returns in several environments: it is for merged files")
    check_picture(args)
    spec = settings_for(dataset, args.env, assignments, trusted=args.trust if directory is None else None)
    entry = environments.of_spec(spec)
    if entry.family == "images":
        return evaluate_images(args, dataset, spec)
    check_sizes(in_order_of(dataset, entry), spec.env, entry.observation, entry.actions)
    say(
        f"training {_policies(args.inits)} on {count_of(len(dataset.states), 'pair')} of {spec.env} "
        f"({spec.policy.depth} x {spec.policy.width} {spec.policy.activation}, {spec.cloning.epochs} epochs) …"
    )
    with Progress(LOADING) as progress:
        prepare_computing(spec, "hadesd.analysis.evaluation.evaluate")
        from hadesd.analysis.evaluation.evaluate import evaluate

        summary = interruptible(
            lambda: evaluate(dataset, spec, args.inits, args.episodes, args.seed, progress).summary()
        )
    if args.json:
        print_json(_document(args, dataset, spec, spec, summary))
    else:
        print(f"return {describe(summary)}")
        print("per policy: " + "  ".join(number(value) for value in summary.per_init))
    return 0


def _document(
    args: argparse.Namespace, dataset: "DatasetFile", training: RunSpec, measuring: RunSpec, returns: Returns
) -> EvaluationDocument:
    """training: settings of the policies; measuring: settings of the environment that they were rolled out in."""
    return EvaluationDocument(
        file=str(dataset.path),
        env=measuring.env,
        pairs=len(dataset.states),
        inits=args.inits,
        returns=returns,
        settings=_settings(training, measuring),
        computation=_computation(),
    )


def _settings(training: RunSpec, measuring: RunSpec) -> EvaluationSettings:
    return EvaluationSettings(
        backend=measuring.backend,
        policy=training.policy,
        cloning=training.cloning,
        evaluation=measuring.evaluation,
    )


def _computation() -> Computation:
    from hadesd.compute.execution import computation

    return Computation(**computation())


def describe(returns: Returns) -> str:
    """A return as a person reads it, with how far it can be trusted."""
    episodes = count_of(returns.episodes_completed, "completed episode")
    return (
        f"{number(returns.mean)} ± {number(returns.std)} (mean ± standard deviation over "
        f"{_policies(len(returns.per_init))}; {episodes}{_cut_short(returns.unfinished)})"
    )


def _policies(count: int) -> str:
    return count_of(count, "policy", "policies")


def _cut_short(unfinished: int) -> str:
    """What has to be said with a return that is partly of episodes that were cut short; empty where none was."""
    if not unfinished:
        return ""
    where = f"{unfinished} environments" if unfinished > 1 else "one environment"
    return f"; no episode ended in {where}: the return so far was counted there"


def evaluate_images(args: argparse.Namespace, dataset: "DatasetFile", spec: RunSpec) -> int:
    """Train classifiers on the file and on its baselines, print their accuracies."""
    inits, seed = args.inits, args.seed
    say(
        f"training {inits} classifiers on {len(dataset.states)} images of {spec.env}, as many on class means and on "
        f"random real images ({spec.policy.kind}, {spec.cloning.epochs} epochs) …"
    )
    with Progress(LOADING) as progress:
        prepare_computing(spec, "hadesd.analysis.evaluation.image_accuracy")
        from hadesd.analysis.evaluation.image_accuracy import evaluate

        found = interruptible(lambda: evaluate(dataset, spec, inits, seed, progress))
    own, means, real = (one.summary() for one in (found.dataset, found.class_means, found.real_images))
    if args.json:
        document = ImageEvaluationDocument(
            file=str(dataset.path),
            env=spec.env,
            pairs=len(dataset.states),
            inits=inits,
            accuracies=own,
            baselines=ImageBaselines(class_means=means, real_images=real),
            settings=_settings(spec, spec),
            computation=_computation(),
        )
        print_json(document)
        return 0
    print(f"{'trained on':<20}{'test accuracy':>18}{'train accuracy':>18}")
    for name, one in (("this dataset", own), ("class means", means), ("random real images", real)):
        cells = [f"{accuracy.mean:.3f} ± {accuracy.std:.3f}" for accuracy in (one.test, one.train)]
        print(f"{name:<20}{cells[0]:>18}{cells[1]:>18}")
    say(f"(mean ± standard deviation over {inits} classifiers each)")
    return 0


def evaluate_merged(args: argparse.Namespace, dataset: "DatasetFile", assignments: list[tuple[str, Any]]) -> int:
    """Train, roll out in every environment (or in --env alone), report."""
    from hadesd.analysis.datasets.merging import parts_of, with_training

    if args.env is not None and args.output is not None:
        raise UsageError("-o draws the comparison of all environments: leave --env out")
    parts = parts_of(dataset)
    trusted = [*args.trust, *filter(None, (args.env,))]
    specs = [settings_for(part, None, assignments, trusted=trusted) for part in parts]
    training = settings_for(with_training(parts[0], dataset), None, assignments, trusted=trusted)
    say(
        f"training {_policies(args.inits)} on {len(dataset.states)} pairs of {', '.join(spec.env for spec in specs)} "
        f"({training.policy.depth} x {training.policy.width} {training.policy.activation}, "
        f"{training.cloning.epochs} epochs) …"
    )
    with Progress(LOADING) as progress:
        prepare_computing(training, "hadesd.analysis.evaluation.multitask")
        from hadesd.analysis.evaluation.multitask import Task, document, evaluate_all

        tasks = [Task(part, spec) for part, spec in zip(parts, specs, strict=True)]
        if args.env is not None:
            return _one(args, dataset, tasks, training, progress)
        scored = interruptible(
            lambda: evaluate_all(dataset, tasks, training, args.inits, args.episodes, args.seed, progress)
        )
    found = document(dataset, scored, training, args.inits, args.episodes, args.seed)
    if args.json:
        print_json(found)
    else:
        print("\n".join(table(found)))
        say("normalised: 0 is the level of the wrong pairs, 1 that of its own alone; ± is the standard error")
    if args.output is not None:
        from hadesd.analysis.pictures.multitask import draw
        from hadesd.analysis.pictures.style import save

        save(draw(found), args.output)
        say(f"drew {args.output}")
    return 0


def _one(
    args: argparse.Namespace, dataset: "DatasetFile", tasks: "list[Task]", training: RunSpec, progress: Progress
) -> int:
    from hadesd.analysis.evaluation.multitask import evaluate_one
    from hadesd.spec import environments

    names = [task.spec.env for task in tasks]
    name = args.env if args.env in names else environments.find(args.env).name
    if name not in names:
        raise UsageError(f"{dataset.path} was merged for {' and '.join(names)}, not for {name}")
    index = names.index(name)
    evaluated = interruptible(
        lambda: evaluate_one(dataset, tasks[index], training, args.inits, args.episodes, args.seed, progress)
    )
    progress.end()
    summary = evaluated.summary()
    if args.json:
        print_json(_document(args, dataset, training, tasks[index].spec, summary))
    else:
        print(f"return in {name} {describe(summary)}")
    return 0


def table(document: MultitaskDocument) -> list[str]:
    """Lines of a table: what policies for several environments return in each."""
    left = max(11, *(len(name) for name in document.envs))
    lines = [f"{'ENVIRONMENT':{left}}  {'NORMALISED':>15}  {'RETURN':>16}  {'WRONG PAIRS':>16}  {'OWN PAIRS':>16}"]
    for task in document.tasks:
        normalised = task.normalised
        score = "–" if normalised is None else f"{normalised.mean:.3f} ± {normalised.sem:.3f}"
        cells = (_level(task.returns), _level(task.wrong), _level(task.own))
        unfinished = sum(level.unfinished for level in (task.returns, task.wrong, task.own))
        cut = f"  no episode ended in {unfinished} environments" if unfinished else ""
        lines.append(f"{task.env:{left}}  {score:>15}  " + "  ".join(f"{cell:>16}" for cell in cells) + cut)
    return lines


def _level(level: Returns | Level) -> str:
    return f"{number(level.mean)} ± {level.sem:.3g}"
