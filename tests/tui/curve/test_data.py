"""A run's metrics along an axis, finer points in place of thinned ones, other runs beside it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hades_protocol.messages import Lineage
from hades_protocol.replies import HistoryResult
from hades_tui.curve import compared
from hades_tui.curve.data import CurveData, between, curve_of, matched
from hades_tui.curve.viewport import Axis, Viewport
from hades_tui.state import detail
from hades_tui.state.detail import Range, detail_of, refined, shortened, wanted
from hades_tui.state.history import RunHistory
from hades_tui.state.model import Model, apply, mark, with_detail
from tests.helpers.protocol.protocol_server import FakeDaemon, a_generation, a_run

BEGIN = 1_700_000_000.0


def a_history(generations: range, pause_after: int = 0, **fields: object) -> RunHistory:
    """100 steps and two seconds a generation, with an hour's pause after one of them."""
    return RunHistory(
        metrics=tuple(a_generation(g, **fields) for g in generations),  # type: ignore[arg-type]
        loaded=True,
        env_steps=tuple(100 * g for g in generations),
        committed_at=tuple(BEGIN + 2.0 * g + (3600.0 if 0 < pause_after < g else 0.0) for g in generations),
    )


def same(a: CurveData, b: CurveData) -> bool:
    """Whether two curves have the same data."""
    fields = ("axis", "metrics", "xs", "mean", "best", "lower", "upper", "evaluated", "missing", "begin")
    return all(getattr(a, name) == getattr(b, name) for name in fields)


@pytest.mark.parametrize(
    ("axis", "xs"), [(Axis.GENERATION, [1, 2, 3]), (Axis.STEPS, [100, 200, 300]), (Axis.TIME, [0, 2, 3604])]
)
def test_points_lie_where_their_axis_says(axis: Axis, xs: list[float]) -> None:
    curve = curve_of(a_history(range(1, 4), pause_after=2), axis)
    assert curve.xs == xs
    assert curve.mean.ys == [10.0, 20.0, 30.0]
    assert curve.lower.ys == [0.0, 10.0, 20.0]
    assert curve.missing == 0


def test_a_point_without_a_time_is_left_out_and_counted() -> None:
    history = replace(a_history(range(1, 5)), committed_at=(0.0, BEGIN, 0.0, BEGIN + 5.0))
    curve = curve_of(history, Axis.TIME)
    assert curve.xs == [0.0, 5.0]
    assert [m.generation for m in curve.metrics] == [2, 4]
    assert curve.missing == 2


def test_a_clock_that_was_set_back_does_not_turn_the_curve_around() -> None:
    history = replace(a_history(range(1, 5)), committed_at=(BEGIN, BEGIN + 9.0, BEGIN + 3.0, BEGIN + 12.0))
    assert curve_of(history, Axis.TIME).xs == [0.0, 9.0, 9.0, 12.0]


POINT = st.tuples(
    st.one_of(st.none(), st.integers(-99, 99)),
    st.one_of(st.none(), st.integers(-99, 99)),
    st.one_of(st.none(), st.integers(-99, 99)),
    st.sampled_from([0.0, 1.0, 2.0, 5.0]),
)


@given(st.lists(POINT, max_size=30), st.lists(st.integers(0, 30), max_size=4), st.sampled_from(list(Axis)))
def test_a_course_that_grew_is_the_one_made_at_once(
    points: list[tuple[int | None, int | None, int | None, float]], stops: list[int], axis: Axis
) -> None:
    metrics, time, times = [], 0.0, []
    for g, (mean, best, evaluated, seconds) in enumerate(points, start=1):
        values = {"fitness_mean": mean, "fitness_best": best, "evaluated_mean": evaluated}
        metrics.append(a_generation(g, 0.0, **{k: None if v is None else float(v) for k, v in values.items()}))
        time += seconds
        times.append(BEGIN + time if seconds else 0.0)  # some of them nobody knows
    histories = [
        RunHistory(
            metrics=tuple(metrics[:n]),
            env_steps=tuple(range(n)),
            committed_at=tuple(times[:n]),
        )
        for n in sorted({min(stop, len(metrics)) for stop in stops} | {len(metrics)})
    ]
    grown: CurveData | None = None
    for history in histories:
        grown = curve_of(history, axis, grown)
        assert same(grown, curve_of(history, axis))
        assert curve_of(history, axis, grown) is grown


def test_a_course_is_made_anew_where_its_history_was_cut_and_came_again() -> None:
    before = curve_of(a_history(range(1, 11)), Axis.GENERATION)
    after = a_history(range(1, 13), mean=3.0)
    assert same(curve_of(after, Axis.GENERATION, before), curve_of(after, Axis.GENERATION))
    assert curve_of(after, Axis.STEPS, before).axis is Axis.STEPS


def test_points_on_two_axes_are_matched_by_generation() -> None:
    history = replace(a_history(range(1, 4)), committed_at=(0.0, BEGIN, BEGIN + 5.0))
    xs = matched(curve_of(history, Axis.GENERATION), curve_of(history, Axis.TIME))
    assert xs == ([2.0, 3.0], [0.0, 5.0])


def thinned(history: RunHistory, every: int) -> RunHistory:
    return replace(
        history,
        metrics=history.metrics[::every],
        env_steps=history.env_steps[::every],
        committed_at=history.committed_at[::every],
    )


FULL = a_history(range(1, 1002))
COARSE = thinned(FULL, 10)


def answer(asked: Range, full: RunHistory = FULL) -> HistoryResult:
    part = slice(asked.after, asked.upto)
    return HistoryResult(
        run=asked.run,
        seq=1,
        generations_total=1001,
        metrics=full.metrics[part],
        env_steps=full.env_steps[part],
        committed_at=full.committed_at[part],
        references=(),
        marks=(),
    )


def test_finer_points_are_wanted_where_columns_would_stay_without() -> None:
    assert wanted("a", COARSE.metrics, 1, 1001, 40) is None, "101 points fill 40 columns"
    asked = wanted("a", COARSE.metrics, 401, 500, 40)
    assert asked is not None
    assert asked.after <= 350
    assert asked.upto >= 550
    assert wanted("a", FULL.metrics, 401, 500, 400) is None, "there are no more than all"
    assert wanted("a", (), 1, 10, 40) is None


@given(st.integers(1, 990), st.integers(5, 300), st.integers(10, 200))
def test_with_the_answer_nothing_more_is_wanted(first: int, width: int, columns: int) -> None:
    last = min(1001, first + width)
    asked = wanted("a", COARSE.metrics, first, last, columns)
    if asked is not None:
        known = detail_of(asked, answer(asked), COARSE)
        assert wanted("a", refined(COARSE, known).metrics, first, last, columns) is None


@given(st.integers(0, 1000), st.integers(1, 1001), st.integers(5, 1001), st.integers(1, 1001))
def test_finer_points_stand_in_their_place_and_nothing_else_moves(after: int, more: int, newest: int, cut: int) -> None:
    asked = Range("a", after, min(1001, after + more), 1000)
    coarse = replace(
        COARSE,
        metrics=tuple(m for m in COARSE.metrics if m.generation <= newest),
        env_steps=tuple(s for s in COARSE.env_steps if s <= 100 * newest),
        committed_at=COARSE.committed_at[: len([m for m in COARSE.metrics if m.generation <= newest])],
    )
    found = shortened(detail_of(asked, answer(asked), COARSE), "a", cut)
    assert found is not None
    merged = refined(coarse, found)
    generations = [m.generation for m in merged.metrics]
    assert generations == sorted(set(generations))
    assert {m.generation for m in coarse.metrics} <= set(generations)
    assert generations[-1] == coarse.metrics[-1].generation, "a cut history gets nothing back"
    assert merged.env_steps == tuple(100 * g for g in generations)
    inside = [g for g in generations if after < g <= min(asked.upto, cut, coarse.metrics[-1].generation)]
    assert inside == list(range(after + 1, min(asked.upto, cut, coarse.metrics[-1].generation) + 1))


def test_an_answer_from_before_a_cut_is_not_believed() -> None:
    asked = Range("a", 0, 100, 1000)
    again = a_history(range(1, 1002), mean=-1.0)
    assert detail_of(asked, answer(asked, again), COARSE) is None


def test_the_model_forgets_finer_points_that_are_void() -> None:
    daemon = FakeDaemon(runs=(a_run("a", generation=1001),))
    model = replace(apply(Model(), daemon.snapshot()), histories={"a": COARSE})
    asked = Range("a", 300, 400, 1000)
    model = with_detail(model, asked, answer(asked))
    assert model.detail is not None
    assert len(model.detail.metrics) == 100
    cut = apply(model, daemon.cut("a", 350))
    assert cut.detail is not None
    assert [m.generation for m in cut.detail.metrics] == list(range(301, 351))
    assert apply(model, daemon.snapshot()).detail is None
    asking = replace(model, histories={"a": replace(COARSE, loaded=False)}, detail=None)
    assert with_detail(asking, asked, answer(asked)).detail is None


def test_generations_between_two_places_include_the_gaps_beside_them() -> None:
    curve = curve_of(COARSE, Axis.STEPS)
    assert between(curve, 10_150.0, 10_250.0) == (101, 111)
    assert between(curve_of(COARSE, Axis.GENERATION), 101.2, 110.8) == (102, 110)


def a_model(*, parent: bool = False, others: int = 3) -> Model:
    runs = [a_run("own", created_at=9e9, parent=Lineage(run="old", generation=5) if parent else None)]
    runs += [a_run(f"other-{i}", created_at=8e9 - i) for i in range(others)]
    runs.append(a_run("old", created_at=1.0))
    model = apply(Model(), FakeDaemon(runs=tuple(runs)).snapshot())
    histories = {run.id: a_history(range(1, 6), mean=float(i)) for i, run in enumerate(runs)}
    return replace(model, histories=histories)


def test_marked_runs_and_the_parent_lie_over_a_curve() -> None:
    model = mark(mark(mark(a_model(parent=True), "other-2"), "other-0"), "own")
    found = compared.compared_runs(model, Viewport(), {})
    assert [(c.name, c.sign, c.hue) for c in found] == [
        ("other-0", "1", "run1"),
        ("other-2", "2", "run2"),
        ("old", "", "parent"),
    ]
    assert found[0].curve.mean.ys == [1.0] * 5


def test_a_marked_parent_is_drawn_once_and_only_so_many_are() -> None:
    model = mark(a_model(parent=True), "old")
    assert [c.sign for c in compared.compared_runs(model, Viewport(), {})] == ["1"]
    many = a_model(others=9)
    for i in range(9):
        many = mark(many, f"other-{i}")
    assert len(compared.needed(many)) == compared.MOST
    assert len(compared.marked(many)) == 9


def a_sweep(*, marks: int = 6, **fields: object) -> Model:
    """Two sizes of a group with three seeds each, all marked; the newest run is selected."""
    runs = [
        a_run(f"{pairs}-{seed}", created_at=9e9 - 10 * pairs - seed, group="sizes", pairs=pairs, seed=seed, **fields)
        for pairs in (2, 4)
        for seed in range(3)
    ]
    model = apply(Model(), FakeDaemon(runs=tuple(runs)).snapshot())
    lengths = {run.id: 9 if run.seed else 5 for run in runs}
    histories = {run.id: a_history(range(1, lengths[run.id]), mean=float(run.pairs + run.seed)) for run in runs}
    return mark(replace(model, histories=histories), *[run.id for run in runs[:marks]])


def test_marked_seeds_of_a_group_are_one_line_with_their_spread() -> None:
    small, large = compared.compared_runs(a_sweep(), Viewport(), {})
    assert [(c.label, c.sign, c.runs, c.left) for c in (small, large)] == [
        ("sizes: pairs 2", "1", 3, 2),
        ("sizes: pairs 4", "2", 3, 2),
    ]
    assert small.curve.mean.ys == [3.0] * 4 + [3.5] * 4
    assert small.curve.upper.ys == pytest.approx([3.0 + 1.0 / math.sqrt(3)] * 4 + [3.5 + 0.5] * 4)
    again = compared.compared_runs(a_sweep(), Viewport(), {small.name: small.curve})
    assert again[0].curve is not small.curve, "other histories"
    model = a_sweep()
    known = {c.name: c.curve for c in compared.compared_runs(model, Viewport(), {})}
    kept = compared.compared_runs(model, Viewport(), known)
    assert [c.curve is known[c.name] for c in kept] == [True, True]


def test_a_run_of_another_environment_says_so() -> None:
    model = a_sweep(env="ant")
    other = a_run("other", created_at=1.0, env="hopper", name="baseline")
    histories = {**model.histories, "other": a_history(range(1, 5))}
    model = mark(replace(model, runs=(*model.runs, other), histories=histories), "other")

    def named(seen: Model) -> list[tuple[str, str]]:
        return [(line.label, line.env) for line in compared.compared_runs(seen, Viewport(), {})]

    assert named(model) == [("sizes: pairs 2", ""), ("sizes: pairs 4", ""), ("baseline", "hopper")]
    elsewhere = replace(model, selected="other")
    assert named(elsewhere) == [("sizes: pairs 2", "ant"), ("sizes: pairs 4", "ant")]
    no_curve = replace(elsewhere, histories={**histories, "other": RunHistory(loaded=True)})
    assert named(no_curve) == [("sizes: pairs 2", ""), ("sizes: pairs 4", "")], "all that is drawn is of one"


def test_each_seed_has_a_line_where_that_is_wanted_or_they_differ_in_more() -> None:
    apart = compared.compared_runs(a_sweep(), Viewport(seeds=True), {})
    assert [c.label for c in apart] == ["2-1", "2-2", "4-0", "4-1", "4-2"], "the selected one has its own curve"
    assert [c.runs for c in apart] == [1] * 5
    assert [c.label for c in compared.compared_runs(a_sweep(marks=4), Viewport(), {})] == ["sizes: pairs 2", "4-0"]
    twice = a_sweep()
    twice = replace(twice, runs=tuple(replace(run, seed=0) for run in twice.runs))
    assert len(compared.compared_runs(twice, Viewport(), {})) == 5, "they share a seed: something else differs"
    assert set(compared.needed(twice)) == {run.id for run in twice.runs} - {twice.selected}


def test_only_what_is_neither_there_nor_asked_for_is_missing() -> None:
    model = mark(mark(a_model(), "other-0"), "other-1")
    assert compared.missing(model) == []
    histories = {**model.histories, "other-0": RunHistory(), "other-1": RunHistory(requested=True)}
    assert compared.missing(replace(model, histories=histories)) == ["other-0"]


def test_thinned_metrics_of_a_range_are_told_apart_by_their_values_only() -> None:
    asked = Range("a", 200, 300, 40)
    third = {name: getattr(answer(asked), name)[::3] for name in ("metrics", "env_steps", "committed_at")}
    found = detail.detail_of(asked, replace(answer(asked), **third), COARSE)
    assert found is not None
    assert found.metrics == third["metrics"]
