"""Bars of normalised fitness: one policy in each of several environments (paper, figure of multi-task agents)."""

from typing import Any

from matplotlib.figure import Figure

from hadesd.analysis.pictures import style

WIDTH = 0.26


def draw(document: dict[str, Any]) -> Figure:
    """The figure of a multi-task document (hadesd.analysis.evaluation.multitask); raw returns stand above the bars."""
    tasks = [task for task in document["tasks"] if task["normalised_mean"] is not None]
    figure = style.figure(max(4.6, 1.6 + 1.9 * len(tasks)), 3.6)
    axes = figure.add_subplot()
    bars = (
        ("trained on the wrong pairs", style.GREY, _level("wrong")),
        ("one policy, trained on all", style.BLUE, lambda task: (task["normalised_mean"], task["normalised_sem"])),
        ("trained on its own pairs", style.GREEN, _level("own")),
    )
    for offset, (label, colour, height) in zip((-WIDTH, 0.0, WIDTH), bars, strict=True):
        heights, errors = zip(*map(height, tasks), strict=True) if tasks else ((), ())
        at = [i + offset for i in range(len(tasks))]
        axes.bar(at, heights, 0.9 * WIDTH, yerr=errors, color=colour, label=label, error_kw={"capsize": 3})
        for task, x, y, error in zip(tasks, at, heights, errors, strict=True):
            value = {style.GREY: task["wrong"], style.BLUE: task, style.GREEN: task["own"]}[colour]["return_mean"]
            axes.annotate(
                f"{value:.4g}", (x, max(y + error, 0.0)), (0, 3), textcoords="offset points", ha="center", size=8
            )
    axes.axhline(0, color=style.BLACK, linewidth=0.8)
    axes.set_xticks(range(len(tasks)), [task["environment"] for task in tasks])
    axes.tick_params(axis="x", length=0, labelsize=10)
    axes.set_ylabel("normalised fitness")
    axes.margins(y=0.12)
    figure.legend(loc="outside upper left", ncols=3, fontsize=8, handlelength=1.2, columnspacing=1.2)
    return figure


def _level(name: str) -> Any:
    """A level of comparison on the normalised scale: its place, and its standard error."""

    def height(task: dict[str, Any]) -> tuple[float, float]:
        span = task["own"]["return_mean"] - task["wrong"]["return_mean"]
        return float(name == "own"), abs(task[name]["return_sem"] / span)

    return height
