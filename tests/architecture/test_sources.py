"""What holds for every source file."""

from pathlib import Path

import pytest

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
