"""The learning curve of one run."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hades_protocol.messages import GenerationMetrics, Reference
from hadesd.analysis.pictures import style

MOST_POINTS = 2000
SOFT = "#8FA3B5"


@dataclass(frozen=True)
class Mark:
    """A generation where a run was joined together again."""

    generation: int
    bit_exact: bool


def draw(
    metrics: Sequence[GenerationMetrics],
    references: Sequence[Reference] = (),
    resumes: Sequence[Mark] = (),
    images: bool = False,
) -> Figure:
    """Fitness against generation: population mean, spread, best, evaluations of the mean dataset, references, resumes.

    images: the fitness is a negative loss, and what was evaluated is an accuracy, with an axis of its own on the right.
    """
    figure = style.figure(8.0, 3.8)
    axes = figure.subplots()
    kept = metrics[:: max(1, len(metrics) // MOST_POINTS)]
    x = np.array([m.generation for m in kept])
    mean, best, std = (
        np.array([np.nan if getattr(m, name) is None else getattr(m, name) for m in kept], float)
        for name in ("fitness_mean", "fitness_best", "fitness_std")
    )
    marker = "." if len(kept) < 3 else None
    axes.fill_between(
        x, mean - std, mean + std, color=style.BLUE, alpha=0.16, linewidth=0, label="± standard deviation"
    )
    axes.plot(x, mean, color=style.BLUE, marker=marker, label="population mean")
    axes.plot(x, best, color=SOFT, linewidth=1.0, marker=marker, label="best candidate")
    measured = axes
    if images and any(m.evaluated_mean is not None for m in metrics):
        measured = axes.twinx()
        measured.set(ylim=(0, 1), ylabel="test accuracy")
        measured.grid(visible=False)
    _evaluations(measured, metrics)
    for index, reference in enumerate(references):
        _reference(measured, reference, index)
    _resumes(axes, resumes)
    axes.set(xlabel="generation", ylabel="fitness (negative training loss)" if images else "mean episodic return")
    axes.margins(x=0.01)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.legend(loc="outside upper left", ncols=3)
    return figure


def _evaluations(axes: Axes, metrics: Sequence[GenerationMetrics]) -> None:
    """What fresh policies reach that are trained on the mean dataset: the measure of what is exported."""
    found = [m for m in metrics if m.evaluated_mean is not None]
    if not found:
        return
    axes.errorbar(
        [m.generation for m in found],
        [float(m.evaluated_mean or 0.0) for m in found],
        yerr=[m.evaluated_sem or 0.0 for m in found],
        color=style.VERMILLION,
        marker="o",
        markersize=4,
        linestyle="none" if len(found) > 60 else "-",
        linewidth=1.0,
        label="mean dataset on fresh policies",
        zorder=4,
    )


def _reference(axes: Axes, reference: Reference, index: int) -> None:
    colour = (style.GREEN, style.PURPLE, style.ORANGE, style.BLACK)[index % 4]
    axes.axhline(reference.value, color=colour, linewidth=1.2, linestyle=(0, (5, 2)))
    if reference.sem:
        axes.axhspan(
            reference.value - reference.sem, reference.value + reference.sem, color=colour, alpha=0.12, linewidth=0
        )
    axes.annotate(
        f"{reference.name} {reference.value:.5g}",
        (1.0, reference.value),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 3),
        textcoords="offset points",
        ha="right",
        fontsize=8,
        color=colour,
        bbox={"facecolor": "white", "alpha": 0.65, "linewidth": 0, "pad": 0.8},
        zorder=4,
    )


def _resumes(axes: Axes, resumes: Sequence[Mark]) -> None:
    """Short marks along the bottom: grey where a resume gave the same bits, orange where it could not."""
    for exact, colour, label in (
        (True, style.GREY, "resumed, bit-exact"),
        (False, style.ORANGE, "resumed, not bit-exact"),
    ):
        at = sorted({resume.generation for resume in resumes if resume.bit_exact == exact})
        if at:
            axes.plot(
                at,
                [0.0] * len(at),
                linestyle="none",
                marker="^" if exact else "D",
                color=colour,
                transform=axes.get_xaxis_transform(),
                clip_on=False,
                label=label,
                zorder=5,
            )
