"""The panel of the selected run: its state, its numbers, its curve. Pure."""

from collections.abc import Mapping

import msgspec

from hades_protocol.run_state import RunState
from hades_tui.curve.compared import MOST, companions, marked
from hades_tui.curve.data import Course, course_of
from hades_tui.curve.picture import ComparedRun, Picture, picture
from hades_tui.curve.readout import readout
from hades_tui.curve.viewport import Viewport
from hades_tui.state.detail import refined
from hades_tui.state.model import Model
from hades_tui.text.digits import big
from hades_tui.text.fit import ELLIPSIS, abridged, fitted, wrapped
from hades_tui.text.format import BEGIN, Line, number, status_line, trouble_line
from hades_tui.theme.glyphs import UNICODE, Glyphs, pictured

TROUBLE_ROWS = 3
"""Most lines for the reason why a run waits or failed."""

BIG_FROM = (44, 17)
"""Least width and height of a panel that shows its numbers large."""

NAMES_FROM = 8
"""Least height of a picture above which the names of other runs have a line."""


class Panel(msgspec.Struct, frozen=True):
    """The panel's lines, its curve and where that begins.

    courses: by run, what the next panel need not compute again.
    """

    lines: list[Line] = []
    picture: Picture = Picture()
    top: int = 0
    courses: Mapping[str, Course] = {}
    companions: tuple[ComparedRun, ...] = ()

    def course(self, run: str | None) -> Course | None:
        """The course of a run that was drawn."""
        return self.courses.get(run or "")


def panel(
    model: Model,
    width: int,
    height: int,
    view: Viewport,
    *,
    known: Mapping[str, Course] | None = None,
    colours: bool = True,
    glyphs: Glyphs = UNICODE,
) -> Panel:
    """The whole panel, at most `height` lines. known: the courses of the panel before."""
    run = model.run
    if run is None:
        begin = centred([[span] for span in BEGIN], width, height) if model.daemon is not None else []
        return Panel(_in(begin, glyphs))
    known = known or {}
    detail = model.detail if model.detail is not None and model.detail.asked.run == run.id else None
    course = course_of(refined(model.history, detail), view.axis, known.get(run.id))
    others = companions(model, view.axis, known)
    lines: list[Line] = [fitted(status_line(run), width)]
    for text, hue in trouble_line(model):
        pieces = list(wrapped(text, width - 2, width))
        if len(pieces) > TROUBLE_ROWS:
            pieces = [*pieces[: TROUBLE_ROWS - 1], pieces[TROUBLE_ROWS - 1][: width - 3] + ELLIPSIS]
        lines += [[(piece if i == 0 else f"  {piece}", hue)] for i, piece in enumerate(pieces)]
    numbers = _numbers(model)
    large = width >= BIG_FROM[0] and height >= BIG_FROM[1]
    lines += [[], *_large(numbers, width), []] if large else [_small(numbers, width)]
    read_at = len(lines) - 1  # the cursor's line takes the place of the newest numbers where there is no other
    if height - len(lines) > NAMES_FROM and (names := _names(model, others, width)):
        lines.append(names)
    room = height - len(lines)
    drawn = picture(course, view, width, room, companions=others, colours=colours, glyphs=glyphs)
    if read := readout(course, view, drawn, width):
        lines[read_at] = read
    top = len(lines)
    lines += drawn.lines or centred([[(_absence(model, course), "dim")]], width, room)
    courses = {run.id: course, **{other.name: other.course for other in others}}
    return Panel(_in(lines[:height], glyphs), drawn, top, courses, tuple(others))


def centred(lines: list[Line], width: int, height: int) -> list[Line]:
    """Lines in the middle of a panel."""
    above = max(0, (height - len(lines)) // 2)
    out: list[Line] = [[] for _ in range(above)]
    for line in lines:
        length = sum(len(text) for text, _ in line)
        out.append([(" " * max(0, (width - length) // 2), "text"), *line])
    return out[: max(0, height)]


def _numbers(model: Model) -> list[tuple[str, str, str]]:
    """Label, number and hue of what stands large."""
    run = model.run
    assert run is not None
    metrics = model.history.metrics
    spread = metrics[-1].fitness_std if metrics and metrics[-1].generation == run.generation else None
    numbers = [
        ("mean", number(run.fitness_mean), "mean"),
        ("best", number(run.fitness_best), "best"),
        ("best so far", number(run.best_so_far), "ever"),
        ("± std", number(spread), "dim"),
    ]
    if (newest := model.history.evaluated) is not None:
        error = "" if newest.evaluated_sem is None else f" ± {number(newest.evaluated_sem)}"
        numbers.insert(2, ("mean dataset" + error, number(newest.evaluated_mean), "evaluated"))
    return numbers


def _large(numbers: list[tuple[str, str, str]], width: int) -> list[Line]:
    rows: list[Line] = [[], [], [], []]
    used = 0
    for label, text, hue in numbers:
        picture = big(text)
        cell = max(len(label), len(picture[0])) + 3
        if used + cell - 3 > width:  # the last one needs no gap behind it
            break
        used += cell
        rows[0].append((f"{label:<{cell}}", "dim"))
        for i in range(3):
            rows[i + 1].append((f"{picture[i]:<{cell}}", hue))
    return rows


def _small(numbers: list[tuple[str, str, str]], width: int) -> Line:
    line: Line = []
    used = 0
    for label, text, hue in numbers:
        if line and used + len(label) + 1 + len(text) > width:
            break
        used += len(label) + 1 + len(text) + 3
        line += [(f"{label} ", "dim"), (text, hue), ("   ", "text")]
    return line


def _names(model: Model, others: list[ComparedRun], width: int) -> Line:
    """Which line is whose; empty without other runs."""
    signs = [(f"{other.sign} " if other.sign else "parent ", other) for other in others]
    if not signs:
        return []
    more = len(marked(model)) - MOST
    tail = f"  {more} more marked, {MOST} are drawn" if more > 0 else ""
    room = (width - len(tail)) // len(signs) - 3
    line: Line = []
    for sign, other in signs:
        line += [(sign, other.hue), (abridged(other.name, max(6, room - len(sign))), "dim"), ("   ", "text")]
    return fitted([*line[:-1], (tail, "warn")], width)


def _in(lines: list[Line], glyphs: Glyphs) -> list[Line]:
    """The lines in characters that the terminal has."""
    if glyphs.braille:
        return lines
    return [[(pictured(text, glyphs), hue) for text, hue in line] for line in lines]


def _absence(model: Model, course: Course) -> str:
    """Why there is no curve."""
    run = model.run
    assert run is not None
    if course.missing and not course.xs:
        return f"The {course.axis.value} of its generations is not known."
    if run.generation and not model.history.loaded:
        return "reading its history…"
    if run.generation:
        return "Its metrics are gone from the disk."
    return {
        RunState.QUEUED: "It waits for its turn.",
        RunState.STARTING: "The curve begins with the first committed generation.",
        RunState.RUNNING: "The curve begins with the first committed generation.",
    }.get(run.state, "No generation was committed.")
