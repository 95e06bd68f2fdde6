"""Learning curves of runs and groups in one picture: a line each, of a group the mean with its spread over seeds."""

from collections.abc import Sequence
from itertools import cycle

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hadesd.analysis import comparison
from hadesd.analysis.comparison import By, Comparison, Point
from hadesd.analysis.pictures import style
from hadesd.analysis.pictures.sweep import DASHES, MOST_NAMES, levels

MOST_POINTS = 2000
Dash = str | tuple[int, tuple[int, int]]
FEWER: Dash = (0, (1, 1))
"""Dashes of a line from where on not all of its runs go on."""

X_LABELS: dict[By, str] = {
    "generation": "generation",
    "steps": "environment steps of a run",
    "hours": "hours of computing of a run",
}


def draw(
    compared: Comparison, curves: Sequence[Sequence[Point]], by: By = "generation", normalise: bool = False
) -> Figure:
    """Mean fitness of the population against `by`. curves: of the lines (hadesd.analysis.comparison.curve).

    A band is the standard error over the runs of a line. Where some of them have ended the line is dotted, and says how
    many are left. normalise: each environment's curves from 0 (the lowest mean of all lines there) to 1 (the highest).
    """
    if normalise:
        curves = comparison.normalised(compared.lines, curves)
    figure = style.figure(8.0, 4.6)
    axes = figure.subplots()
    dashes = cycle(dash for dash in DASHES for _ in style.PALETTE)
    for index, (line, points, dash) in enumerate(zip(compared.lines, curves, dashes, strict=False)):
        if points:
            name = line.label if len(compared.environments) == 1 else f"{line.label}, {line.env}"
            label = f"{name} (n = {points[0].n})" if index < MOST_NAMES else None
            _line(axes, _thinned(points), style.line_style(index)[0], dash, label)
    if not normalise:
        levels(axes, compared.references)
    axes.set_xlabel(X_LABELS[by])
    axes.set_ylabel("mean fitness, 0 to 1 in each environment" if normalise else "mean fitness of the population")
    if by == "generation":
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(x=0.02)
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside upper left", ncols=2, title=reading(curves) or None, alignment="left")
    return figure


def reading(curves: Sequence[Sequence[Point]]) -> str:
    """How the lines are to be read; empty where there are single runs alone."""
    band = any(point.sem is not None for points in curves for point in points)
    fewer = any(comparison.leaving(points) for points in curves)
    notes = ["mean over n seeds, band: its standard error"] * band + ["dotted: where not all of them have come"] * fewer
    return "; ".join(notes)


def _thinned(points: Sequence[Point]) -> list[Point]:
    """At most about MOST_POINTS of them, the last one too."""
    step = max(1, len(points) // MOST_POINTS)
    return [*points[: len(points) - 1 : step], points[-1]]


def _line(axes: Axes, points: Sequence[Point], colour: str, dash: str, label: str | None) -> None:
    """The line of a run or a group; without a label it is not in the legend."""
    ends = comparison.leaving(points)
    first = ends[0][0] if ends else len(points)
    marker = "." if len(points) == 1 else None
    parts: list[tuple[Sequence[Point], Dash, str | None]] = [(points[:first], dash, label)]
    parts += [(points[first - 1 :], FEWER, None)] if ends else []
    for part, line_style, name in parts:
        axes.plot(
            [point.x for point in part],
            [point.mean for point in part],
            color=colour,
            linestyle=line_style,
            marker=marker,
            label=name,
            zorder=3,
        )
    axes.fill_between(
        [point.x for point in points],
        [point.mean - (point.sem or 0.0) for point in points],
        [point.mean + (point.sem or 0.0) for point in points],
        where=[point.sem is not None for point in points],
        color=colour,
        alpha=0.18,
        linewidth=0,
        zorder=2,
    )
    for index, left in ends:
        axes.annotate(
            f"n = {left}",
            (points[index].x, points[index].mean),
            xytext=(0, 9),
            textcoords="offset points",
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.8, "shrinkB": 0},
            fontsize=8,
            color=colour,
            bbox={"facecolor": "white", "alpha": 0.65, "linewidth": 0, "pad": 0.8},
            zorder=4,
        )
