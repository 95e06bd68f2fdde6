"""The runs that are drawn over the curve of the selected one. Pure."""

from collections.abc import Mapping

from hades_tui.curve.data import CurveData, curve_of
from hades_tui.curve.picture import ComparedRun
from hades_tui.curve.quantity import Quantity
from hades_tui.curve.viewport import Axis
from hades_tui.state.history import RunHistory
from hades_tui.state.model import Model

MOST = 6
"""Most marked runs that are drawn: more hues could not be distinguished."""


def marked(model: Model) -> list[str]:
    """All marked runs but the selected one, newest first."""
    return [run.id for run in model.runs if run.id in model.marked and run.id != model.selected]


def needed(model: Model) -> list[str]:
    """Ids of the runs whose histories the curve needs as well: the marked ones, and the parent."""
    parent = _parent(model)
    chosen = marked(model)[:MOST]
    return [*chosen, parent] if parent is not None and parent not in chosen else chosen


def missing(model: Model) -> list[str]:
    """The needed runs whose histories are neither loaded nor requested."""
    histories = ((run, model.histories.get(run, RunHistory())) for run in needed(model))
    return [run for run, history in histories if not history.loaded and not history.requested]


def compared_runs(
    model: Model, axis: Axis, known: Mapping[str, CurveData], quantity: Quantity = Quantity.FITNESS
) -> list[ComparedRun]:
    """The needed runs as curves, as far as they are loaded. known: curves of the last call, by run."""
    out = []
    chosen = marked(model)[:MOST]
    for run in needed(model):
        history = model.histories.get(run)
        if history is not None and history.metrics:
            sign = str(chosen.index(run) + 1) if run in chosen else ""
            out.append(ComparedRun(curve_of(history, axis, known.get(run), quantity), run, sign))
    return out


def _parent(model: Model) -> str | None:
    """Id of the selected run's parent, where that still exists."""
    run = model.run
    if run is None or run.parent is None:
        return None
    return next((known.id for known in model.runs if run.parent is not None and known.id == run.parent.run), None)
