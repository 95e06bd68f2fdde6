"""Keys that arrive together, as over a slow line, act in their order."""

from typing import ClassVar

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from hades_tui.widgets.fields import Area, Field
from tests.helpers.screen.live_screen import until


class Form(App[None]):
    """A field as deep in other widgets as in a form."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+s", "send", "Send")]

    def __init__(self, kind: type[Field | Area]) -> None:
        super().__init__()
        self.kind = kind
        self.sent: list[str] = []

    def compose(self) -> ComposeResult:
        self.field = self.kind()
        with Vertical(), Vertical():
            yield self.field

    def text(self) -> str:
        return self.field.text if isinstance(self.field, Area) else self.field.value

    def action_send(self) -> None:
        self.sent.append(self.text())


@pytest.mark.parametrize("kind", [Field, Area])
@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ([*"none", "ctrl+u", *"0.15"], "0.15"),
        ([*"0.19", "backspace", "5"], "0.15"),
        ([*"123", "left", "left", "x", "delete"], "1x3"),
        ([*"one", "ctrl+w", *"two"], "two"),
    ],
)
async def test_letters_do_not_overtake_other_keys(kind: type[Field | Area], keys: list[str], text: str) -> None:
    app = Form(kind)
    async with app.run_test() as pilot:
        app.field.focus()
        for key in [*keys, "ctrl+s"]:
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, lambda: bool(app.sent))
        assert app.sent == [text], "sent before everything was typed"
