"""Background work of a widget, such as a request to the daemon."""

from collections.abc import Callable, Coroutine
from typing import Any

from textual.dom import DOMNode


def begin(node: DOMNode, work: Callable[[], Coroutine[Any, Any, None]], group: str, *, exclusive: bool = False) -> None:
    """Run a coroutine function in the background of a screen, a widget or the application.

    exclusive: cancel the work of the same group that still runs. The coroutine is created when the work begins, so
    that none stays unawaited where the screen closes before.
    """
    untyped: Any = work  # Textual's annotation has no place for a function that returns nothing
    node.run_worker(untyped, group=group, exclusive=exclusive)
