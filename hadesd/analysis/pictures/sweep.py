"""Pictures of a group of runs: fitness against generation, and final fitness against the setting that was varied."""

from collections.abc import Sequence
from itertools import cycle

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from hades_protocol.messages import Reference
from hadesd.analysis.members import Average, Row, average
from hadesd.analysis.pictures import style
from hadesd.analysis.sweep_table import SweepTable, short_names, value_text

LOG_FROM = 10.0
"""Values that span more than this factor stand on a logarithmic axis."""

DASHES = ("-", "--", ":", "-.")
MOST_NAMES = 24


def draw(table: SweepTable) -> Figure:
    """Curves, and beside them, where exactly one numeric setting varies, the final fitness against its value."""
    sized = len(table.numeric_keys) == 1 and len(table.rows) > 1
    figure = style.figure(12.0 if sized else 8.0, 4.6)
    axes = figure.subplots(1, 2) if sized else [figure.subplots()]
    curves(axes[0], table)
    if sized:
        sizes(axes[1], table, table.numeric_keys[0])
    return figure


def curves(axes: Axes, table: SweepTable) -> None:
    """Population mean fitness against generation: a line for each combination, the mean over its seeds.

    The band is the standard error over seeds.
    """
    dashes = cycle(dash for dash in DASHES for _ in style.PALETTE)
    for index, (row, dash) in enumerate(zip(table.rows, dashes, strict=False)):
        colour, _ = style.line_style(index)
        generations, points = curve(row)
        if not points:
            continue
        means, errors = [point.mean for point in points], [point.sem or 0.0 for point in points]
        label = name_of(row, table) if index < MOST_NAMES else None
        marker = "." if len(points) == 1 else None  # a line through one point is none
        axes.plot(generations, means, dash, color=colour, label=label, zorder=3, marker=marker)
        if any(errors):
            low = [mean - error for mean, error in zip(means, errors, strict=True)]
            high = [mean + error for mean, error in zip(means, errors, strict=True)]
            axes.fill_between(generations, low, high, color=colour, alpha=0.18, linewidth=0, zorder=2)
    levels(axes, references(table))
    axes.set_xlabel("generation")
    axes.set_ylabel("fitness, mean of the population")
    seeds = max(len(row.members) for row in table.rows)
    axes.set_title(table.group + (f" · band: standard error over up to {seeds} seeds" if seeds > 1 else ""))
    if axes.get_legend_handles_labels()[0] and table.keys:
        axes.legend(title=", ".join(short_names(table.keys).values()), ncols=1 + len(table.rows) // 9)


def levels(axes: Axes, references: Sequence[Reference]) -> None:
    """A dotted line with its name for each reference."""
    for reference in references:
        axes.axhline(reference.value, color=style.GREY, linestyle=":", linewidth=1.2)
        axes.annotate(
            reference.name,
            (1.0, reference.value),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            color=style.GREY,
            fontsize=9,
        )


def curve(row: Row) -> tuple[list[int], list[Average]]:
    """The generations that any of a combination's runs has, and the average over those that have it."""
    by_generation: dict[int, list[float | None]] = {}
    for member in row.members:
        for metrics in member.metrics:
            by_generation.setdefault(metrics.generation, []).append(metrics.fitness_mean)
    averaged = {generation: average(values) for generation, values in sorted(by_generation.items())}
    known = {generation: value for generation, value in averaged.items() if value is not None}
    return list(known), list(known.values())


def sizes(axes: Axes, table: SweepTable, key: str) -> None:
    """Final fitness against the value of one setting, a line for each combination of the others.

    Dashed, with hollow markers: what fresh policies return that are trained on the mean dataset, where that was
    evaluated.
    """
    others = tuple(other for other in table.keys if other != key)
    lines: dict[str, list[Row]] = {}
    for row in table.rows:
        lines.setdefault(", ".join(value_text(row.chosen[other]) for other in others), []).append(row)
    for index, (name, rows) in enumerate(lines.items()):
        colour, marker = style.line_style(index)
        label = f"{name}: population" if name else "population"
        _errorbars(axes, key, [(r, r.fitness) for r in rows], colour, marker, label, filled=True)
        label = f"{name}: mean dataset" if name else "mean dataset"
        _errorbars(axes, key, [(r, r.evaluated) for r in rows], colour, marker, label, filled=False)
    values = sorted({float(row.chosen[key]) for row in table.rows})
    if values[0] > 0 and values[-1] / values[0] > LOG_FROM:
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
    if len(values) <= 10:
        axes.set_xticks(values, [f"{value:g}" for value in values])
    axes.set_xlabel(key)
    axes.set_ylabel("fitness, newest generation")
    axes.set_title(f"against {key}")
    if len(axes.get_legend_handles_labels()[0]) > 1:
        axes.legend()


def _errorbars(
    axes: Axes,
    key: str,
    points: Sequence[tuple[Row, Average | None]],
    colour: str,
    marker: str,
    label: str,
    *,
    filled: bool,
) -> None:
    known = [(float(row.chosen[key]), value) for row, value in points if value is not None]
    if known:
        axes.errorbar(
            [x for x, _ in known],
            [value.mean for _, value in known],
            yerr=[value.sem or 0.0 for _, value in known],
            color=colour,
            marker=marker,
            markerfacecolor=colour if filled else "white",
            linestyle="-" if filled else "--",
            capsize=3,
            elinewidth=1.2,
            label=label,
        )


def name_of(row: Row, table: SweepTable) -> str:
    """What a combination is called in a legend: its values, in the order of the keys."""
    return ", ".join(value_text(row.chosen[key]) for key in table.keys) or "all runs"


def references(table: SweepTable) -> tuple[Reference, ...]:
    """Levels to compare with, of the first run that has some; none where environments differ."""
    if "env" in table.keys:
        return ()
    found = (member.references for row in table.rows for member in row.members)
    return next((references for references in found if references), ())
