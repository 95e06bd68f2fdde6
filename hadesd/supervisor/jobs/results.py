"""What came of a job, in words: from the JSON that its verb printed, or from the end of what it complained of. Pure."""

import json
from typing import TypeVar

import msgspec

from hadesd.logs.parsing import printable
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


class Evaluated(msgspec.Struct, frozen=True):
    """What is read of `hadesd evaluate --json`: returns, or accuracies for images."""

    inits: int
    return_mean: float | None = None
    return_std: float | None = None
    test_accuracy_mean: float | None = None
    test_accuracy_std: float | None = None


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
        return msgspec.convert(json.loads(finished.answer), kind)  # NaN is a return that policies may have
    except (ValueError, RecursionError, msgspec.ValidationError) as error:
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


def evaluated(found: Evaluated, generation: int) -> str:
    """Mean and standard deviation over fresh policies."""
    after = f", trained on generation {generation}"
    if found.test_accuracy_mean is not None:
        spread = f"{found.test_accuracy_mean:.3f} ± {found.test_accuracy_std or 0.0:.3f}"
        return f"test accuracy {spread} over {found.inits} classifiers{after}"
    if found.return_mean is None:
        raise NoAnswer("it printed no return")
    return f"{_number(found.return_mean)} ± {_number(found.return_std or 0.0)} over {found.inits} policies{after}"


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))[:MAX_TEXT]
