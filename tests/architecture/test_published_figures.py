"""The published figures that docs/reproduce.md quotes are those that benchmarks compare with."""

import re

from benchmarks.desk.published import curves
from tests.architecture.test_docs import ROOT

PAGE = (ROOT / "docs/reproduce.md").read_text()


def quoted(environment: str) -> list[tuple[float, float]]:
    """Mean and standard error in the cells of an environment's row; a cell without ± is (mean, 0)."""
    row = re.search(rf"^\| {re.escape(environment)} \|(.*)\|$", PAGE, re.MULTILINE)
    assert row is not None, environment
    cells = [cell.strip().replace(" ", "") for cell in row[1].split("|")]
    numbers = [cell.split("±") for cell in cells if cell != "notrun"]
    return [(float(parts[0]), float(parts[1]) if len(parts) > 1 else 0.0) for parts in numbers]


def test_every_published_environment_is_quoted_as_it_was_published() -> None:
    wrong = []
    for environment, methods in curves().items():
        found = quoted(environment.removesuffix("-MinAtar"))
        expected = [
            (methods[name].final, methods[name].sem[-1]) for name in ("hades-f", "hades-r", "es") if name in methods
        ]
        assert len(found) == len(expected)
        for (mean, sem), (true_mean, true_sem) in zip(found, expected, strict=True):
            if abs(mean - true_mean) > max(0.5, 0.01 * abs(true_mean)) or abs(sem - true_sem) > max(
                0.5, 0.01 * true_sem
            ):
                wrong.append((environment, mean, sem))
    assert len(curves()) == 12
    assert wrong == []
