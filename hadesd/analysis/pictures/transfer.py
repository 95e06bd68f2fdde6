"""The paper's transfer figure: return against the policy's width, one panel an environment, F and R in one panel."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from hadesd.analysis.evaluation.documents import TransferDataset, TransferDocument
from hadesd.analysis.pictures import style

PANEL = (4.6, 4.0)
JITTER = 0.06
"""Of an octave: dots of one width lie side by side instead of on each other."""


def draw(document: TransferDocument) -> Figure:
    """The figure of a transfer document (hadesd.analysis.evaluation.transfer).

    Draws: mean and standard deviation over the better half of a width's settings, as in the paper, the band cut where
    no setting's return lies. Grid: a dot for each setting, a line through their means. With a threshold the legend
    says what share of the settings reaches it.
    """
    environments = list(dict.fromkeys(entry.env for entry in document.datasets))
    figure = style.figure(PANEL[0] * len(environments), PANEL[1])
    panels = figure.subplots(1, len(environments), squeeze=False)[0]
    for axes, environment in zip(panels, environments, strict=True):
        entries = [entry for entry in document.datasets if entry.env == environment]
        _panel(axes, environment, entries, document)
    panels[0].set_ylabel(
        "return (dots: settings; line: mean)" if document.mode == "grid" else "return, better half of the settings"
    )
    return figure


def _panel(axes: Axes, environment: str, entries: list[TransferDataset], document: TransferDocument) -> None:
    grid = document.mode == "grid"
    for index, (entry, (label, colour, marker)) in enumerate(zip(entries, _line_styles(entries), strict=True)):
        x, y = _means(entry, grid)
        if entry.reached is not None and document.threshold is not None:
            label += f": {entry.reached:.0%} reach {document.threshold:g}"
        if grid:
            _dots(axes, entry, colour, marker, (index - (len(entries) - 1) / 2) * 3 * JITTER)
            axes.plot(x, y, color=colour, marker=marker, label=label, zorder=3)
        else:
            style.band(axes, x, y, *_band(entry), colour, marker, label)
    if document.threshold is not None:
        axes.axhline(document.threshold, color=style.GREY, linestyle="--", linewidth=1, zorder=1)
    everything = sorted({row.width for entry in entries for row in entry.widths})
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(everything))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(everything, labels=[str(width) for width in everything])
    axes.set_title(environment)
    axes.set_xlabel("width of the hidden layers")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18))


def _means(entry: TransferDataset, grid: bool) -> tuple[list[int], list[float]]:
    """Widths with a finite return, and the mean over all settings (grid) or over the better half of each."""
    found = [(row.width, row.mean if grid else row.top_mean) for row in entry.widths]
    known = [(width, mean) for width, mean in found if mean is not None]
    return [width for width, _ in known], [mean for _, mean in known]


def _band(entry: TransferDataset) -> tuple[list[float], list[float]]:
    """Mean minus and plus standard deviation of the better half, no further than its returns go."""
    low, high = [], []
    for row in entry.widths:
        if row.top_mean is None or row.top_std is None:
            continue
        returns = [s.return_mean for s in entry.settings if s.width == row.width]
        best = sorted((value for value in returns if value is not None), reverse=True)[: -(-len(returns) // 2)]
        low.append(max(best[-1], row.top_mean - row.top_std))
        high.append(min(best[0], row.top_mean + row.top_std))
    return low, high


def _dots(axes: Axes, entry: TransferDataset, colour: str, marker: str, shift: float) -> None:
    points = [(s.width, s.return_mean) for s in entry.settings if s.return_mean is not None]
    if points:
        x, y = np.array(points, float).T
        spread = np.random.default_rng(0).uniform(-JITTER, JITTER, len(x)) + shift
        axes.scatter(x * 2**spread, y, s=9, color=colour, marker=marker, alpha=0.35, linewidths=0, zorder=2)


def _line_styles(entries: list[TransferDataset]) -> Iterator[tuple[str, str, str]]:
    """Label, colour and marker of each dataset: the method's own where it is alone, else the palette's and its file."""
    methods = Counter(entry.method for entry in entries)
    for index, entry in enumerate(entries):
        name, colour, marker = style.METHODS.get(entry.method or "", ("dataset", style.GREY, "D"))
        if len(entries) > 1 and max(methods.values()) > 1:
            colour, marker = style.line_style(index)
            name = f"{name}, {entry.run or Path(entry.file).stem}"
        yield name, colour, marker
