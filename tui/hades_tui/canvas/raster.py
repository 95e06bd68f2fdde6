"""Pictures of pixels: two pixels, one above the other, in a character. Pure.

A colour is six hexadecimal digits, one of xterm's 256; empty is the background.
"""

from collections.abc import Sequence

from hades_tui.text.fit import length
from hades_tui.text.format import Line

LEVELS = (0x00, 0x5F, 0x87, 0xAF, 0xD7, 0xFF)
"""The steps of red, green and blue in xterm's colour cube."""

GREYS = ("000000", *(f"{v:02x}{v:02x}{v:02x}" for v in range(8, 248, 10)), "ffffff")

COLD = ("262626", "3a3a3a", "5f5f87", "5f87af", "5f87d7", "5fafff", "5fd7ff", "afffff")
WARM = ("262626", "4e3a3a", "875f5f", "af5f5f", "d75f5f", "ff875f", "ffaf5f", "ffd75f")
"""Colours of a value by its size: brighter is larger; blue below zero, red to yellow above."""

COLD_ON_LIGHT = ("eeeeee", "d7d7ff", "afd7ff", "87afff", "5f87ff", "5f5fd7", "0000d7", "000087")
WARM_ON_LIGHT = ("eeeeee", "ffd7af", "ffaf87", "ff875f", "d75f5f", "d70000", "af0000", "870000")
"""The same on a light background, where darker is larger."""

NOT_A_NUMBER = "875faf"

Pixels = Sequence[Sequence[str]]


def grey(share: float) -> str:
    """A grey: black at 0, white at 1, clamped."""
    return GREYS[round(min(1.0, max(0.0, share)) * (len(GREYS) - 1))] if share == share else NOT_A_NUMBER


def diverging(share: float, dark: bool = True) -> str:
    """A colour for -1 to 1: bright blue, dark, bright yellow; on a light background dark blue, light, dark red."""
    if share != share:
        return NOT_A_NUMBER
    cold, warm = (COLD, WARM) if dark else (COLD_ON_LIGHT, WARM_ON_LIGHT)
    ramp = cold if share < 0 else warm
    return ramp[min(len(ramp) - 1, int(min(1.0, abs(share)) * len(ramp)))]


def mixed(red: float, green: float, blue: float) -> str:
    """The colour of the cube nearest to red, green and blue of 0 to 1."""
    return "".join(f"{min(LEVELS, key=lambda v: abs(v - 255 * part)):02x}" for part in (red, green, blue))


def rgb(colour: str) -> tuple[float, float, float]:
    """Red, green and blue of a colour, 0 to 1."""
    return int(colour[:2], 16) / 255, int(colour[2:4], 16) / 255, int(colour[4:], 16) / 255


def half_blocks(pixels: Pixels) -> list[Line]:
    """Lines of half blocks, two rows of pixels each; below an odd last row is the background."""
    out: list[Line] = []
    for y in range(0, len(pixels), 2):
        upper = pixels[y]
        lower = pixels[y + 1] if y + 1 < len(pixels) else [""] * len(upper)
        line: Line = []
        for pair in zip(upper, lower, strict=True):
            text, hue = _half(*pair)
            if line and line[-1][1] == hue and line[-1][0][-1] == text:
                line[-1] = (line[-1][0] + text, hue)
            else:
                line.append((text, hue))
        out.append(line)
    return out


def _half(upper: str, lower: str) -> tuple[str, str]:
    if upper == lower:
        return ("█", f"px:{upper}:") if upper else (" ", "text")
    if not upper:
        return "▄", f"px:{lower}:"
    return "▀", f"px:{upper}:{lower}"


def enlarged(pixels: Pixels, times: int) -> list[list[str]]:
    """The picture with every pixel repeated `times` times across and down."""
    return [[colour for colour in row for _ in range(times)] for row in pixels for _ in range(times)]


def cropped(line: Line, width: int) -> Line:
    """A line of a picture in exactly `width` columns, cut without an ellipsis or padded."""
    out: Line = []
    room = width
    for text, hue in line:
        if room <= 0:
            break
        out.append((text[:room], hue))
        room -= len(text[:room])
    return [*out, (" " * room, "text")] if room > 0 else out


def beside(left: Sequence[Line], right: Sequence[Line], gap: int = 3) -> list[Line]:
    """Two pictures side by side, aligned at the top."""
    width = max((length(line) for line in left), default=0) + gap
    rows = max(len(left), len(right))
    return [
        [*cropped(left[y] if y < len(left) else [], width), *(right[y] if y < len(right) else [])] for y in range(rows)
    ]
