"""Pairs as a table of colours: for environments whose observations say nothing that could be drawn."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hadesd.analysis.pictures import style
from hadesd.analysis.pictures.labels import names
from hadesd.analysis.pictures.units import DrawablePairs

MOST_NUMBERS = 400
"""Cells up to which the numbers are written into them."""

MOST_COLUMNS = 64
CAPTION = (
    "One row a pair. Colours say how far an entry is from the mean over the pairs, in standard deviations of its "
    "column; numbers are the values."
)


def draw(pairs: DrawablePairs, most: int) -> Figure:
    """States on the left, actions on the right, one row a pair; at most `most` rows and MOST_COLUMNS entries."""
    states = (pairs.seen if pairs.natural is None else pairs.natural).reshape(len(pairs.seen), -1)
    rows = min(len(states), most)
    columns = min(states.shape[1], MOST_COLUMNS)
    actions = pairs.actions.shape[1]
    cell = 0.42 if (columns + actions) * rows <= MOST_NUMBERS else 0.2
    figure = style.figure(max(4.0, cell * (columns + actions) + 1.6), max(1.8, 0.28 * rows + 1.3))
    left, right = figure.subplots(1, 2, width_ratios=(columns, max(actions, 1)), sharey=True)
    left.set_ylabel("pair")
    known = names(pairs.entry.observation_names if pairs.entry else (), states.shape[1], "s")[:columns]
    title = "state" if columns == states.shape[1] else f"state (the first {columns} of {states.shape[1]} entries)"
    _table(left, states[:rows, :columns], known, title, scaled=True)
    _table(right, pairs.actions[:rows], names(pairs.entry.action_names if pairs.entry else (), actions, "a"), "action")
    return figure


def _table(axes: Axes, values: np.ndarray, columns: list[str], title: str, scaled: bool = False) -> None:
    spread = values.std(axis=0) if len(values) > 1 else np.abs(values[0])
    colours = (
        (values - values.mean(axis=0) * (len(values) > 1)) / np.where(spread > 0, spread, 1.0) if scaled else values
    )
    limit = 2.0 if scaled else max(1.0, float(np.abs(values).max()))
    axes.imshow(colours, cmap="PuOr_r", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    axes.set_title(title)
    axes.grid(visible=False)
    axes.set_xticks(range(len(columns)), columns, rotation=60, ha="right", fontsize=7)
    axes.set_yticks(range(len(values)), [str(i) for i in range(len(values))], fontsize=7)
    if values.size > MOST_NUMBERS:
        return
    for (row, column), value in np.ndenumerate(values):
        dark = abs(colours[row, column]) > 0.7 * limit
        axes.text(column, row, f"{value:.2g}", ha="center", va="center", fontsize=6, color="white" if dark else "black")
