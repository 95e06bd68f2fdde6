"""Every command in a console block of the documentation is one that hades takes; none is run here."""

import itertools
import re
import shlex
from collections.abc import Iterator

import pytest

from hades_tui.options import parser as screen_parser
from hadesd.cli.main import VERBS, add_verb_parser
from hadesd.cli.parsing import Parser
from tests.architecture.test_docs import PAGES, ROOT

PROMPT = re.compile(r"^(?:[\w-]*\$|#) +")
ENDS = {";", "&&", "||", "|", "&", "(", ")", "<", ">", ">>"}
"""Where the shell's words end a command of ours."""


def console_lines(text: str) -> Iterator[str]:
    """The commands of console blocks, whole where a backslash continues them."""
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            if PROMPT.match(line):
                yield PROMPT.sub("", line)


def commands(line: str) -> Iterator[list[str]]:
    """The calls of hadesd and hades-tui in a line of shell, as words."""
    found = shlex.shlex(line, posix=True, punctuation_chars=True)
    found.whitespace_split = True
    groups = itertools.groupby(found, lambda word: word in ENDS)
    for words in (list(words) for is_end, words in groups if not is_end):
        while words and re.match(r"[A-Z_]+=", words[0]):
            words.pop(0)
        if words and words[0] in ("hadesd", "hades-tui"):
            yield words


def is_taken(words: list[str]) -> bool:
    """Whether the parser takes it."""
    program, *arguments = words
    try:
        if program == "hades-tui":
            screen_parser().parse_args(arguments)
        elif arguments[0] not in VERBS:
            return arguments[0] in ("--help", "--version")
        else:
            subparsers = Parser().add_subparsers(prog="hadesd", parser_class=Parser)
            add_verb_parser(arguments[0], subparsers)
            subparsers.choices[arguments[0]].parse_args(arguments[1:])
    except SystemExit as end:
        return end.code == 0
    return True


def test_every_documented_command_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    refused, count = [], 0
    for page in PAGES:
        for line in console_lines(page.read_text()):
            for words in commands(line):
                count += 1
                if not is_taken(words):
                    why = capsys.readouterr().err.strip()
                    refused.append(f"{page.relative_to(ROOT)}: {shlex.join(words)}: {why}")
    assert count > 200
    assert refused == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("hadesd pause @ ; hadesd resume @  # and on", [["hadesd", "pause", "@"], ["hadesd", "resume", "@"]]),
        ("HADES_HOME=/x hadesd status && echo done", [["hadesd", "status"]]),
        ("tmux new -d -s hades 'hadesd serve'", []),
        ("hadesd status --json > out.json", [["hadesd", "status", "--json"]]),
    ],
)
def test_commands_are_found_in_a_line_of_shell(line: str, found: list[list[str]]) -> None:
    assert list(commands(line)) == found


def test_a_wrong_option_would_be_found() -> None:
    assert not is_taken(["hadesd", "start", "--pairs", "8"])
    assert not is_taken(["hadesd", "attach"])
