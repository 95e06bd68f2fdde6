"""The scrollable lines of a log."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from hades_tui.text.format import Line
from hades_tui.widgets.strips import strip_of


class LogView(ScrollView, can_focus=True):
    """Lines of a log, redrawn only where they differ."""

    DEFAULT_CSS = """
    LogView {
        width: 1fr;
        height: 1fr;
        background: $background;
        scrollbar-size: 0 1;
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", show=False, id="log.up"),
        Binding("down,j", "scroll_down", show=False, id="log.down"),
        Binding("home,g", "scroll_home", show=False, id="log.first"),
        Binding("end,G", "scroll_end", show=False, id="log.last"),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.lines: list[Line] = []

    @property
    def text_width(self) -> int:
        """Columns for text. `size` has the scrollbar's, too, which is kept free before there is one."""
        return max(1, self.size.width - self.scrollbar_size_vertical)

    def show_lines(self, lines: list[Line], *, at_end: bool) -> None:
        """Show these lines. at_end: scroll to the last one."""
        if lines != self.lines:
            self.lines = lines
            self.virtual_size = Size(self.size.width, len(lines))
            self.refresh()
        if at_end:
            self.scroll_to(y=self.max_scroll_y, animate=False)

    def render_line(self, y: int) -> Strip:
        """The visible line at y, as Textual draws it."""
        index = y + self.scroll_offset.y
        return strip_of(self.lines[index] if index < len(self.lines) else [], self.size.width, self.rich_style)
