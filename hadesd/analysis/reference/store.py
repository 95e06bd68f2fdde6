"""references.json of a run directory: reading it strictly, adding, replacing and removing entries."""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from hades_protocol.errors import NotFoundError, UsageError
from hades_protocol.messages import Reference
from hadesd.storage.atomic import write_atomically
from hadesd.storage.layout import RunPaths
from hadesd.storage.locks import lock_directory
from hadesd.storage.references import MAX_BYTES, MAX_REFERENCES


def load(directory: Path) -> tuple[Reference, ...]:
    """The references of a run, in the order they were added; none where there is no file.

    Raises:
        UsageError: the file cannot be read or is damaged; it stays as it is.
    """
    path = RunPaths(directory).references
    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[Reference, ...])
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise UsageError(f"{path} is damaged ({error}): mend it, or remove it to begin anew") from None


def put(directory: Path, reference: Reference) -> None:
    """Add a reference; one of the same name is replaced where it stands.

    Raises:
        UsageError: the file is damaged, full, or cannot be written; it stays as it is.
    """

    def with_it(known: tuple[Reference, ...]) -> tuple[Reference, ...]:
        if any(entry.name == reference.name for entry in known):
            return tuple(reference if entry.name == reference.name else entry for entry in known)
        return (*known, reference)

    _change(directory, with_it)


def remove(directory: Path, name: str) -> None:
    """Take a reference away.

    Raises:
        NotFoundError: there is none of that name.
        UsageError: the file is damaged or cannot be written; it stays as it is.
    """

    def without_it(known: tuple[Reference, ...]) -> tuple[Reference, ...]:
        left = tuple(entry for entry in known if entry.name != name)
        if len(left) == len(known):
            names = ", ".join(f"'{entry.name}'" for entry in known) or "none"
            raise NotFoundError(f"run {directory.name} has no reference '{name}'; it has: {names}")
        return left

    _change(directory, without_it)


def check_writable(directory: Path, name: str) -> None:
    """Find out before a long training whether its outcome can be stored.

    Raises:
        UsageError: it cannot.
    """
    if not os.access(directory, os.W_OK):
        raise UsageError(f"{directory} cannot be written: its references cannot be stored")
    _check_room((*(entry for entry in load(directory) if entry.name != name), Reference(name=name, value=0.0)))


def _change(directory: Path, change: Callable[[tuple[Reference, ...]], tuple[Reference, ...]]) -> None:
    try:
        with lock_directory(directory):
            after = change(load(directory))
            _check_room(after)
            write_atomically(RunPaths(directory).references, _encode(after))
    except OSError as error:
        raise UsageError(f"cannot write {RunPaths(directory).references}: {error.strerror or error}") from None


def _check_room(references: tuple[Reference, ...]) -> None:
    if len(references) > MAX_REFERENCES or len(_encode(references)) > MAX_BYTES:
        raise UsageError(
            f"a run holds at most {MAX_REFERENCES} references of {MAX_BYTES // 1024} KiB together: "
            "remove one first (--remove NAME)"
        )


def _encode(references: tuple[Reference, ...]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(references), indent=1) + b"\n"
