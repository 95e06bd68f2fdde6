"""Values of a pair, and the line of text above its drawing. Pure."""

import math
from collections.abc import Sequence

from hades_protocol.messages import DatasetSnapshot
from hades_tui.pairs.table import names_of
from hades_tui.text.format import Line, Span, cell_number
from hades_tui.theme.terminal import Terminal

NORMALISED = "normalised units"


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


def describe_pair(dataset: DatasetSnapshot, pair: int) -> Line:
    """The first line of every drawing: number of the pair, its action, and the state's units."""
    count = dataset.states.shape[0] if dataset.states.shape else 0
    line: Line = [(f"pair {pair + 1} of {count}", "bold")]
    action = action_of(dataset, pair)
    if dataset.discrete and action:
        line += [("  ", "text"), chosen(dataset, action)]
    elif len(action) == 1:
        line += [("  ", "text"), (f"{action_names(dataset, 1)[0]} {cell_number(action[0])}", "label")]
    if not is_natural(dataset):
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
