"""What holds for every source file."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from hadesd.storage import layout

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path.relative_to(ROOT) for folder in ("hadesd", "protocol", "tui") for path in (ROOT / folder).rglob("*.py")
)


def test_there_are_sources() -> None:
    assert len(SOURCES) > 40


@pytest.mark.parametrize("path", [p for p in SOURCES if p.name == "__init__.py"], ids=str)
def test_packages_only_hand_names_on(path: Path) -> None:
    lines = [line for line in (ROOT / path).read_text().splitlines() if line.strip()]
    assert len(lines) <= 12, "code belongs into a module"


@pytest.mark.parametrize("path", [p for p in SOURCES if p.name != "__init__.py"], ids=str)
def test_modules_say_what_they_are_for(path: Path) -> None:
    text = (ROOT / path).read_text()
    assert text.startswith('"""'), "a module begins with what it is for"
    assert "TODO" not in text
    assert "FIXME" not in text


RUN_FILES = {value for name, value in vars(layout).items() if name.isupper()}
PLAIN_WORDS = {layout.LOCK, layout.CHECKPOINTS, layout.EXPORTS}
"""Names of files that mean other things too: they count only where a path is made with them."""


def file_names(tree: ast.AST) -> Iterator[str]:
    """String constants of a module that name a file of a run directory, docstrings left out."""
    prose = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.right, ast.Constant):
            if node.right.value in PLAIN_WORDS:
                yield f"{node.lineno}: / {node.right.value!r}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield from (f"{node.lineno}: {name}" for name in RUN_FILES - PLAIN_WORDS if name in node.value)


def test_only_the_layout_names_files_of_a_run_directory() -> None:
    found = {
        str(path): names
        for path in SOURCES
        if path.parts[0] == "hadesd" and path != Path("hadesd/storage/layout.py")
        if (names := list(file_names(ast.parse((ROOT / path).read_text()))))
    }
    assert found == {}


def test_a_file_name_would_be_found() -> None:
    text = '"""run.json"""\npath = directory / "lock"\nother = f"{directory}/metrics.jsonl"'
    assert list(file_names(ast.parse(text))) == ["2: / 'lock'", "3: metrics.jsonl"]
