"""Input fields that handle keys in the order in which they arrive."""

import asyncio
from itertools import takewhile

from textual import events
from textual.app import App
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


CAUGHT_UP_SECONDS = 1.0
"""Longest wait for a field: its screen may be closing, and then nothing of it answers any more."""


async def caught_up(field: Widget) -> None:
    """Wait until a field has handled the keys that it was given, and its screen knows what they changed.

    For an action that the application runs ahead of the focused field (a binding with priority): it would overtake the
    letters typed before it, and the keys after it wait for it.
    """
    above = takewhile(lambda node: not isinstance(node, App), field.ancestors_with_self)
    try:
        async with asyncio.timeout(CAUGHT_UP_SECONDS):
            for node in (field, *above):  # the field twice: its keys, then the messages that these caused
                reached = asyncio.Event()
                if node.call_later(reached.set):
                    await reached.wait()
    except TimeoutError:
        field.log.warning("a field did not handle its keys in time")
