"""What leaves for a terminal: text that cannot steer it, wherever the text came from.

Names, notes and reasons come from run directories, archives and daemons of other people. `printable_output` stands
between a command and its standard streams, so that no command has to think of that; what the command itself wants to
do to the terminal it says with `steer`.
"""

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from typing import Any, TextIO, cast

from hades_protocol.stdio import prepare_streams

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_OURS = f"\x1b{os.urandom(16).hex()}"
"""Stands for the escape character in what we say ourselves. Another one in each process: nobody's text can hold it."""


def printable(text: str) -> str:
    """A text that moves no cursor, changes no colour and can be encoded; lines end where they did.

    Colours are taken out and tabs become spaces. What else cannot be printed is spelled as JSON does (`\\u001b`), so
    that JSON stays JSON.
    """
    if text.isprintable():
        return text
    lines = _COLOUR.sub("", text).split("\n")
    return "\n".join(line if line.isprintable() else "".join(map(_spelled, line)) for line in lines)


def _spelled(character: str) -> str:
    if character.isprintable():
        return character
    if character == "\t":
        return "    "
    if character.isspace() and ord(character) > 0x9F and character not in "\u2028\u2029":
        return character  # spaces of other widths
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def steer(codes: str) -> str:
    """An escape sequence of our own, e.g. `steer("[1m")`; a PrintableStream lets it through."""
    return _OURS + codes


def coloured(text: str, code: str) -> str:
    """A text of our own in a colour; code: of SGR, e.g. "1;32"."""
    return f"{steer(f'[{code}m')}{text}{steer('[0m')}"


class PrintableStream:
    """A text stream that writes what is printable, and otherwise is the stream below it."""

    def __init__(self, stream: TextIO) -> None:
        self.below = stream

    def write(self, text: str) -> int:
        """Write, made printable; the number of characters that were handed in."""
        self.below.write("\x1b".join(map(printable, text.split(_OURS))))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write each of them."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.below, name)


@contextlib.contextmanager
def printable_output() -> Iterator[None]:
    """Until the end of the block there are three standard streams, and nothing but printable text leaves by them."""
    prepare_streams()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (stream and cast(TextIO, PrintableStream(stream)) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def unguarded(stream: TextIO) -> TextIO:
    """The stream below a PrintableStream, for whoever draws colours and has made each piece of text printable."""
    return stream.below if isinstance(stream, PrintableStream) else stream
