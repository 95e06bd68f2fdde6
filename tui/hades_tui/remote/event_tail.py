"""The event stream as it comes, for debugging: one line an event, and a line wherever something is missing."""

import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from datetime import datetime
from typing import Any

import msgspec

from hades_protocol.async_client import Client
from hades_protocol.codec import unpack
from hades_protocol.errors import ProtocolMismatchError
from hades_protocol.events import TOPIC_DATASET, WELCOME

QUIET_SECONDS = 3.0
LONGEST_VALUE = 60


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """An event, or a note on the stream. `time`: Unix time at which it arrived. `run`: whose it is, if any one's."""

    time: float
    topic: str = ""
    event: dict[str, Any] | None = None
    note: str = ""
    text: str = ""
    run: str = ""

    def json(self) -> str:
        """As a line of JSON: bytes are base64."""
        said = {"note": self.note, "text": self.text} if self.event is None else {"topic": self.topic}
        told = {"time": self.time, **said, **({} if self.event is None else {"event": self.event})}
        return msgspec.json.encode(told).decode()

    def words(self) -> str:
        """As a line for people."""
        clock = datetime.fromtimestamp(self.time).strftime("%H:%M:%S.%f")[:-3]
        if self.event is None:
            return f"{clock}  -- {self.note}: {self.text}"
        event = dict(self.event)
        kind, seq = event.pop("type", "?"), event.pop("seq", "?")
        for name in ("session", "time", "protocol_major"):
            event.pop(name, None)
        return f"{clock}  seq {seq:<6} {kind:<10} {' '.join(_values(event))}".rstrip()


def _values(event: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """name=value of everything that a line has room for."""
    for name, value in event.items():
        if isinstance(value, dict) and len(value) <= 30:
            yield from _values(value, f"{prefix}{name}.")
        elif isinstance(value, bytes):
            yield f"{prefix}{name}=<{len(value)} bytes>"
        elif value not in (None, "", [], {}):
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            text = "".join(letter if letter.isprintable() else "?" for letter in text)
            yield f"{prefix}{name}={text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + '…'}"


class Tap:
    """Reads the numbers of the stream, and says where they do not follow on each other."""

    def __init__(self) -> None:
        self._session: str | None = None
        self._seq: int | None = None
        self._welcomed = False
        self._heard: float | None = None
        self._quiet = False

    def message(self, frames: list[bytes], now: float) -> list[Line]:
        """What a message of the event socket means."""
        out = [Line(time=now, note="heard again", text="the stream goes on")] if self._quiet else []
        self._heard, self._quiet = now, False
        if frames[0] == WELCOME:
            text = "what was sent before is not in here" if not self._welcomed else "a reconnect, see what is missing"
            self._welcomed = True
            return [*out, Line(time=now, note="subscribed", text=text)]
        try:
            event = unpack(frames[1]) if len(frames) == 2 else None
        except ProtocolMismatchError as error:
            return [*out, Line(time=now, note="malformed", text=str(error))]
        if not isinstance(event, dict):
            return [*out, Line(time=now, note="malformed", text=f"{len(frames)} frames that are no event")]
        topic = frames[0].decode(errors="replace")
        line = Line(time=now, topic=topic, event=event, run=_run_of(event))
        numbered = [] if frames[0].startswith(TOPIC_DATASET) else self._numbers(event, now)
        return [*out, *numbered, line]

    def silence(self, now: float) -> list[Line]:
        """Nothing came until now."""
        if self._quiet or self._heard is None or now - self._heard < QUIET_SECONDS:
            return []
        self._quiet = True
        return [Line(time=now, note="silence", text=f"nothing for {QUIET_SECONDS:g} s, not even a heartbeat")]

    def _numbers(self, event: dict[str, Any], now: float) -> list[Line]:
        session, seq = event.get("session"), event.get("seq")
        if not isinstance(seq, int):
            return [Line(time=now, note="malformed", text="an event without a number")]
        before, self._seq = self._seq, seq
        if session != self._session:
            first, self._session = self._session is None, str(session)
            return [] if first else [Line(time=now, note="resync", text="another session: the daemon was started anew")]
        if before is None:
            return []
        missing = seq - before if event.get("type") == "heartbeat" else seq - before - 1
        if missing > 0:
            lost = f"{missing} lost, {before + 1} to {before + missing}"
            return [Line(time=now, note="gap", text=f"{lost}: a screen asks for a snapshot")]
        if missing < 0:
            return [Line(time=now, note="order", text=f"{seq} after {before}")]
        return []


def _run_of(event: dict[str, Any]) -> str:
    for holder in (event, event.get("run"), event.get("job")):
        if isinstance(holder, dict):
            for name in ("run_id", "run", "id"):
                if isinstance(found := holder.get(name), str):
                    return found
    return ""


async def stream(client: Client, run: str | None, heartbeats: bool) -> AsyncGenerator[Line, None]:
    """Every line from now on, without end; of one run (by its id) only where it is given, and then with its pairs."""
    tap = Tap()
    client.watch(run)
    async with aclosing(client.messages()) as messages:
        async for frames in messages:
            now = time.time()
            for line in tap.silence(now) if frames is None else tap.message(frames, now):
                is_beat = line.event is not None and line.event.get("type") == "heartbeat"
                is_other = line.event is not None and run not in (None, line.run)
                if (heartbeats or not is_beat) and (not is_other or is_beat):
                    yield line
