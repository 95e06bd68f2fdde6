"""Sparklines, columns that fit a width, GPUs."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from hades_protocol.messages import GpuInfo, GpuProcess, RunSummary, SlurmJobInfo
from hades_protocol.run_state import RunState
from hades_tui.pages.gpus import gpu_lines, in_use, natural_height
from hades_tui.runs import table
from hades_tui.runs.ordering import Grouping, Order, Row, order_runs
from hades_tui.state.model import JOBS, Model, apply, mark, requesting_history, with_history
from hades_tui.state.sparklines import LEAST_SPAN, REACH, SMALLER, Sparkline, cut, grown, levels, sparkline_of
from hades_tui.text.fit import abridged, clean, fitted, length, padded, shortened, wrapped
from hades_tui.text.format import Line
from hades_tui.theme.glyphs import plain
from tests.helpers.protocol.protocol_server import FakeDaemon, a_generation, a_run
from tests.helpers.screen.lines import text_of
from tests.tui.runs.test_ordering import orders, run_lists

GIB = 2**30
ADA = GpuProcess(pid=1, user="ada", memory=20 * GIB, run="one")
ALICE = GpuProcess(pid=2, user="alice", memory=12 * GIB, other=True)


def a_gpu(index: int = 0, **fields: object) -> GpuInfo:
    values: dict[str, object] = {"memory_total": 80 * GIB, "memory_used": 20 * GIB, "utilisation": 0.87}
    return GpuInfo(index=index, uuid=f"GPU-{index}", name="NVIDIA H100 80GB HBM3", **(values | fields))  # type: ignore[arg-type]


sparklines = st.lists(st.tuples(st.integers(0, 5), st.none() | st.floats(-1e308, 1e308)), max_size=90).map(
    lambda steps: _sparkline([step for step, _ in steps], [mean for _, mean in steps])
)


def _sparkline(steps: list[int], means: list[float | None]) -> Sparkline:
    sparkline: Sparkline = ()
    generation = 0
    for step, mean in zip(steps, means, strict=True):
        generation += step
        sparkline = grown(sparkline, generation, mean)
    return sparkline


@given(sparklines)
def test_a_tail_is_bounded_and_ascending(sparkline: Sparkline) -> None:
    generations = [generation for generation, _ in sparkline]
    assert generations == sorted(set(generations))
    assert not sparkline or generations[-1] - generations[0] < REACH


@given(sparklines, st.integers(0, 400))
def test_a_cut_tail_grows_again_to_the_same(sparkline: Sparkline, at: int) -> None:
    shorter = cut(sparkline, at)
    assert all(generation <= at for generation, _ in shorter)
    again = shorter
    for generation, mean in sparkline:
        again = grown(again, generation, mean)
    assert again == sparkline


@given(sparklines, st.integers(1, 40) | st.just(REACH), st.integers(2, 8))
@example(((0, 0.0), (1, 8.988465674311579e307), (2, 8.98846567431158e307)), 2, 2)
@example(((0, 0.0), (1, 5e-324)), 2, 2)
def test_a_sparkline_spans_its_steps(sparkline: Sparkline, width: int, steps: int) -> None:
    heights = levels(sparkline, width, steps)
    known = [height for height in heights if height is not None]
    assert len(heights) == width
    assert all(0 <= height < steps for height in known)
    values = [mean * SMALLER for _, mean in sparkline if mean is not None] or [0.0]
    if width == REACH and max(values) - min(values) > LEAST_SPAN * max(map(abs, values)):
        assert (min(known), max(known)) == (0, steps - 1)
    assert len(table.draw_sparkline(sparkline, width)) == width


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=1e-300), st.integers(1, 64), st.integers(1, 64))
def test_what_does_not_change_has_no_noise(value: float, count: int, width: int) -> None:
    sparkline = tuple((generation, value) for generation in range(count))
    assert {level for level in levels(sparkline, width, 8) if level is not None} == {3}


def test_the_noise_of_a_level_curve_is_no_collapse() -> None:
    level = sparkline_of([a_generation(g, 500.0 if g < 9 else 499.9) for g in range(1, 11)])
    assert set(table.draw_sparkline(level, 10)) == {"▄"}
    lower = sparkline_of([a_generation(g, 500.0 if g < 9 else 490.0) for g in range(1, 11)])
    assert table.draw_sparkline(lower, 10) == "▅▅▅▅▅▅▅▅▃▃"
    assert table.draw_sparkline(sparkline_of([a_generation(1, 500.0), a_generation(2, 400.0)]), 2) == "█▁"


def test_a_sparkline_leaves_out_what_was_missed() -> None:
    sparkline = sparkline_of([a_generation(1, 1.0), a_generation(2, 2.0), a_generation(30, 3.0), a_generation(63, 4.0)])
    assert table.draw_sparkline(sparkline, 64) == " ▁▃" + " " * 27 + "▆" + " " * 32 + "█"
    assert table.draw_sparkline((), 8) == " " * 8


def test_the_model_keeps_a_tail_for_every_run() -> None:
    daemon = FakeDaemon(runs=(a_run("one"), a_run("two")))
    model = apply(Model(), daemon.snapshot())
    for _ in range(3):
        model = apply(model, daemon.commit("two"))
    assert model.sparklines == {"two": ((1, 10.0), (2, 20.0), (3, 30.0))}
    model = apply(model, daemon.cut("two", 1))
    assert model.sparklines["two"] == ((1, 10.0),)
    daemon.commit("two")  # its event is lost
    model = apply(model, daemon.snapshot())
    model = with_history(requesting_history(model, "two"), daemon.history("two"))
    assert model.sparklines["two"] == ((1, 10.0), (2, 20.0))


def test_a_mark_is_put_and_taken_away_and_goes_with_its_run() -> None:
    daemon = FakeDaemon(runs=(a_run("one"), a_run("two")))
    model = mark(mark(apply(Model(), daemon.snapshot()), "one"), "two")
    assert model.marked == {"one", "two"}
    assert mark(model, "one").marked == {"two"}
    assert mark(model, "nobody") == model
    del daemon.runs["two"]
    assert apply(model, daemon.snapshot()).marked == {"one"}


def test_the_model_follows_gpus_and_jobs() -> None:
    daemon = FakeDaemon(runs=(a_run("one"),))
    model = apply(apply(Model(), daemon.snapshot()), daemon.change_gpus((a_gpu(),)))
    assert model.gpus == (a_gpu(),)
    for _ in range(JOBS + 5):
        begun = daemon.begin_job("one", "export")
        model = apply(apply(model, begun), daemon.end_job(begun.job.id, "written"))
    assert len(model.jobs) == JOBS
    assert {job.state for job in model.jobs} == {"done"}
    assert model.jobs[-1].id == begun.job.id
    assert apply(Model(), daemon.snapshot()).gpus == (a_gpu(),)


def every_line(rows: tuple[Row, ...], layout: table.TableLayout, sparkline: Sparkline = ()) -> list[Line]:
    lines = [table.heading(layout)]
    for row in rows:
        lines.append(table.line_of(row, layout, selected=True, marked=True, sparkline=sparkline))
        lines += [table.second_line(row, layout)] if table.has_second_line(row, layout) else []
    return lines


@given(run_lists(), orders, st.integers(1, 240), sparklines)
def test_no_line_is_wider_than_the_list(
    runs: tuple[RunSummary, ...], order: Order, width: int, sparkline: Sparkline
) -> None:
    rows = order_runs(runs, order).rows
    layout = table.layout_for(rows, width)
    for line in every_line(rows, layout, sparkline):
        assert length(line) <= width
        assert "?" not in plain(text_of(line)), "every sign has an ASCII counterpart"


def test_at_80_columns_nothing_that_matters_is_missing() -> None:
    rows = order_runs(
        tuple(
            a_run(f"halfcheetah-1121-k3f{i}", state, env="halfcheetah", generation=i, reason="no room", gpus=(0, 1))
            for i, state in enumerate(RunState)
        ),
        Order(grouping=Grouping.LINEAGE),
    ).rows
    layout = table.layout_for(rows, 77)
    assert {"state", "run", "generation", "mean", "best", "left"} <= {field.title for field in layout.fields}
    assert all("…" not in text_of(line) for line in every_line(rows, layout))


@pytest.mark.parametrize("width", [20, 40, 60])
def test_what_finds_no_room_is_cut_with_a_sign(width: int) -> None:
    reason = "waits for another run that takes all the memory there is, and more"
    rows = order_runs((a_run("cartpole-with-a-long-name", RunState.QUEUED, reason=reason),), Order()).rows
    _, line, second = every_line(rows, table.layout_for(rows, width))
    assert text_of(second).endswith("…")
    assert width >= 60 or "…" in text_of(line)


def test_the_reason_stands_beside_where_there_is_room_and_below_where_not() -> None:
    (row,) = order_runs((a_run("one", RunState.QUEUED, reason="waits for a slot"),), Order()).rows
    wide, narrow = table.layout_for((row,), 150), table.layout_for((row,), 78)
    assert text_of(table.line_of(row, wide)).rstrip().endswith("waits for a slot")
    assert not table.has_second_line(row, wide)
    assert text_of(table.second_line(row, narrow)) == "    └ waits for a slot"


def test_columns_that_only_some_runs_need() -> None:
    def titles(**fields: object) -> set[str]:
        rows = order_runs((a_run("one", **fields), a_run("two")), Order()).rows
        return {field.title for field in table.layout_for(rows, 200).fields}

    assert not {"GPU", "prio", "group", "job"} & titles()
    job = SlurmJobInfo(id=7, nodes="n1")
    assert {"GPU", "prio", "group", "job"} <= titles(gpus=(0,), priority=-3, group="sizes", slurm_job=job)
    (row, _) = order_runs((a_run("one", gpus=(0, 2), priority=-3), a_run("two")), Order()).rows
    text = text_of(table.line_of(row, table.layout_for((row,), 200)))
    assert " -3 " in text
    assert " 0,2 " in text


def test_columns_of_numbers_do_not_shrink() -> None:
    def rows(mean: float) -> tuple[Row, ...]:
        return order_runs((a_run("one", fitness_mean=mean),), Order()).rows

    wide = table.layout_for(rows(-12345678.0), 120)
    assert table.layout_for(rows(1.0), 120, wide.known) == wide
    assert table.layout_for(rows(1.0), 120) != wide


@given(st.text(max_size=80), st.integers(0, 30), st.integers(1, 30))
def test_pieces_of_a_text_fit_and_lose_nothing(text: str, first: int, width: int) -> None:
    text = clean(text)
    pieces = list(wrapped(text, max(2, width), max(2, first)))
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert cell_len(pieces[0]) <= max(2, first)
    assert all(cell_len(piece) <= max(2, width) for piece in pieces[1:])


@given(st.text(max_size=60), st.integers(0, 40))
def test_texts_are_cut_with_a_sign(text: str, width: int) -> None:
    text = clean(text)
    for cut_text in (shortened(text, width), abridged(text, width)):
        assert cell_len(cut_text) <= width
        assert cut_text == text or width == 0 or "…" in cut_text
    assert cell_len(padded(text, width)) == width
    assert length(fitted([(text, "text"), ("tail", "dim")], width)) <= width


def test_what_a_terminal_would_obey_is_not_shown() -> None:
    assert clean("one\x1b[2Jtwo\nthree\u202e") == "one?[2Jtwo three?"
    assert clean("größe 🙂 數") == "größe 🙂 數"


def test_gpus_tell_who_computes_on_them() -> None:
    ours = a_gpu(runs=("one",), processes=(ADA,))
    shared = a_gpu(processes=(ALICE, ALICE, GpuProcess(pid=3, user="ada")))
    assert text_of(in_use(ours)) == "one"
    assert text_of(in_use(shared)) == "▲ in use by alice (24.0 GiB) · 1 process of yours outside hades"
    assert text_of(in_use(a_gpu())) == "free"
    (line,) = gpu_lines((ours,), 140, 3)
    assert text_of(line).startswith("0  NVIDIA H100 80GB HBM3  ━")
    assert " 87% busy  " in text_of(line)
    assert "20.0/80.0 GiB  one" in text_of(line)
    assert "– busy" in text_of(gpu_lines((a_gpu(utilisation=None, memory_total=0),), 140, 3)[0])


@given(st.integers(0, 9), st.integers(1, 200), st.integers(0, 30))
def test_gpus_fit_and_none_is_left_out_silently(count: int, width: int, height: int) -> None:
    gpus = tuple(a_gpu(i, runs=("one",), processes=(ADA, ALICE)) for i in range(count))
    lines = gpu_lines(gpus, width, height)
    assert len(lines) <= height
    assert all(length(line) <= width for line in lines)
    if 0 < height < natural_height(gpus, width) and width > 40:
        assert text_of(lines[-1]).startswith("… and ")
