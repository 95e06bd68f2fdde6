"""The event loop: where the daemon's sockets, signals and timers meet its runs."""

import asyncio
import functools
import os
import secrets
import signal
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version as package_version
from typing import Any

import structlog
import zmq
import zmq.asyncio

from hades_protocol import events, version
from hades_protocol.commands import Request
from hades_protocol.messages import DaemonInfo
from hades_protocol.paths import Paths
from hadesd.config import Settings
from hadesd.daemon.integrations import Integrations
from hadesd.daemon.plugin import DaemonPlugin
from hadesd.daemon.requests import Control
from hadesd.daemon.sockets import LINGER_MS, ServerSockets
from hadesd.logs import rotation
from hadesd.supervisor.child_process import reap_orphans
from hadesd.supervisor.executors import Executors
from hadesd.supervisor.jobs.process import JobProcess
from hadesd.supervisor.publisher import Publisher
from hadesd.supervisor.run import StartWorker
from hadesd.supervisor.scheduling import nvml
from hadesd.supervisor.scheduling.gpu_pool import GpuPool
from hadesd.supervisor.slurm import commands as slurm_commands
from hadesd.supervisor.slurm.executor import SlurmExecutor
from hadesd.supervisor.supervisor import Supervisor

CPU_SLOTS = 2
SLOTS_PER_GPU = 2
"""The second is of use only to runs whose memory fractions let them share a GPU."""

FAREWELL_SECONDS = 0.5
"""After a request to stop the sockets stay open so long at least: over TCP, on a busy machine, one answer in ten was
lost with a connection that was closed at once, for all its lingering."""

BURST = 16
"""Requests that are answered before the daemon looks after the rest again."""

NONSENSE_PAUSE = 0.04
"""Seconds without an answer after messages that were no requests. They then wait and are refused many at a time, which
costs a third of waking up for each, and no flood of them can take more than BURST in a pause from the runs."""

AFTER_KILL = 10.0
"""Seconds that killed workers get to be reaped before the daemon exits without them."""

STOP_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP)
"""All mean the same: commit and exit. SIGUSR1 is what Slurm is asked to send ahead of a job's end."""

log = structlog.get_logger()


class Daemon:
    """Sockets, signals and timers around a Supervisor.

    start_worker: how a worker is started; tests give another program.
    say: shows a line to the person at the daemon's terminal, if there is one.
    plugins: notified of start, tick and stop.
    """

    def __init__(
        self,
        paths: Paths,
        settings: Settings,
        start_worker: StartWorker,
        say: Callable[[str], None],
        plugins: Sequence[DaemonPlugin] = (),
    ) -> None:
        self._paths = paths
        self._settings = settings
        self._start_worker = start_worker
        self._say = say
        self._plugins = plugins
        self._why = ""  # what asked the daemon to stop
        self._open_until = 0.0  # monotonic time before which the sockets are not closed
        self._failed = False

    async def run(self) -> int:
        """Serve until asked to stop; returns the exit code."""
        self._loop = asyncio.get_running_loop()
        self._stop_asked = asyncio.Event()
        context = zmq.asyncio.Context()
        try:
            self._sockets = ServerSockets(context, self._paths, self._settings.listen)
            try:
                self._open()
                await self._serve()
            finally:
                await self._sockets.close()
        finally:
            context.destroy(linger=LINGER_MS)
        return 1 if self._failed else 0

    def _open(self) -> None:
        self._control, self._events = self._sockets.control, self._sockets.events
        gpu_pool = GpuPool(functools.partial(nvml.usable_gpus, dict(os.environ)), time.monotonic())
        session = secrets.token_hex(8)
        publisher = Publisher(session, self._send_event, time.time)
        self._publisher = publisher
        # Where Slurm's commands are, runs may ask for it.
        self._slurm = None if slurm_commands.missing() else SlurmExecutor(self._settings.slurm, self._loop)
        self._supervisor = Supervisor(
            info=self._describe(session, len(gpu_pool.gpus)),
            paths=self._paths,
            settings=self._settings,
            publisher=publisher,
            executors=Executors(self._start_worker, self._slurm),
            start_job=JobProcess,
            call_later=self._loop.call_later,
            gpu_pool=gpu_pool,
            environ=dict(os.environ),
        )
        self._requests = Control(self._supervisor, self._on_stop_request, self._check)
        self._sockets.open_tcp()  # it may fail, so before any worker is started
        self._integrations = Integrations(
            self._supervisor, self._settings, self._paths, self._say
        )  # before anything happens
        # The runs are known before anybody can ask for them.
        self._supervisor.load()
        self._sockets.open_ipc()

    def _describe(self, session: str, found: int) -> DaemonInfo:
        return DaemonInfo(
            session=session,
            pid=os.getpid(),
            version=package_version("hades-distil"),
            protocol_major=version.MAJOR,
            started_at=time.time(),
            state_directory=str(self._paths.state),
            slots=self._settings.slots or found * SLOTS_PER_GPU or CPU_SLOTS,
            gpus=found,
        )

    def _send_event(self, topic: bytes, body: bytes) -> None:
        sent = asyncio.ensure_future(self._events.send_multipart([topic, body]))
        sent.add_done_callback(_log_failure)  # an XPUB never blocks: it is done already

    async def _serve(self) -> None:
        self._loop.set_exception_handler(self._on_bug)
        for number in STOP_SIGNALS:
            self._loop.add_signal_handler(number, functools.partial(self._on_signal, number))
        log.info("daemon ready", **_plain(self._supervisor.info))
        jobs = (self._answer, self._watch_subscribers, self._tick, self._sockets.disconnect_revoked)
        tasks = [asyncio.create_task(job()) for job in jobs]
        for task in tasks:
            task.add_done_callback(self._on_task_done)
        try:
            for plugin in self._plugins:
                plugin.ready(self._supervisor, self._ask_to_stop)
            await self._stop_asked.wait()
            await self._drain()
            await asyncio.sleep(max(0.0, self._open_until - time.monotonic()))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._slurm is not None:
                await self._slurm.close()
            await self._integrations.close()
        log.info("daemon stopped", session=self._supervisor.info.session)

    async def _drain(self) -> None:
        """Workers commit and exit; requests are still answered meanwhile."""
        self._supervisor.stop()
        for plugin in self._plugins:
            plugin.stopping(self._why)
        grace = self._settings.grace
        log.info("waiting for workers", runs=self._supervisor.working, grace=grace)
        if working := self._supervisor.working:
            do = "finishes its generation and commits" if len(working) == 1 else "finish their generation and commit"
            self._say(f"stopping: {', '.join(working)} {do}, within {grace:g} s")
        if await self._wait_for_workers(grace):
            return
        log.warning("grace is over", runs=self._supervisor.working)
        self._supervisor.expire_grace()
        if not await self._wait_for_workers(AFTER_KILL):
            log.error("workers could not be reaped", runs=self._supervisor.working)

    async def _wait_for_workers(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self._supervisor.working:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.02)
        return True

    async def _answer(self) -> None:
        """Answer requests in the order that ZeroMQ gives them, which takes turns among the clients."""
        # Without futures, which cost more than most answers.
        waiting: zmq.Socket[bytes] = zmq.Socket.shadow(self._control.underlying)
        while True:
            refused, left = self._requests.refused, BURST
            message: list[bytes] | None = await self._control.recv_multipart()
            while message is not None:
                sender, *frames = message
                reply = self._requests.answer(frames)
                if reply is not None:
                    waiting.send_multipart([sender, reply], zmq.NOBLOCK)  # a ROUTER drops what nobody reads
                left -= 1
                message = _next(waiting) if left else None
            # Nothing above need wait while requests wait: a flood must not hold up the rest.
            await asyncio.sleep(NONSENSE_PAUSE if self._requests.refused > refused else 0)

    async def _watch_subscribers(self) -> None:
        # Reading the XPUB is also what makes it send its welcome.
        while True:
            frames = await self._events.recv_multipart()
            self._publisher.subscription(frames[0])
            await asyncio.sleep(0)  # as in _answer

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(events.HEARTBEAT_SECONDS)
            self._supervisor.tick()
            reap_orphans()
            for plugin in self._plugins:
                plugin.tick()
            rotation.rotate_open(self._paths.state / rotation.DAEMON_STDERR, 1, 2)

    def _check(self, request: Request) -> None:
        for plugin in self._plugins:
            plugin.check(request)

    def _on_stop_request(self) -> None:
        self._open_until = time.monotonic() + FAREWELL_SECONDS
        self._ask_to_stop("a request")

    def _ask_to_stop(self, why: str) -> None:
        self._why = self._why or why
        self._stop_asked.set()

    def _on_signal(self, number: int) -> None:
        again = self._stop_asked.is_set()
        name = signal.Signals(number).name
        log.info("signal", name=name, again=again, waiting_for=self._supervisor.working)
        self._ask_to_stop(name)
        if again:  # it changes nothing: the workers get their grace
            waiting_for = ", ".join(self._supervisor.working) or "the daemon's own end"
            self._say(f"still waiting for {waiting_for}; nothing is lost by waiting")

    def _on_task_done(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

    def _on_bug(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._fail(context.get("exception") or RuntimeError(context.get("message", "unknown")))

    def _fail(self, error: BaseException) -> None:
        """A bug of ours: workers commit and exit, so nothing is lost, and the exit code says so."""
        log.error("internal error, stopping", exc_info=error)
        self._failed = True
        self._ask_to_stop("an internal error")


def _next(socket: "zmq.Socket[bytes]") -> list[bytes] | None:
    """The next message that waits, if one does."""
    try:
        return socket.recv_multipart(zmq.NOBLOCK)
    except zmq.Again:
        return None


def _log_failure(sent: "asyncio.Future[Any]") -> None:
    if (error := sent.exception()) is not None:
        log.warning("event not sent", why=str(error))


def _plain(info: DaemonInfo) -> dict[str, Any]:
    return {name: getattr(info, name) for name in info.__struct_fields__}


def run_daemon(
    paths: Paths,
    settings: Settings,
    start_worker: StartWorker,
    say: Callable[[str], None],
    plugins: Sequence[DaemonPlugin] = (),
) -> int:
    """Serve until one of STOP_SIGNALS, a Stop request or a plugin; returns the exit code."""
    return asyncio.run(Daemon(paths, settings, start_worker, say, plugins).run())
