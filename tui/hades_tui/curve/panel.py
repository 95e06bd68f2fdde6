"""The panel of the selected run: state, numbers and curve. Pure."""

from collections.abc import Mapping

import msgspec

from hades_protocol.run_state import RunState
from hades_tui.curve.compared import MOST, compared_runs, marked
from hades_tui.curve.data import CurveData, curve_of
from hades_tui.curve.picture import MIN_HEIGHT, ComparedRun, Picture, picture
from hades_tui.curve.quantity import WHILE_WATCHED, Quantity, named
from hades_tui.curve.readout import readout
from hades_tui.curve.viewport import Viewport
from hades_tui.state.detail import refined
from hades_tui.state.model import Model
from hades_tui.text.digits import big
from hades_tui.text.fit import ELLIPSIS, abridged, centred, fitted, shortened, wrapped
from hades_tui.text.format import Line, number, problem_line, status_line
from hades_tui.theme.glyphs import UNICODE, Glyphs, pictured

PROBLEM_ROWS = 3
"""Most lines for why a run waits or failed."""

BIG_FROM = (44, 17)
"""Least width and height of a panel that shows its numbers large."""

NAMES_FROM = 8
"""Least height of a picture above which a line with the names of compared runs is shown."""


LEAST_ENV = 4
"""Least columns of the environment of a compared run; with fewer it is left out."""

LEAST_LABEL = 6
"""Least columns of its name."""

SPREAD = "   dots: std. error"
"""What the dots beside a mean over seeds are."""


class Panel(msgspec.Struct, frozen=True):
    """The panel's lines, its picture and the row where that begins.

    curves: curve data by run, which the next panel can reuse.
    """

    lines: list[Line] = []
    picture: Picture = Picture()
    top: int = 0
    curves: Mapping[str, CurveData] = {}
    compared_runs: tuple[ComparedRun, ...] = ()


def panel(
    model: Model,
    width: int,
    height: int,
    view: Viewport,
    *,
    known: Mapping[str, CurveData] | None = None,
    colours: bool = True,
    glyphs: Glyphs = UNICODE,
) -> Panel:
    """The whole panel, at most `height` lines. known: the curves of the panel before, by run."""
    run = model.run
    if run is None:
        return Panel()
    known = known or {}
    detail = model.detail if model.detail is not None and model.detail.asked.run == run.id else None
    curve = curve_of(refined(model.history, detail), view.axis, known.get(run.id), view.quantity)
    others = compared_runs(model, view, known)
    lines: list[Line] = [fitted(status_line(run), width)]
    for text, hue in problem_line(model):
        pieces = list(wrapped(text, width - 2, width))
        if len(pieces) > PROBLEM_ROWS:
            pieces = [*pieces[: PROBLEM_ROWS - 1], pieces[PROBLEM_ROWS - 1][: width - 3] + ELLIPSIS]
        lines += [[(piece if i == 0 else f"  {piece}", hue)] for i, piece in enumerate(pieces)]
    numbers = _numbers(model)
    large = width >= BIG_FROM[0] and height >= BIG_FROM[1]
    lines += [[], *_large(numbers, width), []] if large else [_small(numbers, width)]
    read_at = len(lines) - 1  # the cursor's line takes the place of the newest numbers where there is no other
    if height - len(lines) > NAMES_FROM and (names := _names(model, view, others, width)):
        lines.append(names)
    if curve.mean.xs and height - len(lines) > (NAMES_FROM if view.quantity is Quantity.FITNESS else MIN_HEIGHT):
        lines.append([(shortened(named(view.quantity), width), "dim")])
    others_alone = not curve.mean.xs and any(other.curve.mean.xs for other in others if other.sign)
    if others_alone and height - len(lines) > MIN_HEIGHT:
        lines.append([(shortened(_absence(model, curve), width), "dim")])
    room = height - len(lines)
    drawn = picture(curve, view, width, room, compared_runs=others, colours=colours, glyphs=glyphs)
    if read := readout(curve, view, drawn, width):
        lines[read_at] = read
    top = len(lines)
    lines += drawn.lines or centred([[(_absence(model, curve), "dim")]], width, room)
    curves = {run.id: curve, **{other.name: other.curve for other in others}}
    return Panel(_in(lines[:height], glyphs), drawn, top, curves, tuple(others))


def _numbers(model: Model) -> list[tuple[str, str, str, str]]:
    """Label, number, how far it is spread (empty where that is not known) and hue of the large numbers."""
    run = model.run
    assert run is not None
    metrics = model.history.metrics
    spread = metrics[-1].fitness_std if metrics and metrics[-1].generation == run.generation else None
    numbers = [
        ("mean", number(run.fitness_mean), "" if spread is None else f" ± {number(spread)}", "mean"),
        ("best", number(run.fitness_best), "", "best"),
        ("best so far", number(run.best_so_far), "", "ever"),
    ]
    if (newest := model.history.evaluated) is not None:
        error = "" if newest.evaluated_sem is None else f" ± {number(newest.evaluated_sem)}"
        numbers.insert(2, ("mean dataset", number(newest.evaluated_mean), error, "evaluated"))
    return numbers


def _large(numbers: list[tuple[str, str, str, str]], width: int) -> list[Line]:
    rows: list[Line] = [[], [], [], []]
    used = 0
    for label, text, spread, hue in numbers:
        picture = big(text)
        cell = max(len(label), len(picture[0]) + len(spread)) + 3
        if used + cell - 3 > width:  # the last one needs no gap behind it
            break
        used += cell
        rows[0].append((f"{label:<{cell}}", "dim"))
        for i in range(3):
            behind = spread if i == 2 else ""
            rows[i + 1] += [(picture[i], hue), (f"{behind:<{cell - len(picture[i])}}", "dim")]
    return rows


def _small(numbers: list[tuple[str, str, str, str]], width: int) -> Line:
    line: Line = []
    used = 0
    for label, text, spread, hue in numbers:
        length = len(label) + 1 + len(text) + len(spread)
        if line and used + length > width:
            break
        used += length + 3
        line += [(f"{label} ", "dim"), (text, hue), (spread, "dim"), ("   ", "text")]
    return line


def _names(model: Model, view: Viewport, others: list[ComparedRun], width: int) -> Line:
    """The signs and names of the compared runs, with the number of those behind a mean; empty without any."""
    if not others:
        return []
    heads = [f"{other.sign or 'parent'} " for other in others]
    counts = [_count(other) for other in others]
    more = len(marked(model, view.seeds)) - MOST
    tail = f"  {more} more marked, {MOST} are drawn" if more > 0 else ""
    room = width - len(tail) - sum(map(len, (*heads, *counts))) - 3 * (len(others) - 1)
    names = _titled(others, room)
    line: Line = []
    for other, head, name, count in zip(others, heads, names, counts, strict=True):
        line += [(head, other.hue), (name, "dim"), (count, "text"), ("   ", "text")]
    free = room - sum(map(len, names))
    spread = SPREAD if any(counts) and free >= len(SPREAD) else ""
    return fitted([*line[:-1], (spread, "dim"), (tail, "warn")], width)


def _titled(others: list[ComparedRun], room: int) -> list[str]:
    """Labels and environments in so many columns, if that is possible: environments are cut before labels are."""
    labels, envs = [len(other.label) for other in others], [len(other.env) for other in others]

    def over() -> int:
        return sum(labels) + sum(env + len(" ()") for env in envs if env) - room

    while over() > 0 and max(envs) > LEAST_ENV:
        envs[envs.index(max(envs))] -= 1
    if over() > 0:
        envs = [0] * len(envs)
    while over() > 0 and max(labels) > LEAST_LABEL:
        labels[labels.index(max(labels))] -= 1
    return [
        abridged(other.label, label) + (f" ({shortened(other.env, env)})" if env else "")
        for other, label, env in zip(others, labels, envs, strict=True)
    ]


def _count(other: ComparedRun) -> str:
    """Of a mean the number of runs, and how many of them have come to its end where that are fewer."""
    if other.runs < 2:
        return ""
    return f" n={other.runs}" + (f"→{other.left}" if other.left < other.runs else "")


def _in(lines: list[Line], glyphs: Glyphs) -> list[Line]:
    """The lines in characters of the set."""
    if glyphs.braille:
        return lines
    return [[(pictured(text, glyphs), hue) for text, hue in line] for line in lines]


def _absence(model: Model, curve: CurveData) -> str:
    """Why no curve is drawn."""
    run = model.run
    assert run is not None
    if curve.quantity in WHILE_WATCHED and curve.xs and not curve.mean.xs:
        return f"Its {curve.quantity.value} is known from now on, while this screen watches it."
    if curve.xs and not curve.mean.xs:
        return f"Nothing is known of its {curve.quantity.value}."
    if curve.missing and not curve.xs:
        return f"The {curve.axis.value} of its generations is not known."
    if curve.xs:
        return "no room for the curve"
    if run.generation and not model.history.loaded:
        return "The daemon is away: its history is read later." if model.is_away else "reading its history…"
    if run.generation:
        return "Its metrics are gone from the disk."
    return {
        RunState.QUEUED: "It waits for its turn.",
        RunState.STARTING: "The curve begins with the first committed generation.",
        RunState.RUNNING: "The curve begins with the first committed generation.",
    }.get(run.state, "No generation was committed.")
