"""What a setting is worth: which rows count, the table, its place in the page, and the picture."""

import dataclasses
from pathlib import Path

import pytest

from benchmarks.desk import variations
from benchmarks.desk.results import Measured, Row
from benchmarks.desk.table import MARKS, PAGE, replace_table
from benchmarks.desk.variations import STUDIES, Study
from hades_protocol.settings import parse_assignment
from hadesd.spec.presets.layers import resolve
from tests.benchmarks.test_desk import ONE

STUDY = Study(("hopper", "ant"), {"few": ("dataset.pairs=2",), "many": ("dataset.pairs=64",)}, 60.0, "picture.svg")


def row(env: str, seed: int, sets: tuple[str, ...], value: float) -> Measured:
    return dataclasses.replace(ONE, row=Row(env, "hades-r", seed, sets=sets), value=value)


MEASURED = [
    row("hopper", 0, ("dataset.pairs=2",), 1.0),
    row("hopper", 1, ("dataset.pairs=2",), 100.0),
    row("hopper", 1, ("dataset.pairs=2",), 3.0),
    row("ant", 0, ("dataset.pairs=64",), 1234.0),
    row("ant", 0, (), 9999.0),
    dataclasses.replace(row("ant", 1, ("dataset.pairs=64",), 0.0), seconds=1.0),
]


def test_returns_are_means_over_seeds_of_what_was_measured_last_with_that_budget() -> None:
    found = variations.returns(STUDY, MEASURED)
    assert (found["few"]["hopper"].mean, found["few"]["hopper"].sem) == (2.0, pytest.approx(1.0))
    assert found["many"] == {"ant": variations.average([1234.0])}
    assert variations.markdown(STUDY, found).splitlines()[2:] == ["| few | 2 ± 1 | - |", "| many | - | 1234 |"]


def test_the_picture_has_a_panel_for_each_environment_and_a_line_for_each_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docs").mkdir()
    monkeypatch.setattr(variations, "ROOT", tmp_path)
    found = variations.returns(STUDY, MEASURED)
    drawn = variations.draw(STUDY, found).read_text()
    assert all(name in drawn for name in ("hopper", "ant", "few", "many"))


def test_a_table_takes_the_place_of_the_one_before_and_nothing_else_changes(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    begin, end = (mark.format("x") for mark in MARKS)
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    replace_table(page, "x", "new\n")
    assert page.read_text() == f"before\n{begin}\nnew\n{end}\nafter\n"


def test_every_study_has_its_place_in_the_page_and_settings_that_its_environments_take() -> None:
    text = PAGE.read_text()
    for name, study in STUDIES.items():
        assert all(mark.format(name) in text for mark in MARKS), name
        for env in study.envs:
            for sets in study.settings.values():
                assignments = [parse_assignment(one) for one in sets]
                resolve(env=env, method=None, preset="cpu", file_values=None, assignments=assignments, has_gpu=False)
