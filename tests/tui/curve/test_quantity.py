"""Other numbers than the fitness along the curve: each has its name and its unit, and none is made up."""

import pytest
from msgspec.structs import replace

from hades_protocol.messages import GpuInfo, Mark, MarkKind, Reference
from hades_tui.curve.data import curve_of
from hades_tui.curve.panel import panel
from hades_tui.curve.picture import picture
from hades_tui.curve.quantity import Quantity, following, named, values_of
from hades_tui.curve.viewport import Axis, Viewport
from hades_tui.state.history import RunHistory
from hades_tui.state.model import Model, apply, requesting_history, with_history
from tests.helpers.protocol.protocol_server import FakeDaemon, a_dataset, a_run
from tests.helpers.screen.lines import text_of
from tests.tui.curve.test_data import a_history


def watched() -> tuple[Model, FakeDaemon]:
    """A run on GPU 1 whose history of two generations is loaded."""
    daemon = FakeDaemon(runs=(a_run("one"),))
    common = {"uuid": "", "name": "H100", "memory_total": 1, "memory_used": 1}
    daemon.gpus = (
        GpuInfo(index=0, utilisation=0.1, **common),
        GpuInfo(index=1, utilisation=0.8, runs=("one",), **common),
    )
    daemon.commit("one")
    daemon.commit("one")
    model = requesting_history(apply(Model(), daemon.snapshot()), "one")
    return with_history(model, daemon.history("one")), daemon


def test_every_quantity_has_a_name_and_a_unit() -> None:
    assert [named(q) for q in Quantity if "(" not in named(q)] == []
    assert named(Quantity.SIGMA) == "sigma (units of states and actions)"


def test_times_are_between_commits_and_not_across_a_pause() -> None:
    resumed = Mark(generation=2, kind=MarkKind.RESUME, text="")
    history = replace(a_history(range(1, 5), pause_after=2), marks=(resumed,))
    assert values_of(Quantity.SECONDS, history) == [None, 2.0, None, 2.0]
    thinned = a_history(range(1, 10, 4))
    assert values_of(Quantity.SECONDS, thinned) == [None, 2.0, 2.0], "a generation, though some are left out"
    assert values_of(Quantity.SECONDS, replace(thinned, committed_at=(0.0, 0.0, 9.0))) == [None] * 3


def test_the_key_goes_on_to_what_is_known() -> None:
    history = a_history(range(1, 4))
    seen = [Quantity.FITNESS]
    for _ in range(5):
        seen.append(following(seen[-1], history))
    assert seen[1:] == [Quantity.SIGMA, Quantity.SECONDS, Quantity.EPISODES, Quantity.NAN, Quantity.FITNESS]
    assert following(Quantity.FITNESS, RunHistory()) is Quantity.FITNESS


def test_what_a_run_takes_is_collected_from_its_events() -> None:
    model, daemon = watched()
    event = daemon.commit("one")
    model = apply(model, replace(event, memory=3 * 2**20, timing=replace(event.timing, cpu_seconds=3.0)))
    assert values_of(Quantity.CPU, model.history) == [None, None, 2.0]
    assert values_of(Quantity.MEMORY, model.history) == [None, None, 3.0]
    assert values_of(Quantity.GPU, model.history) == [None, None, pytest.approx(80.0)]
    again = with_history(requesting_history(model, "one"), daemon.history("one"))
    assert values_of(Quantity.CPU, again.history) == [None, None, 2.0], "an answer to a later request keeps them"
    back = apply(again, daemon.cut("one", 2))
    assert values_of(Quantity.CPU, back.history) == [None, None]


def test_how_far_the_dataset_moved_is_a_distance_a_generation() -> None:
    model, daemon = watched()
    model = apply(model, daemon.publish_dataset("one", a_dataset(2)))
    for _ in range(2):
        model = apply(model, daemon.commit("one"))
    model = apply(model, daemon.publish_dataset("one", a_dataset(4)))
    moved = values_of(Quantity.MOVED, model.history)
    assert moved[:3] == [None, None, None]
    assert moved[3] == pytest.approx(0.02 * 8**0.5 / 2, rel=1e-4), "eight entries by 0.02 in two generations"
    resized = apply(model, daemon.publish_dataset("one", a_dataset(5, pairs=3)))
    assert resized.history.moved == model.history.moved


def test_late_numbers_reach_a_curve_that_is_known_already() -> None:
    model, daemon = watched()
    known = curve_of(model.history, Axis.GENERATION, None, Quantity.MOVED)
    assert known.mean.ys == []
    model = apply(model, daemon.publish_dataset("one", a_dataset(1)))
    model = apply(model, daemon.publish_dataset("one", a_dataset(2)))
    assert len(curve_of(model.history, Axis.GENERATION, known, Quantity.MOVED).mean.ys) == 1


def test_title_axis_and_legend_of_another_quantity_leave_the_references_out() -> None:
    model, _ = watched()
    history = replace(model.history, references=(Reference(name="PPO", value=1e6),))
    model = replace(model, histories={"one": history})
    for quantity, there in ((Quantity.FITNESS, True), (Quantity.EPISODES, False)):
        text = [text_of(line) for line in panel(model, 80, 24, Viewport(quantity=quantity)).lines]
        assert any(line == named(quantity) for line in text)
        assert any("PPO" in line for line in text) is there
    unknown = panel(model, 80, 24, Viewport(quantity=Quantity.CPU)).lines
    assert any("worker CPU is known from now on" in text_of(line) for line in unknown)


@pytest.mark.parametrize("quantity", [Quantity.NAN, Quantity.EPISODES])
def test_counts_begin_at_zero_also_where_all_of_them_are(quantity: Quantity) -> None:
    history = a_history(range(1, 6))
    for count, top in ((0, 1.0), (64, 64.0)):
        metrics = tuple(replace(m, nan=count, episodes=count) for m in history.metrics)
        drawn = picture(
            curve_of(replace(history, metrics=metrics), Axis.GENERATION, None, quantity), Viewport(), 60, 12
        )
        axis = [text_of(line).split()[0] for line in drawn.lines[:-2] if "┤" in text_of(line)]
        assert (float(axis[-1]), float(axis[0])) == (0.0, top)
