"""Which queued run starts next, and what the others wait for: by priority, then first in, first out."""

from collections.abc import Iterable

from hades_protocol.run_state import WITH_WORKER, RunState
from hadesd.supervisor.machine_state import Run


def queue(runs: Iterable[Run]) -> list[Run]:
    """The queued runs in the order in which they start: by priority, then as they came. A restart keeps its place."""
    return sorted(
        (run for run in runs if run.state == RunState.QUEUED), key=lambda run: (-run.priority, run.queued_at, run.id)
    )


def to_start(runs: Iterable[Run], slots: int) -> list[str]:
    """Ids of the queued runs that get the free slots."""
    runs = list(runs)
    free = slots - sum(run.state in WITH_WORKER for run in runs)
    return [run.id for run in queue(runs)[: max(0, free)]]


def waiting_reasons(runs: Iterable[Run], slots: int) -> dict[str, str]:
    """For each queued run a line that says what it waits for."""
    runs = list(runs)
    busy = sorted(run.id for run in runs if run.state in WITH_WORKER)
    named = ", ".join(busy[:2]) + (f" and {len(busy) - 2} more" if len(busy) > 2 else "")
    taken = f"{len(busy)} of {slots} slot{'s' if slots != 1 else ''} taken"
    reasons = {}
    for ahead, run in enumerate(queue(runs)):
        place = f"; {ahead} queued before it" if ahead else ""
        reasons[run.id] = f"waits for {named or 'its start'} ({taken}{place})"
    return reasons


def _place(run: Run) -> tuple[int, float, str]:
    return -run.priority, run.queued_at, run.id
