"""Which drawing suits a run's pairs. Pure."""

from collections.abc import Callable
from math import prod

from hades_protocol.messages import DatasetSnapshot
from hades_tui.pairs.drawings import bars, cartpole, frames, images, mountain_car, rods
from hades_tui.pairs.drawings.words import is_natural
from hades_tui.text.format import Line
from hades_tui.theme.terminal import Look

Drawing = Callable[[DatasetSnapshot, int, int, int, Look], list[Line]]
"""(dataset, pair, width, height, look) -> lines."""

BODIES: dict[str, tuple[Drawing, tuple[int, int]]] = {
    "CartPole-v1": (cartpole.lines, (4, 2)),
    "Pendulum-v1": (rods.pendulum, (3, 1)),
    "Acrobot-v1": (rods.acrobot, (6, 3)),
    "MountainCarContinuous-v0": (mountain_car.lines, (2, 1)),
}
"""By environment, with the number of entries of an observation and of an action that is drawn."""

LONGEST = 1000
"""Entries of a flat observation that bars are made of."""


def drawing_of(env: str, dataset: DatasetSnapshot) -> Drawing | None:
    """How to draw a pair; None where nothing but a table or a heat map makes sense.

    Bodies are drawn only where states are in natural units.
    """
    shape = dataset.states.shape[1:]
    if not dataset.states.shape or not dataset.states.shape[0] or not prod(shape):
        return None
    if len(shape) == 3:
        return images.lines if shape[-1] == 1 or _is_picture(env) else frames.lines
    if len(shape) != 1 or shape[0] > LONGEST:
        return None
    body = BODIES.get(env)
    if body is not None and is_natural(dataset) and body[1] == (shape[0], prod(dataset.actions.shape[1:])):
        return body[0]
    return bars.lines


def _is_picture(env: str) -> bool:
    return not env.endswith(("-MinAtar", "-misc"))
