"""Runs and groups side by side, from directories that say what a daemon and workers would have written."""

import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hades_protocol.errors import NotFoundError, UsageError
from hades_protocol.run_state import RunState
from hadesd.analysis import comparison
from hadesd.analysis.comparison import Comparison, Line, Point
from hadesd.analysis.members import Member, Row
from hadesd.analysis.pictures import comparison as picture
from hadesd.analysis.report.comparison import page
from hadesd.cli.output import number
from hadesd.storage import records
from tests.analysis.test_sweep_table import make
from tests.helpers.protocol.protocol_server import a_generation, a_run


def rename(directory: Path, run: str, **values: Any) -> None:
    record, _ = records.load(directory / run)
    records.save(directory / run, msgspec.structs.replace(record, **values))


def some_runs(directory: Path) -> None:
    """Group g: three seeds, of which two end early. Of no group: baseline, and swing in another environment."""
    make(directory, 1.0, [1.0, 2.0, 3.0, 4.0], seed=0)
    make(directory, 2.0, [3.0, 4.0, 5.0], seed=1)
    make(directory, 3.0, [5.0, 6.0], seed=2)
    baseline = make(directory, 4.0, [10.0, 20.0], seed=0, dataset={"pairs": 8})
    rename(directory, baseline, group="", name="baseline")
    timings = "".join(f'{{"generation":{n},"seconds":1800,"committed_at":1}}\n' for n in (1, 2))
    (directory / baseline / "timings.jsonl").write_text(timings)
    rename(directory, make(directory, 5.0, [-1.0, -3.0], env="Pendulum-v1"), group="", name="swing")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    some_runs(tmp_path)
    return tmp_path


def test_a_group_is_its_mean_over_seeds_and_says_how_many_are_left(directory: Path) -> None:
    compared = comparison.read(directory, ["g", "baseline"])
    group, run = compared.lines
    assert (group.label, group.seeds, run.label, run.seeds) == ("g", 3, "baseline", 1)
    points = comparison.curve(group)
    assert [(p.generation, p.mean, p.n) for p in points] == [(1, 3.0, 3), (2, 4.0, 3), (3, 4.0, 2), (4, 4.0, 1)]
    assert points[0].sem == pytest.approx(2.0 / math.sqrt(3))
    assert points[3].sem is None, "one seed has no spread"
    assert comparison.leaving(points) == [(2, 2), (3, 1)]
    assert [p.x for p in comparison.curve(group, "steps")] == [1.0, 2.0, 3.0, 4.0]
    assert [p.x for p in comparison.curve(run, "hours")] == [0.5, 1.0]
    assert comparison.curve(group, "hours") == [], "nobody knows them"
    assert compared.keys == ("dataset.pairs",)


def test_the_table_and_the_document(directory: Path) -> None:
    compared = comparison.read(directory, ["g", "baseline"])
    heading, group, run = comparison.text(compared, number).splitlines()
    assert heading.split()[:4] == ["RUN", "OR", "GROUP", "ENV"]
    assert group.split()[:4] == ["g", "CartPole-v1", "3", "2–4/3"]
    assert "5 ± 0.58" in group, "4, 5 and 6 in their newest generations"
    assert " 120 ± 1 " in run, "a single run's evaluation has its own spread"
    document = comparison.document(compared, None)
    assert document.environments == ("CartPole-v1",)
    several, one = document.lines
    assert (several.seeds, several.top_mean, several.evaluated_over) == (3, 5.0, "seeds")
    assert (one.evaluated_mean, one.evaluated_sem, one.evaluated_over) == (120.0, 1.0, "policies")
    assert (one.hours, several.hours, one.env_steps) == (1.0, None, 2.0)
    assert (one.settings, several.settings) == ({"dataset.pairs": 8}, {"dataset.pairs": 64})
    assert len(several.runs) == 3


def test_a_group_whose_settings_vary_has_a_line_for_each_combination(tmp_path: Path) -> None:
    for seed in (0, 1):
        for pairs in (16, 4):
            make(tmp_path, float(pairs + seed), [1.0, 2.0], seed=seed, dataset={"pairs": pairs})
    compared = comparison.read(tmp_path, ["g"])
    assert [(line.label, line.seeds) for line in compared.lines] == [("g: pairs 4", 2), ("g: pairs 16", 2)]


def test_seeds_of_different_lengths_are_one_line(tmp_path: Path) -> None:
    for seed in range(3):
        evolution = {"generations": 5 + seed}
        make(tmp_path, float(seed), [1.0], seed=seed, evolution=evolution, checkpoints={"keep_newest": 2 + seed})
    (line,) = comparison.read(tmp_path, ["g"]).lines
    assert (line.label, line.seeds, line.row.generations) == ("g", 3, 7)


def test_the_picture_names_n_and_shows_where_seeds_end(directory: Path, tmp_path: Path) -> None:
    compared = comparison.read(directory, ["g", "baseline"])
    figure = picture.draw(compared, [comparison.curve(line) for line in compared.lines])
    (axes,) = figure.axes
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["g (n = 3)", "baseline (n = 1)"]
    assert "standard error" in figure.legends[0].get_title().get_text()
    assert [text.get_text() for text in axes.texts] == ["n = 2", "n = 1"]
    assert [list(line.get_xdata()) for line in axes.lines] == [[1, 2], [2, 3, 4], [1, 2]]
    html = page(compared, figure, "caption", "hadesd compare g", number)
    assert "data:image/svg+xml;base64," in html
    assert "dataset.pairs" in html
    assert "http" not in html.replace("http://www.w3.org", ""), "nothing is fetched"


def test_environments_are_normalised_each_by_itself(directory: Path) -> None:
    compared = comparison.read(directory, ["baseline", "swing"])
    assert compared.environments == ("CartPole-v1", "Pendulum-v1")
    curves = [comparison.curve(line) for line in compared.lines]
    (axes,) = picture.draw(compared, curves, normalise=True).axes
    assert [list(line.get_ydata()) for line in axes.lines] == [[0.0, 1.0], [1.0, 0.0]]


def test_what_is_meant_by_a_word() -> None:
    known = [
        a_run("one-1-a", group="g", name="same"),
        a_run("two-2-b", group="g", name="g2"),
        a_run("three-3-c", group="g2", created_at=9e9),
        a_run("four-4-d", name="same"),
    ]
    assert comparison.choose(["g", "@", "b", "g"], known) == (
        comparison.Chosen("g", ("one-1-a", "two-2-b")),
        comparison.Chosen("", ("three-3-c",)),
        comparison.Chosen("", ("two-2-b",)),
    )
    with pytest.raises(UsageError, match="'g2' is a group and the name of run two-2-b"):
        comparison.choose(["g2"], known)
    with pytest.raises(NotFoundError, match=r"there is no run 'x'.*no group is called so"):
        comparison.choose(["x"], known)
    with pytest.raises(NotFoundError, match="is the name of 2 runs"):
        comparison.choose(["same"], known)


def a_line(means: list[list[float]], env: str) -> Line:
    """A line of runs with these fitnesses, one list a seed."""
    members = tuple(
        Member(f"run-{i}", {"env": env}, RunState.FINISHED, tuple(a_generation(n + 1, m) for n, m in enumerate(own)))
        for i, own in enumerate(means)
    )
    return Line(env, "", Row({}, members))


lines = st.lists(
    st.builds(
        a_line,
        st.lists(st.lists(st.floats(-1e6, 1e6), max_size=6), min_size=1, max_size=4),
        st.sampled_from(["ant", "hopper"]),
    ),
    min_size=1,
    max_size=4,
)


@given(lines)
def test_a_curve_has_every_generation_with_as_many_runs_as_have_it(compared: list[Line]) -> None:
    for line in compared:
        lengths = [len(member.metrics) for member in line.row.members]
        points = comparison.curve(line)
        assert [p.n for p in points] == [sum(n >= p.generation for n in lengths) for p in points]
        for p in points:
            values = [
                m.metrics[p.generation - 1].fitness_mean or 0.0
                for m in line.row.members
                if len(m.metrics) >= p.generation
            ]
            assert min(values) - 1e-6 <= p.mean <= max(values) + 1e-6
        ends = comparison.leaving(points)
        assert [left for _, left in ends] == [points[i].n for i, _ in ends]
        assert len({p.n for p in points}) == len(ends) + bool(points)


@given(lines)
def test_normalised_curves_lie_between_0_and_1_and_reach_both(compared: list[Line]) -> None:
    curves = [comparison.curve(line) for line in compared]
    scaled = comparison.normalised(compared, curves)
    for env in {line.env for line in compared}:
        pairs = [
            (before, after)
            for line, own, other in zip(compared, curves, scaled, strict=True)
            if line.env == env
            for before, after in zip(own, other, strict=True)
        ]
        if not pairs:
            continue
        means = [after.mean for _, after in pairs]
        assert (min(means), max(means)) in ((0.0, 1.0), (0.0, 0.0))
        ordered = sorted(pairs, key=lambda pair: pair[0].mean)
        assert [p.mean for _, p in ordered] == sorted(means)


def test_a_damaged_line_of_one_run_is_no_end() -> None:
    assert comparison.leaving([Point(1, 1, 0, None, 3), Point(2, 2, 0, None, 2), Point(3, 3, 0, None, 3)]) == []
    assert comparison.leaving([]) == []


def test_nothing_that_has_no_generation_is_drawn() -> None:
    compared = Comparison((a_line([[]], "ant"), a_line([[1.0]], "ant")), ())
    figure = picture.draw(compared, [comparison.curve(line) for line in compared.lines])
    assert [line.get_marker() for line in figure.axes[0].lines] == ["."], "a single generation is a point"
