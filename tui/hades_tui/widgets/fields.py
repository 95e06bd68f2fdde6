"""Input fields that handle keys in the order in which they arrive."""

from textual import events
from textual.widget import Widget
from textual.widgets import Input, TextArea


class Field(Input):
    """An input field of one line."""

    async def _on_key(self, event: events.Key) -> None:
        await act_at_once(self, event)


class Area(TextArea):
    """An input field of several lines."""

    async def _on_key(self, event: events.Key) -> None:
        await act_at_once(self, event)


async def act_at_once(field: Widget, event: events.Key) -> None:
    """Run the action that the field itself binds to a key; without one the base class handles the key.

    Textual hands letters to the field at once, but routes other keys (backspace, ctrl+u) through the application: of
    keys that arrive together, as over a slow line, letters would overtake them.
    """
    active = None if event.is_printable else field.screen.active_bindings.get(event.key)
    if active is not None and active.node is field and await field.app.run_action(active.binding.action, field):
        event.stop()
        event.prevent_default()
