"""References and evaluations over a curve."""

from hypothesis import given
from hypothesis import strategies as st

from hades_protocol.downsample import downsample_metrics
from hades_protocol.messages import GenerationMetrics, Reference
from hades_tui.canvas.braille import Scale
from hades_tui.curve import overlay
from hades_tui.curve.legend import legend
from hades_tui.pages.plain import page
from hades_tui.runs.ordering import Order, order_runs
from hades_tui.runs.table import heading, layout_for, line_of
from hades_tui.state import history as histories
from hades_tui.state.history import RunHistory
from hades_tui.state.model import Model, apply, requesting_history, with_history
from hades_tui.theme.glyphs import UNICODE
from hades_tui.theme.palette import style
from tests.helpers.protocol.protocol_server import FakeDaemon, a_generation, a_run
from tests.helpers.screen.curves import draw_metrics, panel_lines
from tests.helpers.screen.lines import text_of

PPO = Reference(name="PPO", value=500.0)


def a_curve(generations: int = 40, every: int = 10) -> list[GenerationMetrics]:
    """Fitness 10 a generation; the mean dataset, evaluated every so often, 5 below."""
    return [
        a_generation(g, evaluated_mean=10.0 * g - 5.0, evaluated_sem=1.5) if g % every == 0 else a_generation(g)
        for g in range(1, generations + 1)
    ]


def test_a_reference_is_a_dotted_line_with_its_name_at_the_right_edge() -> None:
    lines = draw_metrics(a_curve(), 80, 20, references=[PPO])
    (labelled,) = [i for i, line in enumerate(lines) if "PPO 500" in text_of(line)]
    assert text_of(lines[labelled]).endswith("PPO 500.0")
    assert labelled == 0, "500 is the highest value: its line is the topmost"
    dots = [character for text, hue in lines[labelled] if hue == "reference" for character in text]
    assert sum(character in UNICODE.dotted for character in dots) > 50


@given(st.floats(-1e6, 1e6), st.booleans())
def test_the_axis_takes_every_reference_in(value: float, logarithmic: bool) -> None:
    reference = Reference(name="level", value=value)
    lines = draw_metrics(a_curve(), 80, 16, references=[reference], logarithmic=logarithmic)
    assert any("level" in text_of(line) for line in lines), "a reference off the picture says nothing"


@given(
    st.lists(st.tuples(st.text(max_size=40), st.floats(-1e3, 1e3)), max_size=6),
    st.integers(24, 100),
    st.integers(4, 30),
    st.booleans(),
)
def test_the_picture_keeps_its_size(levels: list[tuple[str, float]], width: int, height: int, colours: bool) -> None:
    references = [Reference(name=name.replace("\n", " "), value=value) for name, value in levels]
    lines = draw_metrics(a_curve(), width, height, references=references, colours=colours)
    assert len(lines) == height
    assert {len(text_of(line)) for line in lines} == {width}
    for line in lines:
        for _, hue in line:
            style(hue)


def test_labels_leave_the_curve_and_each_other_alone() -> None:
    scale, width, rows = Scale(0.0, 100.0), 40, 11
    alone = overlay.labels([PPO], Scale(0.0, 1000.0), width, rows, lambda x, y: False)
    assert max(x for x, _ in alone) == width - 1
    pair = [Reference(name="A", value=50.0), Reference(name="B", value=51.0)]
    both = overlay.labels(pair, scale, width, rows, lambda x, y: False)
    assert sum(character in "AB" for character, _ in both.values()) == 2
    beside = overlay.labels(pair[:1], scale, width, rows, lambda x, y: x > 20 and y == 5)
    assert {y for _, y in beside} == {4}, "the curve passes there: the label belongs above"
    crowded = overlay.labels(pair[:1], scale, width, rows, lambda x, y: True)
    assert {y for _, y in crowded} == {5}, "without any room it stands on its line"


def test_evaluations_are_markers_where_they_belong() -> None:
    lines = draw_metrics(a_curve(), 80, 20)
    assert sum(text_of(line).count(UNICODE.marker) for line in lines) == 4
    marks = overlay.markers([(1.0, 0.0), (40.0, 100.0)], Scale(0.0, 100.0), (1.0, 40.0), 30, 10)
    assert marks.keys() == {(0, 9), (29, 0)}
    dense = overlay.markers([(float(g), 1.0) for g in range(1000)], Scale(0.0, 2.0), (0.0, 999.0), 30, 10)
    assert len(dense) == 30, "one in a column"


def a_model(**fields: object) -> Model:
    daemon = FakeDaemon(runs=(a_run("one", **fields),))
    for metrics in a_curve():
        daemon.commit("one", evaluated_mean=metrics.evaluated_mean, evaluated_sem=metrics.evaluated_sem)
    model = apply(Model(), daemon.snapshot())
    daemon.references["one"] = (PPO,)
    return with_history(requesting_history(model, "one"), daemon.history("one"))


def test_the_newest_evaluation_stands_above_the_curve() -> None:
    model = a_model()
    assert "mean dataset 395.0 ± 1.50" in "\n".join(text_of(line) for line in panel_lines(model, 110, 12))
    large = [text_of(line) for line in panel_lines(model, 110, 30)]
    assert any("mean dataset" in above and " ± 1.50" in below for above, below in zip(large, large[3:], strict=False))
    assert UNICODE.marker in text_of(legend(False, True, True))
    assert UNICODE.marker not in text_of(legend(False))


def test_a_look_as_text_has_them_too() -> None:
    text = "\n".join(text_of(line) for line in page(a_model(), 100))
    assert "PPO 500.0" in text
    assert "mean dataset 395.0 ± 1.50" in text
    assert f"{UNICODE.marker} mean dataset" in text, "the legend says what the marker is"


def test_references_stay_while_the_history_is_asked_for_again() -> None:
    history = RunHistory(metrics=tuple(a_curve()), loaded=True, references=(PPO,))
    assert histories.unload(history).references == (PPO,)
    assert histories.request(history).references == (PPO,)


def test_thinning_keeps_the_newest_and_the_extreme_evaluations() -> None:
    metrics = a_curve(5000, 100)
    kept = [metrics[i] for i in downsample_metrics(metrics, 200)]
    evaluated = [m.generation for m in kept if m.evaluated_mean is not None]
    assert len(kept) <= 210
    assert {100, 5000} <= set(evaluated)


def test_the_group_is_a_column_where_there_is_one_and_room() -> None:
    alone = order_runs((a_run("one"),), Order()).rows
    grouped = order_runs((a_run("one", group="sizes"), a_run("two")), Order()).rows
    assert "group" not in text_of(heading(layout_for(alone, 200)))
    assert "group" in text_of(heading(layout_for(grouped, 200)))
    first = next(row for row in grouped if row.key == "one")
    assert ("sizes", "dim") in [(text.strip(), hue) for text, hue in line_of(first, layout_for(grouped, 200))]
    assert "group" not in text_of(heading(layout_for(grouped, 70)))
