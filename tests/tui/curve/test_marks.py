"""What happened to a run, on the axis of its curve."""

from msgspec.structs import replace

from hades_protocol.events import RunChanged
from hades_protocol.messages import Mark
from hades_protocol.replies import HistoryResult
from hades_protocol.run_state import RunState
from hades_tui.curve.legend import legend
from hades_tui.state.history import RunHistory, load, request, unload
from hades_tui.state.model import Model, apply
from hades_tui.theme.glyphs import ASCII, UNICODE
from tests.helpers.protocol.protocol_server import a_run
from tests.helpers.screen.curves import draw_metrics
from tests.helpers.screen.lines import text_of
from tests.tui.curve.test_overlay import a_curve

MARKS = (
    Mark(generation=1, kind="fork", text="from hopper-0101-abcd@1"),
    Mark(generation=20, kind="resize", text="pairs 4 → 8"),
    Mark(generation=40, kind="fallback", text="checkpoint 41 is unreadable"),
)


def test_marks_stand_on_the_axis_at_their_generation() -> None:
    plain, marked = draw_metrics(a_curve(), 80, 20), draw_metrics(a_curve(), 80, 20, marks=MARKS)
    assert [len(text_of(line)) for line in plain] == [len(text_of(line)) for line in marked]
    axis = text_of(marked[-2])
    start = axis.index("└") + 1
    assert (axis[start], axis[-1]) == ("F", "!")
    assert abs(axis.index("R") - start - 19 / 39 * (len(axis) - start)) < 1.5
    assert [text_of(line) for line in plain[:-2]] == [text_of(line) for line in marked[:-2]]


def test_marks_outside_of_the_curve_and_of_unknown_kinds_are_left_out() -> None:
    marks = (Mark(generation=99, kind="resize", text=""), Mark(generation=5, kind="eclipse", text=""))
    assert draw_metrics(a_curve(), 80, 20, marks=marks) == draw_metrics(a_curve(), 80, 20)


def test_the_legend_explains_the_signs_that_there_are() -> None:
    assert "F fork" in text_of(legend(False, marks=MARKS))
    assert "R resize" in text_of(legend(False, colours=False, marks=MARKS))
    assert "fork" not in text_of(legend(False))


def test_the_legend_explains_signs_before_it_spells_out_its_lines() -> None:
    marks = [Mark(generation=g, kind=kind, text="") for g, kind in enumerate(("resume", "preempted", "resize"), 1)]
    for glyphs in (UNICODE, ASCII):
        text = text_of(legend(False, evaluated=True, marks=marks, width=70, glyphs=glyphs))
        assert len(text) <= 70
        for words in ("mean", "best", "^ resume", "x preempted", "R resize"):
            assert words in text, text
    wide = text_of(legend(False, evaluated=True, marks=marks, width=100))
    assert wide.index("mean ± std") < wide.index("^ resume")


def test_marks_come_with_the_history_and_stay_while_it_is_asked_for_again() -> None:
    metrics = tuple(a_curve())
    result = HistoryResult(
        run="a",
        seq=3,
        generations_total=40,
        metrics=metrics,
        references=(),
        marks=MARKS,
        env_steps=(0,) * len(metrics),
        committed_at=(0.0,) * len(metrics),
    )
    history = load(RunHistory(), result)
    assert history.marks == MARKS
    assert unload(history).marks == request(history).marks == MARKS


def test_a_new_worker_makes_the_screen_ask_again() -> None:
    starting = replace(a_run("a"), state=RunState.STARTING)
    history = RunHistory(metrics=tuple(a_curve()), loaded=True)
    model = Model(runs=(starting,), selected="a", histories={"a": history})
    event = RunChanged(session="s", seq=1, time=0.0, run=replace(starting, state=RunState.RUNNING))
    assert not apply(model, event).histories["a"].loaded
    again = RunChanged(session="s", seq=1, time=0.0, run=replace(starting, phase="compiling"))
    assert apply(model, again).histories["a"].loaded
