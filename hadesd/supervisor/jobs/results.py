"""What came of a job, in words: from the JSON that its verb printed, or from the end of what it complained of. Pure."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from hades_protocol.formatting import size
from hades_protocol.terminal import printable
from hadesd.supervisor.jobs.process import MAX_ANSWER, Finished
from hadesd.supervisor.lifecycle.worker_transitions import describe_exit

MAX_TEXT = 500
PROGRAM = "hadesd"

T = TypeVar("T")


class Exported(msgspec.Struct, frozen=True):
    """What is read of `hadesd export --json`."""

    files: tuple[str, ...]
    pairs: int
    generation: int


class Spread(msgspec.Struct, frozen=True):
    """Mean and standard deviation over fresh policies; null where they are not finite."""

    mean: float | None
    std: float | None

    def text(self, form: Callable[[float], str]) -> str:
        """The two as `mean ± std`."""
        return " ± ".join("nan" if value is None else form(value) for value in (self.mean, self.std))


class Returns(Spread, frozen=True):
    """unfinished: environments in which no episode ended, so that the return so far was counted."""

    unfinished: int = 0


class Accuracies(msgspec.Struct, frozen=True):
    """Shares of images that are classified correctly, from 0 to 1."""

    test: Spread


class Evaluated(msgspec.Struct, frozen=True):
    """What is read of `hadesd evaluate --json` (docs/json.md): returns, or accuracies for images."""

    inits: int
    returns: Returns | None = None
    accuracies: Accuracies | None = None


class Deleted(msgspec.Struct, frozen=True):
    """What is read of `hadesd rm --json`."""

    freed_bytes: int


class Packed(msgspec.Struct, frozen=True):
    """A file of `hadesd archive --json`."""

    file: str
    bytes: int


class Archived(msgspec.Struct, frozen=True):
    """What is read of `hadesd archive --json`: one file, as one run was asked for."""

    archives: tuple[Packed]


class Retained(msgspec.Struct, frozen=True):
    """The checkpoints of a run of `hadesd retain --json`."""

    kept: tuple[int, ...]
    removed: tuple[int, ...]
    bytes: int


class Pruned(msgspec.Struct, frozen=True):
    """What is read of `hadesd retain --json`: one run, as one was asked for."""

    runs: tuple[Retained]


class NoAnswer(Exception):
    """The job failed. Its text is one line that says why."""


def read_answer(finished: Finished, kind: type[T]) -> T:
    """What a job's verb printed.

    Raises:
        NoAnswer: it failed, or printed something else.
    """
    if len(finished.answer) > MAX_ANSWER:
        raise NoAnswer(f"it printed more than {MAX_ANSWER} bytes and was ended")
    if finished.code != 0:
        raise NoAnswer(complaint(finished))
    try:
        return msgspec.json.decode(finished.answer, type=kind)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise NoAnswer(f"its output is not understood: {_one_line(str(error))}") from None


def complaint(finished: Finished) -> str:
    """Why a job failed: the command line's own error, else the last line that it wrote, else how it ended."""
    lines = [line.strip() for line in finished.errors.splitlines() if line.strip()]
    own = [line for line in lines if line.startswith(PROGRAM)]
    for line in (*own[-1:], *lines[-1:]):
        return _one_line(line.partition(": ")[2] if line in own and ": " in line else line)
    return f"it {describe_exit(finished.code)}"


def exported(found: Exported) -> str:
    """The dataset that was written."""
    return f"{found.pairs} pairs after generation {found.generation}"


def deleted(found: Deleted) -> str:
    """The room that a removal made."""
    return f"{size(found.freed_bytes)} freed"


def archived(found: Archived) -> str:
    """The size of the archive."""
    return f"{size(found.archives[0].bytes)}, read back; the run is removed"


def pruned(found: Pruned) -> str:
    """The checkpoints that went and those that stay."""
    (run,) = found.runs
    return f"{len(run.removed)} checkpoints deleted, {size(run.bytes)} freed; {len(run.kept)} stay"


def evaluated(found: Evaluated, generation: int) -> str:
    """Mean and standard deviation over fresh policies."""
    after = f", trained on generation {generation}"
    if found.accuracies is not None:
        return f"test accuracy {found.accuracies.test.text('{:.3f}'.format)} over {found.inits} classifiers{after}"
    if found.returns is None:
        raise NoAnswer("it printed no return")
    cut = found.returns.unfinished
    short = f", no episode ended in {cut} environments" if cut else ""
    return f"{found.returns.text(_number)} over {found.inits} policies{after}{short}"


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))[:MAX_TEXT]
