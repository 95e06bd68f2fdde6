"""Runs as they go on: what a daemon says, asked again and again, across restarts of it."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from hades_protocol import commands
from hades_protocol.errors import UnreachableError, WrongStateError
from hades_protocol.messages import RunSummary
from hades_protocol.paths import Paths
from hades_protocol.sync_client import ControlClient

POLL_SECONDS = 0.25
RECONNECT_SECONDS = 60.0
"""Seconds without a daemon after which watching is given up."""

LAST_ANSWER = 1.0
"""Seconds after a deadline within which the daemon may answer what it was asked just before."""

T = TypeVar("T")


@dataclass(frozen=True)
class Limit(Generic[T]):
    """A time.monotonic() after which watching ends, whether or not the daemon answers.

    late: what is said then. error: what is raised with it.
    """

    at: float
    late: Callable[[T | None], str]
    error: type[WrongStateError] = WrongStateError

    def check(self, seen: T | None, answers: bool) -> None:
        """Whether there is time left, given what was seen last.

        Raises:
            WrongStateError: there is none.
        """
        if time.monotonic() > self.at:
            raise self.error(self.late(seen) + ("" if answers else "; the daemon does not answer"))


def watch(
    paths: Paths,
    name: str,
    *,
    tell: Callable[[str], None],
    patience: float = RECONNECT_SECONDS,
    limit: Limit[RunSummary] | None = None,
) -> Iterator[RunSummary]:
    """The run's summary, at once and then every POLL_SECONDS, without end. tell: see poll.

    Raises:
        UnreachableError: no daemon answers at first, or none has come back within `patience` seconds.
        NotFoundError: there is no such run.
        WrongStateError: the limit is over.
    """

    def ask(client: ControlClient, seen: RunSummary | None) -> RunSummary:
        summary: RunSummary = client.request(commands.Show, run=seen.id if seen else name).run
        return summary

    return poll(paths, ask, lambda seen: seen.id, tell=tell, patience=patience, limit=limit)


def poll(
    paths: Paths,
    ask: Callable[[ControlClient, T | None], T],
    name_of: Callable[[T], str],
    *,
    tell: Callable[[str], None],
    patience: float = RECONNECT_SECONDS,
    limit: Limit[T] | None = None,
) -> Iterator[T]:
    """What `ask` returns, at once and then every POLL_SECONDS, without end; it is given what it returned before.

    name_of: what to call that which is watched, should its end remain unknown.
    tell: gets a line for people when the daemon is gone.

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
                if gone_since is None:
                    gone_since = time.monotonic()
                    tell(f"the daemon is gone; waiting up to {patience:.0f} s for the next one")
                elif time.monotonic() - gone_since > patience:
                    raise UnreachableError(
                        f"no daemon came back within {patience:.0f} s, so the end of {name_of(seen)} is not known; "
                        "'hadesd serve' goes on with it"
                    ) from error
            else:
                yield seen
                if limit:
                    limit.check(seen, answers=True)
            time.sleep(POLL_SECONDS)
    finally:
        if client is not None:
            client.close()
