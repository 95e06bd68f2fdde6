"""The list of settings in a form; the form moves the selection."""

from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from hades_tui.pages.form_view import setting_lines
from hades_tui.pages.settings_form import Form
from hades_tui.text.format import Line
from hades_tui.theme.palette import style
from hades_tui.widgets.lines import LinesPanel
from hades_tui.widgets.strips import strip_of


class SettingsList(LinesPanel):
    """One line per setting; the selected one is always visible."""

    class Chosen(Message):
        """A setting was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._form: Form | None = None
        self._names: tuple[str, ...] = ()
        self._selected = ""

    def update_form(self, form: Form, names: tuple[str, ...], selected: str) -> None:
        """Show the settings `names` of a form."""
        self._form, self._names, self._selected = form, names, selected
        self.show()

    def key(self) -> object:
        """Form, names and selection."""
        return self._form, self._names, self._selected

    def build(self, size: Size) -> list[Line]:
        """The visible lines."""
        return [line for _, line in self._rows()]

    def _rows(self) -> list[tuple[str, Line]]:
        if self._form is None:
            return []
        return setting_lines(self._form, self._names, self._selected, self.size.width, self.size.height)

    def render_line(self, y: int) -> Strip:
        """The line of a setting; the selected one is highlighted."""
        rows = self._rows()
        if y < len(rows) and rows[y][0] == self._selected:
            return strip_of(rows[y][1], self.size.width, self.rich_style, style("selected"))
        return super().render_line(y)

    def on_click(self, event: events.Click) -> None:
        """Select the setting under the pointer."""
        rows = self._rows()
        if event.y < len(rows):
            self.post_message(self.Chosen(rows[event.y][0]))
