"""The list of runs."""

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from hades_tui.model import Model
from hades_tui.palette import style
from hades_tui.runs_table import Layout, heading, layout, row
from hades_tui.widgets.strips import strip_of


class RunList(ScrollView, can_focus=True):
    """One line a run under a line of titles that stays."""

    BORDER_TITLE = "Runs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Select", show=False),
        Binding("down,j", "move(1)", "Select", show=False),
        Binding("pageup", "move(-10)", show=False),
        Binding("pagedown", "move(10)", show=False),
        Binding("home,g", "move(-1000000)", show=False),
        Binding("end,G", "move(1000000)", show=False),
    ]

    class Moved(Message):
        """The person wants the run so many places further down."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.model = Model()
        self._shape: Layout | None = None
        self._shaped_for: object = None

    def update_model(self, model: Model) -> None:
        """Draw another model."""
        if model.runs is self.model.runs and model.selected == self.model.selected:
            return
        self.model = model
        self.virtual_size = Size(self.size.width, len(model.runs) + 1)
        self._follow_selection()
        self.refresh()

    def _follow_selection(self) -> None:
        visible = max(1, self.size.height - 1)
        top = min(self.scroll_offset.y, self.model.index)
        self.scroll_to(y=max(top, self.model.index - visible + 1), animate=False)

    def action_move(self, by: int) -> None:
        """Select another run."""
        self.post_message(self.Moved(by))

    def on_click(self, event: events.Click) -> None:
        """Select the run under the pointer."""
        at = event.get_content_offset(self)
        if at is not None and at.y >= 1:
            self.post_message(self.Moved(self.scroll_offset.y + at.y - 1 - self.model.index))

    def on_resize(self) -> None:
        """Keep the selected run in sight."""
        self.virtual_size = Size(self.size.width, len(self.model.runs) + 1)
        self._follow_selection()

    def render_line(self, y: int) -> Strip:
        """The titles, or one run."""
        width = self.size.width
        shape = self._layout(width)
        if y == 0:
            return strip_of(heading(shape) if self.model.runs else [], width, self.rich_style)
        index = y - 1 + self.scroll_offset.y
        if index >= len(self.model.runs):
            return strip_of([], width, self.rich_style)
        run = self.model.runs[index]
        selected = run.id == self.model.selected
        return strip_of(row(run, shape, selected), width, self.rich_style, style("selected") if selected else None)

    def _layout(self, width: int) -> Layout:
        key = (self.model.runs, width)
        if self._shape is None or key != self._shaped_for:
            self._shape, self._shaped_for = layout(self.model.runs, width - 1), key
        return self._shape
