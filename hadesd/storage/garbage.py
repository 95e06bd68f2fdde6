"""What can go without loss: what was removed already, what crashes left half done, what can be made again."""

import os
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from hades_protocol.paths import Paths
from hadesd.logs.rotation import DAEMON_STDERR, rotated
from hadesd.storage.archive import NEW_PREFIX
from hadesd.storage.checkpoints import BAD, PARTIAL
from hadesd.storage.layout import RunPaths
from hadesd.storage.locks import is_locked, lock_run
from hadesd.storage.removal import REMOVED_PREFIX
from hadesd.storage.usage import tree_bytes

UNFINISHED_SECONDS = 3600.0
"""Without a change for so long a new directory is none that is being made."""

COMPILED = "jax"
"""In the cache directory: compiled programs, of which each is a file, and a directory of machine code of our own."""


class Limits(NamedTuple):
    """What `find` looks for besides: damaged checkpoints; compiled programs and rotated logs by age in seconds."""

    evidence: bool = False
    cache: float | None = None
    logs: float = 30 * 86_400.0


LeftoverKind = Literal["removed", "unfinished", "partial", "evidence", "log", "cache"]


class Leftover(NamedTuple):
    """Something that can go. `run`: the directory of the run whose lock must be held for it."""

    kind: LeftoverKind
    path: Path
    size: int
    why: str
    run: Path | None = None


def find(paths: Paths, runs: list[Path], limits: Limits, now: float) -> list[Leftover]:
    """Everything that can go now. `runs`: directories of the runs that this version can use; others are left alone."""
    return [
        *_hidden(paths.runs, now),
        *(item for run in runs for item in _of_run(run, limits, now)),
        *_compiled(paths.cache / COMPILED, limits.cache, now),
        *_logs((paths.daemon_log, paths.state / DAEMON_STDERR), limits.logs, now),
    ]


def remove(item: Leftover) -> None:
    """Delete it.

    Raises:
        WrongStateError: a worker or another command holds the run's lock.
        OSError: it could not be deleted.
    """
    if item.run is None:
        _delete(item.path)
        return
    with lock_run(item.run):
        _delete(item.path)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _hidden(runs: Path, now: float) -> Iterator[Leftover]:
    for path in _entries(runs):
        if path.name.startswith(REMOVED_PREFIX):
            locked = path if RunPaths(path).lock.exists() else None  # the command that removed it holds the lock
            yield Leftover("removed", path, tree_bytes(path), "of a run that was removed", locked)
        elif path.name.startswith(NEW_PREFIX) and now - _changed_at(path) > UNFINISHED_SECONDS:
            yield Leftover("unfinished", path, tree_bytes(path), "a run that was never made whole")


def _of_run(run: Path, limits: Limits, now: float) -> Iterator[Leftover]:
    in_use = is_locked(RunPaths(run).lock)  # then a half checkpoint is one that is being written
    for path in () if in_use else _entries(RunPaths(run).checkpoints):
        if path.name.startswith(PARTIAL):
            yield Leftover("partial", path, tree_bytes(path), "a checkpoint half written or half removed", run)
        elif limits.evidence and path.name.startswith(BAD):
            yield Leftover("evidence", path, tree_bytes(path), "a damaged checkpoint that was passed over", run)
    yield from _logs((RunPaths(run).worker_log,), limits.logs, now)


def _logs(logs: tuple[Path, ...], age: float, now: float) -> Iterator[Leftover]:
    for path in (old for log in logs for old in rotated(log)):
        if now - path.stat().st_mtime > age:
            yield Leftover("log", path, tree_bytes(path), "a rotated log")


def _compiled(directory: Path, age: float | None, now: float) -> Iterator[Leftover]:
    if age is None:
        return
    for path in sorted(Path(root, name) for root, _, names in os.walk(directory) for name in names):
        info = path.lstat()
        # On a file system that notes no access times it is the time since it was made.
        if stat.S_ISREG(info.st_mode) and now - max(info.st_atime, info.st_mtime) > age:
            yield Leftover("cache", path, info.st_size, "a compiled program that was not used")


def _entries(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _changed_at(path: Path) -> float:
    """When anything below a directory changed last. By ctime, which unlike mtime nobody can set."""
    newest = path.lstat().st_ctime
    for root, folders, files in os.walk(path):
        for name in (*folders, *files):
            newest = max(newest, _ctime(Path(root, name)))
    return newest


def _ctime(path: Path) -> float:
    try:
        return path.lstat().st_ctime
    except FileNotFoundError:
        return time.time()  # it is being worked on at this moment
