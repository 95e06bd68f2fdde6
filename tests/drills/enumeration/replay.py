"""A directory as it was between two calls that changed it, and what a power cut may leave of it. Pure, but for writing.

What a power cut leaves: of data that were not flushed nothing, a part, or zeros; of names what was there when their
directory was last flushed. A file that is flushed takes its own name with it, as on ext4, XFS and btrfs.
"""

import enum
from collections.abc import Iterator
from pathlib import Path

from tests.helpers.faults.fault_injector import Note, Operation


class Loss(enum.StrEnum):
    """What is lost."""

    KILL = "kill"  # nothing: the process alone is gone
    EMPTY = "cut, data empty"  # a file is as it was flushed last; never flushed: empty
    TORN = "cut, data torn"  # half of what was not flushed is there
    TAIL = "cut, tail of zeros"  # all of its length is there, and zeros where its second half was
    NAMES = "cut, names undone"  # data are there; names are those of the last flush of their directory


class File:
    """A file's bytes now and at its last flush."""

    def __init__(self, content: bytes = b"", flushed: bool = False) -> None:
        self.content = bytearray(content)
        self.flushed = content if flushed else b""
        self.dirty = not flushed

    def after(self, loss: Loss) -> bytes:
        """What is left."""
        now, then = bytes(self.content), self.flushed
        if not self.dirty or loss in (Loss.KILL, Loss.NAMES):
            return now
        kept = len(then) if now.startswith(then) else 0
        half = kept + (len(now) - kept) // 2
        if loss == Loss.EMPTY:
            return then
        return now[:half] if loss == Loss.TORN else now[:half] + bytes(len(now) - half)


class Folder:
    """A directory's names now and at its last flush."""

    def __init__(self) -> None:
        self.entries: dict[str, File | Folder] = {}
        self.flushed: dict[str, File | Folder] = {}


class Tree:
    """Everything below a root."""

    def __init__(self, directory: Path, root: Path | None = None) -> None:
        """What a directory holds now, taken as flushed. root: where it was when the calls were noted."""
        self._root = (root or directory).resolve()
        self._top = self._scan(directory)

    def _scan(self, directory: Path) -> Folder:
        folder = Folder()
        for path in directory.iterdir():
            folder.entries[path.name] = self._scan(path) if path.is_dir() else File(path.read_bytes(), flushed=True)
        folder.flushed = dict(folder.entries)
        return folder

    def apply(self, note: Note) -> None:
        """Make a call's change."""
        if note.operation in (Operation.MARK, Operation.OTHER) or note.path.endswith(" (deleted)"):
            return
        folder, name = self._find(note.path)
        match note.operation:
            case Operation.OPEN:
                file = folder.entries.setdefault(name, File())
                if note.flags and isinstance(file, File):
                    self._write(file, 0, b"", cut=True)
            case Operation.WRITE | Operation.TRUNCATE:
                file = folder.entries[name]
                assert isinstance(file, File)
                self._write(file, note.offset, note.data, cut=note.operation == Operation.TRUNCATE)
            case Operation.RENAME | Operation.LINK:
                to, second = self._find(note.second)
                to.entries[second] = folder.entries[name]
                if note.operation == Operation.RENAME:
                    del folder.entries[name]
            case Operation.UNLINK | Operation.RMDIR:
                del folder.entries[name]
            case Operation.MKDIR:
                folder.entries[name] = Folder()
            case Operation.SYNC:
                self._flush(note.path)

    @staticmethod
    def _write(file: File, offset: int, data: bytes, cut: bool) -> None:
        file.content.extend(bytes(max(0, offset - len(file.content))))
        file.content[offset : None if cut else offset + len(data)] = data
        file.dirty = True

    def _steps(self, path: str) -> list[tuple[Folder, str]]:
        """The folders on the way to a path, each with the name of the next."""
        folder, steps = self._top, []
        for name in Path(path).relative_to(self._root).parts:
            assert isinstance(folder, Folder)
            steps.append((folder, name))
            folder = folder.entries.get(name)  # type: ignore[assignment]
        return steps

    def _find(self, path: str) -> tuple[Folder, str]:
        steps = self._steps(path)
        return steps[-1] if steps else (self._top, "")

    def _flush(self, path: str) -> None:
        steps = self._steps(path)
        found = steps[-1][0].entries[steps[-1][1]] if steps else self._top
        if isinstance(found, Folder):
            found.flushed = dict(found.entries)
            return
        found.flushed, found.dirty = bytes(found.content), False
        for folder, name in steps:
            folder.flushed[name] = folder.entries[name]

    def files(self, loss: Loss = Loss.KILL) -> dict[str, bytes | None]:
        """Content by path below the root; None: a directory."""
        return dict(self._files(self._top, Path(), loss))

    def _files(self, folder: Folder, at: Path, loss: Loss) -> Iterator[tuple[str, bytes | None]]:
        for name, entry in sorted((folder.flushed if loss == Loss.NAMES else folder.entries).items()):
            if isinstance(entry, File):
                yield str(at / name), entry.after(loss)
            else:
                yield str(at / name), None
                yield from self._files(entry, at / name, loss)

    def write(self, target: Path, loss: Loss) -> None:
        """Make the directory anew, as it is after a loss; target: a directory that is not there yet."""
        target.mkdir(mode=0o700)
        for name, content in self.files(loss).items():
            if content is None:
                (target / name).mkdir(mode=0o700)
            else:
                (target / name).write_bytes(content)


def files_of(directory: Path) -> dict[str, bytes | None]:
    """The same of a real directory."""
    return {
        str(path.relative_to(directory)): None if path.is_dir() else path.read_bytes() for path in directory.rglob("*")
    }
