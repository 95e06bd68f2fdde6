"""Base of the panels that are drawn from lines, which are built once per change."""

from itertools import zip_longest

from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from hades_tui.text.format import Line
from hades_tui.theme import palette
from hades_tui.widgets.strips import strip_of


class LinesPanel(Widget):
    """A panel of lines. Subclasses return them from `build`, which is called only where `key` or the size changed."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[Line] = []
        self._built: object = None
        self._shown = self._lines
        self._drawn: object = None  # size and theme of the last complete drawing

    def key(self) -> object:
        """A value that differs whenever the lines do, apart from size and theme."""
        raise NotImplementedError

    def build(self, size: Size) -> list[Line]:
        """The lines for a size."""
        raise NotImplementedError

    def show(self) -> None:
        """Redraw the rows that changed: over a slow line every row counts."""
        self.prepare()
        before, frame = self._shown, self._frame()
        if self._lines is before:
            return
        self._shown = self._lines
        if frame != self._drawn:
            self._drawn = frame
            self.refresh()
            return
        nothing: Line = []
        both = enumerate(zip_longest(before, self._lines, fillvalue=nothing))
        if rows := [Region(0, y, self.size.width, 1) for y, (old, new) in both if old != new]:
            self.refresh(*rows)

    def prepare(self) -> None:
        """Build the lines if something changed."""
        key = self._key()
        if key != self._built:
            self._built = key
            self._lines = self.build(self.size)

    def render_line(self, y: int) -> Strip:
        """One line of the panel."""
        self.prepare()
        line = self._lines[y] if y < len(self._lines) else []
        return strip_of(line, self.size.width, self.rich_style)

    def _frame(self) -> object:
        return self.size, palette.generation()

    def _key(self) -> object:
        return self._frame(), self.key()
