"""Forwards the sockets of a daemon on another machine through ssh, and restarts ssh when it ends."""

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
from collections import deque
from pathlib import Path
from types import TracebackType

from hades_protocol.errors import UnreachableError
from hades_protocol.paths import xdg
from hades_tui.remote import ssh
from hades_tui.remote.ssh import Sockets

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 15.0
"""Seconds before ssh is started again: doubled each time, and back to the first after a connection."""

READY_SECONDS = 30.0
POLL_SECONDS = 0.05
END_SECONDS = 2.0


class Tunnel:
    """Async context manager: the sockets are in `directory` while it is open; closing it removes everything.

    host: as ssh takes it. hadesd: the remote command. sockets: remote directory of the sockets; empty to ask hadesd.
    """

    def __init__(self, host: str, *, hadesd: str = "hadesd", sockets: str = "") -> None:
        self.host = host
        self._problem = ""
        self._hadesd = hadesd
        self._remote = ssh.sockets_in(sockets) if sockets else None
        self._stderr: deque[str] = deque(maxlen=20)
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._supervising: asyncio.Task[None] | None = None
        self.directory = Path()

    def problem(self) -> str:
        """Why ssh is not connected now; empty while it is."""
        return self._problem

    async def __aenter__(self) -> "Tunnel":
        """Raises:
        UnreachableError: ssh cannot connect, or the remote hadesd does not name its sockets.
        """
        runtime = xdg("RUNTIME_DIR", os.environ)
        parent = runtime if runtime is not None and runtime.is_dir() else None
        self.directory = Path(tempfile.mkdtemp(prefix="hades-tui-", dir=parent))
        try:
            self._remote = self._remote or await self._ask()
            await self._open(self._remote)
            if self._problem:
                raise UnreachableError(self._problem)
        except BaseException:
            await self._close()
            raise
        self._supervising = asyncio.create_task(self._supervise(self._remote))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End ssh and remove the directory."""
        await self._close()

    async def _ask(self) -> Sockets:
        command = ssh.ask_command(self.host, self._hadesd)
        process = await self._start(command, stdin=asyncio.subprocess.DEVNULL)
        try:
            out, errors = await process.communicate()
        finally:
            await _end(process)
        if process.returncode:
            lines = errors.decode(errors="replace").splitlines()
            raise UnreachableError(ssh.failure(self.host, self._hadesd, process.returncode, lines))
        return ssh.sockets_of(out.decode(errors="replace"), self.host, self._hadesd)

    @staticmethod
    async def _start(command: list[str], stdin: int) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        try:  # a session of its own: Ctrl-C is for the screen
            return await asyncio.create_subprocess_exec(
                *command, stdin=stdin, stdout=pipe, stderr=pipe, start_new_session=True
            )
        except FileNotFoundError:
            raise UnreachableError("there is no ssh on this machine: install OpenSSH's client") from None

    async def _open(self, remote: Sockets) -> None:
        """Start ssh and wait until both sockets exist; where that fails, `problem` says why."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)  # a logout may have taken it away
        local = (self.directory / "control.sock", self.directory / "events.sock")
        for path in local:
            path.unlink(missing_ok=True)
        pairs = list(zip(map(str, local), (remote.control_socket, remote.events_socket), strict=True))
        self._process = await self._start(ssh.forward_command(self.host, pairs), stdin=asyncio.subprocess.PIPE)
        self._stderr.clear()
        self._reading = asyncio.create_task(self._listen(self._process))
        deadline = time.monotonic() + READY_SECONDS
        while not all(path.exists() for path in local):
            if self._process.returncode is not None:
                await self._reading
                self._problem = ssh.failure(self.host, self._hadesd, self._process.returncode, list(self._stderr))
                return
            if time.monotonic() > deadline:
                await _end(self._process)
                self._problem = f"ssh to {self.host}: the sockets were not forwarded within {READY_SECONDS:g} s"
                return
            await asyncio.sleep(POLL_SECONDS)
        self._problem = ""

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        async for line in process.stderr:
            self._stderr.append(line.decode(errors="replace"))

    async def _supervise(self, remote: Sockets) -> None:
        """Restart ssh when it has ended, with growing pauses while it cannot connect."""
        pause = FIRST_PAUSE
        while True:
            assert self._process is not None
            assert self._reading is not None
            status = await self._process.wait()
            await self._reading
            if not self._problem:
                pause = FIRST_PAUSE
                self._problem = ssh.failure(self.host, self._hadesd, status, list(self._stderr))
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)
            try:
                await self._open(remote)
            except (OSError, UnreachableError) as error:  # no process can be started now, say: it is tried again
                self._problem = f"ssh to {self.host}: {error}"

    async def _close(self) -> None:
        if self._supervising is not None:
            self._supervising.cancel()
            await asyncio.gather(self._supervising, return_exceptions=True)
        if self._process is not None:
            await _end(self._process)
        if self._reading is not None:
            await self._reading
        shutil.rmtree(self.directory, ignore_errors=True)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Terminate a process, and kill it after END_SECONDS."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), END_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
