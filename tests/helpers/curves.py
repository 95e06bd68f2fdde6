"""Curves drawn whole, as the screen shows them before anybody moves or zooms."""

from collections.abc import Sequence

from hades_protocol.messages import GenerationMetrics, Mark, Reference
from hades_tui.curve.data import course_of
from hades_tui.curve.panel import panel
from hades_tui.curve.picture import picture
from hades_tui.curve.viewport import Axis, Viewport
from hades_tui.state.history import RunHistory
from hades_tui.state.model import Model
from hades_tui.text.format import Line


def fitness_lines(model: Model, width: int, height: int) -> list[Line]:
    """The panel of the model's run, at most `height` lines."""
    return panel(model, width, height, Viewport()).lines


def draw(
    metrics: Sequence[GenerationMetrics],
    width: int,
    height: int,
    *,
    references: Sequence[Reference] = (),
    marks: Sequence[Mark] = (),
    logarithmic: bool = False,
    colours: bool = True,
) -> list[Line]:
    """The picture of some metrics over generations, in so many columns and rows."""
    history = RunHistory(metrics=tuple(metrics), references=tuple(references), marks=tuple(marks))
    course = course_of(history, Axis.GENERATION)
    return picture(course, Viewport(logarithmic=logarithmic), width, height, colours=colours).lines
