"""When a worker that beats and gets nowhere counts as hung. Pure: the time is an argument."""

from hades_protocol.run_state import WorkerPhase
from hadesd.config import Settings

COMMITTING_PHASES = frozenset({WorkerPhase.EVALUATING, WorkerPhase.FINISHING})
"""Phases in which generation after generation is committed; all others come before the first."""


def hang_reason(phase: WorkerPhase, seconds: float, median: float | None, settings: Settings) -> str:
    """Why a worker counts as hung, in words; empty where it does not.

    seconds: since it last committed a generation or entered another phase. median: of its newest generations'
    durations in seconds; None before the first.
    """
    if not settings.hang_factor or phase in (WorkerPhase.WAITING_FOR_LOCK, WorkerPhase.WAITING_IN_SLURM):
        return ""  # it waits for as long as it takes
    if phase not in COMMITTING_PHASES or median is None:
        return f"still {phase} after {seconds:.0f} s" if seconds > settings.hang_start else ""
    if seconds <= max(settings.hang_floor, settings.hang_factor * median):
        return ""
    times = seconds / max(median, 1e-3)
    return f"no generation for {seconds:.0f} s, {times:.0f} times the median of {median:.3g} s"
