"""hadesd reference: what PPO reaches in a run's environment, or a level known from elsewhere. No daemon is needed."""

import argparse
import math
from pathlib import Path

from hades_protocol.errors import UsageError
from hades_protocol.messages import Reference
from hades_protocol.paths import Paths
from hadesd.cli.extras import require_daemon_extra
from hadesd.cli.file_settings import check_range
from hadesd.cli.output import number, print_json, say
from hadesd.cli.parsing import RUN_HELP, Parser, Subparsers, add_json, add_verb

SCHEMA = 1
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
run's directory (references.json) and drawn as a line. Settings of PPO are named ppo.*, e.g.
--set ppo.learning_rate=1e-3; with a GPU Brax's published ones are the default, without one
ppo.environments and ppo.batch are an eighth of them. The names:
"""


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """The verb's arguments."""
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
    _check(args)
    directory = _directory(args.run) if args.run is not None else None
    if args.list or args.remove is not None or args.value is not None:
        assert directory is not None  # _check saw to it
        _edit(args, directory)
    else:
        require_daemon_extra("reference")
        from hadesd.cli.reference_training import train_and_report

        train_and_report(args, directory)
    return 0


def _check(args: argparse.Namespace) -> None:
    """Refuse what does not go together, before anything is done."""
    if (args.run is None) == (args.env is None):
        raise UsageError("name a run or an environment, one of them: hadesd reference @, or --env CartPole-v1")
    actions = [name for name in ("value", "list", "remove") if getattr(args, name) not in (None, False)]
    if len(actions) > 1:
        raise UsageError(f"--{actions[0]} and --{actions[1]} do not go together: use one at a time")
    if actions:
        if args.run is None:
            raise UsageError(f"--{actions[0]} needs a run: an environment alone has no references")
        for name in TRAINING_ONLY:
            if getattr(args, name) is not None:
                raise UsageError(f"--{name} is for training PPO, and --{actions[0]} trains nothing: leave it out")
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


def _directory(name: str) -> Path:
    from hadesd.storage.records import find_directory

    return find_directory(Paths().runs, name)


def _edit(args: argparse.Namespace, directory: Path) -> None:
    from hadesd.analysis.reference import store

    if args.value is not None:
        source, steps = args.source or "entered by hand", args.env_steps
        store.put(directory, Reference(name=args.name, value=args.value, sem=args.sem, source=source, env_steps=steps))
        say(f"{args.name} is a reference of run {directory.name}; 'hadesd reference {directory.name} --list' shows all")
    elif args.remove is not None:
        store.remove(directory, args.remove)
        say(f"{args.remove} is no longer a reference of run {directory.name}")
    known = store.load(directory)
    if args.json:
        print_json({"schema": SCHEMA, "run": directory.name, "references": known})
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
