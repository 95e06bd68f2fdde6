"""How long a worker may go without a new generation before it counts as hung. Its heartbeats say nothing about that:
they come from a thread of their own and go on while the computation stands still."""

from hadesd.config import Settings

WAITS = "waiting for the worker before"
"""The phase in which a worker waits for the run's lock, for as long as it takes."""

COMMITS = frozenset({"evaluating", "finishing"})
"""Phases in which generation after generation is committed; all others come before the first."""


def verdict(phase: str, seconds: float, median: float | None, settings: Settings) -> str:
    """Why a worker counts as hung, in words; empty where it does not.

    seconds: since it last committed a generation or entered another phase. median: of its newest generations'
    durations in seconds; None before the first.
    """
    if not settings.hang_factor or phase == WAITS:
        return ""
    if phase not in COMMITS or median is None:
        return f"still {phase} after {seconds:.0f} s" if seconds > settings.hang_start else ""
    if seconds <= max(settings.hang_floor, settings.hang_factor * median):
        return ""
    times = seconds / max(median, 1e-3)
    return f"no generation for {seconds:.0f} s, {times:.0f} times the median of {median:.3g} s"
