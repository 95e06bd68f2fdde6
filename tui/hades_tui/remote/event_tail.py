"""The event stream for debugging: one line per event, and a line wherever events are missing."""

import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from datetime import datetime
from typing import Any

import msgspec

from hades_protocol.async_client import AsyncClient
from hades_protocol.codec import unpack
from hades_protocol.errors import ProtocolMismatchError
from hades_protocol.events import TOPIC_DATASET, WELCOME

SILENCE_SECONDS = 3.0
LONGEST_VALUE = 60


class TailLine(msgspec.Struct, frozen=True, kw_only=True):
    """An event, or a note on the stream. time: Unix time of arrival. run: id of the event's run, or empty."""

    time: float
    topic: str = ""
    event: dict[str, Any] | None = None
    note: str = ""
    text: str = ""
    run: str = ""

    def json(self) -> str:
        """The line as JSON; bytes are base64."""
        content = {"note": self.note, "text": self.text} if self.event is None else {"topic": self.topic}
        document = {"time": self.time, **content, **({} if self.event is None else {"event": self.event})}
        return msgspec.json.encode(document).decode()

    def describe(self) -> str:
        """The line as text."""
        clock = datetime.fromtimestamp(self.time).strftime("%H:%M:%S.%f")[:-3]
        if self.event is None:
            return f"{clock}  -- {self.note}: {self.text}"
        event = dict(self.event)
        kind, seq = event.pop("type", "?"), event.pop("seq", "?")
        for name in ("session", "time", "protocol_major"):
            event.pop(name, None)
        return f"{clock}  seq {seq:<6} {kind:<10} {' '.join(_values(event))}".rstrip()


def _values(event: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield name=value for the fields of an event; long values are shortened."""
    for name, value in event.items():
        if isinstance(value, dict) and len(value) <= 30:
            yield from _values(value, f"{prefix}{name}.")
        elif isinstance(value, bytes):
            yield f"{prefix}{name}=<{len(value)} bytes>"
        elif value not in (None, "", [], {}):
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            text = "".join(letter if letter.isprintable() else "?" for letter in text)
            yield f"{prefix}{name}={text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + '…'}"


class EventTail:
    """Turns messages into lines, and checks their sequence numbers for gaps."""

    def __init__(self) -> None:
        self._session: str | None = None
        self._seq: int | None = None
        self._welcomed = False
        self._last_message_at: float | None = None
        self._is_silent = False

    def message(self, frames: list[bytes], now: float) -> list[TailLine]:
        """The lines for a message of the event socket. now: Unix time."""
        out = [TailLine(time=now, note="heard again", text="the stream goes on")] if self._is_silent else []
        self._last_message_at, self._is_silent = now, False
        if frames[0] == WELCOME:
            text = "what was sent before is not in here" if not self._welcomed else "a reconnect, see what is missing"
            self._welcomed = True
            return [*out, TailLine(time=now, note="subscribed", text=text)]
        try:
            event = unpack(frames[1]) if len(frames) == 2 else None
        except ProtocolMismatchError as error:
            return [*out, TailLine(time=now, note="malformed", text=str(error))]
        if not isinstance(event, dict):
            return [*out, TailLine(time=now, note="malformed", text=f"{len(frames)} frames that are no event")]
        topic = frames[0].decode(errors="replace")
        line = TailLine(time=now, topic=topic, event=event, run=_run_of(event))
        numbered = [] if frames[0].startswith(TOPIC_DATASET) else self._numbers(event, now)
        return [*out, *numbered, line]

    def silence(self, now: float) -> list[TailLine]:
        """A note if no message has come for SILENCE_SECONDS; once per silence."""
        if self._is_silent or self._last_message_at is None or now - self._last_message_at < SILENCE_SECONDS:
            return []
        self._is_silent = True
        return [TailLine(time=now, note="silence", text=f"nothing for {SILENCE_SECONDS:g} s, not even a heartbeat")]

    def _numbers(self, event: dict[str, Any], now: float) -> list[TailLine]:
        session, seq = event.get("session"), event.get("seq")
        if not isinstance(seq, int):
            return [TailLine(time=now, note="malformed", text="an event without a number")]
        before, self._seq = self._seq, seq
        if session != self._session:
            first, self._session = self._session is None, str(session)
            return (
                []
                if first
                else [TailLine(time=now, note="resync", text="another session: the daemon was started anew")]
            )
        if before is None:
            return []
        missing = seq - before if event.get("type") == "heartbeat" else seq - before - 1
        if missing > 0:
            lost = f"{missing} lost, {before + 1} to {before + missing}"
            return [TailLine(time=now, note="gap", text=f"{lost}: a screen asks for a snapshot")]
        if missing < 0:
            return [TailLine(time=now, note="order", text=f"{seq} after {before}")]
        return []


def _run_of(event: dict[str, Any]) -> str:
    for holder in (event, event.get("run"), event.get("job")):
        if isinstance(holder, dict):
            for name in ("run_id", "run", "id"):
                if isinstance(found := holder.get(name), str):
                    return found
    return ""


async def stream(client: AsyncClient, run: str | None, heartbeats: bool) -> AsyncGenerator[TailLine, None]:
    """Yield every line from now on, without end. run: id of the only run to show, then with its pairs; None for all."""
    tail = EventTail()
    client.watch(run)
    async with aclosing(client.messages()) as messages:
        async for frames in messages:
            now = time.time()
            for line in tail.silence(now) if frames is None else tail.message(frames, now):
                is_beat = line.event is not None and line.event.get("type") == "heartbeat"
                is_other = line.event is not None and run not in (None, line.run)
                if (heartbeats or not is_beat) and (not is_other or is_beat):
                    yield line
