"""What holds for every source file and every source folder."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from hadesd.storage import layout

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path.relative_to(ROOT) for folder in ("hadesd", "protocol", "tui") for path in (ROOT / folder).rglob("*.py")
)
PACKAGES = [path for path in SOURCES if path.name == "__init__.py"]
MODULES = [path for path in SOURCES if path.name != "__init__.py"]


def test_there_are_sources() -> None:
    assert len(MODULES) > 300
    assert len(PACKAGES) > 30


def test_packages_only_hand_names_on() -> None:
    """A docstring and at most twelve lines: code belongs into a module."""

    def lines_of_code(path: Path) -> int:
        nodes = [node for node in ast.parse((ROOT / path).read_text()).body if not isinstance(node, ast.Expr)]
        return sum((node.end_lineno or 0) - node.lineno + 1 for node in nodes)

    assert [str(path) for path in PACKAGES if lines_of_code(path) > 12] == []


def test_packages_say_what_they_hold() -> None:
    """And who may enter, in at least one sentence."""

    def words(path: Path) -> int:
        return len((ast.get_docstring(ast.parse((ROOT / path).read_text())) or "").split())

    assert [str(path) for path in PACKAGES if words(path) < 5] == []


def test_modules_say_what_they_are_for() -> None:
    assert [str(path) for path in MODULES if not (ROOT / path).read_text().startswith('"""')] == []


def test_nothing_is_put_off() -> None:
    marks = ("TODO", "FIXME")
    assert [str(path) for path in SOURCES if any(mark in (ROOT / path).read_text() for mark in marks)] == []


def test_no_folder_is_too_large() -> None:
    """At most twenty modules each, tests and tools too: more of them are two packages."""
    others = (path.relative_to(ROOT) for folder in ("tests", "tools") for path in (ROOT / folder).rglob("[a-z]*.py"))
    modules = Counter(str(path.parent) for path in (*MODULES, *others))
    assert {folder: number for folder, number in modules.items() if number > 20} == {}


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
