"""One run in large numbers on the whole screen. Pure."""

import time

from hades_protocol.resync import LinkPhase
from hades_protocol.run_state import RunState
from hades_tui.state.model import Model
from hades_tui.text.digits import PIXELS, ROWS, large
from hades_tui.text.fit import centred, fitted, length, shortened, wrapped
from hades_tui.text.format import (
    Line,
    bar,
    duration,
    fraction_done,
    identity_line,
    link_explanation,
    link_line,
    number,
    pace,
    state_text,
)
from hades_tui.theme.glyphs import UNICODE, Glyphs

GAP = 4
"""Columns between two large numbers."""

LABEL = 12
"""Width of a label before its number."""

Number = tuple[str, str, str]
"""Label, text, hue."""


def watch_lines(model: Model, width: int, height: int, now: float, glyphs: Glyphs = UNICODE) -> list[Line]:
    """The whole screen, `height` lines. now: on the clock of the link. Numbers are dim while the link is not live."""
    run = model.run
    live = model.link.phase is LinkPhase.LIVE
    head = _banner(model, width, now)
    if run is None:
        text = "No runs yet." if model.daemon is not None else "Nothing is known of any run yet."
        return [*head, *centred([[(text, "dim")]], width, height - len(head))]
    head += [[], _middle([state_text(run), (f"   {shortened(identity_line(run), width - 20)}", "dim")], width)]
    if run.reason:
        head.append(_middle([(shortened(run.reason, width), "warn")], width))
    foot = [[], _progress(model, width, glyphs), *_wrapped(_clock(model), "text", width)]
    room = height - len(head) - len(foot)
    if run.generation:
        rows = _numbers(_readings(model, live), width, room, glyphs)
    else:
        rows = [_middle([("No generation was committed yet.", "dim")], width)][: max(0, room)]
    above = max(0, (room - len(rows)) // 2)
    body = [*([[]] * above), *rows]
    return [fitted(line, width) for line in (*head, *body, *([[]] * (room - len(body))), *foot)][:height]


def _banner(model: Model, width: int, now: float) -> list[Line]:
    """The state of the link; where it is not live, that the numbers are old, and why."""
    text, hue = link_line(model.link, now)
    if model.link.phase is LinkPhase.LIVE:
        return [_middle([(text, hue)], width)]
    warning = f" {text}: these numbers are old "
    lines: list[Line] = [_middle([(warning if model.runs else f" {text} ", hue)], width)]
    if why := link_explanation(model.link):
        lines += _wrapped(why, "warn", width)
    return lines


def _readings(model: Model, live: bool) -> list[Number]:
    run = model.run
    assert run is not None
    readings = [("mean", number(run.fitness_mean), "mean"), ("best", number(run.fitness_best), "best")]
    evaluated = model.history.evaluated
    if evaluated is not None:
        readings.append(("mean dataset", number(evaluated.evaluated_mean), "evaluated"))
    readings.append(("best so far", number(run.best_so_far), "ever"))
    return readings if live else [(label, text, "dim") for label, text, _ in readings]


def _numbers(readings: list[Number], width: int, room: int, glyphs: Glyphs) -> list[Line]:
    """The mean as large as fits, and the others side by side below it, as large as fits."""
    for rows in reversed(ROWS):
        first = _row(readings[:1], rows, width, glyphs)
        if first is None:
            continue
        for small in reversed([size for size in ROWS if size < rows] or ROWS[:1]):
            rest = _row(readings[1:], small, width, glyphs)
            if rest is not None and len(first) + 1 + len(rest) <= room:
                return [*first, [], *rest]
        rest = [_middle(_reading(reading), width) for reading in readings[1:]]
        if len(first) + 1 + len(rest) <= room:
            return [*first, [], *rest]
    return [_middle(_reading(reading), width) for reading in readings][: max(0, room)]


def _reading(reading: Number) -> Line:
    """Label and number in normal size."""
    label, text, hue = reading
    return [(f"{label:>{LABEL}}  ", "dim"), (f"{text:<{LABEL}}", hue)]


def _row(readings: list[Number], rows: int, width: int, glyphs: Glyphs) -> list[Line] | None:
    """Large numbers side by side with their labels above; None where they are too wide."""
    pictures = [large(text, rows, glyphs) for _, text, _ in readings]
    cells = [max(len(label), len(picture[0])) for (label, _, _), picture in zip(readings, pictures, strict=True)]
    if sum(cells) + GAP * (len(cells) - 1) > width:
        return None
    lines: list[Line] = [[] for _ in range(1 + (rows if rows >= PIXELS else len(pictures[0])))]
    for i, ((label, _, hue), picture, cell) in enumerate(zip(readings, pictures, cells, strict=True)):
        gap = " " * GAP if i else ""
        lines[0].append((gap + label.center(cell), "dim"))
        for line, text in zip(lines[1:], picture, strict=True):
            line.append((gap + text.center(cell), hue))
    return [_middle(line, width) for line in lines]


def _progress(model: Model, width: int, glyphs: Glyphs) -> Line:
    run = model.run
    assert run is not None
    done = fraction_done(run)
    text = f"  {done:.0%}"
    return _middle([*bar(done, max(0, min(width - 8, width * 3 // 4)), glyphs), (text, "text")], width)


def _clock(model: Model) -> str:
    """Progress, pace, time left, and the time of day of the end."""
    run = model.run
    assert run is not None
    parts = [f"generation {run.generation} of {run.generations}"]
    if run.state is RunState.RUNNING and run.seconds_per_generation is not None:
        parts.append(f"{pace(run.seconds_per_generation)} a generation")
        if run.seconds_left is not None:
            parts.append(f"{duration(run.seconds_left)} left")
            if model.link.phase is LinkPhase.LIVE:
                parts.append(f"done at {_wall(time.time() + run.seconds_left)}")
    return " · ".join(parts)


def _wall(when: float) -> str:
    days = when - time.time() > 20 * 3600
    return time.strftime("%d %b %H:%M" if days else "%H:%M", time.localtime(when))


def _wrapped(text: str, hue: str, width: int) -> list[Line]:
    return [_middle([(piece, hue)], width) for piece in wrapped(text, max(1, width))]


def _middle(line: Line, width: int) -> Line:
    return [(" " * max(0, (width - length(line)) // 2), "text"), *line]
