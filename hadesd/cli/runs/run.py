"""hadesd run: one distillation in the foreground, for batch systems."""

import argparse
import json
import os
import shlex
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from hades_protocol.errors import ExitCode, UsageError, WrongStateError
from hades_protocol.messages import RunSummary
from hades_protocol.paths import Paths
from hades_protocol.run_state import ENDED, RunState
from hadesd.cli.compute import require_daemon_extra
from hadesd.cli.documents.runs import ForegroundDocument, Outcome
from hadesd.cli.gpu_options import gpus
from hadesd.cli.output import number, print_json, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_patience, add_verb
from hadesd.cli.progress import ProgressLine
from hadesd.cli.runs.follow import OUTCOMES, progress
from hadesd.cli.runs.foreground_fork import add_fork, forked_spec
from hadesd.cli.runs.start import add_settings, asked_spec

if TYPE_CHECKING:
    from hades_protocol.run_spec import RunSpec
    from hadesd.config import Settings
    from hadesd.daemon.single_run import Origin
    from hadesd.supervisor.run import StartWorker

EXAMPLES = """\
hadesd run --spec run.toml
hadesd run --env hopper --seed 1 --directory hopper-1 --grace 90
hadesd run --directory hopper-1          # goes on with the run that is there
hadesd run --fork hopper-1 --set evolution.sigma=0.05 --set evolution.generations=900 --directory hopper-2"""

LINE_SECONDS = 30.0
"""Without a terminal, a line of progress no more often than this."""

BATCH_SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "run",
        "compute one run in the foreground, without a daemon; exit code 0 finished, 1 failed, 75 checkpointed by "
        "SIGTERM or SIGUSR1 (the same command goes on), 130 the same by Ctrl-C",
        EXAMPLES,
    )
    add_settings(parser)
    add_fork(parser)
    parser.add_argument("--gpus", metavar="G", type=gpus, help="GPUs: auto (default: one), a number, or indices: 0,2")
    parser.add_argument(
        "--directory", metavar="DIR", type=Path, default=Path("hades-run"), help="the run's own directory (hades-run)"
    )
    add_patience(parser)
    add_json(parser)
    return parser


def run(args: argparse.Namespace, start_worker: "StartWorker | None" = None) -> int:
    """Compute the run to its end or to a signal. start_worker: another program for the worker, in tests."""
    require_daemon_extra("run")
    from hadesd.daemon.serve import serve
    from hadesd.daemon.single_run import OneShot, socket_directory
    from hadesd.supervisor.slurm import allocation

    paths = Paths.for_one_run(args.directory.absolute())
    settings = _settings(args, paths)
    _check_directory(paths)
    spec, origin = _spec(args, paths)
    _make_directory(paths.state)
    with socket_directory(paths):
        way_in = _way_in(paths)
        one_shot = OneShot(paths, spec, RunProgress(way_in).show, origin)
        say(f"watch it: {way_in} hades-tui attach")
        for signum in BATCH_SIGNALS:
            signal.signal(signum, _before_it_began)
        code = serve(paths, settings, say, start_worker or allocation.start_worker, (one_shot,))
        for signum in (*BATCH_SIGNALS, signal.SIGINT):
            signal.signal(signum, signal.SIG_IGN)  # all is committed: nothing may change the exit code any more
    return _report(one_shot.summary, one_shot.why, code, args)


def _settings(args: argparse.Namespace, paths: Paths) -> "Settings":
    from msgspec.structs import replace

    from hadesd.config import Prometheus, load_settings

    flags = {name: getattr(args, name) for name in ("grace", "heartbeat_timeout", "log_level")}
    # Ports are for the user's daemon, which may run on this machine too.
    return replace(load_settings(paths.config_file, flags), slots=1, listen=None, prometheus=Prometheus())


def _check_directory(paths: Paths) -> None:
    """See that the directory is ours and free, where it exists."""
    from hadesd.storage.atomic import tail_lines
    from hadesd.storage.locks import is_locked

    directory = paths.state
    try:
        strange = not paths.lock.exists() and any(child != paths.runtime for child in directory.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unusable(directory, error) from None
    if strange:
        raise UsageError(f"--directory {directory} holds other things and no run: give a new or an empty one")
    if is_locked(paths.lock):
        holder = "".join(tail_lines(paths.lock, 1)) or "unknown"
        raise WrongStateError(f"another process (pid {holder}) computes in {directory}: wait for it or end it")


def _make_directory(directory: Path) -> None:
    """Only now: a command that asks for nothing that can be computed leaves nothing behind."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise _unusable(directory, error) from None


def _unusable(directory: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot use --directory {directory}: {error.strerror or error}; give another one")


def _spec(args: argparse.Namespace, paths: Paths) -> "tuple[RunSpec | None, Origin | None]":
    """What was asked for, None where nothing was and a run is there; and what it is to be a fork of."""
    from hadesd.daemon.single_run import check_same, find_run
    from hadesd.supervisor.scheduling.nvml import usable_gpus
    from hadesd.supervisor.scheduling.scheduler import check_gpus
    from hadesd.supervisor.slurm import allocation

    stored = find_run(paths.runs)
    present = [gpu.index for gpu in usable_gpus(os.environ)]
    if args.gpus is not None:
        args.assignments.append(f"resources.gpus={json.dumps(args.gpus)}")
    named = (args.env, args.method, args.preset, args.spec, args.seed)
    origin = None
    if args.fork is not None:
        asked, origin = forked_spec(args, stored)
        if stored is not None:
            check_same(*stored, asked, paths.state)
    elif stored is None:
        asked = asked_spec(args, bool(present))
    elif not args.assignments and all(value is None for value in named):
        check_gpus(stored[1].resources.gpus, present or None)
        allocation.check(stored[1].resources.hosts, os.environ)
        return None, None
    else:
        record, spec = stored
        # A requeued job may come to a node without a GPU: what was chosen for the user the first time stays.
        asked = asked_spec(args, gpu=spec.preset == "published")
        check_same(record, spec, asked, paths.state)
    if asked.resources.executor != "local":
        raise UsageError(
            f"resources.executor is {asked.resources.executor}, and 'hadesd run' computes where it is started: "
            "leave it out, or have a daemon submit the job with 'hadesd start --on slurm'"
        )
    check_gpus(asked.resources.gpus, present or None)
    allocation.check(asked.resources.hosts, os.environ)
    return asked, origin


def _way_in(paths: Paths) -> str:
    return " ".join(f"{name}={shlex.quote(value)}" for name, value in paths.variables.items())


def _before_it_began(signum: int, frame: FrameType | None) -> None:
    say(f"{signal.Signals(signum).name} before the run began: the same command starts it")
    sys.exit(ExitCode.CHECKPOINTED)


class RunProgress:
    """Lines on stderr: how far the run is, at once where its state changes. way_in: what verbs about it begin with."""

    def __init__(self, way_in: str) -> None:
        self._way_in = way_in
        self._line = ProgressLine(LINE_SECONDS)
        self._state: tuple[RunState, str] | None = None

    def show(self, run: RunSummary) -> None:
        """Print progress; called once a second, and when the state has changed."""
        now = time.monotonic()
        state = (run.state, run.reason)
        if run.state in ENDED:
            self._line.end()  # the rest is said when all is put away
        elif state != self._state:
            self._line.end()
            self._line = ProgressLine(LINE_SECONDS, now)
            reason = f": {run.reason}" if run.reason else ""
            say(f"{run.id} {run.state} at generation {run.generation} of {run.generations}{reason}")
            if run.state == RunState.PAUSED:
                say(
                    f"{run.id} goes on with '{self._way_in} hadesd resume {run.id}', or by itself where a disk was full"
                )
            self._state = state
        elif run.state == RunState.RUNNING:
            self._line.show(progress(run), now)


NAMES: dict[RunState, Outcome] = {
    RunState.FINISHED: "finished",
    RunState.FAILED: "failed",
    RunState.CANCELLED: "cancelled",
}
"""Outcomes of runs that have ended."""


def _report(run: RunSummary, why: str, code: int, args: argparse.Namespace) -> int:
    outcome: Outcome
    if run.state in NAMES:
        outcome, status, because = NAMES[run.state], OUTCOMES[run.state], ""
    else:
        outcome, because = "checkpointed", f" ({why})"
        status = ExitCode.INTERRUPTED if why == signal.SIGINT.name else ExitCode.CHECKPOINTED
    if code != 0:
        status = ExitCode.RUN_FAILED  # a bug of ours; daemon.log has it
    reason = f": {run.reason}" if run.reason else ""
    more = "; the same command goes on from there" if outcome == "checkpointed" else ""
    say(f"{run.id} {outcome} after generation {run.generation} of {run.generations}{because}{reason}{more}")
    if run.state == RunState.FINISHED and run.method != "es":
        home = shlex.quote(os.path.relpath(args.directory))
        say(f"its dataset: HADES_HOME={home} hadesd export {run.id} -o {run.env.rpartition(':')[2]}.npz")
    if args.json:
        print_json(ForegroundDocument(id=run.id, outcome=outcome, exit_code=int(status), run=run))
    else:
        fitness = f"mean {number(run.fitness_mean)}  best {number(run.fitness_best)}"
        print(f"{run.id}  {outcome}  generation {run.generation}/{run.generations}  {fitness}  {run.directory}")
    return status
