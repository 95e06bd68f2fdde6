"""Calls that change files fail, are cut short, kill their process, or are noted: a library of ours in between.

The library is fault_injector.c beside this file, loaded with LD_PRELOAD. A process that runs under it opens the control
page too, so it can arm the library itself, do something, disarm it and look at what is left: hundreds of times.
"""

import contextlib
import ctypes
import enum
import errno
import mmap
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SOURCE = Path(__file__).with_suffix(".c")
VARIABLE = "HADES_FAULT_CONTROL"
HEAD = struct.Struct("<IIIIQQ")


class Mode(enum.IntEnum):
    """What becomes of the n-th call."""

    OFF = 0
    COUNT = 1
    FAIL_ONCE = 2
    FAIL_FROM = 3  # and of all after it
    SHORT = 4  # where it writes: half of it is written
    KILL = 5  # the process is killed before it
    SLOW = 6  # nothing; every fsync takes n milliseconds more


class Operation(enum.IntEnum):
    """What a call did. MARK is not one: see `Injector.mark`."""

    OPEN = 0
    WRITE = 1
    TRUNCATE = 2
    RENAME = 3
    UNLINK = 4
    RMDIR = 5
    MKDIR = 6
    SYNC = 7
    LINK = 8
    OTHER = 9  # modes and times
    MARK = 100


class Note(NamedTuple):
    """A call that went well. flags: 1 where OPEN cut the file off; offset: of WRITE, or TRUNCATE's size."""

    operation: Operation
    path: str
    second: str = ""
    flags: int = 0
    offset: int = 0
    data: bytes = b""


class _Control(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int32) for name in ("mode", "nth", "error", "count", "hits", "unused")),
        ("root", ctypes.c_char * 1024),
        ("notes", ctypes.c_char * 1024),
    )


def can_compile() -> bool:
    """Whether there is a C compiler."""
    return shutil.which("cc") is not None


def build(directory: Path) -> dict[str, str]:
    """Compile the library and lay a control page beside it; the environment of processes that are to be under it."""
    library, control = directory / "fault_injector.so", directory / "control"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE)], check=True)
    control.write_bytes(bytes(ctypes.sizeof(_Control)))
    return {"LD_PRELOAD": str(library), VARIABLE: str(control)}


class Injector:
    """The control page, seen from inside a process that runs under the library, or from outside."""

    def __init__(self, control: Path) -> None:
        with open(control, "r+b") as file:
            self._page = mmap.mmap(file.fileno(), ctypes.sizeof(_Control))
        self._control = _Control.from_buffer(self._page)

    @classmethod
    def of_this_process(cls) -> "Injector":
        """The one that this process was started under."""
        return cls(Path(os.environ[VARIABLE]))

    def arm(self, root: Path, mode: Mode, nth: int = 0, error: int = errno.EIO, notes: Path | None = None) -> None:
        """From now on, calls below a root are counted from 1, and the n-th meets its fate."""
        self._control.mode = Mode.OFF
        self._control.root = os.fsencode(root.resolve())
        self._control.notes = os.fsencode(notes) if notes else b""
        self._control.nth, self._control.error = nth, error
        self._control.count = self._control.hits = 0
        self._control.mode = mode

    def disarm(self) -> None:
        """No call is counted any more."""
        self._control.mode = Mode.OFF

    @contextlib.contextmanager
    def armed(
        self, root: Path, mode: Mode, nth: int = 0, error: int = errno.EIO, notes: Path | None = None
    ) -> Iterator[None]:
        """Armed within the block."""
        self.arm(root, mode, nth, error, notes)
        try:
            yield
        finally:
            self.disarm()

    @property
    def count(self) -> int:
        """Calls since it was armed."""
        return self._control.count

    @property
    def hits(self) -> int:
        """Calls that failed or were cut short."""
        return self._control.hits

    def mark(self, text: str, value: int) -> None:
        """Put a word and a number between the notes, where notes are taken."""
        if self._control.mode != Mode.OFF and self._control.notes:
            name = os.fsencode(text)
            with open(os.fsdecode(self._control.notes), "ab", buffering=0) as file:
                file.write(HEAD.pack(Operation.MARK, len(name), 0, 0, value, 0) + name)


def read_notes(path: Path) -> list[Note]:
    """The notes in the order in which the calls were made."""
    data, at, notes = path.read_bytes(), 0, []
    while at < len(data):
        operation, path_size, second_size, flags, offset, size = HEAD.unpack_from(data, at)
        at += HEAD.size
        name, second = data[at : at + path_size], data[at + path_size : at + path_size + second_size]
        at += path_size + second_size
        content = data[at : at + size] if operation == Operation.WRITE else b""
        at += len(content)
        notes.append(Note(Operation(operation), os.fsdecode(name), os.fsdecode(second), flags, offset, content))
    return notes
