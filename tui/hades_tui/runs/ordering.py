"""The order in which runs are listed: filtered, sorted, in groups or as a tree of forks. Pure.

Every run that passes the filter is in exactly one row: on its own, or in a row that is collapsed over it.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from operator import itemgetter

import msgspec

from hades_protocol.formatting import count_of
from hades_protocol.messages import RunSummary
from hades_protocol.run_state import RunState
from hades_tui.runs.filter import parse
from hades_tui.text.format import state_word


class Grouping(StrEnum):
    """How runs are grouped in the list."""

    NONE = "none"
    GROUP = "group"
    LINEAGE = "lineage"


S = RunState
STATES = (
    *(S.RUNNING, S.STARTING, S.PAUSING, S.STOPPING, S.CANCELLING, S.BACKOFF, S.QUEUED),
    *(S.FAILED, S.PAUSED, S.FINISHED, S.CANCELLED),
)
"""The states in their order in a list sorted by state."""

Place = tuple[float, str]
"""Sort key of a run: a number and "", or 0 and a text."""

SORTS: dict[str, Callable[[RunSummary], Place | None]] = {
    "created": lambda run: (-run.created_at, ""),
    "state": lambda run: (STATES.index(run.state), ""),
    "environment": lambda run: (0, run.env),
    "mean": lambda run: _falling(run.fitness_mean),
    "best": lambda run: _falling(run.fitness_best),
    "progress": lambda run: _falling(run.generation / run.generations if run.generations else None),
    "time left": lambda run: None if run.seconds_left is None else (run.seconds_left, ""),
}
"""Sort keys by name: the newest, the best, the furthest first. None sorts last in both directions."""


class Order(msgspec.Struct, frozen=True):
    """The chosen order of the list. collapsed: keys of rows whose members are hidden."""

    filter: str = ""
    sort: str = "created"
    reverse: bool = False
    grouping: Grouping = Grouping.NONE
    collapsed: frozenset[str] = frozenset()


class Row(msgspec.Struct, frozen=True):
    """A line of the list: a run, or the heading of a group (`run` is None).

    key: unique among the rows of its grouping. members: ids of the runs that the row stands for: of all below it when
    it is collapsed, else of its own run. stem: the lines of the tree before it, one letter a level: `|` a line that
    goes on, blank, `+` a branch with more below it, `-` the last branch. hint: where a parent is that is not shown.
    """

    key: str
    run: RunSummary | None
    members: tuple[str, ...] = ()
    stem: str = ""
    title: str = ""
    hint: str = ""
    can_collapse: bool = False
    collapsed: bool = False
    inside: tuple[str, ...] = ()  # keys of the collapsible rows that it is under


class OrderedRuns(msgspec.Struct, frozen=True):
    """The rows of the list, the number of runs that pass the filter, and of all."""

    rows: tuple[Row, ...] = ()
    passed: int = 0
    total: int = 0

    def row_of(self, run_id: str | None) -> int | None:
        """Index of the row that stands for a run; None where the run is hidden."""
        return next((i for i, row in enumerate(self.rows) if run_id in row.members), None)

    def moved(self, run_id: str | None, by: int) -> str | None:
        """Id of the run `by` rows further down, clamped to the ends; `run_id` where there is no other row.

        A hidden run counts as before the first row.
        """
        stops = [i for i, row in enumerate(self.rows) if row.members]
        if not stops:
            return run_id
        at = self.row_of(run_id)
        place = stops.index(at) + by if at is not None else max(0, by - 1)
        target = stops[min(len(stops) - 1, max(0, place))]
        return run_id if target == at else self.rows[target].members[0]


def order_runs(runs: Sequence[RunSummary], order: Order) -> OrderedRuns:
    """Filter, sort and group the runs into rows."""
    wanted = parse(order.filter)
    passing = _sorted((run for run in runs if wanted.passes(run)), order)
    match order.grouping:
        case Grouping.NONE:
            rows: Iterable[Row] = (Row(run.id, run, (run.id,)) for run in passing)
        case Grouping.GROUP:
            rows = _groups(passing, order.collapsed)
        case Grouping.LINEAGE:
            rows = _Lineage(passing, frozenset(run.id for run in runs), order.collapsed).rows()
    return OrderedRuns(tuple(rows), len(passing), len(runs))


def _falling(value: float | None) -> Place | None:
    """The sort key with the highest value first; None for NaN."""
    return None if value is None or math.isnan(value) else (-value, "")


def _sorted(runs: Iterable[RunSummary], order: Order) -> list[RunSummary]:
    read = SORTS[order.sort]
    ordered = sorted(runs, key=lambda run: (-run.created_at, run.id))
    placed = [(place, run) for run in ordered if (place := read(run)) is not None]
    placed.sort(key=itemgetter(0), reverse=order.reverse)
    return [run for _, run in placed] + [run for run in ordered if read(run) is None]


def _groups(runs: Sequence[RunSummary], collapsed: frozenset[str]) -> Iterator[Row]:
    """Rows by group, in the order of the groups' first runs; runs without a group come last."""
    groups: dict[str, list[RunSummary]] = {}
    for run in runs:
        groups.setdefault(run.group, []).append(run)
    for name in sorted(groups, key=lambda name: not name):
        members, key = groups[name], f"group:{name}"
        closed = key in collapsed
        yield Row(
            key,
            None,
            tuple(run.id for run in members) if closed else (),
            title=f"{name or 'no group'}  {_count(members)}",
            can_collapse=True,
            collapsed=closed,
        )
        if not closed:
            last = len(members) - 1
            for i, run in enumerate(members):
                yield Row(run.id, run, (run.id,), stem="-" if i == last else "+", inside=(key,))


def _count(runs: Sequence[RunSummary]) -> str:
    """Number of runs, and of each state."""
    states = [state_word(run) for run in runs]
    counts = [f"{states.count(state)} {state}" for state in dict.fromkeys(states)]
    return f"{count_of(len(runs), 'run')}: {', '.join(counts)}"


class _Lineage:
    """Builds the rows of the tree of forks."""

    def __init__(self, runs: Sequence[RunSummary], existing: frozenset[str], collapsed: frozenset[str]) -> None:
        self._runs = {run.id: run for run in runs}
        self._existing = existing
        self._collapsed = collapsed
        self._children: dict[str, list[str]] = {}
        for run in runs:
            if run.parent is not None:
                self._children.setdefault(run.parent.run, []).append(run.id)
        self._placed: set[str] = set()

    def rows(self) -> Iterator[Row]:
        """The trees in the order of their roots. A circle of parents begins with its first run."""
        roots = [run.id for run in self._runs.values() if run.parent is None or run.parent.run not in self._runs]
        for root in (*roots, *self._runs):
            if root not in self._placed:
                yield from self._tree(root)

    def _tree(self, root: str) -> Iterator[Row]:
        """Rows of a run and all below it, without recursion: a lineage may be deeper than Python's stack."""
        waiting: list[tuple[str, str, tuple[str, ...]]] = [(root, "", ())]
        self._placed.add(root)
        while waiting:
            run_id, stem, inside = waiting.pop()
            children = self._take(run_id)
            closed = bool(children) and run_id in self._collapsed
            below = tuple(self._descendants(children)) if closed else ()
            yield Row(
                run_id,
                self._runs[run_id],
                (run_id, *below),
                stem=stem,
                title=f"+{len(below)}" if closed else "",
                hint=self._hint(self._runs[run_id]) if not stem else "",
                can_collapse=bool(children),
                collapsed=closed,
                inside=inside,
            )
            if not closed:
                before = stem.replace("+", "|").replace("-", " ")
                for i, child in reversed(list(enumerate(children))):
                    waiting.append((child, before + ("-" if i == len(children) - 1 else "+"), (*inside, run_id)))

    def _take(self, run_id: str) -> list[str]:
        """The children that are not in a row yet, now marked as placed."""
        children = [child for child in self._children.get(run_id, ()) if child not in self._placed]
        self._placed.update(children)
        return children

    def _descendants(self, children: Sequence[str]) -> Iterator[str]:
        waiting = list(reversed(children))
        while waiting:
            run_id = waiting.pop()
            yield run_id
            waiting += reversed(self._take(run_id))

    def _hint(self, run: RunSummary) -> str:
        if run.parent is None or run.parent.run in self._runs:
            return ""
        where = "hidden" if run.parent.run in self._existing else "removed"
        return f"from {run.parent.run}@{run.parent.generation} ({where})"
