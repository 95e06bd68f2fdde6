"""A run as one file: `<id>.tar.gz`, which holds the run's directory and, as its last member, a list of SHA-256 sums.

gzip, because every machine reads it, and because nearly all of a run is checkpoints: random floats that no format
makes smaller. Nothing of tar's own extraction is used: members are read as bytes, and written to names that were
checked, so neither links nor devices nor owners nor modes of a file from elsewhere mean anything.
"""

import contextlib
import errno
import gzip
import hashlib
import io
import os
import secrets
import shutil
import stat
import struct
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NoReturn

import msgspec

from hades_protocol.errors import HadesError, NotFoundError, UsageError, WrongStateError
from hades_protocol.paths import create_beside
from hades_protocol.run_spec import Retention
from hadesd.storage.atomic import sync_renames
from hadesd.storage.checkpoints import BAD, PARTIAL, read_fitness, retained
from hadesd.storage.disk import MIB, free_bytes
from hadesd.storage.layout import CHECKPOINTS, GROUP, LOCK, RECORD, SLURM, RunPaths
from hadesd.storage.records import ID_PATTERN

SCHEMA = 1
SUFFIX = ".tar.gz"
INDEX = "hades-archive.json"
MAX_INDEX = 64 * 2**20
BLOCK = 2**20

MAX_HEADER = 64 * 1024
"""Bytes of an extended header: it holds a name, and times."""

MAX_NAME = 4096
MAX_FILES = 1_000_000
LATEST = 2.0**34
"""Unix time after which no file was written: some file systems, and os.utime, know no later ones."""

KEPT = Retention(keep_newest=2, keep_every=0, keep_best=True)
"""Checkpoints that go into an archive: the newest, the one before it should the newest be damaged, and the best."""

NEW_PREFIX = ".new-"

DAMAGE = (
    *(tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, struct.error),
    *(ValueError, TypeError, OverflowError, LookupError, MemoryError, RecursionError),
)
"""What tarfile, gzip and zlib raise for a file that is not what it should be, and times that no file can have."""


class ArchiveError(HadesError):
    """An archive could not be written, or does not hold what it should."""

    code = "archive"


class ArchiveMember(msgspec.Struct, frozen=True):
    """A file of the run: its size in bytes and the SHA-256 of its content."""

    size: int
    sha256: str


class ArchiveIndex(msgspec.Struct, frozen=True):
    """What an archive says of itself. `left_out`: generations whose checkpoints did not go in."""

    schema: int
    run: str
    packed_at: float
    files: dict[str, ArchiveMember]
    left_out: tuple[int, ...] = ()


class _Identified(msgspec.Struct, frozen=True):
    id: str


def left_out(directory: Path) -> tuple[int, ...]:
    """Generations whose checkpoints stay out of an archive that is not to hold all of them."""
    checkpoints = RunPaths(directory).checkpoints
    if not checkpoints.is_dir():
        return ()
    fitness = read_fitness(checkpoints)
    return tuple(sorted(set(fitness) - retained(fitness, KEPT)))


def contents(directory: Path, without: tuple[int, ...] = ()) -> dict[str, os.stat_result]:
    """The files of a run that go into an archive, by their path in the run's directory.

    The lock stays out, and so do the line of a Slurm job, links, checkpoints of the generations `without`, and half
    and bad ones.
    """
    found: dict[str, os.stat_result] = {}
    for root, folders, files in os.walk(directory):
        inside = Path(root).relative_to(directory)
        if inside == Path(CHECKPOINTS):
            skipped = {str(generation) for generation in without}
            folders[:] = [name for name in folders if name not in skipped and not name.startswith((PARTIAL, BAD))]
        elif inside == Path():
            folders[:] = [name for name in folders if name != SLURM]
        folders.sort()
        for name in sorted(files):
            path = Path(root, name)
            if not path.is_symlink() and path.is_file() and (inside / name) not in (Path(LOCK), Path(GROUP)):
                found[(inside / name).as_posix()] = path.stat()
    return found


def pack(
    directory: Path,
    target: Path,
    without: tuple[int, ...] = (),
    advance: Callable[[int], None] = lambda _: None,
) -> ArchiveIndex:
    """Write a run's files into a new archive, which is there whole or not at all, and read it back.

    The caller holds the run's lock. advance: told after each file how many bytes of the run are packed.

    Raises:
        UsageError: the target exists, or cannot be written.
        ArchiveError: what was read back is not what was written.
    """
    _refuse_existing(target)
    try:
        partial, fd = create_beside(target)
    except OSError as error:
        raise _unwritable(target, error) from error
    try:
        index = _write(directory, fd, without, advance)
        verify(partial, index)
        _refuse_existing(target)
        os.replace(partial, target)
    except BaseException as error:
        with contextlib.suppress(OSError):  # the first error is the one that says why
            partial.unlink()
        if isinstance(error, OSError):
            raise _unwritable(target, error) from error
        raise
    sync_renames(target.parent)
    return index


def _unwritable(target: Path, error: OSError) -> UsageError:
    return UsageError(f"cannot write {target}: {error.strerror or error}; nothing was removed")


def _refuse_existing(target: Path) -> None:
    if os.path.lexists(target):
        raise UsageError(f"{target} exists: nothing done; move it away, or choose another directory with -o")


def _write(directory: Path, fd: int, without: tuple[int, ...], advance: Callable[[int], None]) -> ArchiveIndex:
    packed_bytes = 0
    entries: dict[str, ArchiveMember] = {}
    with open(fd, "wb") as raw:
        with (
            gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
        ):
            for name in contents(directory, without):
                with open(directory / name, "rb") as file:
                    info = _member(f"{directory.name}/{name}", os.fstat(file.fileno()))
                    reader = _Hashing(file)
                    tar.addfile(info, reader)
                entries[name] = ArchiveMember(info.size, reader.sha256)
                packed_bytes += info.size
                advance(packed_bytes)
            index = ArchiveIndex(SCHEMA, directory.name, time.time(), entries, without)
            text = msgspec.json.format(msgspec.json.encode(index), indent=1)
            info = tarfile.TarInfo(INDEX)
            info.size, info.mtime, info.mode = len(text), int(index.packed_at), 0o600
            tar.addfile(info, io.BytesIO(text))
        raw.flush()
        os.fsync(raw.fileno())
    return index


def _member(name: str, found: os.stat_result) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = found.st_size, int(found.st_mtime), 0o600
    return info


class _Hashing(io.RawIOBase):
    """Reads a file and hashes what was read."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file, self._hash = file, hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Of everything that was read so far."""
        return self._hash.hexdigest()

    def read(self, size: int = -1) -> bytes:
        """As a file does."""
        data = self._file.read(size)
        self._hash.update(data)
        return data


def verify(archive: Path, expected: ArchiveIndex) -> None:
    """Read an archive back.

    Raises:
        ArchiveError: it does not hold, byte for byte, what its index lists, or its index is another one.
    """
    with open_plain(archive) as raw:
        found = _read(raw, None)
    if found != expected:
        raise ArchiveError(f"{archive} was read back and differs from the run: is the disk sound? nothing was removed")


def restore(archive: Path, runs: Path) -> str:
    """Put the run of an archive back where the runs are, whole or not at all; its id.

    Raises:
        NotFoundError: there is no such file.
        UsageError, ArchiveError: it cannot be read, is no archive of a run, or is damaged.
        WrongStateError: there is a run with that id.
    """
    if not os.path.lexists(archive):
        raise NotFoundError(f"cannot restore {archive}: {os.strerror(errno.ENOENT)}; nothing done")
    hidden = runs / f"{NEW_PREFIX}restored-{secrets.token_hex(4)}"
    try:
        with open_plain(archive) as raw:
            listed = _list(raw, free_bytes(runs))
            hidden.mkdir(mode=0o700)
            raw.seek(0)
            index = _read(raw, (hidden, listed))
        if _id_in(RunPaths(hidden).record) != index.run:
            raise ArchiveError(f"it holds no {RECORD} of run {index.run}: not an archive of a run")
        _place(hidden, runs / index.run)
    except ArchiveError as error:
        raise ArchiveError(f"cannot restore {archive}: {error}") from None
    except OSError as error:
        raise UsageError(f"cannot restore {archive}: {error.strerror or error}; nothing done") from error
    finally:
        shutil.rmtree(hidden, ignore_errors=True)  # it is gone where all went well
    return index.run


def open_plain(path: Path) -> IO[bytes]:
    """Open a plain file for reading; not a pipe, on which nobody may ever write.

    Raises:
        UsageError: it is none.
        OSError: it cannot be opened.
    """
    file = open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")  # noqa: SIM115 — the caller's
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise UsageError(f"{path} is no plain file")
    return file


def _id_in(path: Path) -> str:
    """The id that a run.json names; empty where it cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Identified).id
    except (FileNotFoundError, msgspec.DecodeError):
        return ""


def _place(hidden: Path, directory: Path) -> None:
    if directory.exists():  # a rename would replace an empty directory
        raise WrongStateError(f"there is a run {directory.name} already: nothing done")
    os.rename(hidden, directory)
    sync_renames(directory.parent)


def _list(raw: IO[bytes], room: int) -> ArchiveIndex:
    """The index of an archive, after a first reading that writes nothing and believes no size.

    room: bytes that there are for its files.

    Raises:
        ArchiveError: its files are more than there is room for, or have other names or sizes than the index says.
    """
    sizes: dict[str, int] = {}
    index, total = None, 0
    runs: set[str] = set()
    for member, file in _members(raw):
        total += member.size
        if total > room:
            raise ArchiveError(f"its files need more than the {room / MIB:.0f} MiB that are free")
        if member.name == INDEX:
            index = _index(member, file)
            continue
        run, name = _split(member.name)
        if name in sizes or len(sizes) == MAX_FILES:
            raise ArchiveError(f"it holds '{name[:80]}' twice, or more than {MAX_FILES} files")
        runs.add(run)
        sizes[name] = member.size
    if index is None or runs != {index.run} or sizes != {name: one.size for name, one in index.files.items()}:
        raise ArchiveError("it is damaged or incomplete: its files are not those that it lists")
    return index


def _read(raw: IO[bytes], into: tuple[Path, ArchiveIndex] | None) -> ArchiveIndex:
    """Read a whole archive and compare its files with its index.

    into: a directory for the files, and what is to be written there and nothing else.
    """
    found: dict[str, ArchiveMember] = {}
    index: ArchiveIndex | None = None
    runs: set[str] = set()
    for member, file in _members(raw):
        if member.name == INDEX:
            index = _index(member, file)
            continue
        run, name = _split(member.name)
        target = None
        if into is not None:
            directory, listed = into
            if name in found or name not in listed.files or listed.files[name].size != member.size:
                raise ArchiveError("it changed while it was read")
            target = directory / name
        runs.add(run)
        found[name] = _take(file, target, member.mtime)
    if index is None or runs != {index.run} or found != index.files:
        raise ArchiveError("it is damaged or incomplete: its files are not those that it lists")
    return index


class _Header(tarfile.TarInfo):
    """A member's header that is no larger than ours are. What tarfile itself reads for one has no bound."""

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        # tarfile says that subclasses may replace this method: it is called once the 512 bytes of a header are known.
        if self.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.XHDTYPE):
            raise ArchiveError(f"it holds '{self.name[:80]}', which is no plain file: refused")
        if self.size < 0 or (self.type == tarfile.XHDTYPE and self.size > MAX_HEADER):
            raise ArchiveError(f"it holds '{self.name[:80]}' with a header of {self.size} bytes: refused")
        member: tarfile.TarInfo = super()._proc_member(tar)  # type: ignore[misc]
        return member

    def _refuse_sparse(self, *_: object) -> NoReturn:
        raise ArchiveError(f"it holds '{self.name[:80]}', which is larger than its content: refused")

    _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _refuse_sparse


def _members(raw: IO[bytes]) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """The files of an archive by an unknown author, one after the other.

    Raises:
        ArchiveError: it is damaged, or holds what no run has.
    """
    try:
        with tarfile.open(fileobj=raw, mode="r|gz", tarinfo=_Header) as tar:
            while (member := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]  # else all of them stay in memory
                file = tar.extractfile(member) if member.isreg() and not member.issparse() else None
                if file is None or not 0 <= member.mtime < LATEST or member.size < 0:
                    raise ArchiveError(f"it holds '{member.name[:80]}', which is no plain file: refused")
                yield member, file
    except DAMAGE as error:
        raise ArchiveError(f"it is no archive of a run, or is damaged: {error}") from None


def _split(name: str) -> tuple[str, str]:
    """Run and path in the run's directory, of a member's name that leads nowhere else."""
    path = PurePosixPath(name)
    run, *parts = path.parts or ("",)
    is_plain = len(name) <= MAX_NAME and str(path) == name and ".." not in parts and "\0" not in name
    if not is_plain or not parts or not ID_PATTERN.fullmatch(run):
        raise ArchiveError(f"the archive holds '{name[:80]}', which is no file of a run: refused")
    return run, "/".join(parts)


def _index(member: tarfile.TarInfo, file: IO[bytes]) -> ArchiveIndex:
    if member.size > MAX_INDEX:
        raise ArchiveError(f"the archive's {INDEX} has {member.size} bytes: refused")
    try:
        index = msgspec.json.decode(file.read(MAX_INDEX), type=ArchiveIndex)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ArchiveError(f"the archive's {INDEX} is damaged ({error})") from None
    if index.schema > SCHEMA:
        raise ArchiveError(f"the archive has schema {index.schema}, newer than this version's {SCHEMA}: upgrade hades")
    return index


def _take(file: IO[bytes], target: Path | None, mtime: float) -> ArchiveMember:
    digest, size = hashlib.sha256(), 0
    out: IO[bytes] | None = None
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        out = open(target, "xb")  # noqa: SIM115 — closed below
    try:
        while data := file.read(BLOCK):
            digest.update(data)
            size += len(data)
            if out is not None:
                out.write(data)
        if out is not None:
            out.flush()
            os.fsync(out.fileno())
    finally:
        if out is not None:
            out.close()
    if target is not None:
        os.utime(target, (mtime, mtime))
    return ArchiveMember(size, digest.hexdigest())
