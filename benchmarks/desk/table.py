"""docs/desk.md: the table and the plot of what was measured, beside what was published."""

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.children import ROOT
from benchmarks.desk.published import FOUR_PAIRS, Curve, curves
from benchmarks.desk.results import Measured, Summary, read, summarise
from hadesd.analysis.pictures import style

PAGE, PICTURE = ROOT / "docs" / "desk.md", ROOT / "docs" / "desk.png"
MARKS = "<!-- table: {} -->", "<!-- end of the table: {} -->"
NAMES = {"hades-r": "R", "hades-f": "F", "es": "ES"}
WIDE = 4
"""Panels beside each other in the plot."""

Column = tuple[str, Callable[[Summary], str]]
"""A column of a table: its heading, and its cell in a summary's row."""

_RUN: list[Column] = [("environment", lambda one: one.env), ("method", lambda one: NAMES[one.method])]
_OUTCOME: list[Column] = [
    ("return", lambda one: with_error(one.value, one.sem)),
    ("seeds", lambda one: str(len(one.seeds))),
    ("of its best", lambda one: f"{one.kept:.0%}"),
    ("again", lambda one: "-" if one.kept_again is None else f"{one.kept_again:.0%}"),
    ("generations", lambda one: f"{statistics.fmean(each.generations for each in one.measured):.0f}"),
    ("environment steps", lambda one: f"{one.env_steps:.1e}"),
]


def write(results: Path) -> str:
    """Put the table between its marks in the page, and draw the picture; what was done."""
    measured = read(results)
    every, budget = summarise(measured), _budget(measured)
    found = [one for one in every if (one.seconds, one.told) == (budget, "")]
    longer = [one for one in every if (one.seconds, one.told) > (budget, "")]
    replace_table(PAGE, "environments", markdown(found))
    replace_table(PAGE, "longer", longer_markdown(longer, found))
    draw([*found, *longer])
    return f"{len(found)} rows, {len(longer)} longer: {PAGE.relative_to(ROOT)}, {PICTURE.relative_to(ROOT)}"


def replace_table(page: Path, name: str, table: str) -> None:
    """Put a table between its marks in a page."""
    begin, end = (mark.format(name) for mark in MARKS)
    head, rest = page.read_text().split(begin)
    _, tail = rest.split(end)
    page.write_text(f"{head}{begin}\n{table}{end}{tail}")


def _budget(measured: Iterable[Measured]) -> float:
    """The budget that most rows have."""
    seconds = [one.seconds for one in measured]
    return max(set(seconds), key=seconds.count)


def markdown(found: Iterable[Summary]) -> str:
    """The table: return, cost, and the published return and steps to ours."""
    cloning = ("cloning steps", lambda one: f"{one.cloning_steps:.1e}" if one.cloning_steps else "-")
    return _table(found, [*_RUN, *_OUTCOME, cloning, *_published(), ("measured", measured_on)])


def longer_markdown(longer: Iterable[Summary], short: Iterable[Summary]) -> str:
    """What more time brings, beside the return of the first table (before)."""
    first = {(one.env, one.method): with_error(one.value, one.sem) for one in short}
    minutes = ("minutes", lambda one: ", ".join([f"{one.seconds / 60:g}", *([one.told] if one.told else [])]))
    before = ("before", lambda one: first.get((one.env, one.method), "-"))
    return _table(longer, [*_RUN, minutes, *_OUTCOME, before, *_published(), ("measured", measured_on)])


def measured_on(one: Summary) -> str:
    """The makers of the CPUs, and the first and the last day."""
    makers = {_maker(each.machine): None for each in one.measured}
    days = sorted({each.at[:10] for each in one.measured})
    return f"{', '.join(makers)} {days[0]}" + (f" to {days[-1][5:]}" if len(days) > 1 else "")


def _maker(machine: str) -> str:
    return "Intel" if machine.startswith("Intel") else machine.split()[0]


def _table(found: Iterable[Summary], columns: Sequence[Column]) -> str:
    rows = [[name for name, _ in columns], ["---"] * len(columns)]
    rows += [[cell(one) for _, cell in columns] for one in found]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _published() -> list[Column]:
    known = curves()

    def curve(one: Summary) -> Curve | None:
        return known.get(one.env, {}).get(one.method)

    return [
        ("published", lambda one: number(found.final) if (found := curve(one)) else "-"),
        ("published steps / ours", lambda one: efficiency(one, curve(one))),
    ]


def efficiency(one: Summary, curve: Curve | None) -> str:
    """`ratio` of a summary; a dash where nothing is published."""
    return "-" if curve is None else ratio(one.value, one.env_steps, curve)


def ratio(value: float, env_steps: float, curve: Curve) -> str:
    """Published environment steps to a return over ours; a bound where the published run never gets there."""
    needed = curve.steps_to(value)
    if needed is not None:
        return f"{needed / env_steps:,.0f}"
    return f"> {curve.env_steps[-1] / env_steps:,.0f}"


def with_error(value: float, sem: float | None) -> str:
    """A value with its standard error, where it has one."""
    return number(value) if sem is None else f"{number(value)} ± {number(sem)}"


def number(value: float) -> str:
    """Four figures at most."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}" if abs(value) >= 100 else f"{value:.3g}"


def draw(found: list[Summary]) -> Path:
    """Return against environment steps, a panel for each environment: ours with dots, the published as lines."""
    envs = list(dict.fromkeys(one.env for one in found))
    high = -(-len(envs) // WIDE)
    figure = style.figure(3.0 * WIDE, 2.3 * high)
    panels = figure.subplots(high, WIDE, squeeze=False).flat
    known = curves()
    for axes, env in zip(panels, envs, strict=False):
        _panel(axes, env, [one for one in found if one.env == env], known.get(env, {}))
    for axes in list(panels)[len(envs) :]:
        axes.set_visible(False)
    handles = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(handles.values(), handles.keys(), loc="outside upper left", ncols=6)
    figure.supxlabel("environment steps")
    figure.supylabel("return")
    style.save(figure, PICTURE)
    return PICTURE


def _panel(axes: Axes, env: str, ours: list[Summary], published: dict[str, Curve]) -> None:
    for method, curve in published.items():
        name, colour, _ = style.METHODS["hades-r" if method == FOUR_PAIRS else method]
        dash = ":" if method == FOUR_PAIRS else "-"
        label = f"{name}, published" + (", 4 pairs" if method == FOUR_PAIRS else "")
        axes.plot(curve.env_steps, curve.mean, dash, color=colour, alpha=0.6, linewidth=1.2, label=label)
    for one in ours:
        name, colour, marker = style.METHODS[one.method]
        for measured in one.measured:
            steps, values = zip(*measured.curve, strict=True)
            axes.plot(steps, values, color=colour, linewidth=0.8, alpha=0.5)
        axes.errorbar(
            [one.env_steps], [one.value], yerr=[one.sem or 0.0], color=colour, marker=marker, linestyle="", label=name
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(base=10, numticks=5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda steps, _: f"1e{round(math.log10(steps))}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_title(env, fontsize="small")
