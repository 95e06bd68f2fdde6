"""The runs that are drawn over the curve of the selected one, seeds of one group as their mean. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from hades_protocol.messages import RunSummary
from hades_tui.curve.averaged import averaged
from hades_tui.curve.data import CurveData, curve_of
from hades_tui.curve.picture import ComparedRun
from hades_tui.curve.quantity import Quantity
from hades_tui.curve.viewport import Axis, Viewport
from hades_tui.state.history import RunHistory
from hades_tui.state.model import Model

MOST = 6
"""Most lines that are drawn: more hues could not be distinguished."""

MOST_SEEDS = 16
"""Most runs of a mean, the newest: each one's history has to be read."""

TOLD_APART: dict[str, Callable[[RunSummary], object]] = {
    "env": lambda run: run.env,
    "method": lambda run: run.method,
    "preset": lambda run: run.preset,
    "pairs": lambda run: run.pairs,
    "population": lambda run: run.population,
}
"""What runs of a group may differ in besides their seed, as far as a summary tells."""


class ComparedLine(msgspec.Struct, frozen=True):
    """A line over the curve: a marked run, or the mean of the marked seeds of a group.

    label: what it is called on the screen. runs: ids, newest first. env: their environment.
    """

    label: str
    runs: tuple[str, ...]
    env: str = ""

    @property
    def key(self) -> str:
        """A name by which its curve is known again."""
        return " ".join(self.runs)


def marked(model: Model, seeds: bool = False) -> list[ComparedLine]:
    """The lines of all marked runs, newest first; the selected run has one in a mean alone.

    Marked runs of one group that differ in nothing that a summary tells are one line where each of them has a seed of
    its own: runs that share one differ in something else. seeds: every run has a line of its own.
    """
    runs = [run for run in model.runs if run.id in model.marked]
    groups: dict[object, list[RunSummary]] = {}
    for run in runs:
        single = seeds or not run.group
        groups.setdefault(run.id if single else (run.group, *(read(run) for read in TOLD_APART.values())), []).append(
            run
        )
    out: list[ComparedLine] = []
    for members in groups.values():
        if len(members) > 1 and len({run.seed for run in members}) == len(members):
            ids = tuple(run.id for run in members[:MOST_SEEDS])
            out.append(ComparedLine(_label(members[0], runs), ids, members[0].env))
        else:
            alone = (run for run in members if run.id != model.selected)
            out += [ComparedLine(run.name or run.id, (run.id,), run.env) for run in alone]
    return out


def _label(run: RunSummary, runs: Iterable[RunSummary]) -> str:
    """The name of the run's group, with what it has that other marked runs of the group have not."""
    others = [other for other in runs if other.group == run.group]
    differing = [name for name, read in TOLD_APART.items() if len({read(other) for other in others}) > 1]
    return ": ".join(part for part in (run.group, ", ".join(f"{n} {TOLD_APART[n](run)}" for n in differing)) if part)


def needed(model: Model) -> list[str]:
    """Ids of the runs whose histories the curve needs as well, whether seeds are averaged or not; the parent too."""
    lines = [*marked(model)[:MOST], *marked(model, seeds=True)[:MOST]]
    wanted = [run for line in lines for run in line.runs if run != model.selected]
    parent = _parent(model)
    return list(dict.fromkeys([*wanted, *([parent] if parent is not None else [])]))


def missing(model: Model) -> list[str]:
    """The needed runs whose histories are neither loaded nor requested."""
    histories = ((run, model.histories.get(run, RunHistory())) for run in needed(model))
    return [run for run, history in histories if not history.loaded and not history.requested]


def compared_runs(model: Model, view: Viewport, known: Mapping[str, CurveData]) -> list[ComparedRun]:
    """The lines as curves, as far as their histories are loaded. known: curves of the last call, by key.

    Runs that have nothing to draw take no digit.
    """
    out = []
    lines = [line for line in marked(model, view.seeds) if not _is_empty(line, model)][:MOST]
    for at, line in enumerate(lines, 1):
        histories = [model.histories[run] for run in line.runs if run in model.histories]
        curve = line_of(histories, view.axis, view.quantity, known.get(line.key))
        if curve is not None:
            out.append(ComparedRun(curve, line.key, str(at), line.label, line.env))
    own = {model.run.env} if model.run is not None and model.history.metrics else set()
    if len(own | {other.env for other in out}) < 2:  # returns of other environments have other units: they are named
        out = [msgspec.structs.replace(other, env="") for other in out]
    out = [msgspec.structs.replace(other, env="") if other.env in own else other for other in out]
    parent = _parent(model)
    history = model.histories.get(parent or "")
    if parent is not None and history is not None and history.metrics and (parent,) not in [x.runs for x in lines]:
        curve = curve_of(history, view.axis, known.get(parent), view.quantity)
        out.append(ComparedRun(curve, parent, label=parent))
    return out


def _is_empty(line: ComparedLine, model: Model) -> bool:
    """Whether it is known that there is nothing to draw: a digit that went to another run later would confuse."""
    histories = [model.histories.get(run, RunHistory()) for run in line.runs]
    return all(history.loaded and not history.metrics for history in histories)


def line_of(
    histories: Sequence[RunHistory], axis: Axis, quantity: Quantity, known: CurveData | None
) -> CurveData | None:
    """The curve of a run, or of the mean of several; None before anything is known of them."""
    found = [history for history in histories if history.metrics]
    if len(histories) < 2:
        return curve_of(found[0], axis, known, quantity) if found else None
    if known is not None and (known.axis, known.quantity) == (axis, quantity):
        metrics = [history.metrics for history in found]
        if len(known.sources) == len(metrics) and all(a is b for a, b in zip(known.sources, metrics, strict=True)):
            return known
    mean = averaged(found)
    if not mean.history.metrics:
        return None
    curve = curve_of(mean.history, axis, None, quantity)
    return msgspec.structs.replace(curve, sources=tuple(history.metrics for history in found), counts=mean.counts)


def _parent(model: Model) -> str | None:
    """Id of the selected run's parent, where that still exists."""
    run = model.run
    if run is None or run.parent is None:
        return None
    return next((known.id for known in model.runs if run.parent is not None and known.id == run.parent.run), None)
