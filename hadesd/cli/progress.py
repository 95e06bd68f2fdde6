"""What a command that takes a while is at: one live line on a terminal, elsewhere a line now and then."""

import contextlib
import math
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from hades_protocol.terminal import steer
from hadesd.cli.output import before_each_line, duration, is_screen, say

T = TypeVar("T")

LOADING = "loading JAX"
"""The first phase of whatever computes."""

STARTING_DAEMON = "looking for a daemon, or starting one"

LINE_SECONDS = 5.0
"""Without a terminal, a line about a run no more often than this."""

TICK_SECONDS = 0.5
FIRST_SECONDS = 10.0
LONGEST_SECONDS = 600.0


class ProgressLine:
    """One line that is overwritten on a terminal; elsewhere a line now and then."""

    def __init__(self, seconds: float = LINE_SECONDS, since: float = -math.inf) -> None:
        """seconds: without a terminal, no more often than this. since: when something else was said last."""
        self._live = is_screen(sys.stderr)
        self._seconds = seconds
        self._shown = ""
        self._at = since

    def show(self, text: str, now: float) -> None:
        """Show a text, if it is new and its time has come. now: monotonic seconds."""
        if text == self._shown or (not self._live and now - self._at < self._seconds):
            return
        if self._live:
            # A longer one would wrap, and its first row would stay.
            text = text[: max(1, shutil.get_terminal_size().columns - 1)]
            _write(f"{steer('[G')}{steer('[K')}{text}")
        else:
            say(text)
        self._shown, self._at = text, now

    def end(self) -> None:
        """End the line, so that other output begins below it."""
        if self._live and self._shown:
            _write("\n")

    def clear(self) -> None:
        """Take the line away from a terminal, so that other output takes its place."""
        if self._live and self._shown:
            _write(f"{steer('[G')}{steer('[K')}")
        self._shown = ""


@contextlib.contextmanager
def live_line(seconds: float) -> Iterator[ProgressLine]:
    """A line that goes away for whatever is said, and at the end of the block. seconds: see ProgressLine."""
    line = ProgressLine(seconds, time.monotonic())
    with before_each_line(line.clear):
        try:
            yield line
        finally:
            line.clear()


def _write(text: str) -> None:
    """Nothing is said where the terminal has gone: what was to be done is done all the same."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):
        return


@dataclass(frozen=True)
class Phase:
    """A part of the work. done of total, in units that the name says; began, done_at: monotonic seconds."""

    name: str
    began: float
    total: int | None = None
    done: int = 0
    done_at: float = 0.0

    def text(self, now: float) -> str:
        """The phase in one line. Where some is done, the time left, until it is over; a compilation has no measure."""
        spent = now - self.began
        parts = [self.name]
        if self.total is not None:
            parts.append(f"{self.done:,} of {self.total:,}")
        if spent >= 1:
            parts.append(duration(spent))
        if self.total is not None and 0 < self.done < self.total:
            pace = (self.done_at - self.began) / self.done
            left = pace * (self.total - self.done) - (now - self.done_at)
            parts += [f"about {duration(left)} left"] if left > 0 else []
        return "  ".join(parts)


def next_line(spent: float) -> float:
    """When a log gets its next line, seconds after the beginning: after as long again, ten minutes at most."""
    return max(FIRST_SECONDS, spent + min(spent, LONGEST_SECONDS))


class Progress:
    """A `hadesd.compute.progress.Report` for people, within a `with` block; a thread keeps the seconds going.

    On a terminal the line stands from the first moment and is taken away in the end. A log gets a line after ten
    seconds, and then each time that as much again has passed.
    """

    def __init__(self, name: str) -> None:
        """name: of the first phase."""
        self._began = time.monotonic()
        self._phase = Phase(name, self._began)
        self._live = is_screen(sys.stderr)
        self._line = ProgressLine(0.0)
        self._next = FIRST_SECONDS
        self._lock = threading.RLock()  # what this thread says asks for the line to be cleared
        self._over = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)
        self._room = before_each_line(self.clear)

    def __enter__(self) -> "Progress":
        """Show the line."""
        self._room.__enter__()
        self._show()
        self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the line away."""
        self.end()
        self._room.__exit__(None, None, None)

    def end(self) -> None:
        """Take the line away for good, before the block ends."""
        self._over.set()
        self.clear()

    def clear(self) -> None:
        """Take the line away, until the next half second."""
        with self._lock:
            self._line.clear()

    def part(self, name: str) -> None:
        """See Report: a line of its own, which stays."""
        say(f"{name} …")

    def phase(self, name: str, total: int | None = None) -> None:
        """See Report."""
        with self._lock:
            self._phase = Phase(name, time.monotonic(), total)
        self._show()

    def advance(self, done: int) -> None:
        """See Report."""
        with self._lock:
            self._phase = replace(self._phase, done=done, done_at=time.monotonic())
        self._show()

    def over(self, name: str, items: Iterable[T], total: int) -> Iterator[T]:
        """The items, each counted when the next one is asked for."""
        self.phase(name, total)
        for done, item in enumerate(items, 1):
            yield item
            self.advance(done)

    def _tick(self) -> None:
        while not self._over.wait(TICK_SECONDS):
            self._show()

    def _show(self) -> None:
        now = time.monotonic()
        with self._lock:
            if self._over.is_set():
                return
            if self._live or now - self._began >= self._next:
                self._line.show(self._phase.text(now), now)
                self._next = next_line(now - self._began)
