"""hadesd reference: what PPO reaches in a run's environment, or a level known from elsewhere. No daemon is needed."""

import argparse
import math
import os
from pathlib import Path
from typing import Any

import msgspec

from hades_protocol.errors import ExitCode, UsageError
from hades_protocol.messages import Reference
from hades_protocol.paths import Paths
from hades_protocol.run_spec import RunSpec, build_spec, spec_to_dict
from hades_protocol.settings import merge, parse_assignment, set_dotted
from hadesd.analysis.reference import store
from hadesd.analysis.reference.documents import ReferenceDocument, ReferenceSettings, Trained
from hadesd.analysis.reference.settings import PPO, build, defaults, plan
from hadesd.cli.compute import interruptible, prepare_computing, require_daemon_extra
from hadesd.cli.documents.datasets import ReferencesDocument
from hadesd.cli.gpu_options import has_gpu
from hadesd.cli.output import duration, number, print_json, refuse_link, say
from hadesd.cli.parsing import RUN_HELP, Parser, Subparsers, add_json, add_verb, check_range
from hadesd.cli.progress import LOADING, Progress
from hadesd.spec.environments import backend_for, of_spec
from hadesd.spec.presets import available, resolve
from hadesd.storage import records
from hadesd.storage.atomic import write_outputs

MAX_NAME = 80
TRAINING_ONLY = ("steps", "seed", "seeds", "episodes", "set", "preset", "output")
"""Options that mean something only where PPO is trained."""

EXAMPLES = """\
hadesd reference @
hadesd reference @ --steps 5e6 --seeds 3
hadesd reference --env CartPole-v1 --steps 1e5 --json
hadesd reference @ --value 1820 --sem 12 --name "PPO, published" --source "figure 3"
hadesd reference @ --list
hadesd reference @ --remove "PPO, published\""""

EXPLANATION = """\
PPO is Brax's, for every environment, trained on the environment that the run uses, and measured
like the run: with its evaluation.environments, .steps and .action. The outcome is kept in the
run's directory and drawn as a line. Settings of PPO are named ppo.*, e.g.
--set ppo.learning_rate=1e-3; with a GPU Brax's published ones are the default, without one
ppo.environments and ppo.batch are an eighth of them. The names:
"""


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    from hadesd.analysis.reference.settings import KNOWN

    parser = add_verb(subparsers, "reference", "train PPO in a run's environment, as a level to compare with", EXAMPLES)
    width = max(map(len, KNOWN))
    names = "\n".join(f"  {leaf.name:{width}}  {leaf.description}" for leaf in KNOWN.values())
    parser.epilog = f"{parser.epilog}\n\n{EXPLANATION}{names}"
    parser.add_argument("run", metavar="RUN", nargs="?", help=RUN_HELP)
    parser.add_argument("--env", metavar="E", help="an environment instead of a run: nothing is stored")
    parser.add_argument("--steps", metavar="N", type=_steps, help="environment steps of training, e.g. 5e6")
    seeds = parser.add_mutually_exclusive_group()
    seeds.add_argument("--seed", metavar="N", type=int, help="seed of the training (default: 0)")
    seeds.add_argument("--seeds", metavar="K", type=int, help="train with seeds 0 to K-1, one after the other")
    parser.add_argument(
        "--episodes",
        metavar="M",
        type=int,
        help="environments of the final measurement, in groups of evaluation.environments (default: 64)",
    )
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", help="ppo.*, evaluation.* or backend")
    parser.add_argument("--preset", metavar="P", help="published or cpu (default: published with a GPU, else cpu)")
    parser.add_argument("--name", metavar="TEXT", default="PPO", help="name of the reference (default: %(default)s)")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="also write what --json prints into FILE")
    parser.add_argument("--value", metavar="R", type=float, help="do not train: the return is known to be R")
    parser.add_argument("--sem", metavar="R", type=float, help="with --value: its standard error")
    parser.add_argument("--source", metavar="TEXT", help="with --value: where it is from")
    parser.add_argument("--env-steps", metavar="N", type=_steps, help="with --value: environment steps it took")
    parser.add_argument("--list", action="store_true", help="show the run's references")
    parser.add_argument("--remove", metavar="NAME", help="remove a reference of the run")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Add, show or remove references."""
    action = _action(args)
    _check(args, action)
    directory = None if args.run is None else records.find_directory(Paths().runs, args.run)
    if action is None or directory is None:
        require_daemon_extra("reference")
        return train_and_report(args, directory)
    _edit(args, directory)
    return ExitCode.OK


def _action(args: argparse.Namespace) -> str | None:
    """The option that says what to do with the run's references; None: PPO is trained.

    Raises:
        UsageError: there are several.
    """
    given = {"value": args.value is not None, "list": args.list, "remove": args.remove is not None}
    actions = [name for name, is_given in given.items() if is_given]
    if len(actions) > 1:
        raise UsageError(f"--{actions[0]} and --{actions[1]} do not go together: use one at a time")
    return actions[0] if actions else None


def _check(args: argparse.Namespace, action: str | None) -> None:
    """Refuse what does not go together, before anything is done."""
    if (args.run is None) == (args.env is None):
        raise UsageError("name a run or an environment, one of them: hadesd reference @, or --env CartPole-v1")
    if action is not None:
        if args.run is None:
            raise UsageError(f"--{action} needs a run: an environment alone has no references")
        for name in TRAINING_ONLY:
            if getattr(args, name) is not None:
                raise UsageError(f"--{name} is for training PPO, and --{action} trains nothing: leave it out")
    for name in ("sem", "source", "env_steps"):
        if getattr(args, name) is not None and args.value is None:
            raise UsageError(f"--{name.replace('_', '-')} goes with --value: a trained PPO's is measured")
    for name, low, accepts in (("value", -math.inf, "a finite number"), ("sem", 0.0, "a finite number, 0 or more")):
        value = getattr(args, name)
        if value is not None and not (math.isfinite(value) and value >= low):
            raise UsageError(f"--{name} is {value}: it takes {accepts}")
    if not args.name.strip() or len(args.name) > MAX_NAME or not args.name.isprintable():
        raise UsageError(f"--name takes 1 to {MAX_NAME} printable characters")
    for name, low, high in (("seed", 0, 2**31 - 1), ("seeds", 1, 1000), ("episodes", 1, 1_000_000)):
        if (chosen := getattr(args, name)) is not None:
            check_range(name, chosen, low, high)


def _edit(args: argparse.Namespace, directory: Path) -> None:
    if args.value is not None:
        source, steps = args.source or "entered by hand", args.env_steps
        store.put(directory, Reference(name=args.name, value=args.value, sem=args.sem, source=source, env_steps=steps))
        say(f"{args.name} is a reference of run {directory.name}; 'hadesd reference {directory.name} --list' shows all")
    elif args.remove is not None:
        store.remove(directory, args.remove)
        say(f"{args.remove} is no longer a reference of run {directory.name}")
    known = store.load(directory)
    if args.json:
        print_json(ReferencesDocument(id=directory.name, references=known))
    elif args.list and not known:
        say(f"run {directory.name} has no references yet: 'hadesd reference {directory.name}' trains PPO")
    elif args.list:
        print("\n".join(map(line, known)))


def line(reference: Reference) -> str:
    """A reference as a person reads it."""
    error = "" if reference.sem is None else f" ± {number(reference.sem)}"
    steps = "" if reference.env_steps is None else f"  after {reference.env_steps:,} environment steps"
    source = f"  ({reference.source})" if reference.source else ""
    return f"{reference.name}  {number(reference.value)}{error}{steps}{source}"


def _steps(text: str) -> int:
    """A number of environment steps: 5000000, 5_000_000 or 5e6."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of steps, e.g. 5e6") from None
    if not (1 <= value <= 1e12 and value.is_integer()):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 to 1e12")
    return int(value)


EPISODES = 64


def train_and_report(args: argparse.Namespace, directory: Path | None) -> ExitCode:
    """Train PPO, store its return with the run (directory None: with no run), show it.

    Raises:
        UsageError: settings that are not accepted, or a place where nothing can be stored.
    """
    preset = args.preset or ("published" if has_gpu() else "cpu")
    if preset not in available():
        raise UsageError(f"unknown preset '{preset}'; there are: {', '.join(available())}")
    asked, other = _split([parse_assignment(text) for text in args.set or []])
    if args.steps is not None:
        asked["steps"] = args.steps
    spec = _spec(directory, args.env, preset, other)
    entry = of_spec(spec)
    if entry.family == "images":
        raise UsageError(f"{entry.name} is a set of images: there is no return that PPO could reach")
    values, source = defaults(entry, preset)
    settings = build(values, asked)
    if changed := sorted(asked.keys() - {"steps"}):
        source += f" but for {', '.join(changed)}"
    if directory is not None:
        store.check_writable(directory, args.name)
    if args.output is not None:
        _check_output(args.output)
        refuse_link(args.output)
    seeds = list(range(args.seeds)) if args.seeds is not None else [args.seed or 0]
    say(
        f"training PPO in {entry.name}: {plan(settings)[1]:,} steps of {settings.environments} environments"
        f"{f', {len(seeds)} seeds' if len(seeds) > 1 else ''}; {source} …"
    )
    trained = _train(spec, settings, seeds, args.episodes or EPISODES)
    document = _document(args.name, directory, spec, settings, source, trained)
    if directory is not None:
        store.put(directory, document.reference)
    return _report(args, document, directory)


def _split(assignments: list[tuple[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """PPO's settings by field name, and nested settings of the run that decide how a policy is measured."""
    asked: dict[str, Any] = {}
    other: dict[str, Any] = {}
    for key, value in assignments:
        section, _, name = key.partition(".")
        if section == "ppo" and name:
            asked[name] = value
        elif section == "evaluation" or key == "backend":
            set_dotted(other, key, value)
        else:
            raise UsageError(f"--set {key}: PPO knows ppo.*, evaluation.* and backend; 'hadesd reference --help'")
    return asked, other


def _spec(directory: Path | None, env: str | None, preset: str, other: dict[str, Any]) -> RunSpec:
    """The run's settings, or the preset's for an environment; with what --set says of the measurement."""
    if directory is None:
        spec, _ = resolve(env=env, method=None, preset=preset, file_values=None, assignments=[], has_gpu=False)
    else:
        try:
            _, spec = records.load(directory)
        except records.DamagedRunError as error:
            raise UsageError(str(error)) from None
    spec = build_spec(merge(spec_to_dict(spec), other))
    backend_for(of_spec(spec), spec.backend)
    return spec


def _check_output(output: Path) -> None:
    if output.is_dir() or not os.access(output.parent, os.W_OK):
        raise UsageError(f"{output} cannot be written: -o takes a file in a directory that exists")


def _train(spec: RunSpec, settings: PPO, seeds: list[int], environments: int) -> list[Trained]:
    """One training after the other, with a line on stderr for each measurement."""
    _, total = plan(settings)
    first: dict[int, tuple[int, float]] = {}  # a seed's first measurement after steps: before it, time is compilation

    def measured(seed: int, steps: int, value: float, seconds: float) -> None:
        left = ""
        if steps and steps > (since := first.setdefault(seed, (steps, seconds)))[0] and steps < total:
            left = f", {duration((seconds - since[1]) * (total - steps) / (steps - since[0]))} left"
        label = f"seed {seed}: " if len(seeds) > 1 else ""
        say(f"{label}{steps:>13,} steps   return {number(value):>8}   {duration(seconds)}{left}")
        if steps < total:
            progress.phase(f"{label}{'training' if steps else 'compiling, then training'} to the next measurement")
        else:
            progress.phase(f"{label}final measurement")

    def work() -> list[Trained]:
        from hadesd.analysis.reference.training import train

        found = []
        for seed in seeds:
            progress.phase("compiling, then the first measurement")
            found.append(train(spec, settings, seed, environments, measured))
        return found

    with Progress(LOADING) as progress:
        prepare_computing(spec, "hadesd.analysis.reference.training")
        return interruptible(work, lambda: say("interrupted: nothing was stored"))


def _document(
    name: str, directory: Path | None, spec: RunSpec, settings: PPO, source: str, trained: list[Trained]
) -> ReferenceDocument:
    """What --json prints and -o writes. name: of the reference; source: where the settings are from, in words."""
    from hadesd.analysis.reference.training import library, reference_of

    return ReferenceDocument(
        id=None if directory is None else directory.name,
        env=spec.env,
        reference=reference_of(name, trained, source),
        seeds=tuple(trained),
        seconds=sum(one.seconds for one in trained),
        library=library(),
        settings=ReferenceSettings(ppo=settings, evaluation=spec.evaluation, backend=spec.backend),
    )


def _report(args: argparse.Namespace, document: ReferenceDocument, directory: Path | None) -> ExitCode:
    """Say what came out; whether it could be written, too."""
    reference, code = document.reference, ExitCode.OK
    if args.output is not None:
        data = msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"
        try:
            write_outputs({args.output: data})
        except OSError as error:
            say(f"cannot write {args.output}: {error.strerror or error}; the outcome follows")
            code = ExitCode.RUN_FAILED
    if args.json:
        print_json(document)
    else:
        print(line(reference))
    if unfinished := sum(one.unfinished for one in document.seeds):
        say(f"{unfinished} environments completed no episode: their return so far was counted")
    if directory is not None:
        say(f"{reference.name} is a reference of run {directory.name} now")
    return code
