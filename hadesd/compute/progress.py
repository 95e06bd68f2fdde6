"""How work that takes a while says what it is at. Whoever shows it decides how: `hadesd.cli.progress`, or nobody."""

from typing import Protocol


class Report(Protocol):
    """Told by the work, from whatever thread computes."""

    def part(self, name: str) -> None:
        """A new part begins, of one or several phases. name: as a person reads it."""
        ...

    def phase(self, name: str, total: int | None = None) -> None:
        """A new phase begins. name: as a person reads it. total: how much it will do, in units that the name says."""
        ...

    def advance(self, done: int) -> None:
        """So much of `total` is done."""
        ...


class Unreported:
    """For callers that nobody watches."""

    def part(self, name: str) -> None:
        """Nobody is told."""

    def phase(self, name: str, total: int | None = None) -> None:
        """Nobody is told."""

    def advance(self, done: int) -> None:
        """Nobody is told."""


UNREPORTED = Unreported()
