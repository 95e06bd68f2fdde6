"""Which drawing suits a run's pairs. Pure."""

from collections.abc import Callable
from math import prod

from hades_protocol.messages import DatasetSnapshot
from hades_tui.pairs.drawings import bars, bodies, cartpole, frames, images, mountain_car, rods
from hades_tui.pairs.drawings.pair_text import has_natural
from hades_tui.text.format import Line
from hades_tui.theme.terminal import Terminal

Drawing = Callable[[DatasetSnapshot, int, int, int, Terminal], list[Line]]
"""(dataset, pair, width, height, terminal) -> lines."""

BODIES: dict[str, tuple[Drawing, tuple[int, int]]] = {
    "CartPole-v1": (cartpole.lines, (4, 2)),
    "Pendulum-v1": (rods.pendulum, (3, 1)),
    "Acrobot-v1": (rods.acrobot, (6, 3)),
    "MountainCarContinuous-v0": (mountain_car.lines, (2, 1)),
}
"""Environment -> drawing, and the sizes of the observation and of the action that it can draw."""

LONGEST = 1000
"""Most entries of a flat observation that are drawn as bars."""


def drawing_of(env: str, dataset: DatasetSnapshot) -> Drawing | None:
    """The function that draws a pair; None where only a table or a heat map makes sense.

    Bodies are drawn only where states in natural units are known.
    """
    shape = dataset.states.shape[1:]
    if not dataset.states.shape or not dataset.states.shape[0] or not prod(shape):
        return None
    if len(shape) == 3:
        return images.lines if shape[-1] == 1 or _is_picture(env) else frames.lines
    if len(shape) != 1 or shape[0] > LONGEST:
        return None
    body = BODIES.get(env)
    if body is not None and has_natural(dataset) and body[1] == (shape[0], prod(dataset.actions.shape[1:])):
        return body[0]
    if has_natural(dataset) and bodies.can_draw(env, dataset):
        return bodies.drawing_for(env)
    return bars.lines


def _is_picture(env: str) -> bool:
    return not env.endswith(("-MinAtar", "-misc"))
