"""Daemon -> clients, on the event socket (docs/protocol.md).

A message is two frames: topic, msgpack map. Topic `events` carries the gap-free stream: every message but
the heartbeat has the next `seq` of the daemon's session. Topic `dataset/<run id>/` carries the newest dataset
of a run, a latest-value stream outside that numbering (its `seq` is 0): subscribe to the run on screen only.
"""

from typing import Any, cast, get_args

import msgspec

from hades_protocol.codec import convert, unpack
from hades_protocol.messages import (
    DatasetSnapshot,
    GenerationMetrics,
    GenerationTiming,
    GpuInfo,
    Job,
    LogLevel,
    RunSummary,
)
from hades_protocol.version import MAJOR

TOPIC_EVENTS = b"events"
TOPIC_DATASET = b"dataset/"

WELCOME = b"welcome"
"""Topic of the one-frame message that a new subscriber gets (XPUB_WELCOME_MSG): its subscription is active."""

HEARTBEAT_SECONDS = 1.0


def dataset_topic(run: str) -> bytes:
    """Topic on which the datasets of one run are published."""
    return TOPIC_DATASET + run.encode() + b"/"


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Fields that every event has.

    session: of the daemon, new at each of its starts. seq: number of the event in its session. time: Unix time.
    """

    session: str
    seq: int
    time: float
    protocol_major: int = MAJOR


class RunChanged(Event, frozen=True, tag="run"):
    """A run is new or its summary changed (not sent for each generation)."""

    run: RunSummary


class GenerationCommitted(Event, frozen=True, tag="generation"):
    """A generation is on disk.

    seconds_per_generation, seconds_left: as in RunSummary, as of now. memory: resident bytes of its worker; null
    without one.
    """

    run_id: str
    metrics: GenerationMetrics
    timing: GenerationTiming
    seconds_per_generation: float | None = None
    seconds_left: float | None = None
    memory: int | None = None


class HistoryCut(Event, frozen=True, tag="cut"):
    """A resume went back: metrics after `generation` of that run are void and will come again."""

    run_id: str
    generation: int


class RunLog(Event, frozen=True, tag="log"):
    """A line of a run's log, of level warning or above. level, text: as in LogLine."""

    run_id: str
    level: LogLevel
    text: str


class RunRemoved(Event, frozen=True, tag="removed"):
    """The daemon has forgotten a run: it was removed or archived."""

    run_id: str


class GpusChanged(Event, frozen=True, tag="gpus"):
    """Who uses the machine's GPUs has changed; at most one such event every few seconds."""

    gpus: tuple[GpuInfo, ...]


class JobChanged(Event, frozen=True, tag="job"):
    """A job began or ended."""

    job: Job


class Heartbeat(Event, frozen=True, tag="heartbeat"):
    """Every HEARTBEAT_SECONDS; `seq` is the newest number, so that a client notices lost events."""


class DatasetPublished(Event, frozen=True, tag="dataset"):
    """The newest committed mean dataset of a run; at most once a second for each run."""

    run_id: str
    dataset: DatasetSnapshot


class Goodbye(Event, frozen=True, tag="goodbye"):
    """The daemon stops in good order. Workers commit and exit; the next daemon goes on."""


AnyEvent = (
    RunChanged
    | GenerationCommitted
    | HistoryCut
    | RunLog
    | RunRemoved
    | GpusChanged
    | JobChanged
    | Heartbeat
    | DatasetPublished
    | Goodbye
)


class UnknownEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a type that is not in AnyEvent, or of another major version: its number counts, its content not."""

    type: str
    session: str
    seq: int
    protocol_major: int = MAJOR


_KNOWN = frozenset(kind.__struct_config__.tag for kind in get_args(AnyEvent))


def decode_event(data: "bytes | memoryview[int]") -> AnyEvent | UnknownEvent:
    """The event in msgpack bytes; an UnknownEvent for another type or another major version.

    Raises:
        ProtocolMismatchError: too large, not msgpack, or not an event.
    """
    raw: Any = unpack(data)
    envelope: UnknownEvent = convert(raw, UnknownEvent)
    if envelope.type not in _KNOWN or envelope.protocol_major != MAJOR:
        return envelope
    return cast(AnyEvent, convert(raw, AnyEvent))
