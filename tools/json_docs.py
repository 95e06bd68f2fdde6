"""docs/json.md, made from the types of the JSON documents: `python -m tools.json_docs` writes it anew.

The meaning of a field is the comment behind it in the source, that of a type its docstring.
"""

import ast
import dataclasses
import enum
import inspect
import io
import re
import sys
import textwrap
import tokenize
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from hades_protocol.messages import RunSummary
from hades_protocol.run_spec import Cloning, Evaluation, OwnEnvironment, Policy
from hadesd.analysis.comparison import ComparisonDocument
from hadesd.analysis.evaluation.documents import (
    EvaluationDocument,
    ImageEvaluationDocument,
    MultitaskDocument,
    TransferDocument,
)
from hadesd.analysis.reference.documents import ReferenceDocument
from hadesd.analysis.reference.settings import PPO
from hadesd.analysis.sweep_table import SweepTableDocument
from hadesd.cli.documents.daemon import (
    DoctorDocument,
    GpusDocument,
    MirrorDocument,
    PathsDocument,
    SettingsDocument,
)
from hadesd.cli.documents.datasets import (
    ExportDocument,
    ImportDocument,
    MergeDocument,
    PairsDocument,
    ReferencesDocument,
    ReportDocument,
)
from hadesd.cli.documents.runs import (
    ChangeDocument,
    ChangedRunsDocument,
    DifferenceDocument,
    ForegroundDocument,
    GroupDocument,
    RunDocument,
    RunsDocument,
)
from hadesd.cli.documents.setup import (
    EnvironmentsDocument,
    HooksDocument,
    HookTestDocument,
    KeysDocument,
    ServiceDocument,
)
from hadesd.cli.documents.storage import (
    ArchiveDocument,
    CheckpointDocument,
    GarbageDocument,
    RemovalDocument,
    RetentionDocument,
    UnpackDocument,
)
from hadesd.cli.documents.sweep import SweepDocument, SweepPlanDocument

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docs/json.md"
COMMAND = "python -m tools.json_docs"
WIDTH = 120


class Printed(NamedTuple):
    """A document that a command prints. section: of `hadesd --help`."""

    section: str
    command: str
    document: type


PRINTED = (
    Printed("runs", "start", RunSummary),
    Printed("runs", "run", ForegroundDocument),
    Printed("runs", "sweep", SweepDocument),
    Printed("runs", "sweep --dry-run", SweepPlanDocument),
    Printed("runs", "sweep --show GROUP", SweepTableDocument),
    Printed("runs", "status", RunsDocument),
    Printed("runs", "status --group GROUP", RunsDocument),
    Printed("runs", "status RUN", RunDocument),
    Printed("runs", "status RUN --diff RUN", DifferenceDocument),
    Printed("runs", "compare", ComparisonDocument),
    Printed("runs", "wait RUN", RunSummary),
    Printed("runs", "wait --group GROUP", GroupDocument),
    Printed("runs", "pause RUN", RunSummary),
    Printed("runs", "pause RUN RUN", ChangedRunsDocument),
    Printed("runs", "pause --group GROUP", GroupDocument),
    Printed("runs", "resume RUN", RunSummary),
    Printed("runs", "resume RUN RUN", ChangedRunsDocument),
    Printed("runs", "resume --group GROUP", GroupDocument),
    Printed("runs", "cancel RUN", RunSummary),
    Printed("runs", "cancel RUN RUN", ChangedRunsDocument),
    Printed("runs", "cancel --group GROUP", GroupDocument),
    Printed("runs", "fork", ChangeDocument),
    Printed("runs", "resize", ChangeDocument),
    Printed("runs", "priority RUN", RunSummary),
    Printed("runs", "priority RUN RUN", ChangedRunsDocument),
    Printed("runs", "priority --group GROUP", GroupDocument),
    Printed("runs", "note RUN", RunSummary),
    Printed("runs", "note RUN RUN", ChangedRunsDocument),
    Printed("runs", "note --group GROUP", GroupDocument),
    Printed("runs", "rename", RunSummary),
    Printed("runs", "tag RUN", RunSummary),
    Printed("runs", "tag RUN RUN", ChangedRunsDocument),
    Printed("runs", "tag --group GROUP", GroupDocument),
    Printed("runs", "environments", EnvironmentsDocument),
    Printed("datasets", "export", ExportDocument),
    Printed("datasets", "import", ImportDocument),
    Printed("datasets", "pairs", PairsDocument),
    Printed("datasets", "evaluate FILE", EvaluationDocument),
    Printed("datasets", "evaluate FILE, a dataset of images", ImageEvaluationDocument),
    Printed("datasets", "evaluate FILE, a merged dataset", MultitaskDocument),
    Printed("datasets", "evaluate FILE --env E, a merged dataset", EvaluationDocument),
    Printed("datasets", "transfer", TransferDocument),
    Printed("datasets", "merge", MergeDocument),
    Printed("datasets", "reference", ReferenceDocument),
    Printed("datasets", "reference RUN --value, --remove or --list", ReferencesDocument),
    Printed("datasets", "report", ReportDocument),
    Printed("storage", "rm", RemovalDocument),
    Printed("storage", "archive", ArchiveDocument),
    Printed("storage", "archive --restore FILE", RunSummary),
    Printed("storage", "retain", RetentionDocument),
    Printed("storage", "checkpoint show", CheckpointDocument),
    Printed("storage", "checkpoint unpack", UnpackDocument),
    Printed("storage", "gc", GarbageDocument),
    Printed("daemon", "service status", ServiceDocument),
    Printed("daemon", "doctor", DoctorDocument),
    Printed("daemon", "settings", SettingsDocument),
    Printed("daemon", "paths", PathsDocument),
    Printed("daemon", "gpus", GpusDocument),
    Printed("daemon", "keys list", KeysDocument),
    Printed("daemon", "hooks", HooksDocument),
    Printed("daemon", "hooks test", HookTestDocument),
    Printed("daemon", "mirror", MirrorDocument),
)

LISTED_ELSEWHERE = (OwnEnvironment, Policy, Cloning, Evaluation, PPO)
"""Sections of settings: `hadesd settings` and `hadesd reference --help` list them, with range and default."""

INTRODUCTION = f"""\
# JSON documents

This file is made by `{COMMAND}` from the types in the source; a test compares them.

- With `--json` a command prints one JSON object on stdout. Everything else that it says is on stderr, and so is what an
  environment or a policy of one's own prints.
- A command that makes or changes one run, or is about one run, prints its `id`.
- A command about several runs prints `runs`, a list of objects with an `id` each.
- What is called as a setting means that setting (`hadesd settings` lists them).
- Times are Unix times in seconds, sizes are bytes, and a number that is not finite is null.
- A command that ends with an error prints no document; its [exit code](exit_codes.md) says why.
"""

NAMES = {int: "integer", float: "number", bool: "true or false", str: "text", Any: "anything"}


def text() -> str:
    """The whole file."""
    parts = [INTRODUCTION, "## Commands\n"]
    for section in dict.fromkeys(printed.section for printed in PRINTED):
        here = [printed for printed in PRINTED if printed.section == section]
        parts.append(f"{section}:\n\n" + "".join(f"- `hadesd {p.command}`: {_link(p.document)}\n" for p in here))
    parts.append("## Documents\n")
    top = list(dict.fromkeys(printed.document for printed in PRINTED))
    parts += [describe(kind) for kind in top]
    parts.append("## Parts of documents\n")
    parts += [describe(kind) for kind in _nested(top)]
    return "\n".join(parts)


def describe(kind: type) -> str:
    """A type with its fields."""
    hints = typing.get_type_hints(kind, include_extras=True)
    meanings = field_comments(kind)
    lines = [f"### {kind.__name__}\n"]
    lines += [textwrap.fill(" ".join(block.split()), WIDTH) + "\n" for block in _docstring(kind).split("\n\n")]
    for name in _fields(kind):
        said = meanings.get(name, "")
        item = f"- `{name}` ({_type_text(hints[name])})" + (f": {said}" if said else "")
        lines.append(textwrap.fill(item, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False))
    return "\n".join(lines) + "\n"


def field_comments(kind: type) -> dict[str, str]:
    """Field -> the comment behind it, or else the comment lines right above it."""
    source = textwrap.dedent(inspect.getsource(kind))
    comments: dict[int, tuple[str, bool]] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            alone = not token.line[: token.start[1]].strip()
            comments[token.start[0]] = (token.string.lstrip("# "), alone)
    out: dict[str, str] = {}
    for node in ast.parse(source).body[0].body:  # type: ignore[attr-defined]
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
            continue
        if node.end_lineno in comments:
            out[node.target.id] = _timeless(comments[node.end_lineno][0])
            continue
        above: list[str] = []
        line = node.lineno - 1
        while line in comments and comments[line][1]:
            above.insert(0, comments[line][0])
            line -= 1
        out[node.target.id] = _timeless(" ".join(above))
    return out


def _timeless(comment: str) -> str:
    """Without the version of the protocol that brought a field."""
    return re.sub(r";? ?[Ss]ince protocol \d+\.\d+\.?", "", comment)


def _docstring(kind: type) -> str:
    found = kind.__doc__
    assert found, f"{kind.__name__} has no docstring"
    return _timeless(inspect.cleandoc(found))


def _fields(kind: type) -> list[str]:
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    return [field.encode_name for field in msgspec.structs.fields(kind)]


def _is_document(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind not in LISTED_ELSEWHERE


def _nested(top: list[type]) -> list[type]:
    """The types within the documents, in the order in which they are met first."""
    found: dict[type, None] = dict.fromkeys(top)
    queue = list(top)
    while queue:
        for hint in typing.get_type_hints(queue.pop(0)).values():
            for kind in _kinds(hint):
                if kind not in found:
                    found[kind] = None
                    queue.append(kind)
    return [kind for kind in found if kind not in top]


def _kinds(hint: Any) -> Iterator[type]:
    if _is_document(hint):
        yield hint
    for inner in typing.get_args(hint):
        yield from _kinds(inner)


def _link(kind: type) -> str:
    return f"[{kind.__name__}](#{kind.__name__.lower()})"


def _type_text(hint: Any) -> str:
    """A type in the words of JSON."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _type_text(inner[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join("null" if one is type(None) else _type_text(one) for one in inner)
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin is dict:
        return f"object of {_type_text(inner[1])} by name"
    if origin in (list, tuple):
        items = [one for one in inner if one is not Ellipsis]
        return f"list of {_type_text(items[0])}" if len(items) == 1 else f"[{', '.join(map(_type_text, items))}]"
    if _is_document(hint):
        return _link(hint)
    if hint in LISTED_ELSEWHERE:
        return "object"
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return " or ".join(f"`{member.value}`" for member in hint)
    return NAMES[hint]


if __name__ == "__main__":
    FILE.write_text(text())
    sys.stderr.write(f"{FILE}\n")
