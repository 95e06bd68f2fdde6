"""The live progress line of `hadesd start --follow`."""

import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from hades_protocol import commands
from hades_protocol.errors import ExitCode, UnreachableError, WrongStateError
from hades_protocol.messages import RunSummary
from hades_protocol.paths import Paths
from hades_protocol.run_state import RunState, WorkerPhase
from hades_protocol.sync_client import ControlClient
from hades_protocol.terminal import steer
from hadesd.cli.output import describe_state, duration, is_screen, number, rate, say

LINE_SECONDS = 5.0
"""Without a terminal, a line no more often than this."""


class ProgressLine:
    """One line that is overwritten on a terminal; elsewhere a line now and then."""

    def __init__(self) -> None:
        self._live = is_screen(sys.stderr)
        self._shown = ""
        self._at = 0.0

    def show(self, text: str, now: float) -> None:
        """Show a text, if it is new and its time has come."""
        if text == self._shown or (not self._live and now - self._at < LINE_SECONDS):
            return
        if self._live:
            sys.stderr.write(f"{steer('[G')}{steer('[K')}{text}")
            sys.stderr.flush()
        else:
            say(text)
        self._shown, self._at = text, now

    def end(self) -> None:
        """End the line, so that other output begins below it."""
        if self._live and self._shown:
            sys.stderr.write("\n")
            sys.stderr.flush()


def progress(run: RunSummary) -> str:
    """A run's progress in one line."""
    if run.state not in (RunState.RUNNING, RunState.PAUSING, RunState.CANCELLING, RunState.STOPPING):
        return f"{run.id} {describe_state(run)}" + (f": {run.reason}" if run.reason else "")
    state = "" if run.state == RunState.RUNNING else f"{run.state}  "
    return (
        f"{run.id}  {state}generation {run.generation}/{run.generations}  mean {number(run.fitness_mean)}  "
        f"best {number(run.fitness_best)}  {rate(run.seconds_per_generation)} s a generation  "
        + ("compiling" if run.phase == WorkerPhase.COMPILING else f"{duration(run.seconds_left)} left")
    )


def follow(paths: Paths, run_id: str) -> int:
    """Show progress until the run ends; its outcome is the exit code. Ctrl-C leaves the run alone."""
    line = ProgressLine()
    try:
        for summary in watch(paths, run_id):
            if summary.state in OUTCOMES:
                line.end()
                reason = f": {summary.reason}" if summary.reason else ""
                say(f"{run_id} {summary.state} after generation {summary.generation}{reason}")
                if summary.state == RunState.FINISHED and summary.method != "es":
                    say(f"its dataset: hadesd export {run_id} -o {summary.env}.npz")
                return OUTCOMES[summary.state]
            line.show(progress(summary), time.monotonic())
    except KeyboardInterrupt:
        line.end()
        say(f"detached: {run_id} goes on; 'hadesd status' shows it, 'hadesd cancel {run_id}' ends it")
        return ExitCode.INTERRUPTED
    raise AssertionError("watch() has no end")


POLL_SECONDS = 0.25
PATIENCE = 60.0
"""Seconds without a daemon after which watching is given up."""

LAST_ANSWER = 1.0
"""Seconds after a deadline within which the daemon may answer what it was asked just before."""

OUTCOMES = {
    RunState.FINISHED: ExitCode.OK,
    RunState.FAILED: ExitCode.RUN_FAILED,
    RunState.CANCELLED: ExitCode.NOT_FOUND_OR_STATE,
}
"""Exit code of `wait` and `start --follow` for each end of a run."""

T = TypeVar("T")


@dataclass(frozen=True)
class Limit(Generic[T]):
    """A time.monotonic() after which watching ends, whether or not the daemon answers; `late`: what is said then."""

    at: float
    late: Callable[[T | None], str]

    def check(self, seen: T | None, answers: bool) -> None:
        """Whether there is time left, given what was seen last.

        Raises:
            WrongStateError: there is none.
        """
        if time.monotonic() > self.at:
            raise WrongStateError(self.late(seen) + ("" if answers else "; the daemon does not answer"))


def watch(
    paths: Paths, name: str, patience: float = PATIENCE, limit: Limit[RunSummary] | None = None
) -> Iterator[RunSummary]:
    """The run's summary, at once and then every POLL_SECONDS, without end.

    Raises:
        UnreachableError: no daemon answers at first, or none has come back within `patience` seconds.
        NotFoundError: there is no such run.
        WrongStateError: the limit is over.
    """

    def ask(client: ControlClient, seen: RunSummary | None) -> RunSummary:
        summary: RunSummary = client.request(commands.Show, run=seen.id if seen else name).run
        return summary

    return poll(paths, ask, lambda seen: seen.id, patience, limit)


def poll(
    paths: Paths,
    ask: Callable[[ControlClient, T | None], T],
    name_of: Callable[[T], str],
    patience: float = PATIENCE,
    limit: Limit[T] | None = None,
) -> Iterator[T]:
    """What `ask` returns, at once and then every POLL_SECONDS, without end; it is given what it returned before.

    name_of: what to call that which is watched, should its end remain unknown.

    Raises:
        UnreachableError: no daemon answers at first, or none has come back within `patience` seconds.
        WrongStateError: the limit is over.
        HadesError: the daemon refused the question.
    """
    seen: T | None = None
    gone_since: float | None = None
    client: ControlClient | None = None
    deadline = limit.at + LAST_ANSWER if limit else math.inf
    try:
        while True:
            try:
                client = client or ControlClient(paths, deadline=deadline)
                seen = ask(client, seen)
                gone_since = None
            except UnreachableError as error:
                if client is not None:
                    client.close()
                    client = None
                if limit:
                    limit.check(seen, answers=False)
                if seen is None:
                    raise
                gone_since = _still_patient(name_of(seen), gone_since, patience, error)
            else:
                yield seen
                if limit:
                    limit.check(seen, answers=True)
            time.sleep(POLL_SECONDS)
    finally:
        if client is not None:
            client.close()


def _still_patient(name: str, since: float | None, patience: float, error: UnreachableError) -> float:
    now = time.monotonic()
    if since is None:
        say(f"the daemon is gone; waiting up to {patience:.0f} s for the next one")
        return now
    if now - since > patience:
        raise UnreachableError(
            f"no daemon came back within {patience:.0f} s, so the end of {name} is not known; "
            "'hadesd serve' goes on with it"
        ) from error
    return since
