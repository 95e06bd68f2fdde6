"""Tells systemd how the daemon is (sd_notify): ready, status, watchdog, stopping. Elsewhere it does nothing.

The protocol is one datagram of NAME=value lines to the socket that NOTIFY_SOCKET names, see sd_notify(3). The
packages for it on PyPI either need libsystemd to be built or have not been released for years.
"""

import os
import socket
from collections import Counter
from collections.abc import MutableMapping, Sequence
from typing import TYPE_CHECKING

import structlog

from hades_protocol.messages import RunSummary
from hades_protocol.run_state import ENDED, RunState
from hadesd.daemon.plugin import AskToStop, DaemonPlugin

if TYPE_CHECKING:
    from hadesd.supervisor.supervisor import Supervisor

SOCKET, WATCHDOG, WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
NAMED = 3
"""Running runs that the status names; of more it says how many."""

STOP_MARGIN = 20.0
"""Seconds beyond grace and kill for sockets, logs and the interpreter's way out."""

log = structlog.get_logger()


class Notifier:
    """One datagram socket to the service manager. Never waits; what cannot be sent is logged once."""

    def __init__(self, address: str) -> None:
        """address: as in NOTIFY_SOCKET, a path or, after an @, an abstract name.

        Raises:
            ValueError: it is another kind of address.
        """
        if address[:1] not in ("/", "@") or len(address) < 2:
            raise ValueError(f"{SOCKET}={address} is neither a path nor an abstract name")
        self._address = "\0" + address[1:] if address[0] == "@" else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        self._failed = False

    def send(self, *lines: str) -> None:
        """Send assignments such as READY=1, together."""
        try:
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            if not self._failed:
                log.warning("the service manager cannot be told", lines=lines, why=str(error))
            self._failed = True
        else:
            self._failed = False

    def close(self) -> None:
        """No more messages."""
        self._socket.close()


class ServiceManager(DaemonPlugin):
    """Keeps systemd up to date.

    The watchdog is fed from the daemon's tick, so only by an event loop that turns; and not while a worker that
    should have been killed for its missing heartbeats is still there, for then the daemon cannot do what it is for.
    """

    def __init__(self, notifier: Notifier, watchdog: bool, stop_seconds: float) -> None:
        """stop_seconds: how long the workers may take to commit, and to die where they do not."""
        self._notifier = notifier
        self._watchdog = watchdog
        self._stop_seconds = stop_seconds
        self._supervisor: Supervisor | None = None
        self._status = ""
        self._starved = False
        self._stopping = False

    def ready(self, supervisor: "Supervisor", stop: AskToStop) -> None:
        """READY=1, with the first status."""
        self._supervisor = supervisor
        self._status = status_line(supervisor.summaries(), stopping=False)
        self._notifier.send("READY=1", f"STATUS={self._status}")

    def tick(self) -> None:
        """WATCHDOG=1, and the status where it has changed."""
        assert self._supervisor is not None
        lines = []
        status = status_line(self._supervisor.summaries(), self._stopping)
        if status != self._status:
            self._status = status
            lines.append(f"STATUS={status}")
        if self._watchdog and self._gets_on(self._supervisor.stuck):
            lines.append("WATCHDOG=1")
        if lines:
            self._notifier.send(*lines)

    def stopping(self, why: str) -> None:
        """STOPPING=1, with the time that it takes: TimeoutStopSec may be of before the grace was changed."""
        assert self._supervisor is not None
        self._stopping = True
        self._status = status_line(self._supervisor.summaries(), stopping=True)
        microseconds = round((self._stop_seconds + STOP_MARGIN) * 1e6)
        self._notifier.send("STOPPING=1", f"STATUS={self._status}", f"EXTEND_TIMEOUT_USEC={microseconds}")

    def leave(self) -> None:
        """Nothing more is told."""
        self._notifier.close()

    def _gets_on(self, stuck: Sequence[str]) -> bool:
        if stuck and not self._starved:
            log.error("workers survive SIGKILL: the watchdog is not fed", runs=stuck)
        self._starved = bool(stuck)
        return not stuck


def service_manager(environ: MutableMapping[str, str], stop_seconds: float) -> ServiceManager | None:
    """The service manager that started this process; None where none did.

    Its variables are taken out of the environment: they are not for the workers.
    """
    address = environ.pop(SOCKET, "")
    timeout, pid = environ.pop(WATCHDOG, ""), environ.pop(WATCHDOG_PID, "")
    if not address:
        return None
    try:
        notifier = Notifier(address)
    except ValueError as error:
        log.warning("no service manager is told", why=str(error))
        return None
    return ServiceManager(notifier, bool(timeout) and pid in ("", str(os.getpid())), stop_seconds)


def status_line(runs: Sequence[RunSummary], stopping: bool) -> str:
    """The daemon in one line: `2 running, 1 queued; hopper-1121-abcd generation 312/2000`."""
    counts = Counter(run.state for run in runs if run.state not in ENDED)
    words = ", ".join(f"{counts[state]} {state}" for state in RunState if counts[state])
    at_work = [run for run in runs if run.state in (RunState.RUNNING, RunState.STOPPING)]
    named = [f"{run.id} generation {run.generation}/{run.generations}" for run in at_work[:NAMED]]
    if len(at_work) > NAMED:
        named.append(f"and {len(at_work) - NAMED} more")
    text = "; ".join(part for part in (words, ", ".join(named)) if part) or "no run is waiting or running"
    return f"stopping: {text}" if stopping else text
