"""What holds for every page of documentation: lines that fit, cells that can be read, links that lead somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "systemd").glob("*.md")])
LINE, CELL = 120, 160


def lines(page: Path) -> Iterator[tuple[str, str, bool]]:
    """Each line with its place, and whether it is code."""
    is_code = False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.startswith("```"):
            is_code = not is_code
        yield f"{page.relative_to(ROOT)}:{number}", line, is_code


def test_lines_fit_and_no_cell_is_a_paragraph() -> None:
    too_long = []
    for page in PAGES:
        for place, line, is_code in lines(page):
            if line.startswith("|") and not is_code:
                cells = re.split(r"(?<!\\)\|", line)
                too_long += [place] * any(len(cell.strip()) > CELL for cell in cells)
            elif len(line) > LINE:
                too_long.append(place)
    assert len(PAGES) >= 14
    assert too_long == []


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_links_between_pages_lead_somewhere() -> None:
    anchors = {
        page: {anchor(line.lstrip("# ")) for _, line, _ in lines(page) if line.startswith("#")} for page in PAGES
    }
    broken, count = [], 0
    for page in PAGES:
        for place, line, is_code in lines(page):
            for target in () if is_code else re.findall(r"\]\(([^)\s]+)\)", line):
                if "://" in target:
                    continue
                count += 1
                name, _, fragment = target.partition("#")
                path = (page.parent / name).resolve() if name else page
                if not path.exists() or (fragment and fragment not in anchors.get(path, {fragment})):
                    broken.append(f"{place}: {target}")
    assert count > 30
    assert broken == []
