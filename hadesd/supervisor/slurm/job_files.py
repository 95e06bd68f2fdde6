"""How a job and the daemon talk: by files in the job's directory, which both see.

out.000001, out.000002 …   frames of worker_protocol, appended by the relay; a full file is followed by the next one
halt                       the daemon wants the worker to commit and to exit; holds "discard" where nothing is wanted
exit.json                  the worker has ended: its exit status
acknowledged               a daemon knows of the end

No clock of one machine is compared with that of another: whoever reads counts what is new.
"""

import contextlib
import os
from pathlib import Path

import msgspec

from hadesd.storage.atomic import tail_lines, write_atomically
from hadesd.supervisor.slurm.job import JOB_LOG
from hadesd.worker_protocol import Unpacker

FULL = 1 << 20
"""Bytes after which the next file is begun."""

READ_SIZE = 1 << 20

READER_MISS_LIMIT, WRITER_MISS_LIMIT = 5, 10
"""After so many looks in vain a directory is changed (_Watch): five seconds, as often as each looks."""

KILLED = -9
"""Exit status that is assumed where nobody noted one."""

LOG_TAIL_CHARACTERS = 200
"""Of the last line of a job's log, so many are told."""


class ExitNote(msgspec.Struct, frozen=True):
    """What the relay writes last. status: as subprocess gives it. signals: names of those that it was sent."""

    status: int
    signals: tuple[str, ...] = ()


class _Watch:
    """Has new files in a directory seen over NFS, too.

    That a file is not there NFS answers from memory, for up to a minute (acdirmax), unless this host changes the
    directory.
    """

    def __init__(self, directory: Path, miss_limit: int) -> None:
        self._probe = directory / f".probe-{os.getpid()}"
        self._miss_limit, self._misses = miss_limit, 0

    def looked(self, found: bool) -> None:
        """Somebody has looked for something new; after so many times in vain the directory is changed."""
        self._misses = 0 if found else self._misses + 1
        if self._misses >= self._miss_limit:
            self._misses = 0
            with contextlib.suppress(OSError):  # a full disk: then the minute passes
                self._probe.touch()
                self._probe.unlink()


class JobFilesWriter:
    """The relay's end. Raises OSError where the disk refuses."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._number, self._written = directory, 1, 0
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._watch = _Watch(directory, WRITER_MISS_LIMIT)

    def write(self, frames: bytes) -> None:
        """Append whole frames."""
        if self._written >= FULL:
            self._number, self._written = self._number + 1, 0
        with open(_file(self._directory, self._number), "ab") as file:  # closed at once: NFS shows it to others then
            file.write(frames)
        self._written += len(frames)

    def wanted(self) -> str | None:
        """What the daemon wants: None (nothing), "" (halt) or "discard"."""
        try:
            wanted = (self._directory / "halt").read_text()
        except FileNotFoundError:
            wanted = None
        self._watch.looked(wanted is not None)
        return wanted

    def end(self, note: ExitNote) -> None:
        """Note the worker's end."""
        write_atomically(self._directory / "exit.json", msgspec.json.encode(note))


class JobFilesReader:
    """The daemon's end. token: of the job's submission. log: what the job itself printed."""

    def __init__(self, directory: Path) -> None:
        self.token = token_of(directory)
        self.log = directory / JOB_LOG
        self._directory, self._offset = directory, 0
        self._number = min(_numbers(directory), default=1)
        self._unpacker = Unpacker()
        self._watch = _Watch(directory, READER_MISS_LIMIT)

    def read(self) -> list[bytes]:
        """The bodies of the frames that are new.

        Raises:
            ValueError: what is there is no frames.
            OSError: the directory cannot be read.
        """
        bodies: list[bytes] = []
        try:
            while (data := self._take()) is not None:
                bodies += self._unpacker.feed(data)
        except OSError:
            if not bodies:  # else those come first: what was read is not read again
                raise
        self._watch.looked(bool(bodies))
        return bodies

    def _take(self) -> bytes | None:
        """The next bytes; None where there are no more now."""
        file, following = _file(self._directory, self._number), _file(self._directory, self._number + 1)
        full = following.exists()  # asked before the file is read: afterwards nothing is added to it
        try:
            with open(file, "rb") as opened:
                opened.seek(self._offset)
                data = opened.read(READ_SIZE)
        except FileNotFoundError:
            data = b""
        if data:
            self._offset += len(data)
            return data
        if not full:
            return None
        self._number, self._offset = self._number + 1, 0
        file.unlink(missing_ok=True)
        return b""

    def halt(self, discard: bool) -> None:
        """Ask for the worker's end."""
        write_atomically(self._directory / "halt", b"discard" if discard else b"")

    def is_halted(self) -> bool:
        """Whether the worker's end was asked for."""
        return (self._directory / "halt").exists()

    def exit_note(self) -> ExitNote | None:
        """What the relay noted, if it has ended. Of a damaged note that alone is known.

        Raises:
            OSError: the directory cannot be read.
        """
        try:
            return msgspec.json.decode((self._directory / "exit.json").read_bytes(), type=ExitNote)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError:
            return ExitNote(KILLED)

    def acknowledge(self) -> None:
        """Note that a daemon knows of the worker's end, where none has noted it yet."""
        if not self.is_acknowledged():
            (self._directory / "acknowledged").touch(mode=0o600)

    def is_acknowledged(self) -> bool:
        """Whether a daemon knows of the worker's end."""
        return (self._directory / "acknowledged").exists()

    def log_tail(self) -> str:
        """The last line of its log: why its worker did not start, or what srun said at its end; may be empty.

        Raises:
            OSError: it cannot be read.
        """
        return " ".join("".join(tail_lines(self.log, 1)).split())[:LOG_TAIL_CHARACTERS]


def _file(directory: Path, number: int) -> Path:
    return directory / f"out.{number:06d}"


def _numbers(directory: Path) -> list[int]:
    return [int(path.suffix[1:]) for path in directory.glob("out.*") if path.suffix[1:].isdigit()]


def job_directories(jobs: Path) -> list[Path]:
    """The directories of all jobs of a run, in the order of their submission. jobs: RunPaths.slurm."""
    found = (path for path in jobs.glob("*-*") if path.name.partition("-")[0].isdigit() and path.is_dir())
    return sorted(found, key=lambda path: path.name)


def new_job_directory(jobs: Path, token: str) -> Path:
    """Make the directory of a job: a number that counts up, and its token. jobs: RunPaths.slurm."""
    newest = max((int(path.name.partition("-")[0]) for path in job_directories(jobs)), default=0)
    directory = jobs / f"{1 + newest:06d}-{token}"
    directory.mkdir(parents=True, mode=0o700)
    return directory


def newest_job(jobs: Path) -> JobFilesReader | None:
    """The files of the job that was submitted last, if there is one. jobs: RunPaths.slurm."""
    directories = job_directories(jobs)
    return JobFilesReader(directories[-1]) if directories else None


def halt_newest(jobs: Path) -> bool:
    """Have the job that was submitted last end, and whether it may still be there. jobs: RunPaths.slurm.

    Raises:
        OSError: its directory cannot be used.
    """
    reader = newest_job(jobs)
    if reader is None:
        return False
    if reader.exit_note() is not None:
        reader.acknowledge()  # of a run that is not to compute no daemon has to know more
        return False
    reader.halt(discard=False)
    return True


def token_of(directory: Path) -> str:
    """The token of the job whose directory that is."""
    return directory.name.partition("-")[2]
