"""Values of a pair, and the line of text above its drawing. Pure."""

import math
from collections.abc import Sequence

from hades_protocol.messages import DatasetSnapshot
from hades_tui.pairs.table import names_of
from hades_tui.text.format import Line, Span, cell_number
from hades_tui.theme.terminal import Terminal

NORMALISED = "normalised units"

EPSILON = 1e-8
NEAR = 1e-5
"""How far from a constant its running mean may end."""


def state_of(dataset: DatasetSnapshot, pair: int) -> list[float]:
    """The observation of a pair as a flat list."""
    return _row(dataset.states.values(), dataset.states.shape, pair)


def action_of(dataset: DatasetSnapshot, pair: int) -> list[float]:
    """The action of a pair; for discrete actions their probabilities."""
    return _row(dataset.actions.values(), dataset.actions.shape, pair)


def action_names(dataset: DatasetSnapshot, count: int) -> list[str]:
    """Names of the entries of an action."""
    return names_of(dataset.action_names, count, "action ", (count,))


def is_natural(dataset: DatasetSnapshot) -> bool:
    """Whether states are in the environment's own units."""
    return dataset.normalisation == "none"


def has_natural(dataset: DatasetSnapshot) -> bool:
    """Whether states in the environment's own units are known: `natural_state_of` gives them."""
    if is_natural(dataset):
        return True
    sizes = [len(a.values()) for a in (dataset.obs_mean, dataset.obs_var) if a is not None]
    return sizes == [math.prod(dataset.states.shape[1:])] * 2


def natural_state_of(dataset: DatasetSnapshot, pair: int) -> list[float]:
    """The observation of a pair in the environment's own units; an entry that never varies has its only value.

    Only where `has_natural`.
    """
    state = state_of(dataset, pair)
    if is_natural(dataset):
        return state
    assert dataset.obs_mean is not None
    assert dataset.obs_var is not None
    out = []
    for value, mean, variance in zip(state, dataset.obs_mean.values(), dataset.obs_var.values(), strict=True):
        # Variance 1 around 0 or 1 is what an entry gets that never varied (hadesd.distill.normalise).
        still = variance == 1.0 and min(abs(mean), abs(mean - 1.0)) < NEAR
        out.append(mean if still else value * math.sqrt(variance + EPSILON) + mean)
    return out


def describe_pair(dataset: DatasetSnapshot, pair: int, *, natural: bool = False) -> Line:
    """The first line of every drawing: number of the pair, its action, and the units of the state that is drawn.

    natural: it is drawn in natural units, whatever it is kept in.
    """
    count = dataset.states.shape[0] if dataset.states.shape else 0
    line: Line = [(f"pair {pair} of {count}", "bold")]
    action = action_of(dataset, pair)
    if dataset.discrete and action:
        line += [("  ", "text"), chosen(dataset, action)]
    elif len(action) == 1:
        line += [("  ", "text"), (f"{action_names(dataset, 1)[0]} {cell_number(action[0])}", "label")]
    if not natural and not is_natural(dataset):
        line.append((f"  {NORMALISED}", "dim"))
    return line


def chosen(dataset: DatasetSnapshot, action: Sequence[float]) -> Span:
    """The likeliest action with its probability."""
    best = max(range(len(action)), key=action.__getitem__)
    share = f"{action[best]:.0%}" if math.isfinite(action[best]) else cell_number(action[best])
    name = action_names(dataset, len(action))[best]
    return f"{name} {share}", "label"


def degrees(angle: float, terminal: Terminal, decimals: int = 0) -> str:
    """An angle in radians as text in degrees."""
    if not math.isfinite(angle):
        return cell_number(angle)
    return f"{math.degrees(angle):+.{decimals}f}" + ("°" if terminal.glyphs.braille else " deg")


def _row(values: Sequence[float], shape: Sequence[int], pair: int) -> list[float]:
    size = math.prod(shape[1:])
    return list(values[pair * size : (pair + 1) * size])
