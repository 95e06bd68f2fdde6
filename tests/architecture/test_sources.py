"""What holds for every source file and every source folder."""

import ast
from collections import Counter
from pathlib import Path

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


def test_no_folder_is_a_hall() -> None:
    """At most twenty modules each: more of them are two rooms."""
    modules = Counter(str(path.parent) for path in MODULES)
    assert {folder: number for folder, number in modules.items() if number > 20} == {}
