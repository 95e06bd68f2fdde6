"""The daemon from its first instruction to its last: directories, lock, log, event loop."""

import os
from collections.abc import Callable, Sequence
from typing import TextIO, cast

from hades_protocol.errors import HadesError, WrongStateError
from hades_protocol.paths import Paths, is_listened_to
from hadesd.config import Settings
from hadesd.daemon import descriptors
from hadesd.daemon.loop import AFTER_KILL, run_daemon
from hadesd.daemon.plugin import DaemonPlugin
from hadesd.daemon.systemd import service_manager
from hadesd.logs import streams
from hadesd.logs.streams import BoundedStream
from hadesd.storage.locks import DaemonLock
from hadesd.supervisor.run import StartWorker
from hadesd.supervisor.worker_process import Worker


def serve(
    paths: Paths,
    settings: Settings,
    say: Callable[[str], None] = lambda line: None,
    start_worker: StartWorker = Worker,
    plugins: Sequence[DaemonPlugin] = (),
) -> int:
    """Run the daemon in this process; returns its exit code.

    say: shows a line to the person at the daemon's terminal, if there is one.
    plugins: notified of start, tick and stop; so is systemd, where it started the process.

    Raises:
        HadesError: it cannot start; the text says why.
    """
    descriptors.raise_limit()
    paths.make_private()
    endpoints = (paths.control_endpoint, paths.events_endpoint)  # too long a path is noticed before anything is done
    lock = DaemonLock(paths.lock)
    try:
        with BoundedStream(paths.daemon_log) as file:
            streams.configure(cast(TextIO, file), settings.log_level)
            say(f"hadesd serves {paths.state} (pid {os.getpid()}); log: {paths.daemon_log}; Ctrl-C stops it")
            try:
                _check_sockets_are_free(paths)
                systemd = service_manager(os.environ, settings.grace + AFTER_KILL)
                all_plugins = plugins if systemd is None else (*plugins, systemd)
                try:
                    for plugin in all_plugins:
                        plugin.enter()
                    return run_daemon(paths, settings, start_worker, say, all_plugins)
                finally:
                    for plugin in all_plugins:
                        plugin.leave()
            except HadesError as error:
                streams.get_logger().error("daemon cannot start", why=str(error), endpoints=endpoints)
                raise
    finally:
        lock.release()


def _check_sockets_are_free(paths: Paths) -> None:
    """The lock is the state directory's; another one may share our socket directory, and bind would steal."""
    if is_listened_to(paths.control_socket):
        raise WrongStateError(
            f"a daemon with another state directory listens on {paths.control_socket}: "
            "give each its own HADES_HOME or XDG_RUNTIME_DIR"
        )
