"""What fork and resize have in common: nested settings, and how the answer is printed."""

from collections.abc import Sequence
from typing import Any

from hades_protocol import replies
from hades_protocol.errors import UsageError
from hades_protocol.settings import parse_assignment, set_dotted
from hadesd.cli.documents.runs import ChangeDocument
from hadesd.cli.output import say


def nested(assignments: Sequence[str]) -> dict[str, Any]:
    """`a.b=value` texts as nested settings.

    Raises:
        UsageError: one is no assignment, or one setting is given twice.
    """
    values: dict[str, Any] = {}
    seen: set[str] = set()
    for text in assignments:
        key, value = parse_assignment(text)
        if key in seen:
            raise UsageError(f"{key} is set twice: give it once")
        seen.add(key)
        set_dotted(values, key, value)
    return values


def document(result: replies.ChangeResult) -> ChangeDocument:
    """What --json prints of a fork or a resize."""
    return ChangeDocument(
        id=None if result.run is None else result.run.id,
        dry_run=result.run is None,
        generation=result.generation,
        changes=result.changes,
        notes=result.notes,
        run=result.run,
    )


def report_changes(result: replies.ChangeResult) -> None:
    """The settings before and after, and the notes, for people."""
    width = max((len(change.name) for change in result.changes), default=0)
    for change in result.changes:
        say(f"  {change.name:{width}}  {_text(change.before)} → {_text(change.after)}")
    for note in result.notes:
        say(f"  note: {note}")


def _text(value: Any) -> str:
    return "unset" if value is None else str(value)
