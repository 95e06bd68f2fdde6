"""The model: pure, and always the daemon's state."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hades_protocol.downsample import MIN_POINTS, downsample_metrics
from hades_protocol.events import RunRemoved
from hades_protocol.replies import HistoryResult
from hades_protocol.resync import LinkPhase, LinkStatus
from hades_tui.state import model as models
from hades_tui.state.history import MAX_POINTS, RunHistory, follow
from hades_tui.state.model import LOG_LINES, Model, apply, select
from tests.helpers.protocol.protocol_server import FakeDaemon, a_dataset, a_generation, a_run


def attached(*runs: Any) -> tuple[FakeDaemon, Model]:
    daemon = FakeDaemon(runs=runs or (a_run("one", created_at=2.0), a_run("two", created_at=1.0)))
    return daemon, apply(Model(), daemon.snapshot())


@settings(max_examples=200)
@given(st.lists(st.sampled_from(["commit", "cut", "ask", "answer", "resync", "change", "log"]), max_size=40), st.data())
def test_history_is_the_daemons_however_the_answer_is_late(steps: list[str], data: st.DataObject) -> None:
    """Events before the question, between question and answer, and after it: none missing, none twice."""
    daemon, model = attached(a_run("one"))
    answers: list[HistoryResult] = []
    for step in [*steps, "ask", "answer", "commit"]:
        match step:
            case "commit":
                model = apply(model, daemon.commit("one"))
            case "cut":
                generation = data.draw(st.integers(0, daemon.runs["one"].generation))
                model = apply(model, daemon.cut("one", generation))
            case "change":
                model = apply(model, daemon.change(daemon.runs["one"]))
            case "log":
                model = apply(model, daemon.log("one", "warning"))
            case "resync":
                model, answers = apply(model, daemon.snapshot()), []  # the app gives up its questions
            case "ask" if not model.history.loaded:
                model = models.requesting_history(model, "one")
                answers.append(daemon.history("one"))
            case "answer" if answers:
                model = models.with_history(model, answers.pop(0))
    assert model.history.metrics == tuple(daemon.metrics["one"])
    assert model.runs == tuple(daemon.runs.values())


def test_the_newest_run_comes_first_and_is_selected() -> None:
    _, model = attached()
    assert [run.id for run in model.runs] == ["one", "two"]
    assert model.selected == "one"


def test_the_selection_stays_while_runs_come_and_go() -> None:
    daemon, model = attached()
    model = apply(select(model, "two"), daemon.change(a_run("three", created_at=9.0)))
    assert (model.selected, model.index) == ("two", 2)
    del daemon.runs["two"]
    assert apply(model, daemon.snapshot()).selected == "three"


def removed(run: str) -> RunRemoved:
    return RunRemoved(session="s", seq=1, time=0.0, run_id=run)


def test_a_removed_run_leaves_and_the_selection_takes_its_place() -> None:
    _, model = attached(*(a_run(name, created_at=9.0 - i) for i, name in enumerate("abc")))
    cases = [("b", "b", "c"), ("c", "c", "b"), ("a", "a", "b"), ("a", "c", "a"), ("c", "a", "c"), ("b", "unknown", "b")]
    for selected, goes, then in cases:
        after = apply(select(model, selected), removed(goes))
        assert [run.id for run in after.runs] == [name for name in "abc" if name != goes]
        assert after.selected == then, f"{goes} goes while {selected} is selected"


@given(st.lists(st.sampled_from("abcde"), min_size=5, max_size=8), st.sampled_from("abcde"))
def test_while_there_are_runs_one_of_them_is_selected(goes: list[str], selected: str) -> None:
    _, model = attached(*(a_run(name, created_at=9.0 - i) for i, name in enumerate("abcde")))
    model = select(model, selected)
    for name in goes:
        model = apply(model, removed(name))
        assert (model.run is None) == (not model.runs)
    assert {run.id for run in model.runs} == set("abcde") - set(goes)


def test_nothing_of_a_removed_run_is_kept() -> None:
    daemon, model = attached()
    model = models.with_history(models.requesting_history(model, "one"), daemon.history("one"))
    model = apply(apply(model, daemon.publish_dataset("one", a_dataset(5))), daemon.log("one", "warning"))
    after = apply(model, removed("one"))
    assert not {"one"} & {*after.histories, *after.datasets, *after.logs}
    assert after.selected == "two"
    assert apply(after, removed("two")) == apply(Model(daemon=after.daemon), removed("two"))


def test_a_run_asked_for_before_the_first_snapshot_is_selected_by_it() -> None:
    daemon, _ = attached()
    assert apply(Model(selected="two"), daemon.snapshot()).selected == "two"
    assert apply(Model(selected="gone"), daemon.snapshot()).selected == "one"


def test_nothing_is_selected_without_runs() -> None:
    assert select(Model(), "one") == Model()
    assert Model().run is None


def test_a_generation_updates_its_run_only() -> None:
    daemon, model = attached()
    after = apply(model, daemon.commit("two", 123.0))
    assert after.runs[0] is model.runs[0]
    assert (after.runs[1].generation, after.runs[1].fitness_mean, after.runs[1].seconds_left) == (1, 123.0, 60.0)


def test_a_cut_takes_metrics_and_pairs_that_are_void() -> None:
    daemon, model = attached()
    model = models.with_history(models.requesting_history(model, "one"), daemon.history("one"))
    for _ in range(5):
        model = apply(model, daemon.commit("one"))
    model = apply(model, daemon.publish_dataset("one", a_dataset(5)))
    model = apply(model, daemon.cut("one", 3))
    assert [m.generation for m in model.history.metrics] == [1, 2, 3]
    assert model.dataset is None
    assert model.runs[0].generation == 3
    assert apply(model, daemon.publish_dataset("one", a_dataset(3))).dataset is not None


def test_an_answer_does_not_replace_newer_pairs() -> None:
    daemon, model = attached()
    model = apply(model, daemon.publish_dataset("one", a_dataset(5)))
    late = models.with_dataset(model, "one", a_dataset(4))
    assert late.dataset is not None
    assert late.dataset.generation == 5


def test_only_the_newest_warnings_are_kept() -> None:
    daemon, model = attached()
    for i in range(LOG_LINES + 5):
        model = apply(model, daemon.log("one", f"warning {i}"))
    assert [line.text for line in model.logs["one"]][-1] == f"warning {LOG_LINES + 4}"
    assert len(model.logs["one"]) == LOG_LINES


def test_link_and_goodbye() -> None:
    daemon, model = attached()
    status = LinkStatus(LinkPhase.STALE, 3.0)
    assert apply(model, status).link == status
    assert apply(model, daemon.goodbye()) == model


@settings(max_examples=100)
@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=400), st.integers(MIN_POINTS, 100))
def test_thinning_keeps_ends_extremes_and_order(means: list[float], points: int) -> None:
    metrics = [a_generation(g, mean) for g, mean in enumerate(means, start=1)]
    kept = [metrics[i] for i in downsample_metrics(metrics, points)]
    generations = [m.generation for m in kept]
    assert generations == sorted(set(generations))
    assert (generations[0], generations[-1]) == (1, len(means))
    values = [m.fitness_mean for m in kept if m.fitness_mean is not None]
    assert (min(values), max(values)) == (min(means), max(means))
    assert len(kept) <= points


def test_a_long_run_stays_small() -> None:
    daemon, _ = attached(a_run("one"))
    history = RunHistory(loaded=True)
    spike = 1e6
    for g in range(MAX_POINTS + 500):
        history = follow(history, daemon.commit("one", spike if g == 777 else 1.0))
    assert len(history.metrics) <= MAX_POINTS
    assert max(m.fitness_mean or 0.0 for m in history.metrics) == spike
    assert history.metrics[-1].generation == MAX_POINTS + 500


def test_pairs_of_generations_that_a_run_has_lost_are_gone_after_a_snapshot() -> None:
    daemon, model = attached(a_run("one", generation=60), a_run("two", generation=60))
    for run in ("one", "two"):
        model = apply(model, daemon.publish_dataset(run, a_dataset(57)))
    daemon.runs["one"] = a_run("one", generation=40)  # it fell back while nobody looked
    model = apply(model, daemon.snapshot())
    assert model.datasets.keys() == {"two"}
    assert models.with_dataset(model, "one", a_dataset(40)).datasets["one"].generation == 40
