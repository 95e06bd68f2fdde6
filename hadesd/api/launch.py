"""A daemon in the background, for verbs and programs that need one."""

import os
import subprocess
import sys
import time
from typing import IO

from hades_protocol import commands
from hades_protocol.errors import ExitCode, UnreachableError, UsageError
from hades_protocol.messages import DaemonInfo
from hades_protocol.paths import Paths
from hades_protocol.sync_client import ControlClient, listens
from hadesd.logs.rotation import DAEMON_STDERR
from hadesd.storage.atomic import tail_lines
from hadesd.storage.locks import is_locked

START_SECONDS = 30.0
POLL_SECONDS = 0.05


def ensure_daemon(paths: Paths) -> tuple[DaemonInfo, bool]:
    """Who serves, starting a daemon where none does; and whether it was started.

    Raises:
        UsageError: a daemon cannot start here; the text says why.
        UnreachableError: it does not answer.
    """
    if paths.connect or listens(paths):
        return _hello(paths), False
    paths.make_private()
    stderr_file = paths.state / DAEMON_STDERR
    try:
        stderr = open(stderr_file, "wb")  # noqa: SIM115 — closed below
    except OSError as error:
        raise UsageError(
            f"cannot write {stderr_file}: {error.strerror or error}; make room, or set HADES_HOME to another place"
        ) from None
    with stderr:
        process, other = _serve(paths, stderr), False
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if listens(paths):
                info = _hello(paths)
                process.returncode = process.returncode or 0  # not ours to wait for: no ResourceWarning at exit
                return info, info.pid == process.pid
            holder = _holder(paths)
            other = other or holder not in (None, str(process.pid))
            code = process.poll()
            if code == ExitCode.NOT_FOUND_OR_STATE and other:
                # Another daemon has the lock and will answer in a moment, or was ending, and ours comes next.
                if holder is None:
                    process, other = _serve(paths, stderr), False
            elif code is not None:
                reason = " ".join(tail_lines(stderr_file, 1)).removeprefix("hadesd: ")
                raise UsageError(reason or f"the daemon ended with status {code} at once; see {paths.daemon_log}")
            time.sleep(POLL_SECONDS)
    raise UnreachableError(f"the daemon did not answer within {START_SECONDS:g} s; see {paths.daemon_log}")


def _holder(paths: Paths) -> str | None:
    """The process id of the daemon that has the lock, empty where it has not been written; None where none has it."""
    return "".join(tail_lines(paths.lock, 1)) if is_locked(paths.lock) else None


def _serve(paths: Paths, stderr: IO[bytes]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "hadesd.cli.main", "serve"],
        stdin=subprocess.DEVNULL,
        stdout=stderr,
        stderr=stderr,
        start_new_session=True,  # it outlives this command and its terminal
        cwd="/",  # and keeps no directory busy
        env={**os.environ, **paths.variables},
    )


def _hello(paths: Paths) -> DaemonInfo:
    with ControlClient(paths) as client:
        info: DaemonInfo = client.request(commands.Hello)
    return info
