"""The labels beside a curve: at both ends and at round values between, at every size, in one rounding."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hades_protocol.messages import Reference
from hades_tui.canvas.braille import Scale, scale_for
from hades_tui.curve import overlay
from hades_tui.curve.data import curve_of
from hades_tui.curve.picture import picture
from hades_tui.curve.viewport import Axis, Viewport
from hades_tui.curve.yaxis import y_axis
from hades_tui.state.history import RunHistory
from hades_tui.text.format import number
from hades_tui.theme.glyphs import ASCII, UNICODE, Glyphs
from tests.helpers.protocol.protocol_server import a_generation
from tests.helpers.screen.curves import draw_metrics
from tests.helpers.screen.lines import text_of

VALUES = st.floats(-1e8, 1e8, allow_nan=False)


def from_top(scale: Scale, rows: int) -> list[str]:
    labels = y_axis(scale, rows).labels
    return [labels[row] for row in sorted(labels)]


@settings(max_examples=200)
@given(VALUES, VALUES, st.integers(2, 60), st.booleans())
def test_both_ends_are_labelled_and_labels_fall_from_top_to_bottom(
    a: float, b: float, rows: int, logarithmic: bool
) -> None:
    scale = scale_for([a, b], logarithmic)
    axis = y_axis(scale, rows)
    assert {0, rows - 1} <= axis.labels.keys()
    assert axis.between == axis.labels.keys() - {0, rows - 1}
    assert (
        len(set(axis.labels.values())) == len(axis.labels)
        or logarithmic
        or scale.high - scale.low < 1e-6 * max(abs(scale.low), abs(scale.high))
    )


@given(VALUES, st.floats(1e-3, 1e8), st.integers(3, 60))
def test_there_is_a_round_value_wherever_there_is_a_row_for_it(low: float, span: float, rows: int) -> None:
    assert y_axis(Scale(low, low + span), rows).between


def test_labels_are_rounded_as_the_numbers_beside_the_curve() -> None:
    assert from_top(Scale(14.2, 537.28), 20) == ["537.3", "400.0", "300.0", "200.0", "100.0", "14.2"]
    assert from_top(Scale(14.2, 537.28), 4) == ["537.3", "200.0", "14.2"]
    assert from_top(Scale(14.2, 537.28), 2) == ["537.3", "14.2"]
    assert from_top(Scale(0.0, 1.5e6), 8)[0] == number(1.5e6)


def test_a_narrow_range_gets_the_decimals_that_it_needs() -> None:
    assert from_top(Scale(499.98, 500.0), 4) == ["500.00", "499.99", "499.98"]


def test_the_name_of_a_level_and_its_tick_say_the_same_number() -> None:
    lines = draw_metrics(
        [a_generation(g, 13.7 * g) for g in range(1, 41)], 60, 16, references=[Reference(name="PPO", value=400.0)]
    )
    (named,) = [text_of(line) for line in lines if "PPO" in text_of(line)]
    assert "PPO 400.0" in named
    assert named.lstrip().startswith("400.0 ┤")


@given(st.integers(2, 60), st.floats(0.0, 1.0), st.sampled_from([UNICODE, ASCII]))
def test_lines_levels_and_labels_are_rounded_to_rows_in_one_way(rows: int, part: float, glyphs: Glyphs) -> None:
    value, scale = 100.0 * part, Scale(0.0, 100.0)
    ends = (a_generation(1, 0.0, fitness_std=0.0), a_generation(9, 100.0, fitness_best=100.0, fitness_std=0.0))
    level = tuple(a_generation(g, value, fitness_best=value, fitness_std=0.0) for g in range(2, 9))
    history = RunHistory(metrics=(ends[0], *level, ends[1]), env_steps=(0,) * 9, committed_at=(0.0,) * 9)
    drawn = picture(curve_of(history, Axis.GENERATION), Viewport(), 60, rows + 2, glyphs=glyphs)
    middle = [[hue for text, hue in line for _ in text][drawn.left + drawn.width // 2] for line in drawn.lines[:rows]]
    assert [row for row, hue in enumerate(middle) if hue.startswith("mean")] == [scale.cell(value, rows)]
    assert list(overlay.lines([Reference(name="level", value=value)], scale, rows)) == [scale.cell(value, rows)]
    labels = y_axis(scale, rows).labels
    assert all(scale.cell(float(text), rows) == row for row, text in labels.items())
