"""The picture of a part of a curve: nothing is hidden, nothing stands beside it, everything is said in words."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hades_protocol.messages import Mark, Reference
from hades_protocol.run_state import RunState
from hades_tui.canvas.braille import DOTS, Columns, buckets, columns, means, with_edges
from hades_tui.curve.data import curve_of
from hades_tui.curve.legend import legend
from hades_tui.curve.panel import panel
from hades_tui.curve.picture import ComparedRun, Picture, picture, whole_extent
from hades_tui.curve.readout import readout
from hades_tui.curve.smooth import running_median, smoothed
from hades_tui.curve.viewport import SMOOTHINGS, Axis, Viewport
from hades_tui.curve.xaxis import TIMES, elapsed, steps_text, time_step, x_axis
from hades_tui.state.history import RunHistory
from hades_tui.state.model import Model, apply, mark
from hades_tui.text.format import Line
from hades_tui.theme.glyphs import ASCII, UNICODE, Glyphs
from hades_tui.theme.palette import style
from tests.helpers.protocol.protocol_server import FakeDaemon, a_generation, a_run
from tests.helpers.screen.lines import text_of
from tests.tui.curve.test_data import a_history, a_model, a_sweep

MARKS = (
    Mark(generation=20, kind="resize", text="pairs 4 → 8"),
    Mark(generation=30, kind="resume", text="another GPU", bit_exact=False),
)
WAVE = replace(
    a_history(range(1, 101)),
    metrics=tuple(a_generation(g, 50.0 + (g % 7) - 3, fitness_std=2.0) for g in range(1, 101)),
    marks=MARKS,
    references=(Reference(name="PPO", value=60.0),),
)
VIEWS = st.builds(
    lambda a, b, cursor, axis, smoothing, logarithmic: (a, b, cursor, axis, smoothing, logarithmic),
    st.floats(0.0, 0.8),
    st.floats(0.01, 1.0),
    st.one_of(st.none(), st.floats(0.0, 1.0)),
    st.sampled_from(list(Axis)),
    st.integers(0, len(SMOOTHINGS) - 1),
    st.booleans(),
)


def texts(lines: list[Line]) -> str:
    return "\n".join(text_of(line) for line in lines)


@settings(max_examples=150)
@given(
    st.lists(st.one_of(st.none(), st.integers(-(10**6), 10**6)), min_size=1, max_size=60),
    VIEWS,
    st.integers(24, 400),
    st.integers(4, 100),
    st.booleans(),
    st.sampled_from([UNICODE, ASCII]),
)
def test_any_look_at_any_size_fills_it_with_known_hues(
    means_: list[int | None],
    chosen: tuple[float, float, float | None, Axis, int, bool],
    width: int,
    height: int,
    colours: bool,
    glyphs: Glyphs,
) -> None:
    low, more, cursor, axis, smoothing, logarithmic = chosen
    metrics = tuple(
        a_generation(g, float(m or 0), **({"fitness_mean": None, "fitness_best": None} if m is None else {}))
        for g, m in enumerate(means_, start=1)
    )
    steps = tuple(100 * m.generation for m in metrics)
    history = replace(WAVE, metrics=metrics, env_steps=steps, committed_at=tuple(1e9 + s for s in steps))
    curve = curve_of(history, axis)
    extent = curve.extent
    assert extent is not None
    reach = (extent.low + low * extent.width, extent.low + min(1.0, low + more) * extent.width)
    view = Viewport(reach, False, None, axis, smoothing, logarithmic)
    view = replace(view, cursor=None if cursor is None else extent.low + cursor * extent.width)
    others = [ComparedRun(curve, "other", "1"), ComparedRun(curve, "old")]
    drawn = picture(curve, view, width, height, compared_runs=others, colours=colours, glyphs=glyphs)
    if any(m is not None for m in means_):
        assert len(drawn.lines) == height
        assert {len(text_of(line)) for line in drawn.lines} == {width}
    for line in drawn.lines:
        for piece, hue in line:
            style(hue)
            assert glyphs.braille or piece.isascii()
    assert len(text_of(readout(curve, view, drawn, width))) <= width


def drawn_rows(drawn: Picture, hues: set[str]) -> dict[int, list[str]]:
    """Characters by row that have one of the hues."""
    out: dict[int, list[str]] = {}
    for y, line in enumerate(drawn.lines):
        found = [c for piece, hue in line if hue.removesuffix(".band") in hues for c in piece]
        if found:
            out[y] = found
    return out


def test_a_spike_stays_visible_however_much_is_smoothed() -> None:
    metrics = tuple(a_generation(g, 500.0 if g == 1234 else 10.0, fitness_std=0.0) for g in range(1, 4001))
    steps, times = tuple(range(1, 1001)), (0.0,) * 1000
    curve = curve_of(RunHistory(metrics=metrics, env_steps=steps, committed_at=times), Axis.GENERATION)
    for smoothing, glyphs in itertools.product(range(len(SMOOTHINGS)), (UNICODE, ASCII)):
        drawn = picture(curve, Viewport(smoothing=smoothing), 80, 20, glyphs=glyphs)
        spike = drawn_rows(drawn, {"raw"} if smoothing else {"mean", "best"})
        assert min(spike) <= 1, f"the spike's top with smoothing {smoothing}"
        if smoothing:
            assert min(drawn_rows(drawn, {"mean"})) > 10, f"one spike bends the line with smoothing {smoothing}"


@given(st.lists(st.floats(-1e6, 1e6), max_size=60), st.sampled_from([1, 3, 9, 25]))
def test_a_running_median_is_the_median_of_what_is_around(values: list[float], window: int) -> None:
    half = window // 2
    for i, found in enumerate(running_median(values, window)):
        around = sorted(values[max(0, i - half) : i + half + 1])
        assert around[0] <= found <= around[-1]
        assert sum(v <= found for v in around) >= len(around) / 2 <= sum(v >= found for v in around)


def test_smoothing_keeps_to_columns_that_have_points() -> None:
    xs, ys = [0.0, 5.0, 9.0], [1.0, 100.0, 3.0]
    found = buckets(xs, 0.0, 9.0, 10)
    line = smoothed(means(ys, found), 3, 10)
    assert [x for x, column in enumerate(line) if column is not None] == [0, 5, 9]
    assert [column.first for column in line if column is not None] == [50.5, 3.0, 51.5]


@given(
    st.lists(st.floats(0, 1e4), min_size=1, max_size=300), st.floats(0, 1e4), st.floats(0.01, 1e4), st.integers(1, 90)
)
def test_buckets_hold_every_point_in_sight_once(places: list[float], low: float, width: float, count: int) -> None:
    places.sort()
    high = low + width
    found = buckets(places, low, high, count)
    assert [i for _, start, stop in found for i in range(start, stop)] == [
        i for i, x in enumerate(places) if low <= x <= high
    ]
    for column, start, stop in found:
        assert {round((x - low) / (high - low) * (count - 1)) for x in places[start:stop]} == {column}
    assert [column for column, _, _ in found] == sorted({column for column, _, _ in found})


def test_a_line_goes_on_beyond_the_edges_of_what_is_in_sight() -> None:
    xs, ys = [0.0, 10.0, 20.0], [0.0, 10.0, 0.0]

    def around(low: float, high: float) -> Columns:
        return with_edges(columns(ys, buckets(xs, low, high, 5), 5), xs, ys, low, high)

    left, *_, right = around(5.0, 15.0)
    assert left is not None
    assert right is not None
    assert (left.first, right.first) == (5.0, 5.0)
    between = around(2.0, 4.0)
    assert [c and c.first for c in between] == [2.0, None, None, None, 4.0], "no point in sight, and yet a line"
    assert around(0.0, 20.0)[1] is None
    assert around(20.0, 30.0)[4] is None, "nothing comes after the newest"


def test_what_is_zoomed_into_fills_the_height() -> None:
    metrics = tuple(a_generation(g, 1000.0 if g < 50 else 10.0 + g % 3, fitness_std=0.0) for g in range(1, 101))
    steps, times = tuple(range(1, 1001)), (0.0,) * 1000
    curve = curve_of(RunHistory(metrics=metrics, env_steps=steps, committed_at=times), Axis.GENERATION)
    whole = picture(curve, Viewport(), 80, 20)
    part = picture(curve, Viewport(reach=(60.0, 90.0)), 80, 20)
    assert "1020" in texts(whole.lines)
    assert "1020" not in texts(part.lines)
    assert len(drawn_rows(part, {"mean"})) >= 2
    assert text_of(part.lines[-1]).split()[0] == "60"


def test_the_cursor_is_a_line_on_a_point_and_is_read_in_words() -> None:
    curve = curve_of(WAVE, Axis.GENERATION)
    view = Viewport(cursor=20.2)
    drawn = picture(curve, view, 100, 20)
    assert len(drawn_rows(drawn, {"cursor"})) >= 8
    read = text_of(readout(curve, view, drawn, 300))
    assert read.startswith("generation 20  R pairs 4 → 8  mean 53.0  best 73.0  std 2.00")
    assert "steps 2k" in read
    assert "after 38s" in read
    assert "not bit-exact" in text_of(readout(curve, Viewport(cursor=30.0), drawn, 300))
    assert readout(curve, Viewport(), drawn, 300) == []
    assert len(text_of(readout(curve, view, drawn, 40))) == 40
    assert text_of(readout(curve, view, drawn, 40)).endswith("…")


def test_without_colours_the_cursor_is_visible_still() -> None:
    curve = curve_of(WAVE, Axis.GENERATION)
    for glyphs in (UNICODE, ASCII):
        plain = texts(picture(curve, Viewport(), 80, 16, colours=False, glyphs=glyphs).lines)
        marked = texts(picture(curve, Viewport(cursor=50.0), 80, 16, colours=False, glyphs=glyphs).lines)
        assert marked.count(glyphs.cursor) > plain.count(glyphs.cursor)


def test_a_column_of_many_points_tells_its_range() -> None:
    metrics = tuple(a_generation(g, 100.0 + g % 10) for g in range(1, 1001))
    steps, times = tuple(range(1, 1001)), (0.0,) * 1000
    curve = curve_of(RunHistory(metrics=metrics, env_steps=steps, committed_at=times), Axis.GENERATION)
    view = Viewport(cursor=500.0)
    drawn = picture(curve, view, 56, 12)
    assert "here 10 points, mean 100.0 to 109.0" in text_of(readout(curve, view, drawn, 300))
    close = replace(view, reach=(490.0, 510.0))
    assert "here" not in text_of(readout(curve, close, picture(curve, close, 54, 12), 300))


def test_a_mark_is_read_in_its_column_and_at_its_generation() -> None:
    metrics = tuple(a_generation(g) for g in range(1, 1001))
    resumed = Mark(generation=500, kind="resume", text="after a pause", time=1e9 + 5000.0)
    times = tuple(1e9 + g + (4000.0 if g > 500 else 0.0) for g in range(1, 1001))
    history = RunHistory(metrics=metrics, marks=(resumed,), env_steps=tuple(range(1000)), committed_at=times)
    curve = curve_of(history, Axis.TIME)
    drawn = picture(curve, Viewport(axis=Axis.TIME), 100, 12)
    assert "^" in text_of(drawn.lines[-2])
    read = text_of(readout(curve, Viewport(cursor=499.0, axis=Axis.TIME), drawn, 300))
    assert "^ after a pause" in read, "the pause lies between the generation and the mark"
    beside = curve_of(replace(history, marks=(replace(resumed, generation=100),)), Axis.GENERATION)
    assert "after a pause" not in text_of(readout(beside, Viewport(cursor=500.0), drawn, 300))


def test_other_runs_have_a_sign_and_a_name_without_any_colour() -> None:
    model = mark(mark(a_model(parent=True), "other-0"), "other-1")
    for glyphs in (UNICODE, ASCII):
        lines = panel(model, 100, 30, Viewport(), colours=False, glyphs=glyphs).lines
        (names,) = [text_of(line) for line in lines if "other-0" in text_of(line)]
        assert "1 other-0" in names
        assert "2 other-1" in names
        assert "parent old" in names
        ends = {piece.strip()[-1] for line in lines for piece, hue in line if hue.startswith("run")}
        assert {"1", "2"} <= ends


def test_seeds_of_a_group_are_a_mean_with_its_spread_and_their_number() -> None:
    model = a_sweep(marks=3)
    for glyphs in (UNICODE, ASCII):
        drawn = panel(model, 100, 40, Viewport(), glyphs=glyphs)
        (names,) = [text_of(line) for line in drawn.lines if "sizes" in text_of(line)]
        assert ("1 sizes n=3→2" if glyphs.braille else "1 sizes n=3>2") in names
        assert "std. error" in names
        alone = panel(mark(model, "2-1"), 100, 40, Viewport(seeds=True), glyphs=glyphs)
        assert "std. error" not in texts(alone.lines)
        spread, bare = (sum(map(len, drawn_rows(one.picture, {"run1"}).values())) for one in (drawn, alone))
        assert spread > bare, "the edges of the band are dotted"


def test_marked_runs_are_drawn_over_a_run_that_committed_nothing() -> None:
    model = mark(a_model(), "other-0", "other-1", "other-2")
    nothing = RunHistory(loaded=True)
    runs = (a_run("own", RunState.CANCELLED, created_at=9e9, generation=0), *model.runs[1:])
    model = replace(model, runs=runs, histories={**model.histories, "own": nothing, "other-0": nothing})
    for view in (Viewport(), Viewport(axis=Axis.STEPS), Viewport(cursor=3.0)):
        drawn = panel(model, 100, 30, view)
        assert drawn.picture.lines
        assert "No generation was committed." in texts(drawn.lines)
        assert "1 other-1   2 other-2" in texts(drawn.lines), "digits are of those that have something to draw"
    alone = panel(replace(model, marked=frozenset()), 100, 30, Viewport())
    assert alone.picture.lines == []
    assert texts(alone.lines).count("No generation was committed.") == 1


def test_the_environment_of_a_compared_run_gives_way_to_its_name() -> None:
    model = mark(a_model(), "other-0", "other-1", "other-2")
    runs = tuple(replace(run, env="SpaceInvaders-MinAtar") if run.id == "other-1" else run for run in model.runs)
    model = replace(model, runs=runs)
    for width, names in (
        (100, "1 other-0   2 other-1 (SpaceInvaders-MinAtar)   3 other-2"),
        (50, "1 other-0   2 other-1 (SpaceInvaders…)   3 other-2"),
        (40, "1 other-0   2 other-1 (Spa…)   3 other-2"),
        (39, "1 other-0   2 other-1   3 other-2"),
        (30, "1 o…er-0   2 o…er-1   3 o…er-2"),
    ):
        assert names in texts(panel(model, width, 30, Viewport()).lines)


def test_too_many_marked_runs_are_counted() -> None:
    model = a_model(others=9)
    for i in range(9):
        model = mark(model, f"other-{i}")
    assert "3 more marked, 6 are drawn" in texts(panel(model, 160, 30, Viewport()).lines)


def test_a_longer_run_stretches_the_axis_and_the_parent_does_not() -> None:
    own = curve_of(a_history(range(1, 11)), Axis.GENERATION)
    longer = curve_of(a_history(range(1, 51)), Axis.GENERATION)
    for sign, high in (("1", 50.0), ("", 10.0)):
        extent = whole_extent(own, [ComparedRun(longer, "other", sign)])
        assert extent is not None
        assert extent.high == high


def test_an_unknown_axis_is_not_known_and_says_so() -> None:
    daemon = FakeDaemon(runs=(a_run("a", generation=3),))
    model = replace(
        apply(Model(), daemon.snapshot()),
        histories={"a": replace(a_history(range(1, 4)), committed_at=(0.0, 0.0, 0.0))},
    )
    assert "The wall time of its generations is not known." in texts(
        panel(model, 80, 20, Viewport(axis=Axis.TIME)).lines
    )
    assert "not known" not in texts(panel(model, 80, 20, Viewport(axis=Axis.STEPS)).lines)


def test_the_panel_fits_every_size() -> None:
    model = mark(a_model(parent=True), "other-0")
    sizes = ((24, 4), (1, 1), (80, 24), (120, 40), (400, 100), (24, 100), (400, 4))
    offenders = []
    for size, glyphs, cursor in itertools.product(sizes, (UNICODE, ASCII), (None, 3.0)):
        lines = panel(model, *size, Viewport(cursor=cursor), glyphs=glyphs).lines
        if len(lines) > size[1] or not (glyphs.braille or texts(lines).isascii()):
            offenders.append((size, "unicode" if glyphs.braille else "ascii", cursor))
    assert offenders == []


def test_the_cursors_line_takes_no_room_from_the_picture() -> None:
    model = a_model()
    for size in ((120, 40), (60, 14)):
        without, read = (panel(model, *size, Viewport(cursor=cursor)) for cursor in (None, 3.0))
        assert without.top == read.top
        assert "generation 3" in texts(read.lines)
        assert "generation 3" not in texts(without.lines)


def test_the_legend_says_how_the_curve_is_looked_at_first() -> None:
    curve = curve_of(WAVE, Axis.STEPS)
    view = Viewport((1000.0, 5000.0), True, None, Axis.STEPS, 1, True)
    drawn = picture(curve, view, 80, 20)
    words = text_of(legend(False, view=view, picture=drawn, missing=2))
    order = ["median of 9 columns", "log", "by environment steps", "2 without a known place", "to 10k, following"]
    assert [words.index(word) for word in order] == sorted(words.index(word) for word in order)
    assert words.index("following") < words.index("mean ±")
    short = text_of(legend(False, view=view, picture=drawn, width=50))
    assert len(short) <= 50
    assert short.startswith("median of 9 columns")
    assert text_of(legend(False, evaluated=True, glyphs=ASCII)).isascii()


def test_elapsed_time() -> None:
    expected = [
        (0.0, 0.0, "0"),
        (0.25, 0.05, "0.25s"),
        (45.0, 5.0, "45s"),
        (300.0, 60.0, "5m"),
        (312.0, 1.0, "5m12s"),
        (12_000.0, 600.0, "3h20m"),
        (10_800.0, 3600.0, "3h"),
        (12_034.0, 1.0, "3h20m34s"),
        (187_200.0, 3600.0, "2d04h"),
        (172_800.0, 86_400.0, "2d"),
        (187_260.0, 60.0, "2d04h01m"),
    ]
    assert [elapsed(seconds, step) for seconds, step, _ in expected] == [text for *_, text in expected]


def test_environment_steps() -> None:
    steps = ((0.0, 0.0), (800.0, 100.0), (12_800.0, 0.0), (1.25e6, 2.5e5), (3e9, 1e9))
    assert [steps_text(value, step) for value, step in steps] == ["0", "800", "12.8k", "1.25M", "3G"]


@given(st.floats(1e-3, 1e8))
def test_a_time_step_is_round_and_large_enough(least: float) -> None:
    step = time_step(least)
    assert step >= least * 0.999
    assert step <= 2.6 * max(least, 1e-3) or step in TIMES or step % 86_400 == 0


@given(st.sampled_from(list(Axis)), st.floats(0, 1e7), st.floats(1.0, 1e7), st.integers(20, 380))
def test_labels_of_the_axis_stand_apart_and_differ(axis: Axis, low: float, width: float, columns_: int) -> None:
    line, words = x_axis(axis, low, low + width, 4, columns_, UNICODE)
    assert len(text_of(line)) == len(text_of(words)) == columns_ + 6
    labels = text_of(words).split()
    assert len(labels) == len(set(labels)), "two places with one label"
    assert labels


def test_dots_are_eight_bits() -> None:
    assert sum(bit for row in DOTS for bit in row) == 255
