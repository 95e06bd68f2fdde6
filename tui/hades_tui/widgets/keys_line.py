"""The bottom line: keys that can be pressed now, as many as fit; those for help and for leaving always."""

from collections.abc import Iterable, Sequence

from textual import events
from textual.geometry import Size
from textual.screen import Screen

from hades_tui.text.fit import length
from hades_tui.text.format import Line
from hades_tui.widgets.lines import LinesPanel

LAST = ("screen.help", "screen.quit", "log.close")
"""Ids of the actions at the right end, which are never left out."""

GAP = 2

Key = tuple[str, str, str, str]
"""Action id, shown key, description, and Textual's name of the key."""


def fitting(keys: Sequence[Key], width: int) -> list[Key]:
    """The keys that fit into a width; none is cut."""
    last = [key for key in keys if key[0] in LAST]
    room = width - sum(_width(key) for key in last)
    first: list[Key] = []
    for key in keys:
        if key[0] not in LAST and _width(key) <= room:
            first.append(key)
            room -= _width(key)
        elif key[0] not in LAST:
            break
    return first + last


def _piece(key: Key) -> Line:
    return [(" ", "text"), (key[1], "title"), (f" {key[2]}", "grey")]


def _width(key: Key) -> int:
    return length(_piece(key)) + GAP - 1


class KeysLine(LinesPanel):
    """The line of keys; a click on a key presses it."""

    DEFAULT_CSS = "KeysLine { height: 1; dock: bottom; background: $background; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._keys: tuple[Key, ...] = ()

    def on_mount(self) -> None:
        """Update the keys with the focus and the keymap."""
        self.screen.bindings_updated_signal.subscribe(self, self._update)
        self._update(self.screen)

    def _update(self, screen: Screen[object]) -> None:
        if screen is self.app.screen:
            self._keys = tuple(self._bound())
            self.show()

    def _bound(self) -> Iterable[Key]:
        seen = set()
        for _, binding, enabled, _ in self.screen.active_bindings.values():
            if binding.show and enabled and binding.id is not None and binding.id not in seen:
                seen.add(binding.id)
                yield binding.id, self.app.get_key_display(binding), binding.description, binding.key

    def key(self) -> object:
        """The keys that can be pressed now."""
        return self._keys

    def build(self, size: Size) -> list[Line]:
        line: Line = []
        for key in fitting(self._keys, size.width):
            line += [*_piece(key), (" " * (GAP - 1), "text")]
        return [line]

    def on_click(self, event: events.Click) -> None:
        """Press the key under the pointer."""
        right = 0
        for key in fitting(self._keys, self.size.width):
            left, right = right, right + _width(key)
            if left <= event.x < right:
                self.app.simulate_key(key[3])
                return
