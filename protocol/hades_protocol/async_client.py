"""The asyncio client of the daemon: request() for one answer, attach() for a gap-free stream.

Every request has a socket of its own that queues nothing: without a daemon it fails within a few
seconds, and no later daemon receives it. attach() reconnects by itself for as long as it is iterated.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Iterable, Mapping
from types import TracebackType
from typing import Any

import msgspec
import zmq
import zmq.asyncio

from hades_protocol import commands
from hades_protocol.codec import MAX_MESSAGE, decode, encode_request
from hades_protocol.commands import Request
from hades_protocol.errors import HadesError, ProtocolMismatchError, UnreachableError
from hades_protocol.events import TOPIC_EVENTS, WELCOME, dataset_topic, decode_event
from hades_protocol.keys import HANDSHAKE_SECONDS, REPLY_SECONDS, ClientKeys, Destination
from hades_protocol.messages import DaemonInfo, DatasetSnapshot, ExportFormat, Job, LogLevel, RunSummary
from hades_protocol.names import listed_tags
from hades_protocol.replies import ChangeResult, HistoryResult, LogResult, Reply, ShowResult, SnapshotResult
from hades_protocol.resync import Action, AskSnapshot, Item, Resync
from hades_protocol.run_state import RunState

CONNECT_SECONDS = 1.5
TICK_SECONDS = 0.5


def fresh_id() -> str:
    """A new random id for a request."""
    return uuid.uuid4().hex


class AsyncClient:
    """Client of the daemon behind two ZeroMQ endpoints (those of a hades_protocol.keys.Destination).

    keys: the client's, needed over TCP.
    reply_seconds: how long to wait for the reply to a request.
    """

    def __init__(
        self, control: str, events: str, *, keys: ClientKeys | None = None, reply_seconds: float = REPLY_SECONDS
    ) -> None:
        self.control = control
        self.events = events
        self._destination = Destination(control=control, events=events, keys=keys, local=keys is None)
        self._connect_seconds = CONNECT_SECONDS if keys is None else HANDSHAKE_SECONDS
        self._reply_seconds = reply_seconds
        self._context: zmq.asyncio.Context = zmq.asyncio.Context()
        self._subscriber: zmq.asyncio.Socket | None = None
        self._watched: str | None = None

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every socket; what was not sent yet is dropped."""
        self._context.destroy(linger=0)

    async def request(self, request: Request) -> Any:
        """Send one request and return its result (commands.RESULTS).

        Raises:
            UnreachableError: no daemon, or no reply before the deadline.
            UsageError: the request is larger than a daemon takes.
            ProtocolMismatchError: the other side speaks another protocol.
            HadesError: the daemon refused; its text says why.
        """
        expires = time.time() + self._connect_seconds + self._reply_seconds
        data = encode_request(msgspec.structs.replace(request, expires_at=expires))
        with self._context.socket(zmq.DEALER) as socket:
            socket.set(zmq.LINGER, 0)
            socket.set(zmq.IMMEDIATE, 1)  # no queue without a peer
            socket.set(zmq.MAXMSGSIZE, MAX_MESSAGE)
            self._destination.secure(socket)
            socket.connect(self.control)
            try:
                async with asyncio.timeout(self._connect_seconds):
                    await socket.send(data)
            except TimeoutError:
                raise UnreachableError(self._destination.unreachable_text()) from None
            try:
                async with asyncio.timeout(self._reply_seconds):
                    return await _result(socket, request)
            except TimeoutError:
                raise UnreachableError(self._destination.silent_text(self._reply_seconds)) from None

    async def hello(self) -> DaemonInfo:
        """Version, process and resources of the daemon that answers."""
        info: DaemonInfo = await self.request(commands.Hello(request_id=fresh_id()))
        return info

    async def snapshot(self) -> SnapshotResult:
        """The daemon's whole state."""
        snapshot: SnapshotResult = await self.request(commands.Snapshot(request_id=fresh_id()))
        return snapshot

    async def show(self, run: str) -> ShowResult:
        """One run with its settings and checkpoints."""
        shown: ShowResult = await self.request(commands.Show(request_id=fresh_id(), run=run))
        return shown

    async def history(self, run: str, points: int = 2000, *, after: int = 0, upto: int | None = None) -> HistoryResult:
        """Metrics of a run after one generation and up to another, downsampled to at most `points`."""
        request = commands.History(request_id=fresh_id(), run=run, points=points, after=after, upto=upto)
        history: HistoryResult = await self.request(request)
        return history

    async def dataset(self, run: str, generation: int | None = None) -> DatasetSnapshot:
        """The newest committed mean dataset of a run, or that of a kept generation."""
        request = commands.Dataset(request_id=fresh_id(), run=run, generation=generation)
        dataset: DatasetSnapshot = await self.request(request)
        return dataset

    async def start(
        self,
        spec: Mapping[str, Any],
        *,
        group: str = "",
        name: str = "",
        tags: Iterable[str] = (),
        priority: int = 0,
    ) -> RunSummary:
        """Queue a new run with nested settings; what is left out has its default."""
        request = commands.Start(
            request_id=fresh_id(),
            spec=dict(spec),
            group=group,
            name=name,
            tags=listed_tags("tags", tags),
            priority=priority,
        )
        summary: RunSummary = await self.request(request)
        return summary

    async def pause(self, run: str, expected: RunState | None = None) -> RunSummary:
        """Have the worker finish its generation, commit and exit."""
        summary: RunSummary = await self.request(
            commands.Pause(request_id=fresh_id(), run=run, expected_state=expected)
        )
        return summary

    async def resume(self, run: str, expected: RunState | None = None) -> RunSummary:
        """Queue the run again."""
        summary: RunSummary = await self.request(
            commands.Resume(request_id=fresh_id(), run=run, expected_state=expected)
        )
        return summary

    async def cancel(self, run: str, expected: RunState | None = None) -> RunSummary:
        """End the run after what its worker has committed."""
        summary: RunSummary = await self.request(
            commands.Cancel(request_id=fresh_id(), run=run, expected_state=expected)
        )
        return summary

    async def priority(self, run: str, priority: int, expected: RunState | None = None) -> RunSummary:
        """Change the run's place in the queue."""
        request = commands.Priority(request_id=fresh_id(), run=run, priority=priority, expected_state=expected)
        summary: RunSummary = await self.request(request)
        return summary

    async def note(self, run: str, text: str, expected: RunState | None = None) -> RunSummary:
        """Write a note on the run, in place of the one before; empty to remove it."""
        request = commands.Note(request_id=fresh_id(), run=run, text=text, expected_state=expected)
        summary: RunSummary = await self.request(request)
        return summary

    async def rename(self, run: str, name: str, expected: RunState | None = None) -> RunSummary:
        """Give the run another name; empty to take it away."""
        request = commands.Rename(request_id=fresh_id(), run=run, name=name, expected_state=expected)
        summary: RunSummary = await self.request(request)
        return summary

    async def tag(
        self, run: str, *, add: Iterable[str] = (), remove: Iterable[str] = (), expected: RunState | None = None
    ) -> RunSummary:
        """Put tags on the run and take others away."""
        request = commands.Tag(
            request_id=fresh_id(),
            run=run,
            add=listed_tags("add", add),
            remove=listed_tags("remove", remove),
            expected_state=expected,
        )
        summary: RunSummary = await self.request(request)
        return summary

    async def fork(
        self,
        run: str,
        changes: Mapping[str, Any],
        *,
        generation: int | None = None,
        group: str = "",
        name: str = "",
        dry_run: bool = False,
        expected: RunState | None = None,
    ) -> ChangeResult:
        """Queue a new run that goes on from a checkpoint of another one, with nested settings laid over its own."""
        request = commands.Fork(
            request_id=fresh_id(),
            run=run,
            generation=generation,
            changes=dict(changes),
            group=group,
            name=name,
            dry_run=dry_run,
            expected_state=expected,
        )
        result: ChangeResult = await self.request(request)
        return result

    async def resize(
        self, run: str, changes: Mapping[str, Any], *, dry_run: bool = False, expected: RunState | None = None
    ) -> ChangeResult:
        """Change the run's size at the next generation boundary; changes: nested settings."""
        request = commands.Resize(
            request_id=fresh_id(), run=run, changes=dict(changes), dry_run=dry_run, expected_state=expected
        )
        result: ChangeResult = await self.request(request)
        return result

    async def logs(self, run: str = "", *, lines: int = 200, level: LogLevel = "info", search: str = "") -> LogResult:
        """The newest lines of a run's log, or of the daemon's own."""
        request = commands.Logs(request_id=fresh_id(), run=run, lines=lines, level=level, search=search)
        log: LogResult = await self.request(request)
        return log

    async def export(self, run: str, format: ExportFormat = "npz", *, best: bool = False) -> Job:
        """Write the newest committed mean dataset, or the best evaluated one, to a file on the daemon's machine."""
        job: Job = await self.request(commands.Export(request_id=fresh_id(), run=run, format=format, best=best))
        return job

    async def evaluate(self, run: str) -> Job:
        """Measure the newest committed mean dataset beside the run."""
        job: Job = await self.request(commands.Evaluate(request_id=fresh_id(), run=run))
        return job

    def watch(self, run: str | None) -> None:
        """Choose the run whose datasets attach() yields from now on; at most one, as they are large. None: no run."""
        if self._subscriber is not None:
            if self._watched is not None:
                self._subscriber.unsubscribe(dataset_topic(self._watched))
            if run is not None:
                self._subscriber.subscribe(dataset_topic(run))
        self._watched = run

    async def attach(self) -> AsyncGenerator[Item, None]:
        """Yield snapshots, events and changes of the link, without end; it does not raise where no daemon answers.

        Times in LinkStatus are of time.monotonic().
        """
        resync = Resync(time.monotonic())
        yield resync.status
        attempt = 0
        asking: asyncio.Task[SnapshotResult | HadesError] | None = None
        socket = self._subscribe()
        receiving = asyncio.ensure_future(socket.recv_multipart())
        try:
            while True:
                waiting: set[asyncio.Future[Any]] = {task for task in (receiving, asking) if task is not None}
                await asyncio.wait(waiting, timeout=TICK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                actions: list[Action] = []
                if receiving.done():
                    actions += _feed(resync, receiving.result())
                    receiving = asyncio.ensure_future(socket.recv_multipart())
                if asking is not None and asking.done():
                    actions += _answer(resync, attempt, asking.result())
                    asking = None
                for action in actions + resync.tick(time.monotonic()):
                    if not isinstance(action, AskSnapshot):
                        yield action
                        continue
                    if asking is not None:
                        asking.cancel()
                    attempt, asking = action.attempt, asyncio.create_task(self._ask())
        finally:
            receiving.cancel()
            if asking is not None:
                asking.cancel()
            self._subscriber = None
            socket.close(linger=0)

    async def messages(self) -> AsyncGenerator[list[bytes] | None, None]:
        """Yield the frames of every message of the event socket, without end; None where TICK_SECONDS brought none."""
        socket = self._subscribe()
        try:
            while True:
                yield await socket.recv_multipart() if await socket.poll(int(1000 * TICK_SECONDS)) else None
        finally:
            self._subscriber = None
            socket.close(linger=0)

    def _subscribe(self) -> zmq.asyncio.Socket:
        socket: zmq.asyncio.Socket = self._context.socket(zmq.SUB)
        socket.set(zmq.LINGER, 0)
        socket.set(zmq.MAXMSGSIZE, MAX_MESSAGE)
        socket.set(zmq.RECONNECT_IVL, 100)
        socket.set(zmq.RECONNECT_IVL_MAX, 1000)
        socket.set(zmq.HEARTBEAT_IVL, 500)
        socket.set(zmq.HEARTBEAT_TIMEOUT, 1500)
        socket.subscribe(WELCOME)  # before connecting: it is sent when the connection stands
        socket.subscribe(TOPIC_EVENTS)
        if self._watched is not None:
            socket.subscribe(dataset_topic(self._watched))
        self._destination.secure(socket)
        socket.connect(self.events)
        self._subscriber = socket
        return socket

    async def _ask(self) -> SnapshotResult | HadesError:
        try:
            return await self.snapshot()
        except HadesError as error:
            return error


async def _result(socket: zmq.asyncio.Socket, request: Request) -> Any:
    while True:
        frames = await socket.recv_multipart()
        reply = decode(frames[-1], Reply)
        if reply.answers(request.request_id):
            return commands.result_of(reply, type(request))


def _answer(resync: Resync, attempt: int, answer: SnapshotResult | HadesError) -> list[Action]:
    """Pass the answer to a snapshot request on to the resync state."""
    if isinstance(answer, HadesError):
        return resync.snapshot_failed(attempt, answer, time.monotonic())
    return resync.snapshot(attempt, answer, time.monotonic())


def _feed(resync: Resync, frames: Iterable[bytes]) -> list[Action]:
    """Pass one message of the event socket on to the resync state."""
    topic, *rest = frames
    now = time.monotonic()
    if topic == WELCOME:
        return resync.welcome(now)
    try:
        if len(rest) != 1:
            raise ProtocolMismatchError(f"an event has 2 frames, not {1 + len(rest)}")
        return resync.event(decode_event(rest[0]), now)
    except ProtocolMismatchError:
        return resync.malformed(now)
