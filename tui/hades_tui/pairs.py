"""The pairs of a dataset as a table: cells are read from the arrays only where they are on screen. Pure."""

import itertools
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from hades_protocol.codec import Array
from hades_protocol.messages import DatasetSnapshot
from hades_tui.view import Span, cell_number

MIN_CELL = 7


class PairColumn(msgspec.Struct, frozen=True):
    """One column. kind: index, label, action, probability or observation; `at`: place in the pair's array."""

    kind: str
    title: str
    width: int
    at: int = 0


class PairTable:
    """A dataset, arranged: the pair's number, what is done, then what is seen.

    Where actions are discrete, the likeliest stands first; the probabilities of all of them come last.
    """

    def __init__(self, dataset: DatasetSnapshot) -> None:
        self.dataset = dataset
        self.count = dataset.states.shape[0] if dataset.states.shape else 0
        self._states = _flat(dataset.states)
        self._actions = _flat(dataset.actions)
        self._observation_size = len(self._states) // self.count if self.count else 0
        self._action_size = len(self._actions) // self.count if self.count else 0
        self._largest = self._largest_per_column()
        self.columns = self._arrange()

    @property
    def frozen(self) -> int:
        """How many columns stay in place when the table is scrolled sideways: number and, if discrete, label."""
        return 2 if self.dataset.discrete else 1

    def _arrange(self) -> list[PairColumn]:
        columns = [PairColumn("index", "#", max(2, len(str(self.count))))]
        actions = _names(self.dataset.action_names, self._action_size, "action ", (self._action_size,))
        if self.dataset.discrete:
            width = max([6, *(len(name) for name in actions)])
            columns.append(PairColumn("label", "action", min(18, width) + 5))
        else:
            columns += [PairColumn("action", n, max(MIN_CELL, len(n)), i) for i, n in enumerate(actions)]
        names = _names(self.dataset.observation_names, self._observation_size, "obs ", self.dataset.states.shape[1:])
        columns += [PairColumn("observation", n, max(MIN_CELL, len(n)), i) for i, n in enumerate(names)]
        if self.dataset.discrete and self._action_size > 1:
            columns += [PairColumn("probability", f"p {n}", max(5, len(n) + 2), i) for i, n in enumerate(actions)]
        return columns

    def cell(self, row: int, column: PairColumn) -> Span:
        """Text (not padded) and hue of one cell."""
        match column.kind:
            case "index":
                return str(row + 1), "dim"
            case "label":
                return self._label(row, column.width)
            case "probability":
                value = self._actions[row * self._action_size + column.at]
                return f"{value:.0%}", f"heat+{min(4, max(0, int(value * 4.99)))}"
            case "action":
                value = self._actions[row * self._action_size + column.at]
            case _:
                value = self._states[row * self._observation_size + column.at]
        return cell_number(value), _heat(value, self._largest[column.kind][column.at])

    def _label(self, row: int, width: int) -> Span:
        probabilities = self._actions[row * self._action_size : (row + 1) * self._action_size]
        if not probabilities:
            return "", "label"
        best = max(range(len(probabilities)), key=probabilities.__getitem__)
        names = self.dataset.action_names
        name = names[best] if best < len(names) else str(best)
        return f"{name[: width - 5]:<{width - 5}} {probabilities[best]:>4.0%}", "label"

    def _largest_per_column(self) -> dict[str, list[float]]:
        """Largest size per column: what a value's hue is relative to."""
        return {
            "observation": _largest(self._states, self._observation_size),
            "action": _largest(self._actions, self._action_size),
        }


def _flat(array: Array) -> Sequence[float]:
    return array.values()


def _largest(values: Sequence[float], size: int) -> list[float]:
    return [max((abs(v) for v in values[i::size]), default=0.0) for i in range(size)]


def _heat(value: float, largest: float) -> str:
    share = abs(value) / largest if largest > 0 else 0.0
    level = min(4, int(share * 4.99)) if share == share else 0  # not a number is no size
    return f"heat{'-' if value < 0 else '+'}{level}"


def _names(given: Sequence[str], size: int, prefix: str, shape: Sequence[int]) -> list[str]:
    """The names, or indices where there are none: `obs 3`, `obs 2,0,1`, or `ball 2,0` where the channels have names."""
    if len(given) == size:
        return list(given)
    if len(shape) < 2:
        return [f"{prefix}{i}" for i in range(size)]
    cells = itertools.product(*(range(n) for n in shape))
    if len(given) == shape[-1]:
        return [f"{given[cell[-1]]} {','.join(map(str, cell[:-1]))}" for cell in cells]
    return [prefix + ",".join(map(str, cell)) for cell in cells]


def offsets(columns: Sequence[PairColumn]) -> list[int]:
    """Where each column begins, with a space between them; and at last where the table ends."""
    out = [0]
    for column in columns:
        out.append(out[-1] + column.width + 1)
    assert all(a < b for a, b in pairwise(out))
    return out
