"""The text of hued lines."""

from collections.abc import Sequence

from hades_tui.text.format import Line


def text_of(line: Line) -> str:
    """The text of one line."""
    return "".join(text for text, _ in line)


def texts_of(lines: Sequence[Line]) -> list[str]:
    """The text of each line."""
    return [text_of(line) for line in lines]
