"""Draws curves and the fitness panel with as few arguments as a test needs."""

from collections.abc import Sequence

from hades_protocol.messages import GenerationMetrics, Mark, Reference
from hades_tui.curve.data import curve_of
from hades_tui.curve.panel import panel
from hades_tui.curve.picture import picture
from hades_tui.curve.viewport import Axis, Viewport
from hades_tui.state.history import RunHistory
from hades_tui.state.model import Model
from hades_tui.text.format import Line


def draw_metrics(
    metrics: Sequence[GenerationMetrics],
    width: int,
    height: int,
    *,
    references: Sequence[Reference] = (),
    marks: Sequence[Mark] = (),
    logarithmic: bool = False,
    colours: bool = True,
) -> list[Line]:
    """The whole curve of some metrics by generation, in `width` columns and `height` rows; [] where it does not fit."""
    history = RunHistory(metrics=tuple(metrics), references=tuple(references), marks=tuple(marks))
    curve = curve_of(history, Axis.GENERATION)
    return picture(curve, Viewport(logarithmic=logarithmic), width, height, colours=colours).lines


def panel_lines(model: Model, width: int, height: int) -> list[Line]:
    """The lines of the selected run's panel with the whole curve, at most `height` of them."""
    return panel(model, width, height, Viewport()).lines
