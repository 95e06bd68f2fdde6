"""The daemon from its first instruction to its last: directories, lock, log, event loop."""

from collections.abc import Callable

from hades_protocol.errors import HadesError
from hades_protocol.paths import Paths
from hadesd import log
from hadesd.settings import Settings
from hadesd.supervisor.lock import DaemonLock
from hadesd.supervisor.loop import run_daemon
from hadesd.supervisor.managed import StartWorker
from hadesd.supervisor.processes import Worker


def serve(
    paths: Paths,
    settings: Settings,
    ready: Callable[[], None] = lambda: None,
    start_worker: StartWorker = Worker,
) -> int:
    """Run the daemon in this process; returns its exit code.

    ready: called when the lock is taken, before the sockets are bound.

    Raises:
        HadesError: it cannot start; the text says why.
    """
    paths.make_private()
    endpoints = (paths.control_endpoint, paths.events_endpoint)  # too long a path is noticed before anything is done
    lock = DaemonLock(paths.lock)
    try:
        with open(paths.daemon_log, "a", encoding="utf-8", buffering=1) as file:
            paths.daemon_log.chmod(0o600)
            log.configure(file, settings.log_level)
            ready()
            try:
                return run_daemon(paths, settings, start_worker)
            except HadesError as error:
                log.get_logger().error("daemon cannot start", why=str(error), endpoints=endpoints)
                raise
    finally:
        lock.release()
