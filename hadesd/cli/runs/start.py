"""hadesd start: submit a run, with a daemon started where none runs."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hades_protocol import commands
from hades_protocol.messages import RunSummary
from hades_protocol.paths import Paths
from hades_protocol.sync_client import ControlClient
from hadesd.api.launch import ensure_daemon
from hadesd.cli.compute import require_somewhere_to_compute
from hadesd.cli.executor_options import add_executor, settings_of, will_have_gpu
from hadesd.cli.gpu_options import add_devices, assignments, check
from hadesd.cli.output import print_json, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_verb
from hadesd.cli.progress import STARTING_DAEMON, Progress
from hadesd.cli.runs.labels import add_labels, labels, tell_of_namesakes
from hadesd.spec.user_files import read_spec_file

if TYPE_CHECKING:
    from hades_protocol.run_spec import RunSpec

EXAMPLES = """\
hadesd start --env CartPole-v1
hadesd start --env hopper --method hades-r --set evolution.population=128 --set dataset.pairs=8
hadesd start --env CartPole-v1 --seed 1 --follow
hadesd start --env hopper --name small-sigma --tag paper --set evolution.sigma=0.05
hadesd start --env ant --priority 10 --yield-to-others --yield-cooldown 600
hadesd start --env humanoid --on slurm --slurm '--partition=gpu --gres=gpu:1 --time=4:00:00'"""


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers, "start", "start a distillation; 'hadesd settings' lists what --set and --spec take", EXAMPLES
    )
    add_settings(parser)
    add_devices(parser)
    add_executor(parser)
    add_labels(parser, "put the run into a group ('hadesd sweep' makes many at once)")
    parser.add_argument("--follow", action="store_true", help="show progress until the run ends; Ctrl-C detaches")
    add_json(parser)
    parser.advise = meant_setting
    return parser


def meant_setting(left_over: list[str]) -> str:
    """What arguments that no option takes may mean: an environment, or a setting that --set takes."""
    from hades_protocol.run_spec import RunSpec
    from hades_protocol.settings import OTHER_NAMES, leaves
    from hadesd.spec import environments

    word = left_over[0]
    if not word.startswith("-") and "=" not in word:
        names = environments.nearest_names(word)
        return f"; did you mean --env {names[0]}?" if names else ""
    key, sep, value = word.lstrip("-").partition("=")
    value = value if sep else next(iter(left_over[1:2]), "")
    last = key.replace("-", "_")
    known = [name for name in leaves(RunSpec) if last in (name, name.rpartition(".")[2])]
    name = next(iter([*known, *OTHER_NAMES.get(last, ())]), "")
    return f"; did you mean --set {name}={value or 'VALUE'}?" if name else ""


def add_settings(parser: Parser) -> None:
    """Add the options about what is computed; asked_spec reads them."""
    parser.add_argument("--env", metavar="ENV", help="environment, e.g. CartPole-v1, hopper, SpaceInvaders-MinAtar")
    parser.add_argument("--method", metavar="M", help="hades-r (default), hades-f, or es (direct neuroevolution)")
    parser.add_argument("--preset", metavar="P", help="published or cpu (default: published with a GPU, else cpu)")
    parser.add_argument("--spec", metavar="FILE", type=Path, help="settings from a .toml or .json file")
    parser.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], dest="assignments", help="one setting; repeatable"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="root of all random numbers of the run (default 0)")


def run(args: argparse.Namespace) -> int:
    """Check the settings, submit the run, say what it will do."""
    paths = Paths()
    require_somewhere_to_compute("start", paths)
    from hades_protocol.run_spec import spec_to_dict

    called = labels(args)
    args.assignments += assignments(args)
    spec = asked_spec(args, will_have_gpu(args, paths), settings_of(args))
    check(args, spec, paths)
    with Progress(STARTING_DAEMON):
        info, started = ensure_daemon(paths)
    if started:
        say(f"started a daemon (pid {info.pid}); log: {paths.daemon_log}")
    with ControlClient(paths) as client:
        summary: RunSummary = client.request(
            commands.Start,
            spec=spec_to_dict(spec),
            group=called.group,
            name=called.name,
            tags=called.tags,
            priority=args.priority,
        )
        tell_of_namesakes(client, summary)
    _announce(args, summary, spec)
    if args.follow:
        from hadesd.cli.runs.follow import follow

        return follow(paths, summary.id)
    return 0


def asked_spec(args: argparse.Namespace, gpu: bool, more: Iterable[tuple[str, Any]] = ()) -> "RunSpec":
    """The settings that the options of add_settings ask for; notes on what was chosen for the user are printed.

    gpu: whether the run will have one, which decides on the preset where none is named. more: settings and values.

    Raises:
        UsageError: a file, name or value that is not accepted.
    """
    from hades_protocol.settings import parse_assignment
    from hadesd.spec.presets import resolve

    assignments: list[tuple[str, Any]] = [] if args.seed is None else [("seed", args.seed)]
    assignments += [*(parse_assignment(text) for text in args.assignments), *more]
    spec, notes = resolve(
        env=args.env,
        method=args.method,
        preset=args.preset,
        file_values=None if args.spec is None else read_spec_file(args.spec),
        assignments=assignments,
        has_gpu=gpu,
    )
    for note in notes:
        say(note)
    return spec


def _announce(args: argparse.Namespace, summary: RunSummary, spec: "RunSpec") -> None:
    evaluations = spec.inits * spec.evaluation.environments
    if args.json:
        print_json(summary)
    else:
        print(summary.id, flush=True)
    dataset = "policies directly" if summary.method == "es" else f"{summary.pairs} pairs"
    say(
        f"{summary.id}: {summary.env} with {summary.method}, {dataset}, population {summary.population} x "
        f"{evaluations} environments, {summary.generations} generations, seed {summary.seed}"
    )
    if summary.reason:
        say(f"{summary.id} {summary.reason}")
    if not args.follow:
        from hadesd.cli.runs import expected_time

        known = [one for one in expected_time.measured(Paths()) if one.id != summary.id]
        if how_long := expected_time.of_run(spec, known):
            say(f"{summary.id}: {how_long}")
        say(f"watch it: hades-tui attach    progress: hadesd status    end it: hadesd cancel {summary.id}")
