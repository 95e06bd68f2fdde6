"""The program of docs/recipes.md that writes a curve as CSV."""

import csv
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_a_curve_is_written_as_csv(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/recipes.md").read_text(), re.DOTALL)
    (metrics,) = (ROOT / "tests/golden").glob("*/metrics.jsonl")
    monkeypatch.setattr("sys.argv", ["curve.py", str(metrics)])
    exec(compile(program, "curve.py", "exec"), {})
    written = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    assert [int(row["generation"]) for row in written] == [line["generation"] for line in lines]
    assert [float(row["fitness_mean"]) for row in written] == [line["fitness_mean"] for line in lines]
    assert list(written[0]) == list(lines[0])
