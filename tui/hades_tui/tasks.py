"""Work beside the drawing, such as a question to the daemon."""

from collections.abc import Callable, Coroutine
from typing import Any

from textual.dom import DOMNode


def begin(node: DOMNode, work: Callable[[], Coroutine[Any, Any, None]], group: str, *, exclusive: bool = False) -> None:
    """Run a coroutine function in the background of a screen, a widget or the application.

    exclusive: whatever of the group still runs is cancelled. The coroutine is made when the work begins: where the
    screen is left before that, none is left behind that nobody ever awaited.
    """
    untyped: Any = work  # Textual's annotation has no place for a function that returns nothing
    node.run_worker(untyped, group=group, exclusive=exclusive)
