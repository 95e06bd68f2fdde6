"""Fields to type in that take keys in the order in which they come."""

from textual import events
from textual.widget import Widget
from textual.widgets import Input, TextArea


class Field(Input):
    """A line."""

    async def _on_key(self, event: events.Key) -> None:
        await act_at_once(self, event)


class Area(TextArea):
    """Several lines."""

    async def _on_key(self, event: events.Key) -> None:
        await act_at_once(self, event)


async def act_at_once(field: Widget, event: events.Key) -> None:
    """Do what the key is bound to in the field itself, if it is; else the field's own class is next.

    Textual gives letters to the field, but lets other keys (backspace, ctrl+u) travel up to the application and come
    back as actions: of keys that arrive together, as over a slow line, the letters would overtake them.
    """
    active = None if event.is_printable else field.screen.active_bindings.get(event.key)
    if active is not None and active.node is field and await field.app.run_action(active.binding.action, field):
        event.stop()
        event.prevent_default()
