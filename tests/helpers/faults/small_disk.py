"""A real small file system for tests: a tmpfs of a few MiB, which gets full, becomes read-only and gets room again."""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

MIB = 2**20


class SmallDisk:
    """A mounted tmpfs."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._ballast = directory / "ballast"
        self._layers = 0

    @property
    def free(self) -> int:
        """Bytes."""
        found = os.statvfs(self.directory)
        return found.f_bavail * found.f_frsize

    @property
    def files(self) -> int:
        """Files and directories on it."""
        found = os.statvfs(self.directory)
        return found.f_files - found.f_ffree

    def fill(self, leave: int = 0) -> None:
        """Use up all room but so many bytes."""
        with open(self._ballast, "ab", buffering=0) as file:
            while (left := self.free - leave) > 0:
                with contextlib.suppress(OSError):  # somebody else was faster
                    file.write(bytes(left))

    def clear(self) -> None:
        """Give the room back."""
        self._ballast.unlink()

    def allow_files(self, number: int) -> None:
        """How many files and directories there may be."""
        _mount("-o", f"remount,nr_inodes={number}", str(self.directory))

    def make_read_only(self) -> None:
        """From now on nothing is opened for writing or made, by root neither.

        A mount of the same files is laid over this one: the kernel does not turn a file system read-only while
        somebody has a file of it open for writing, as a worker has its log.
        """
        with tempfile.TemporaryDirectory(prefix="hades-", dir="/tmp") as aside:
            _mount("--bind", str(self.directory), aside)
            _mount("-o", "remount,bind,ro", aside)
            _mount("--bind", aside, str(self.directory))
            _unmount(aside)
        self._layers += 1

    def make_writable(self) -> None:
        """Undo make_read_only."""
        _unmount(str(self.directory))
        self._layers -= 1

    def close(self) -> None:
        """Unmount it."""
        while self._layers:
            self.make_writable()
        _unmount(str(self.directory))


def can_mount() -> bool:
    """Whether this process may mount a file system."""
    with tempfile.TemporaryDirectory(prefix="hades-", dir="/tmp") as directory:
        if not _try_mount("-t", "tmpfs", "-o", "size=1m", "hades", directory):
            return False
        _unmount(directory)
        return True


def can_be_root_of_a_namespace() -> bool:
    """Whether a user may mount in a namespace of his own."""
    try:
        return subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def a_small_disk(size: int = 32 * MIB) -> Iterator[SmallDisk]:
    """A tmpfs of that many bytes, below /tmp: pytest's own directories are too long for a socket's path."""
    directory = Path(tempfile.mkdtemp(prefix="hades-", dir="/tmp"))
    _mount("-t", "tmpfs", "-o", f"size={size},mode=0700", "hades", str(directory))
    disk = SmallDisk(directory)
    try:
        yield disk
    finally:
        disk.close()
        directory.rmdir()


def _try_mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], capture_output=True, check=True)


def _unmount(directory: str) -> None:
    # Lazily: a process that is being killed may still have a file open there.
    subprocess.run(["umount", "-l", directory], capture_output=True, check=True)
