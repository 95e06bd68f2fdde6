"""A list of a few options of which one is chosen."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message

from hades_tui.text.format import Line
from hades_tui.widgets.lines import LinesPanel


class Choices(LinesPanel, can_focus=True):
    """One line per option. Arrow keys and clicks choose; the choice has a mark, not only a colour."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,right,j,l,space", "choose(1)", "Next", show=False, id="choices.next"),
        Binding("up,left,k,h", "choose(-1)", "Previous", show=False, id="choices.previous"),
    ]
    DEFAULT_CSS = "Choices { width: 100%; height: auto; margin-bottom: 1; }"

    class Changed(Message):
        """Another option is chosen."""

    def __init__(self, names: Sequence[str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._names = tuple(names)
        self.chosen = 0
        self.styles.height = len(self._names)

    def key(self) -> object:
        """The choice and the focus."""
        return self.chosen, self.has_focus

    def build(self, size: Size) -> list[Line]:
        """One line per option."""
        return [self._row(index, name) for index, name in enumerate(self._names)]

    def _row(self, index: int, name: str) -> Line:
        if index != self.chosen:
            return [("  ○ ", "dim"), (name, "text")]
        return [("▸ " if self.has_focus else "  ", "ember"), ("● ", "ember"), (name, "bold")]

    def action_choose(self, by: int) -> None:
        """Choose the option `by` steps further, cyclically."""
        self._choose((self.chosen + by) % len(self._names))

    def on_click(self, event: events.Click) -> None:
        """Choose the option under the pointer."""
        if event.y < len(self._names):
            self._choose(event.y)

    def _choose(self, index: int) -> None:
        self.chosen = index
        self.show()
        self.post_message(self.Changed())

    def on_focus(self) -> None:
        """The mark shows it."""
        self.show()

    def on_blur(self) -> None:
        """The mark shows it."""
        self.show()
