"""docs/protocol.md against the types: every request, reply and event with its fields, and nothing else."""

import json
import re
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
import pytest

from hades_protocol import codec, commands, events, messages, replies
from hades_protocol.errors import BY_CODE
from hades_protocol.run_state import RunState, WorkerPhase
from hades_protocol.version import MAJOR

DOCUMENT = Path(__file__).parents[2] / "docs/protocol.md"
TEXT = DOCUMENT.read_text()
NAMES = {
    int: "integer",
    float: "number",
    str: "text",
    bool: "boolean",
    bytes: "bytes",
    Any: "any",
    RunState: "RunState",
}
BASES = (commands.Request, commands.RunRequest, commands.Mutation, events.Event)
PLAIN = (replies.Reply, replies.ErrorBody, codec.Array)


def section(name: str) -> str:
    """The text below the heading of a message."""
    found = re.search(rf"^### `{name}`$(.*?)(?=^##|\Z)", TEXT, re.DOTALL | re.MULTILINE)
    assert found, f"docs/protocol.md has no section '### `{name}`'"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of the first table in a text, without its headings."""
    table = re.search(r"^\|.*(?:\n\|.*)*", text, re.MULTILINE)
    assert table, "no table"
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table[0].splitlines()[2:]]


def wire_type(hint: Any) -> str:
    """A field's type as the document writes it."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        meta = args[1]
        if meta.ge is not None:
            return f"{wire_type(args[0])}, {meta.ge} to {meta.le}"
        return f"{wire_type(args[0])}, at most {meta.max_length} characters"
    if origin is Literal:
        return "one of " + ", ".join(f"`{value}`" for value in args)
    if origin in (Union, UnionType):
        return " or ".join("null" if arg is NoneType else wire_type(arg) for arg in args)
    if origin is tuple:
        return f"list of {wire_type(args[0])}"
    if origin is dict:
        return "map"
    return NAMES.get(hint, getattr(hint, "__name__", ""))


def default(field: msgspec.structs.FieldInfo) -> str:
    """A field's default as the document writes it; empty where the field is required."""
    if field.default_factory is not msgspec.NODEFAULT:
        return f"`{field.default_factory()}`"
    if field.default is msgspec.NODEFAULT:
        return ""
    if field.default is None:
        return "null"
    if field.default == "":
        return "empty"
    return f"`{json.dumps(field.default)}`" if not isinstance(field.default, str) else f"`{field.default}`"


def tag(kind: Any) -> str:
    """The verb of a request, or the type of an event."""
    found: str = kind.__struct_config__.tag
    return found


def own_fields(kind: type[msgspec.Struct]) -> list[tuple[str, str, str]]:
    """Name, type and default of the fields that a type adds to those of its base."""
    inherited = set(getattr(kind.__mro__[1], "__struct_fields__", ()))
    return [
        (f"`{field.name}`", wire_type(field.type), default(field))
        for field in msgspec.structs.fields(kind)
        if field.name not in inherited
    ]


def reachable() -> list[type[msgspec.Struct]]:
    """Every Struct that a request, a reply or an event can hold."""
    found: list[type[msgspec.Struct]] = []
    waiting: list[Any] = [*PLAIN, *BASES, *get_args(commands.AnyRequest), *get_args(events.AnyEvent)]
    waiting += commands.RESULTS.values()
    while waiting:
        hint = waiting.pop()
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            if hint not in found:
                found.append(hint)
                waiting += [field.type for field in msgspec.structs.fields(hint)]
        else:
            waiting += get_args(hint)
    return found


WITH_FIELDS = sorted((kind for kind in reachable() if own_fields(kind)), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", WITH_FIELDS, ids=lambda kind: kind.__name__)
def test_every_message_is_documented_with_its_fields(kind: type[msgspec.Struct]) -> None:
    found = [tuple(row[:3]) for row in rows(section(kind.__name__))]
    assert found == own_fields(kind)
    assert all(row[3] for row in rows(section(kind.__name__))), "every field has a meaning"


def test_there_is_no_section_of_anything_else() -> None:
    assert sorted(re.findall(r"^### `(\w+)`$", TEXT, re.MULTILINE)) == [kind.__name__ for kind in WITH_FIELDS]


def test_public_messages_are_all_reachable() -> None:
    there = {kind for module in (messages, replies) for kind in vars(module).values() if isinstance(kind, type)}
    structs = {kind for kind in there if issubclass(kind, msgspec.Struct)}
    assert structs <= set(reachable())


def test_every_verb_is_in_the_table_with_its_request_and_result() -> None:
    expected = [
        [
            f"`{kind.__struct_config__.tag}`",
            f"`{kind.__name__}`",
            f"`{kind.__mro__[1].__name__}`",
            f"`{result.__name__}`",
        ]
        for kind, result in commands.RESULTS.items()
    ]
    assert [row[:4] for row in rows(TEXT.partition("## Verbs")[2])] == expected


def test_every_event_is_in_the_table_with_its_topic() -> None:
    expected = [[f"`{tag(kind)}`", f"`{kind.__name__}`"] for kind in get_args(events.AnyEvent)]
    found = rows(TEXT.partition("## Events")[2])
    assert [row[:2] for row in found] == expected
    assert {row[2] for row in found} == {"`events`", "`dataset/RUN/`"}


def test_codes_states_dtypes_and_the_version_are_those_of_the_package() -> None:
    assert TEXT.startswith(f"# The hades protocol, version {MAJOR}.0\n")
    assert {row[0].strip("`") for row in rows(TEXT.partition("## Errors")[2])} == set(BY_CODE) - {
        "unreachable",
        "error",
    }
    assert [row[0].strip("`") for row in rows(TEXT.partition("## States")[2])] == [state.value for state in RunState]
    listed: dict[str, list[str]] = {}
    for name, _, values in rows(TEXT.partition("## Enumerations")[2]):
        listed.setdefault(name.strip("`"), []).extend(re.findall("`([^`]+)`", values))
    enums = (WorkerPhase, messages.MarkKind, messages.JobVerb, messages.JobState, messages.HistoryKind)
    assert listed == {enum.__name__: [member.value for member in enum if member.value] for enum in enums}
    assert all(f"`{dtype}`" in section("Array") for dtype in codec.DTYPES)


def test_lines_are_short_enough_to_read() -> None:
    assert [line for line in TEXT.splitlines() if len(line) > 120 and not line.startswith("|")] == []
