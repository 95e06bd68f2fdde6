"""One vocabulary, the field's: words that the code once had for things, and must not come back."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = [path for folder in ("hadesd", "protocol", "tui") for path in sorted((ROOT / folder).rglob("*.py"))]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

IN_NAMES = {
    *("telling", "door", "doors", "sparing", "sparingly", "fleet", "wish", "wishes", "companion", "companions"),
    *("judge", "judged", "judges", "judging", "arena", "givens", "carrying", "keeper", "seam", "seams"),
    *("unfit", "foreign", "heard", "trouble", "looking"),
}
"""Parts of identifiers."""

IN_TEXT = re.compile(
    r"give_way|--yield(?!-)|--quiet\b|--silence\b|\bseams?\b|\bdoors?\b|\btelling\b|\bsparing\b|\bhousekeeping/"
    r"|\bhades-tui tap\b|\bhouse\b|\brooms\b|\bfor good in\b|makes no sense|\bprotocol 1\.[1-9]\b"
)
"""In docstrings, messages, help and docs."""


def parts(name: str) -> list[str]:
    """The words of an identifier: `WorkerFault` is worker, fault."""
    return [part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Every string of a module with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def test_retired_words_are_in_no_name() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{token.start[0]}: {token.string}"
        for path in SOURCES
        for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
        if token.type == tokenize.NAME and IN_NAMES.intersection(parts(token.string))
    ]
    assert len(SOURCES) > 300
    assert found == []


def test_retired_words_are_in_no_text() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {match[0]}"
        for path in SOURCES
        for line, text in texts(path.read_text())
        if (match := IN_TEXT.search(text))
    ]
    found += [
        f"{page.relative_to(ROOT)}:{number}: {match[0]}"
        for page in PAGES
        for number, line in enumerate(page.read_text().splitlines(), 1)
        if (match := IN_TEXT.search(line))
    ]
    assert found == []
