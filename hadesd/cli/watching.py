"""Looking at runs again and again, through restarts of the daemon."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from hades_protocol import commands
from hades_protocol.control import ControlClient
from hades_protocol.errors import ExitCode, UnreachableError
from hades_protocol.messages import RunSummary
from hades_protocol.paths import Paths
from hades_protocol.run_state import RunState
from hadesd.cli.output import say

POLL_SECONDS = 0.25
PATIENCE = 60.0
"""Seconds without a daemon after which watching is given up."""

OUTCOMES = {
    RunState.FINISHED: ExitCode.OK,
    RunState.FAILED: ExitCode.RUN_FAILED,
    RunState.CANCELLED: ExitCode.NOT_FOUND_OR_STATE,
}
"""Exit code of `wait` and `start --follow` for each end of a run."""

T = TypeVar("T")


def watch(paths: Paths, name: str, patience: float = PATIENCE) -> Iterator[RunSummary]:
    """The run's summary, at once and then every POLL_SECONDS, without end.

    Raises:
        UnreachableError: no daemon answers at first, or none has come back within `patience` seconds.
        NotFoundError: there is no such run.
    """

    def ask(client: ControlClient, seen: RunSummary | None) -> RunSummary:
        summary: RunSummary = client.request(commands.Show, run=seen.id if seen else name).run
        return summary

    return poll(paths, ask, lambda seen: seen.id, patience)


def poll(
    paths: Paths, ask: Callable[[ControlClient, T | None], T], name_of: Callable[[T], str], patience: float = PATIENCE
) -> Iterator[T]:
    """What `ask` returns, at once and then every POLL_SECONDS, without end; it is given what it returned before.

    name_of: what to call that which is watched, should its end remain unknown.

    Raises:
        UnreachableError: no daemon answers at first, or none has come back within `patience` seconds.
        HadesError: the daemon refused the question.
    """
    seen: T | None = None
    gone_since: float | None = None
    client: ControlClient | None = None
    try:
        while True:
            try:
                client = client or ControlClient(paths)
                seen = ask(client, seen)
                gone_since = None
            except UnreachableError as error:
                if client is not None:
                    client.close()
                    client = None
                if seen is None:
                    raise
                gone_since = _still_patient(name_of(seen), gone_since, patience, error)
            else:
                yield seen
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
