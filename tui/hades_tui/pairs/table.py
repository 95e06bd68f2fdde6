"""The pairs of a dataset as a table, whose cells are formatted only where they are visible. Pure."""

import itertools
import math
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from hades_protocol.messages import DatasetSnapshot
from hades_tui.text.format import Span, cell_number

MIN_CELL = 7


class PairColumn(msgspec.Struct, frozen=True):
    """One column. kind: index, label, action, probability or observation; `at`: place in the pair's array.

    group: action or state, where both have numbers and a name (of a joint, say) can be of either. heads: whether it is
    the first of its group.
    """

    kind: str
    title: str
    width: int
    at: int = 0
    group: str = ""
    heads: bool = False

    @property
    def heading(self) -> str:
        """What stands above the column; the group above its first one."""
        return f"{self.group}: {self.title}" if self.heads else self.title

    @property
    def full_title(self) -> str:
        """Its title where it stands alone."""
        return f"{self.group} {self.title}".strip()


class PairTable:
    """A dataset as a table: number of the pair, action, observation.

    For discrete actions the likeliest comes first and the probabilities of all last. base: another generation of the
    same shape; cells then hold the differences to it. units: of the entries of an observation.
    """

    def __init__(
        self, dataset: DatasetSnapshot, base: DatasetSnapshot | None = None, units: Sequence[str] = ()
    ) -> None:
        self.dataset = dataset
        self.base = base
        self.count = dataset.states.shape[0] if dataset.states.shape else 0
        self.states: Sequence[float] = dataset.states.values()
        self.actions: Sequence[float] = dataset.actions.values()
        self._now, self._was = self.actions, self.actions if base is None else base.actions.values()
        if base is not None:
            self.states = [now - was for now, was in zip(self.states, base.states.values(), strict=True)]
            self.actions = [now - was for now, was in zip(self.actions, self._was, strict=True)]
        self.observation_size = len(self.states) // self.count if self.count else 0
        self.action_size = len(self.actions) // self.count if self.count else 0
        self.units = tuple(units) if len(units) == self.observation_size else ("",) * self.observation_size
        self._largest = {
            "observation": _largest(self.states, self.observation_size),
            "action": _largest(self.actions, self.action_size),
        }
        self.columns = self._build_columns()

    @property
    def frozen(self) -> int:
        """Number of columns that stay in place when the table scrolls sideways: number and, if discrete, label."""
        return 2 if self.dataset.discrete else 1

    @property
    def observations(self) -> list[PairColumn]:
        """The columns of the entries of an observation."""
        return [column for column in self.columns if column.kind == "observation"]

    def _build_columns(self) -> list[PairColumn]:
        columns = [PairColumn("index", "#", max(2, len(str(self.count))))]
        actions = names_of(self.dataset.action_names, self.action_size, "action ", (self.action_size,))
        if self.dataset.discrete:
            width = max([6, *(len(name) for name in actions)])
            columns.append(PairColumn("label", "action", min(18, width) + 5))
        else:
            columns += _group("action", "action", actions)
        names = names_of(self.dataset.observation_names, self.observation_size, "obs ", self.dataset.states.shape[1:])
        titles = [f"{name} {unit}" if unit else name for name, unit in zip(names, self.units, strict=True)]
        columns += _group("observation", "" if self.dataset.discrete else "state", titles)
        if self.dataset.discrete and self.action_size > 1:
            columns += [PairColumn("probability", f"p {n}", max(5, len(n) + 2), i) for i, n in enumerate(actions)]
        return columns

    def value(self, pair: int, column: PairColumn) -> float:
        """The value of a cell, to sort by; of a label: the likeliest action, then the higher probability first."""
        match column.kind:
            case "index":
                return float(pair)
            case "label":
                best = self.best(pair)
                return best + 1.0 - self._probability(pair, best) / 2
            case "observation":
                return self.states[pair * self.observation_size + column.at]
        return self.actions[pair * self.action_size + column.at]

    def largest(self, column: PairColumn) -> float:
        """The largest absolute value of a column, to which hues are relative; only finite values count."""
        return self._largest[column.kind][column.at]

    def cell(self, pair: int, column: PairColumn) -> Span:
        """Text (not padded) and hue of one cell."""
        match column.kind:
            case "index":
                return str(pair), "dim"
            case "label":
                return self._label(pair, column.width)
            case "probability":
                return self._share(self.value(pair, column))
        value = self.value(pair, column)
        text = cell_number(value) if self.base is None else change_number(value)
        return text, _heat(value, self.largest(column))

    def best(self, pair: int, *, base: bool = False) -> int:
        """Index of a pair's likeliest action, in the base if `base`; 0 without actions."""
        values = self._was if base else self._now
        mine = values[pair * self.action_size : (pair + 1) * self.action_size]
        return max(range(len(mine)), key=mine.__getitem__, default=0)

    def order(self, column: PairColumn, reverse: bool = False) -> list[int]:
        """Indices of the pairs sorted by a column, stably; NaN comes last in both directions."""
        values = [self.value(pair, column) for pair in range(self.count)]
        known = [pair for pair in range(self.count) if not math.isnan(values[pair])]
        known.sort(key=values.__getitem__, reverse=reverse)
        return known + [pair for pair in range(self.count) if math.isnan(values[pair])]

    def _probability(self, pair: int, action: int) -> float:
        return self._now[pair * self.action_size + action] if self.action_size else 0.0

    def _share(self, value: float) -> Span:
        if not math.isfinite(value):
            return cell_number(value), "text"
        if self.base is not None:
            return f"{value:+.0%}", _heat(value, 1.0)
        return f"{value:.0%}", f"heat+{min(4, max(0, int(value * 4.99)))}"

    def _label(self, pair: int, width: int) -> Span:
        if not self.action_size:
            return "", "label"
        best = self.best(pair)
        name = self._name(best)
        if self.base is not None and (was := self.best(pair, base=True)) != best:
            return f"{self._name(was)}→{name}"[:width], "label"
        value = self.actions[pair * self.action_size + best]
        return f"{name[: width - 5]:<{width - 5}} {self._share(value)[0]:>4}", "label"

    def _name(self, action: int) -> str:
        names = self.dataset.action_names
        return names[action] if action < len(names) else str(action)


def _group(kind: str, group: str, titles: Sequence[str]) -> list[PairColumn]:
    """Columns of numbers."""
    columns = [PairColumn(kind, title, 0, i, group, bool(group) and i == 0) for i, title in enumerate(titles)]
    return [msgspec.structs.replace(c, width=max(MIN_CELL, len(c.heading))) for c in columns]


def incomparable(dataset: DatasetSnapshot, base: DatasetSnapshot) -> str:
    """Why two generations cannot be compared pair by pair; empty where they can."""
    if dataset.states.shape == base.states.shape and dataset.actions.shape == base.actions.shape:
        return ""
    counts = [d.states.shape[0] if d.states.shape else 0 for d in (base, dataset)]
    if counts[0] != counts[1]:
        return (
            f"Generation {base.generation} has {counts[0]} pairs and generation {dataset.generation} has {counts[1]}: "
            "they cannot be compared pair by pair. c ends the comparison."
        )
    return (
        f"Observations of generation {base.generation} and {dataset.generation} differ in shape. c ends the comparison."
    )


def change_number(value: float) -> str:
    """At most seven characters, with sign; a small change does not become +0.000."""
    if value == 0:
        return "0"
    if math.isfinite(value) and abs(value) < 0.0005:
        mantissa, exponent = f"{value:+.0e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    return cell_number(value)


def _largest(values: Sequence[float], size: int) -> list[float]:
    return [max((abs(v) for v in values[i::size] if math.isfinite(v)), default=0.0) for i in range(size)]


def _heat(value: float, largest: float) -> str:
    share = abs(value) / largest if largest > 0 else 0.0
    level = min(4, int(min(share, 1.0) * 4.99)) if share == share else 0  # NaN has no size
    return f"heat{'-' if value < 0 else '+'}{level}"


def names_of(given: Sequence[str], size: int, prefix: str, shape: Sequence[int]) -> list[str]:
    """The given names, or ones by index: `obs 3`, `obs 2,0,1`, or `ball 2,0` where the channels have names."""
    if len(given) == size:
        return list(given)
    if len(shape) < 2:
        return [f"{prefix}{i}" for i in range(size)]
    cells = itertools.product(*(range(n) for n in shape))
    if len(given) == shape[-1]:
        return [f"{given[cell[-1]]} {','.join(map(str, cell[:-1]))}" for cell in cells]
    return [prefix + ",".join(map(str, cell)) for cell in cells]


def offsets(columns: Sequence[PairColumn]) -> list[int]:
    """The first position of each column, with a space between columns, and the end of the table."""
    out = [0]
    for column in columns:
        out.append(out[-1] + column.width + 1)
    assert all(a < b for a, b in pairwise(out))
    return out
