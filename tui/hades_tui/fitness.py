"""The panel of the selected run: its state, its numbers, its curve. Pure."""

from collections.abc import Sequence

from hades_protocol.messages import Mark
from hades_protocol.run_state import RunState
from hades_tui.curve import SIGNS, draw
from hades_tui.digits import big
from hades_tui.model import Model
from hades_tui.overlay import MARKER
from hades_tui.view import BEGIN, Line, number, status_line, trouble_line

BIG_FROM = (44, 17)
"""Least width and height of a panel that shows its numbers large."""


def fitness_lines(
    model: Model, width: int, height: int, *, logarithmic: bool = False, colours: bool = True
) -> list[Line]:
    """The whole panel, at most `height` lines."""
    run = model.run
    if run is None:
        return centred([[span] for span in BEGIN], width, height) if model.daemon is not None else []
    lines: list[Line] = [status_line(run)]
    if trouble := trouble_line(model):
        lines.append(trouble)
    numbers = _numbers(model)
    large = width >= BIG_FROM[0] and height >= BIG_FROM[1]
    lines += ([[], *_large(numbers, width), []]) if large else [_small(numbers, width)]
    room = height - len(lines)
    history = model.history
    picture = draw(
        history.metrics,
        width,
        room,
        references=history.references,
        marks=history.marks,
        logarithmic=logarithmic,
        colours=colours,
    )
    return (lines + (picture or centred([[(_absence(model), "dim")]], width, room)))[:height]


def legend(logarithmic: bool, colours: bool = True, evaluated: bool = False, marks: Sequence[Mark] = ()) -> Line:
    """What the hues of the curve mean; without hues, what its lines are from top to bottom.

    evaluated: whether there are evaluations of the mean dataset. References carry their names themselves.
    """
    kinds = dict.fromkeys(mark.kind for mark in marks if mark.kind in SIGNS)
    signs = "".join(f" · {SIGNS[kind]} {kind}" for kind in kinds)
    if not colours:
        words = "best of generation · mean + std · mean · mean - std"
        more = f" · {MARKER} mean dataset" if evaluated else ""
        return [(words + more + (" · log" if logarithmic else "") + signs, "dim")]
    return [
        ("━ mean ", "mean"),
        ("━ best of generation ", "best"),
        (f"{MARKER} mean dataset " if evaluated else "", "evaluated"),
        ("█", "band"),
        (" mean ± std", "dim"),
        (" log", "gold") if logarithmic else ("", "dim"),
        (signs, "gold"),
    ]


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


def _absence(model: Model) -> str:
    """Why there is no curve."""
    run = model.run
    assert run is not None
    if run.generation and not model.history.loaded:
        return "reading its history…"
    if run.generation:
        return "Its metrics are gone from the disk."
    return {
        RunState.QUEUED: "It waits for its turn.",
        RunState.STARTING: "The curve begins with the first committed generation.",
        RunState.RUNNING: "The curve begins with the first committed generation.",
    }.get(run.state, "No generation was committed.")
