"""docs/cli.md, made from the parsers of the command lines: `python -m tools.cli_docs` writes it anew."""

import argparse
import re
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

from hades_tui.options import parser as screen_parser
from hadesd.cli.main import SECTIONS, add_verb_parser
from hadesd.cli.parsing import Parser
from tools.json_docs import ROOT

FILE = ROOT / "docs/cli.md"
COMMAND = "python -m tools.cli_docs"
WIDTH = 120

INTRODUCTION = f"""\
# Commands

This file is made by `{COMMAND}` from the parsers; a test compares them. Every verb prints its
part with `--help`.

Data goes to stdout, everything else to stderr. [Exit codes](exit_codes.md) and the [JSON documents](json.md) that
`--json` prints have pages of their own. `--set NAME=VALUE` and `--spec FILE` take [settings](settings.md). A RUN is an
id, a name, a unique prefix of the id or of its last part, or `@` for the newest; `RUN@50` is its checkpoint after
generation 50.
"""


def text() -> str:
    """The whole file."""
    parts = [INTRODUCTION]
    for section, verbs in SECTIONS.items():
        parts.append(f"## hadesd: {section}\n")
        parts += [describe(_verb_parser(verb)) for verb in verbs]
    parts.append("## hades-tui\n")
    parts += [describe(inner) for inner in _inner(screen_parser()).values()]
    return "\n".join(parts)


def describe(parser: argparse.ArgumentParser, level: int = 3) -> str:
    """A command: what it does, its arguments, its examples; then those below it."""
    inner = _inner(parser)
    lines = [f"{'#' * level} {parser.prog}\n", *_fill(parser.description or ""), ""]
    if not inner:
        lines += ["```text", *_synopsis(parser), "```", ""]
        items = [line for action in _actions(parser) for line in _item(parser, action)]
        lines += [*items, ""] if items else []
    lines += _epilog(parser.epilog or "")
    return "\n".join([*lines, *(describe(one, level + 1) for one in inner.values())])


def _verb_parser(verb: str) -> Parser:
    subparsers = Parser().add_subparsers(prog="hadesd", parser_class=Parser)
    add_verb_parser(verb, subparsers)
    found = subparsers.choices[verb]
    assert isinstance(found, Parser)
    return found


def _inner(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Its commands by name."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return {name: one for action in groups for name, one in action.choices.items()}


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """What it takes; --help, which all have, is left out."""
    for action in parser._actions:
        hidden = action.help == argparse.SUPPRESS or isinstance(action, argparse._HelpAction)
        if not hidden and not isinstance(action, argparse._SubParsersAction):
            yield action


def _synopsis(parser: argparse.ArgumentParser) -> list[str]:
    """One line, wrapped: arguments by their places, then options; what need not be there in brackets."""
    actions = list(_actions(parser))
    words = [_place(action) for action in actions if not action.option_strings]
    for action in actions:
        if action.option_strings:
            said = _option(action, _long(action))
            words.append(said if action.required else f"[{said}]")
    # A word with a space in it stays on one line.
    kept = " ".join([parser.prog, *(word.replace(" ", "\0") for word in words)])
    return [line.replace("\0", " ") for line in textwrap.wrap(kept, 100, subsequent_indent="    ", **_WHOLE)]


_WHOLE: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}


def _name(action: argparse.Action) -> str:
    if action.metavar is not None:
        return str(action.metavar)
    return "|".join(map(str, action.choices)) if action.choices is not None else action.dest.upper()


def _place(action: argparse.Action) -> str:
    name = _name(action)
    return {"*": f"[{name} ...]", "+": f"{name} [{name} ...]", "?": f"[{name}]"}.get(str(action.nargs), name)


def _long(action: argparse.Action) -> str:
    return next((string for string in action.option_strings if string.startswith("--")), action.option_strings[0])


def _option(action: argparse.Action, string: str) -> str:
    return string if action.nargs == 0 else f"{string} {_name(action)}"


def _item(parser: argparse.ArgumentParser, action: argparse.Action) -> list[str]:
    shown = ", ".join(f"`{_option(action, string)}`" for string in action.option_strings) or f"`{_name(action)}`"
    said = " ".join(parser._get_formatter()._expand_help(action).split()).replace("*", "\\*") if action.help else ""
    group = next((g for g in parser._mutually_exclusive_groups if action in g._group_actions), None)
    others = [_long(a) if a.option_strings else _name(a) for a in group._group_actions] if group else []
    notes = ["needed"] if action.required and action.option_strings else []
    notes += [f"{'exactly' if group.required else 'at most'} one of {', '.join(others)}"] if group else []
    return _fill(f"- {shown}: {said}" + (f" ({'; '.join(notes)})" if notes else ""), "  ")


def _epilog(epilog: str) -> list[str]:
    """Examples as a console block, and what else stands below the options as it is."""
    before, _, after = epilog.partition("examples:\n")
    examples, _, rest = after.partition("\n\n")
    lines = []
    if examples.strip():
        shown = [re.sub(r"^", "$ ", line.strip()) for line in examples.rstrip().splitlines()]
        lines += ["```console", *shown, "```", ""]
    for more in (before, rest):
        if more.strip():
            lines += ["```text", *textwrap.dedent(more).strip("\n").splitlines(), "```", ""]
    return lines


def _fill(words: str, indent: str = "") -> list[str]:
    return textwrap.wrap(words, WIDTH, subsequent_indent=indent, **_WHOLE)


if __name__ == "__main__":
    FILE.write_text(text())
    sys.stderr.write(f"wrote {FILE}\n")
