"""A run's fitness as a picture: axes, the band around the mean, the lines of mean and best, and what to compare.

Pure. The mean dataset's evaluations are markers, references dotted lines (hades_tui.overlay).
"""

from collections.abc import Sequence

import msgspec

from hades_protocol.messages import GenerationMetrics, Mark, Reference
from hades_tui import overlay
from hades_tui.plot import BLOCKS, Canvas, Column, Point, Scale, band, columns, nice_step, scale_for, ticks
from hades_tui.view import Line, number

SIGNS = {"fork": "F", "resize": "R", "resume": "^", "fallback": "!", "chunk": "v"}
"""What stands on the axis where something happened to the run."""

MIN_WIDTH = 24
MIN_HEIGHT = 4


class Series(msgspec.Struct, frozen=True):
    """What is drawn of each generation that has it."""

    mean: list[Point]
    best: list[Point]
    lower: list[Point]
    upper: list[Point]
    evaluated: list[Point]


def series(metrics: Sequence[GenerationMetrics]) -> Series:
    """The lines of a curve; generations without a finite fitness are left out."""
    out = Series([], [], [], [], [])
    for m in metrics:
        x = float(m.generation)
        if m.fitness_mean is not None:
            spread = m.fitness_std or 0.0
            out.mean.append((x, m.fitness_mean))
            out.lower.append((x, m.fitness_mean - spread))
            out.upper.append((x, m.fitness_mean + spread))
        if m.fitness_best is not None:
            out.best.append((x, m.fitness_best))
        if m.evaluated_mean is not None:
            out.evaluated.append((x, m.evaluated_mean))
    return out


def draw(
    metrics: Sequence[GenerationMetrics],
    width: int,
    height: int,
    *,
    references: Sequence[Reference] = (),
    marks: Sequence[Mark] = (),
    logarithmic: bool = False,
    colours: bool = True,
) -> list[Line]:
    """The picture in so many columns and rows; without colours the band is two dotted lines."""
    if width < MIN_WIDTH or height < MIN_HEIGHT:
        return []
    data = series(metrics)
    if not data.mean and not data.best:
        return []
    values = [y for line in (data.mean, data.best, data.lower, data.upper, data.evaluated) for _, y in line]
    scale = scale_for([*values, *(reference.value for reference in references)], logarithmic)
    rows = height - 2  # below them the axis and its numbers
    labels = {scale.row(v, rows): _tick(v) for v in ticks(scale, rows, apart=2 if rows < 9 else 3)}
    margin = max([3, *(len(label) for label in labels.values())])
    first, last = float(metrics[0].generation), float(metrics[-1].generation)
    inner = width - margin - 2
    area = _area(data, references, scale, (first, last), inner, rows, set(labels), colours)
    lines: list[Line] = []
    for y in range(rows):
        label = labels.get(y, "")
        lines.append([(label.rjust(margin), "dim"), (" ┤" if label else " │", "faint"), *area[y]])
    return lines + _axis(first, last, margin, inner, marks)


def _tick(value: float) -> str:
    """A round value, without decimals it does not need."""
    return f"{value:g}" if value == 0.0 or 1e-3 <= abs(value) < 1e5 else number(value)


def _area(
    data: Series,
    references: Sequence[Reference],
    scale: Scale,
    reach: tuple[float, float],
    width: int,
    rows: int,
    grid: set[int],
    colours: bool,
) -> list[Line]:
    """Everything inside of the axes."""
    mean, best, edges = Canvas(width, rows), Canvas(width, rows), Canvas(width, rows)

    def at(points: Sequence[Point], count: int) -> list[Column | None]:
        return columns(points, *reach, count)

    def row(value: float) -> int:
        return scale.row(value, 4 * rows)

    mean.trace(at(data.mean, 2 * width), row)
    best.trace(at(data.best, 2 * width), row)
    spread: list[tuple[int, int] | None] = [None] * width
    if colours:
        spread = band(at(data.lower, width), at(data.upper, width), scale, rows)
    else:
        edges.trace(at(data.lower, 2 * width), row)
        edges.trace(at(data.upper, 2 * width), row)
    marks = overlay.markers(data.evaluated, scale, reach, width, rows)

    def is_taken(x: int, y: int) -> bool:
        return (x, y) in marks or bool(mean.bits(x, y) | best.bits(x, y))

    over = overlay.labels(references, scale, width, rows, is_taken) | marks
    dotted = overlay.lines(references, scale, rows)
    out: list[Line] = []
    for y in range(rows):
        blank = (dotted[y], "reference") if y in dotted else ("┈", "grid") if y in grid else (" ", "text")
        line: Line = []
        for x in range(width):
            fill, hue = _band_cell(spread[x], 8 * (rows - 1 - y), blank)
            inside = hue in ("band.full", "band.inverse")
            if (x, y) in over:
                character, hue = over[x, y]
                line.append((character, f"{hue}.band" if inside else hue))
            elif dots := mean.bits(x, y) | best.bits(x, y):
                hue = "mean" if mean.bits(x, y) else "best"
                line.append((chr(0x2800 + dots), f"{hue}.band" if inside else hue))
            elif edge := edges.bits(x, y):
                line.append((chr(0x2800 + edge), "faint"))
            elif hue == "band.full" and y in dotted:
                line.append((dotted[y], "reference.band"))
            else:
                line.append((fill, hue))
        out.append(_merged(line))
    return out


def _band_cell(reach: tuple[int, int] | None, bottom: int, blank: tuple[str, str]) -> tuple[str, str]:
    """What the band leaves in a cell that begins `bottom` eighths above the axis."""
    if reach is None:
        return blank
    low, high = max(0, reach[0] - bottom), min(8, reach[1] - bottom)
    if high <= low:
        return blank
    if low == 0:
        return (" ", "band.full") if high == 8 else (BLOCKS[high], "band")
    if high == 8:
        return BLOCKS[low], "band.inverse"
    return "─", "band"


def _merged(line: Line) -> Line:
    """Neighbours of the same hue in one piece: fewer segments for the terminal."""
    out: Line = []
    for text, hue in line:
        if out and out[-1][1] == hue:
            out[-1] = (out[-1][0] + text, hue)
        else:
            out.append((text, hue))
    return out


def _axis(first: float, last: float, margin: int, width: int, marks: Sequence[Mark]) -> list[Line]:
    """The line below the picture with the marks on it, and the generations under it."""
    line, text = ["─"] * width, [" "] * (width + 4)
    step = max(1.0, nice_step((last - first) / max(2, width // 14)))
    generations = [g * step for g in range(int(first // step), int(last // step) + 1)]
    end = -2
    for generation in [first, *(g for g in generations if g > first)]:
        x = round((generation - first) / ((last - first) or 1.0) * (width - 1))
        label = f"{generation:.0f}"
        start = max(0, min(x - len(label) // 2, width - len(label)))
        if start < end + 2 or x >= width:
            continue
        line[x] = "┬"
        text[start : start + len(label)] = label
        end = start + len(label)
    cells = [(character, "faint") for character in line]
    for mark in marks:
        if first <= mark.generation <= last and mark.kind in SIGNS:
            cells[round((mark.generation - first) / ((last - first) or 1.0) * (width - 1))] = SIGNS[mark.kind], "gold"
    return [
        [(" " * margin + " └", "faint"), *_merged(cells)],
        [(" " * (margin + 2) + "".join(text[:width]), "dim")],
    ]
