"""A disk that refuses: the n-th call of this process that writes fails, once or with all that follow."""

import builtins
import contextlib
import errno
import io
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

CALLS = ("write", "rename", "replace", "link", "symlink", "unlink", "remove", "mkdir", "rmdir")
CALLS_ON_DATA = ("truncate", "ftruncate", "sendfile", "pwrite")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Refusals:
    """What was called, and where it fails. at: the number of the call, from 0; None: nowhere."""

    def __init__(self, at: int | None, persists: bool, number: int) -> None:
        self.at, self.persists, self.number = at, persists, number
        self.calls: list[str] = []

    def pass_by(self, call: str) -> None:
        """Count a call, or fail it."""
        n = len(self.calls)
        self.calls.append(call)
        if self.at is not None and (n == self.at or (self.persists and n > self.at)):
            raise OSError(self.number, os.strerror(self.number))


@contextlib.contextmanager
def refusing(at: int | None = None, persists: bool = False, number: int = errno.EIO) -> Iterator[Refusals]:
    """Within it the calls that write are counted, and fail as `Refusals` says."""
    refusals = Refusals(at, persists, number)
    with pytest.MonkeyPatch.context() as patch:
        for name in (*CALLS, *CALLS_ON_DATA):
            patch.setattr(os, name, _counted(getattr(os, name), name, refusals))
        patch.setattr(os, "fsync", _counted(lambda fd: None, "fsync", refusals))  # nobody cuts the power of a test
        patch.setattr(os, "open", _opened(os.open, refusals))
        patch.setattr(builtins, "open", _file(open, refusals))
        patch.setattr(io, "open", builtins.open)
        yield refusals


def _counted(call: Callable[..., Any], name: str, refusals: Refusals) -> Callable[..., Any]:
    def counted(*arguments: Any, **options: Any) -> Any:
        refusals.pass_by(name)
        return call(*arguments, **options)

    return counted


def _opened(call: Callable[..., int], refusals: Refusals) -> Callable[..., int]:
    def opened(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        if flags & WRITES:
            refusals.pass_by("open")
        return call(path, flags, *arguments, **options)

    return opened


def _file(call: Callable[..., Any], refusals: Refusals) -> Callable[..., Any]:
    class Raw(io.FileIO):
        def write(self, data: Any) -> int:
            refusals.pass_by("write to a file")
            return super().write(data)

    def opened(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if not set(mode) & set("wax+"):
            return call(file, mode, *arguments, **options)
        refusals.pass_by("open a file")
        raw = io.BufferedWriter(Raw(file, mode.replace("b", "").replace("t", "")))
        return raw if "b" in mode else io.TextIOWrapper(raw, encoding="utf-8")

    return opened
