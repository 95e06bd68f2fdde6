"""Bars of normalised fitness: one policy in each of several environments (paper, figure of multi-task agents)."""

from collections.abc import Callable
from typing import Literal

from matplotlib.figure import Figure

from hadesd.analysis.evaluation.documents import MultitaskDocument, NormalisedFitness, TaskReturns
from hadesd.analysis.pictures import style

WIDTH = 0.26


Scored = tuple[TaskReturns, NormalisedFitness]
Bar = tuple[float, float, float]
"""Height and standard error on the normalised scale, and the return that stands above it."""


def draw(document: MultitaskDocument) -> Figure:
    """The figure of a multi-task document (hadesd.analysis.evaluation.multitask); raw returns stand above the bars."""
    tasks = [(task, task.normalised) for task in document.tasks if task.normalised is not None]
    figure = style.figure(max(4.6, 1.6 + 1.9 * len(tasks)), 3.6)
    axes = figure.add_subplot()
    kinds = (
        ("trained on the wrong pairs", style.GREY, _level("wrong")),
        ("one policy, trained on all", style.BLUE, _together),
        ("trained on its own pairs", style.GREEN, _level("own")),
    )
    for offset, (label, colour, bar_of) in zip((-WIDTH, 0.0, WIDTH), kinds, strict=True):
        bars = [bar_of(task) for task in tasks]
        heights, errors = [height for height, _, _ in bars], [error for _, error, _ in bars]
        at = [i + offset for i in range(len(tasks))]
        axes.bar(at, heights, 0.9 * WIDTH, yerr=errors, color=colour, label=label, error_kw={"capsize": 3})
        for x, (y, error, value) in zip(at, bars, strict=True):
            axes.annotate(
                f"{value:.4g}", (x, max(y + error, 0.0)), (0, 3), textcoords="offset points", ha="center", size=8
            )
    axes.axhline(0, color=style.BLACK, linewidth=0.8)
    axes.set_xticks(range(len(tasks)), [task.env for task, _ in tasks])
    axes.tick_params(axis="x", length=0, labelsize=10)
    axes.set_ylabel("normalised fitness")
    axes.margins(y=0.12)
    figure.legend(loc="outside upper left", ncols=3, fontsize=8, handlelength=1.2, columnspacing=1.2)
    return figure


def _together(scored: Scored) -> Bar:
    task, normalised = scored
    return normalised.mean, normalised.sem, task.returns.mean


def _level(name: Literal["wrong", "own"]) -> Callable[[Scored], Bar]:
    """The bar of a level of comparison: by definition it stands at 0 (wrong) or at 1 (own)."""

    def bar(scored: Scored) -> Bar:
        task, _ = scored
        level = task.own if name == "own" else task.wrong
        return float(name == "own"), abs(level.sem / (task.own.mean - task.wrong.mean)), level.mean

    return bar
