"""What a worker and its supervisor say to each other over an inherited socket pair.

A frame is a 4-byte big-endian length and msgpack bytes. End of file is a message too: a worker whose
supervisor is gone commits its generation and exits.
"""

import socket
import struct
from enum import StrEnum

import msgspec

from hades_protocol import codec
from hades_protocol.messages import DatasetSnapshot, GenerationMetrics, GenerationTiming, LogLevel
from hades_protocol.run_state import WorkerPhase

FD_VARIABLE = "HADES_WORKER_FD"
"""Environment variable that names the worker's end of the socket pair."""

RANK, FILE, NONCE = "HADES_RANK", "HADES_GROUP_FILE", "HADES_GROUP_NONCE"
"""Environment variables of a process of a group: its number, the rendezvous file, and which group it belongs to."""

HEARTBEAT_SECONDS = 2.0


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="heartbeat"):
    """Every HEARTBEAT_SECONDS, from a thread of the worker."""

    phase: WorkerPhase
    generation: int  # being computed


class Resumed(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="resumed"):
    """The worker stands ready after generation `generation`; later metrics lines were cut off."""

    generation: int
    warnings: tuple[str, ...] = ()  # fallbacks to an older checkpoint, a changed device count


class Committed(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="committed"):
    """Generation on disk: metrics line, then checkpoint. May come again after a crash: idempotent."""

    metrics: GenerationMetrics
    timing: GenerationTiming
    dataset: DatasetSnapshot | None = None  # at most once a second; None for method es


class LogMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="log"):
    """A log line that people should see."""

    level: LogLevel
    text: str


class WorkerOutcome(StrEnum):
    """How a worker ends."""

    FINISHED = "finished"  # every generation is committed
    CHECKPOINTED = "checkpointed"  # it was asked to stop, and has committed
    DISK_FULL = "disk-full"  # it could not commit; what was committed before stands
    FAILED = "failed"  # starting it again would not help
    CRASHED = "crashed"  # starting it again may help; what was committed before stands


class ExitReport(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="exit"):
    """The last message before the worker exits; the exit status says the same."""

    outcome: WorkerOutcome
    generation: int
    reason: str = ""


FromWorker = Heartbeat | Resumed | Committed | LogMessage | ExitReport


def from_worker(body: bytes) -> FromWorker:
    """What a worker says in the body of a frame.

    Raises:
        ProtocolMismatchError: it is none of these messages.
    """
    message: FromWorker = codec.decode(body, FromWorker)  # type: ignore[arg-type]
    return message


class Halt(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="halt"):
    """Finish the generation, commit, exit with status 75; at once where nothing is there to be committed."""

    discard: bool = False  # it is cancelled: where nothing was committed so far, no first generation is wanted


ToWorker = Halt


def pack(message: msgspec.Struct) -> bytes:
    """One frame."""
    return frame(codec.encode(message))


def frame(body: bytes) -> bytes:
    """The frame with that body."""
    return struct.pack(">I", len(body)) + body


class Unpacker:
    """Frames out of a stream of bytes, cut anywhere."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Add bytes and return the bodies of the frames that are complete."""
        self._buffer += data
        bodies = []
        while len(self._buffer) >= 4:
            (length,) = struct.unpack_from(">I", self._buffer)
            if length > codec.MAX_MESSAGE:
                raise ValueError(f"a frame of {length} bytes is over the limit")
            if len(self._buffer) < 4 + length:
                break
            bodies.append(bytes(self._buffer[4 : 4 + length]))
            del self._buffer[: 4 + length]
        return bodies


def send(sock: socket.socket, message: msgspec.Struct) -> None:
    """Send one frame, blocking.

    Raises:
        OSError: the other side is gone.
    """
    sock.sendall(pack(message))
