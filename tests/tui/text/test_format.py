"""Words and numbers."""

import itertools
import math
import time

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hades_protocol.messages import DatasetSnapshot, Lineage, RunSummary, SlurmJobInfo
from hades_protocol.resync import LinkPhase, LinkStatus
from hades_protocol.run_state import RunState, WorkerPhase, may
from hades_tui.pages.run_details import run_detail_lines
from hades_tui.pairs.table import PairTable, offsets
from hades_tui.run_actions import CANCEL, PAUSE, RESUME, done_text
from hades_tui.runs.ordering import Order, Row, order_runs
from hades_tui.runs.table import heading, layout_for, line_of
from hades_tui.state.model import Model, apply, requesting_history, with_history
from hades_tui.text import format
from hades_tui.text.digits import big
from hades_tui.theme.glyphs import UNICODE
from hades_tui.theme.palette import style
from tests.helpers.protocol.protocol_server import FakeDaemon, a_dataset, a_run, float_array
from tests.helpers.screen.curves import panel_lines
from tests.helpers.screen.lines import text_of


def test_numbers() -> None:
    expected: list[tuple[float | None, str]] = [
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "∞"),
        (-math.inf, "-∞"),
        (0.0, "0.00"),
        (-3.14159, "-3.14"),
        (9.999, "10.0"),
        (312.44, "312.4"),
        (999.96, "1000"),
        (10123.4, "10123"),
        (123456.0, "123k"),
        (1234567.0, "1.23M"),
        (-2.5e12, "-2.5e12"),
    ]
    assert [format.number(value) for value, _ in expected] == [text for _, text in expected]


@given(st.floats())
def test_numbers_are_short(value: float) -> None:
    assert len(format.number(value)) <= 8
    assert len(format.cell_number(value)) <= 7


def test_cells_carry_their_sign() -> None:
    values = (0.5, -12.345, 123.45, -1e5, math.nan, math.inf)
    assert [format.cell_number(v) for v in values] == ["+0.500", "-12.35", "+123.5", "-1e5", "nan", "+inf"]


def test_durations() -> None:
    seconds = (None, math.inf, 0.4, 59.6, 312, 12_000, 187_200)
    assert [format.duration(s) for s in seconds] == ["–", "–", "0s", "1m00s", "5m12s", "3h20m", "2d04h"]


def test_pace() -> None:
    assert [format.pace(s) for s in (None, 0.123, 12.34, 1234.0)] == ["–", "0.12s", "12.3s", "1234s"]


@given(st.floats(-1, 2), st.integers(0, 80))
def test_a_bar_has_its_width(fraction: float, width: int) -> None:
    assert len(text_of(format.bar(fraction, width))) == width


def test_bars() -> None:
    assert text_of(format.bar(0.25, 10)) == "━━╸───────"
    assert format.fraction_done(a_run(generation=100, generations=400)) == 0.25
    assert format.fraction_done(a_run(generation=0, generations=0)) == 0.0


def test_every_state_has_a_glyph_and_a_hue() -> None:
    for state in RunState:
        glyph_and_word, hue = format.state_text(a_run(state=state))
        assert glyph_and_word == f"{UNICODE.states[state]} {state.value}"
        assert style(hue).color is not None


def test_every_phase_of_the_link_has_a_text_and_a_hue() -> None:
    lines = {phase: format.link_line(LinkStatus(phase, 10.0), 75.0) for phase in LinkPhase}
    assert [phase for phase, (_, hue) in lines.items() if style(hue).color is None] == []
    assert [phase for phase, (text, _) in lines.items() if phase.value not in text] == []
    assert [phase for phase, (text, _) in lines.items() if "1m05s" in text] == [LinkPhase.STALE]


def test_a_stale_screen_says_how_to_go_on() -> None:
    assert "'hadesd serve'" in format.link_explanation(LinkStatus(LinkPhase.STALE, 0.0))
    assert format.link_explanation(LinkStatus(LinkPhase.STALE, 0.0, "the daemon was stopped")).startswith(
        "the daemon was"
    )
    assert format.link_explanation(LinkStatus(LinkPhase.LIVE, 0.0)) == ""


def test_the_status_line_says_what_happens() -> None:
    run = a_run(generation=137, phase="compiling", seconds_per_generation=1.5, seconds_left=312.0, restarts=2)
    assert text_of(format.status_line(run)) == (
        "● running  compiling  137/400 · 1.50s/gen · 5m12s left · 2 crashes survived"
    )
    job = a_run(phase="evaluating", slurm_job=SlurmJobInfo(id=7, nodes="n1"))
    assert text_of(format.status_line(job)).startswith("● running  evaluating as Slurm job 7 on n1  0/400")
    waiting = {"phase": WorkerPhase.WAITING_IN_SLURM, "state": RunState.STARTING}
    submitted = a_run(slurm_job=SlurmJobInfo(), **waiting)
    assert text_of(format.status_line(submitted)) == "◐ waiting  waits in Slurm  0/400", "it has no number yet"
    queued = a_run(slurm_job=SlurmJobInfo(id=7), **waiting)
    assert text_of(format.status_line(queued)) == "◐ waiting  waits in Slurm as Slurm job 7  0/400"
    forked = a_run(state=RunState.PAUSED, phase="compiling", parent=Lineage(run="old", generation=7))
    assert text_of(format.status_line(forked)) == "‖ paused  0/400 · forked from old@7"


def test_a_reason_comes_before_a_warning() -> None:
    daemon = FakeDaemon(runs=(a_run("one", RunState.FAILED, reason="out of memory"),))
    model = apply(Model(), daemon.snapshot())
    model = apply(model, daemon.log("one", "checkpoint 7 was unreadable"))
    assert format.problem_line(model) == [("✘ out of memory", "bad")]
    model = apply(model, daemon.change(a_run("one")))
    assert format.problem_line(model) == [("▲ checkpoint 7 was unreadable", "warn")]


def test_the_fleet() -> None:
    model = apply(Model(), FakeDaemon(runs=(a_run("one"), a_run("two", RunState.QUEUED))).snapshot())
    assert format.summary_line(model) == "2 runs · 1 running · 1 queued · 2 slots · 1 GPU"
    waiting = (a_run("one"), a_run("two", RunState.STARTING), a_run("three", RunState.STARTING))
    model = apply(Model(), FakeDaemon(runs=waiting).snapshot())
    assert format.summary_line(model) == "3 runs · 1 running · 2 starting · 2 slots · 1 GPU"
    others = (a_run("one", RunState.FAILED), a_run("two", RunState.PAUSING), a_run("three", RunState.PAUSED))
    model = apply(Model(), FakeDaemon(runs=others).snapshot())
    assert format.summary_line(model) == "3 runs · 1 pausing · 1 failed · 2 slots · 1 GPU"
    job = a_run("two", RunState.STARTING, phase=WorkerPhase.WAITING_IN_SLURM)
    model = apply(Model(), FakeDaemon(runs=(waiting[0], job, waiting[2])).snapshot())
    assert format.summary_line(model) == "3 runs · 1 running · 1 starting · 1 waiting · 2 slots · 1 GPU"


def listed(*runs: RunSummary) -> tuple[Row, ...]:
    return order_runs(runs, Order()).rows


@given(st.integers(40, 220))
def test_the_list_of_runs_fits_its_width(width: int) -> None:
    runs = listed(*(a_run(f"run-{i}", state, generation=i * 30) for i, state in enumerate(RunState)))
    shape = layout_for(runs, width)
    length = {len(text_of(line_of(run, shape))) for run in runs} | {len(text_of(heading(shape)))}
    assert len(length) == 1
    assert length.pop() <= max(width, 30)
    titles = [field.title for field in shape.fields]
    assert titles[:2] == ["state", "run"]
    assert "mean" in titles


def test_narrow_lists_drop_what_matters_least() -> None:
    runs = listed(a_run("cartpole-1121-k3f9"))
    assert [f.title for f in layout_for(runs, 78).fields] == [
        "state",
        "run",
        "environment",
        "generation",
        "mean",
        "best",
        "s/gen",
        "left",
    ]
    assert layout_for(runs, 118).bar > 8
    assert layout_for(runs, 78).bar == 0


def test_the_selected_run_is_marked_without_colours() -> None:
    (row,) = listed(a_run("one"))
    shape = layout_for((row,), 100)
    assert text_of(line_of(row, shape, selected=True)).startswith("▌")
    assert not text_of(line_of(row, shape)).startswith("▌")


def test_digits_are_three_rows_of_one_width() -> None:
    for text in ("-312.45", "0", "–", "1.23M", "67k"):
        rows = big(text)
        assert len({len(r) for r in rows}) == 1
    assert big("1") == ("▄█  ", " █  ", "▀▀▀ ")


def test_discrete_pairs_show_label_and_probability() -> None:
    table = PairTable(a_dataset(3))
    assert [c.title for c in table.columns] == [
        "#",
        "action",
        "cart position",
        "cart velocity",
        "pole angle",
        "pole velocity",
        "p left",
        "p right",
    ]
    assert [table.cell(0, c)[0] for c in table.columns] == [
        "0",
        "left   100%",
        "-0.270",
        "-0.170",
        "-0.070",
        "+0.030",
        "100%",
        "0%",
    ]
    assert table.cell(1, table.columns[1])[0] == "right  100%"


def test_continuous_pairs_without_names_show_indices() -> None:
    dataset = DatasetSnapshot(
        generation=1,
        states=float_array((2, 3), [0.0, -1.0, 2.0, 3.0, -4.0, 5.0]),
        actions=float_array((2, 1), [0.5, -0.5]),
        discrete=False,
        normalisation="running",
    )
    table = PairTable(dataset)
    assert [c.title for c in table.columns] == ["#", "action 0", "obs 0", "obs 1", "obs 2"]
    assert [table.cell(1, c) for c in table.columns[1:]] == [
        ("-0.500", "heat-4"),
        ("+3.000", "heat+4"),
        ("-4.000", "heat-4"),
        ("+5.000", "heat+4"),
    ]
    assert offsets(table.columns) == [0, 3, 20, 33, 41, 49]


def test_pictures_are_indexed_in_all_their_dimensions() -> None:
    dataset = DatasetSnapshot(
        generation=1,
        states=float_array((1, 2, 2, 2), [float(i) for i in range(8)]),
        actions=float_array((1, 2), [0.25, 0.75]),
        discrete=True,
        normalisation="none",
    )
    table = PairTable(dataset)
    assert [c.title for c in table.columns if c.kind == "observation"][-3:] == ["obs 1,0,1", "obs 1,1,0", "obs 1,1,1"]
    assert table.cell(0, table.columns[1])[0] == "1         75%"


def test_not_a_number_in_a_pair_is_shown() -> None:
    dataset = a_dataset()
    states = float_array((1, 4), [math.nan, math.inf, 0.0, 1.0])
    table = PairTable(
        DatasetSnapshot(
            generation=1,
            states=states,
            actions=float_array((1, 2), [0.0, 1.0]),
            discrete=True,
            normalisation="none",
            action_names=dataset.action_names,
        )
    )
    assert [table.cell(0, c)[0] for c in table.columns[2:5]] == ["nan", "+inf", "+0.000"]


def test_an_empty_dataset_is_an_empty_table() -> None:
    dataset = DatasetSnapshot(
        generation=1, states=float_array((0, 4), []), actions=float_array((0, 2), []), discrete=True, normalisation=""
    )
    assert PairTable(dataset).count == 0


@given(st.integers(1, 200), st.integers(1, 60), st.integers(0, 30))
def test_the_panel_of_a_run_fits(width: int, height: int, generations: int) -> None:
    daemon = FakeDaemon(runs=(a_run("one", reason="because"),))
    model = apply(Model(), daemon.snapshot())
    model = with_history(requesting_history(model, "one"), daemon.history("one"))
    for _ in range(generations):
        model = apply(model, daemon.commit("one"))
    assert len(panel_lines(model, width, height)) <= height
    assert len(run_detail_lines(model, width, height)) <= height


def test_large_numbers_where_there_is_room() -> None:
    daemon = FakeDaemon(runs=(a_run("one", fitness_mean=312.0),))
    model = apply(Model(), daemon.snapshot())
    large = "\n".join(text_of(line) for line in panel_lines(model, 80, 24))
    assert "█" in large
    small = "\n".join(text_of(line) for line in panel_lines(model, 80, 10))
    assert "mean 312.0" in small
    assert "█" not in small


def test_a_curve_without_room_is_not_called_gone() -> None:
    daemon = FakeDaemon(runs=(a_run("one"),))
    model = apply(Model(), daemon.snapshot())
    model = with_history(requesting_history(model, "one"), daemon.history("one"))
    for _ in range(5):
        model = apply(model, daemon.commit("one"))
    assert "no room for the curve" in "\n".join(text_of(line) for line in panel_lines(model, 80, 4))
    gone = replace(model, histories={"one": replace(model.history, metrics=())})
    assert "Its metrics are gone from the disk." in "\n".join(text_of(line) for line in panel_lines(gone, 80, 20))


def test_the_empty_screen_says_how_to_begin() -> None:
    for key, how in (("", "Start one in another terminal:"), ("f2", "f2 starts one here, and in another terminal:")):
        lines = [text_of(line) for line in format.first_steps(key)]
        assert how in lines
        assert "hadesd start --env CartPole-v1" in lines
    assert panel_lines(apply(Model(), FakeDaemon().snapshot()), 80, 20) == []


def test_run_details() -> None:
    daemon = FakeDaemon(runs=(a_run("one", worker_pid=42, directory="/very/long/" + "x" * 80, created_at=time.time()),))
    model = with_history(requesting_history(apply(Model(), daemon.snapshot()), "one"), daemon.history("one"))
    model = apply(model, daemon.commit("one", nan=3, unfinished=2))
    model = apply(model, daemon.log("one", "watch out"))
    text = "\n".join(text_of(line) for line in run_detail_lines(model, 50, 40))
    assert "256, 2 cut off" in text
    assert "3 of 128 candidates" in text
    assert "pid 42" in text
    assert "\nsubmitted  " in text
    assert text.endswith("▲ watch out")
    assert max(len(line) for line in text.splitlines()) <= 50


def test_an_action_is_explained_or_refused() -> None:
    offenders = []
    for action, state in itertools.product((PAUSE, RESUME, CANCEL), RunState):
        run = a_run("one", state, generation=3)
        refusal = f"one is {state.value}: there is nothing to {action.name}"
        is_right = action.refusal(run) == ("" if state in action.states else refusal)
        if not is_right or (state in action.states and not action.will(run).endswith(".")):
            offenders.append((action.name, state))
    assert offenders == []


def test_an_action_is_offered_only_where_the_daemon_has_a_way() -> None:
    targets = {
        PAUSE: {RunState.PAUSING, RunState.PAUSED},
        RESUME: {RunState.QUEUED},
        CANCEL: {RunState.CANCELLING, RunState.CANCELLED},
    }
    cells = [(action, state, after) for action, after in targets.items() for state in action.states]
    assert [(a.name, state) for a, state, after in cells if not any(may(state, target) for target in after)] == []


def test_what_was_done() -> None:
    assert done_text(PAUSE, a_run("one", RunState.PAUSING)) == "one will pause after this generation"
    assert done_text(CANCEL, a_run("one", RunState.CANCELLED)) == "one is cancelled"
