"""Which other runs lie over the curve of the selected one. Pure."""

from collections.abc import Mapping

from hades_tui.curve.data import Course, course_of
from hades_tui.curve.picture import ComparedRun
from hades_tui.curve.viewport import Axis
from hades_tui.state.history import RunHistory
from hades_tui.state.model import Model

MOST = 6
"""Marked runs that are drawn: more hues could not be told apart."""


def marked(model: Model) -> list[str]:
    """The marked runs without the selected one, in the order of the list, whether there are too many or not."""
    return [run.id for run in model.runs if run.id in model.marked and run.id != model.selected]


def needed(model: Model) -> list[str]:
    """Runs whose histories the curve of the selected one wants as well: those that are marked, and its parent."""
    parent = _parent(model)
    chosen = marked(model)[:MOST]
    return [*chosen, parent] if parent is not None and parent not in chosen else chosen


def missing(model: Model) -> list[str]:
    """The needed runs whose histories are neither there nor asked for."""
    histories = ((run, model.histories.get(run, RunHistory())) for run in needed(model))
    return [run for run, history in histories if not history.loaded and not history.requested]


def companions(model: Model, axis: Axis, known: Mapping[str, Course]) -> list[ComparedRun]:
    """Them as courses, as far as they are loaded. known: courses from the last time, by run."""
    out = []
    chosen = marked(model)[:MOST]
    for run in needed(model):
        history = model.histories.get(run)
        if history is not None and history.metrics:
            sign = str(chosen.index(run) + 1) if run in chosen else ""
            out.append(ComparedRun(course_of(history, axis, known.get(run)), run, sign))
    return out


def _parent(model: Model) -> str | None:
    """The run that the selected one was forked from, where it is still known."""
    run = model.run
    if run is None or run.parent is None:
        return None
    return next((known.id for known in model.runs if run.parent is not None and known.id == run.parent.run), None)
