"""docs/api.md, made from the docstrings of the library: `python -m tools.api_docs` writes it anew."""

import dataclasses
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from enum import Enum
from typing import Any

import msgspec

import hadesd
from hadesd.api.names import MODULES
from tools.json_docs import ROOT, field_comments

FILE = ROOT / "docs/api.md"
COMMAND = "python -m tools.api_docs"
WIDTH = 120

TITLES = {
    "hadesd.api.datasets": "Datasets",
    "hadesd.api.learning": "Training and evaluation",
    "hadesd.api.distilling": "Distillation",
    "hadesd.api.client": "Runs of a daemon",
    "hadesd.api.errors": "Errors",
}
"""Chapters, each with the names of the modules after it and before the next."""

ELSEWHERE = {
    "RunSpec": "`hadesd settings` lists every one.",
    "RunSummary": "[json.md](json.md#runsummary) lists its fields.",
}

INTRODUCTION = f"""\
# Library

This file is made by `{COMMAND}` from the docstrings in the source; a test compares them.

`import hadesd` loads nothing until a name is used. What computes (`train`, `evaluate`, `distil`) needs the extra
`daemon`; datasets and runs of a daemon need the base installation alone. Programs to begin with are in
[examples](../examples).

- Names on this page are stable: they change with a new major version only.
- Whatever a caller, a file or a daemon does wrong is a `HadesError`; nothing prints, and nothing ends the program.
- The first call that computes gives JAX the environment of a worker, so that numbers are those of runs and commands.
"""

SECTIONS = ("Args:", "Returns:", "Raises:")


def text() -> str:
    """The whole file."""
    parts = [INTRODUCTION]
    for module, names in MODULES.items():
        if module in TITLES:
            parts.append(f"## {TITLES[module]}\n")
        parts += [describe(name, getattr(hadesd, name)) for name in names]
    return "\n".join(parts)


def describe(name: str, found: Any) -> str:
    """A function or a class, with its methods."""
    if not inspect.isclass(found):
        return "\n".join([f"### {name}\n", *_signature(f"hadesd.{name}", found), *_docstring(found)])
    lines = [f"### {name}\n", *_docstring(found)]
    if issubclass(found, Exception):
        lines[-1:] = [f"A `{base.__name__}`.\n" for base in found.__bases__ if base is not Exception]
        lines = [f"### {name}\n", *_docstring(found), *lines[2:]]
        return "\n".join(dict.fromkeys(lines))
    if name in ELSEWHERE:
        return "\n".join([*lines, f"{ELSEWHERE[name]}\n"])
    if issubclass(found, Enum):
        return "\n".join([*lines, *_fill(f"Values: {', '.join(f'`{one.value}`' for one in found)}."), ""])
    if issubclass(found, msgspec.Struct):
        said = field_comments(found)
        return "\n".join(
            [*lines, *(line for field in found.__struct_fields__ for line in _item(field, said[field])), ""]
        )
    for member, value in _members(found):
        if isinstance(value, property):
            lines += [*_fill(f"**`{member}`**: " + " ".join(_docstring(value)).strip()), ""]
        else:
            lines += [
                *_signature(f"{name}.{member}" if member != "__call__" else name.lower(), value),
                *_docstring(value),
            ]
    return "\n".join(lines)


def _members(kind: type) -> Iterator[tuple[str, Any]]:
    """Public methods and properties of a class, in the order of its source."""
    fields = {field.name for field in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else set()
    for name, value in vars(kind).items():
        public = name not in fields and (not name.startswith("_") or name == "__call__")
        if public and (isinstance(value, property) or inspect.isfunction(value)):
            yield name, value


class _Plain:
    """An annotation as it stands in the source, without modules and quotes."""

    def __init__(self, annotation: Any) -> None:
        words = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
        self._words = re.sub(r"\b(?:[a-z_]+\.)+(\w+)", r"\1", words).replace("~", "")

    def __repr__(self) -> str:
        return self._words


def _signature(name: str, function: Any) -> list[str]:
    signature = inspect.signature(function)
    given = [
        one.replace(annotation=_Plain(one.annotation)) for one in signature.parameters.values() if one.name != "self"
    ]
    result = _Plain(signature.return_annotation)
    shown = f"{name}{signature.replace(parameters=given, return_annotation=result)}"
    if len(shown) > WIDTH:
        lines = str(signature.replace(parameters=given, return_annotation=inspect.Signature.empty))[1:-1]
        each = [f"    {one}," for one in re.split(r", (?=\w+(?::|$)|\*)", lines) if one]
        closing = textwrap.wrap(f") -> {result!r}", WIDTH, subsequent_indent="    ")
        shown = "\n".join([f"{name}(", *each, *closing])
    return ["```python", shown, "```", ""]


def _docstring(found: Any) -> list[str]:
    """The docstring as Markdown: paragraphs, and lists of arguments, results and errors."""
    assert found.__doc__, f"{found} has no docstring"
    body, heading, out = inspect.cleandoc(found.__doc__), "", []
    for line in [*_blocks(body)]:
        if line in SECTIONS:
            heading = {"Args:": "Arguments", "Returns:": "Returns", "Raises:": "Raises"}[line]
            out.append(f"{heading}:\n")
            continue
        if heading:
            out += [*(item for one in _entries(line) for item in _item(*one, code=heading != "Returns")), ""]
            heading = ""
        else:
            out += _paragraph(line)
    return out


def _blocks(body: str) -> Iterator[str]:
    """Paragraphs, headings of sections, and what stands in them."""
    for block in re.split(r"\n\s*\n", body):
        first, _, rest = block.partition("\n")
        if first in SECTIONS:
            yield first
            yield textwrap.dedent(rest)
        else:
            yield block


def _paragraph(block: str) -> list[str]:
    """A paragraph; lines that explain a field (`name: text`) become a list."""
    if all(re.match(r"[a-z_]+(, [a-z_]+)*: ", line) or not re.match(r"\w+:", line) for line in block.splitlines()) and (
        re.match(r"[a-z_]+(, [a-z_]+)*: ", block)
    ):
        return [*(item for one in _entries(block) for item in _item(*one)), ""]
    return [*_fill(" ".join(block.split())), ""]


def _entries(block: str) -> list[tuple[str, str]]:
    """`name: text` with the lines that belong to it; without a name it is one entry."""
    found: list[tuple[str, str]] = []
    for line in block.splitlines():
        match = re.match(r"([A-Za-z_]+(?:, [a-z_]+)*): (.*)", line)
        if match and not line.startswith(" "):
            found.append((match[1], match[2]))
        elif found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
        else:
            found.append(("", line.strip()))
    return found


def _item(name: str, said: str, code: bool = True) -> list[str]:
    shown = f"`{name}`" if code else name
    return _fill("- " + ": ".join(part for part in (shown if name else "", said) if part), indent="  ")


def _fill(words: str, indent: str = "") -> list[str]:
    return textwrap.wrap(words, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    FILE.write_text(text())
    sys.stderr.write(f"wrote {FILE}\n")
