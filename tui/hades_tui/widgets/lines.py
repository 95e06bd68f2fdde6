"""A panel drawn from lines: built once per change, given to the terminal line by line."""

from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from hades_tui import palette
from hades_tui.view import Line
from hades_tui.widgets.strips import strip_of


class LinesPanel(Widget):
    """Subclasses say in `build` which lines fill a size; they are built again only where `key` differs."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[Line] = []
        self._built: object = None

    def key(self) -> object:
        """Everything that the lines depend on, besides the size."""
        raise NotImplementedError

    def build(self, size: Size) -> list[Line]:
        """The lines for a size."""
        raise NotImplementedError

    def show(self) -> None:
        """Draw again if something changed."""
        if self._key() != self._built:
            self.refresh()

    def prepare(self) -> bool:
        """Build the lines if something changed; whether it did."""
        key = self._key()
        if key == self._built:
            return False
        self._built = key
        self._lines = self.build(self.size)
        return True

    def render_line(self, y: int) -> Strip:
        """One line of the panel."""
        self.prepare()
        line = self._lines[y] if y < len(self._lines) else []
        return strip_of(line, self.size.width, self.rich_style)

    def _key(self) -> object:
        return self.size, palette.generation(), self.key()
