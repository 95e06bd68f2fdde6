"""The order of the list: what is filtered, sorted, grouped and collapsed."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from hades_protocol.messages import Lineage, RunSummary
from hades_protocol.run_state import RunState, WorkerPhase
from hades_tui.runs import table
from hades_tui.runs.filter import FIELDS, parse, unknown_field
from hades_tui.runs.ordering import SORTS, STATES, Grouping, Order, OrderedRuns, Row, order_runs
from tests.helpers.protocol.protocol_server import a_run

NAMES = [f"run-{letter}" for letter in "abcdefgh"]


@st.composite
def run_lists(draw: st.DrawFn) -> tuple[RunSummary, ...]:
    """Runs with any parents: of themselves, in circles, removed ones."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    parents = st.none() | st.builds(Lineage, run=st.sampled_from([*NAMES, "gone"]), generation=st.integers(0, 9))
    numbers = st.none() | st.floats(-10, 10) | st.just(float("nan"))
    return tuple(
        a_run(
            name,
            draw(st.sampled_from(RunState)),
            env=draw(st.sampled_from(["ant", "hopper", "CartPole-v1"])),
            group=draw(st.sampled_from(["", "sizes", "seeds"])),
            note=draw(st.sampled_from(["", "Warm start"])),
            name=draw(st.sampled_from(["", "baseline"])),
            tags=draw(st.sampled_from([(), ("paper",), ("a", "b")])),
            parent=draw(parents),
            created_at=draw(st.floats(0, 5)),
            generation=draw(st.integers(0, 400)),
            generations=draw(st.sampled_from([0, 400])),
            fitness_mean=draw(numbers),
            fitness_best=draw(numbers),
            seconds_left=draw(st.none() | st.floats(0, 100)),
        )
        for name in names
    )


orders = st.builds(
    Order,
    filter=st.sampled_from(["", "ant", "state:running", "group:s warm", "env:hop", "run-a", "nothing"]),
    sort=st.sampled_from(sorted(SORTS)),
    reverse=st.booleans(),
    grouping=st.sampled_from(Grouping),
    collapsed=st.frozensets(st.sampled_from([*NAMES, "group:", "group:sizes"])),
)


def ids(ordered: OrderedRuns) -> list[str]:
    return [row.run.id for row in ordered.rows if row.run is not None]


def members(ordered: OrderedRuns) -> Counter[str]:
    return Counter(run for row in ordered.rows for run in row.members)


@given(run_lists(), orders)
def test_every_run_that_passes_is_there_exactly_once(runs: tuple[RunSummary, ...], order: Order) -> None:
    ordered = order_runs(runs, order)
    passing = [run.id for run in runs if parse(order.filter).passes(run)]
    assert members(ordered) == Counter(passing)
    assert (ordered.passed, ordered.total) == (len(passing), len(runs))
    assert len({row.key for row in ordered.rows}) == len(ordered.rows)
    for row in ordered.rows:
        assert row.run is None or row.members[0] == row.run.id
        assert row.collapsed or len(row.members) == (row.run is not None)


@given(run_lists(), orders)
def test_the_selection_survives_every_order(runs: tuple[RunSummary, ...], order: Order) -> None:
    ordered = order_runs(runs, order)
    for run in runs:
        row = ordered.row_of(run.id)
        assert (row is not None) == parse(order.filter).passes(run)
        assert row is None or run.id in ordered.rows[row].members
        assert ordered.moved(run.id, 0) == run.id or row is None


@given(run_lists(), orders, st.integers(-12, 12))
def test_moving_reaches_every_row_and_stops_at_the_ends(runs: tuple[RunSummary, ...], order: Order, by: int) -> None:
    ordered = order_runs(runs, order)
    stops = [row for row in ordered.rows if row.members]
    for i, row in enumerate(stops):
        target = stops[min(len(stops) - 1, max(0, i + by))]
        connected_client = ordered.moved(row.members[0], by)
        assert connected_client in target.members
    if not stops:
        assert ordered.moved("run-a", by) == "run-a"
    elif parse(order.filter).words and "run-a" not in members(ordered):
        assert ordered.moved("run-a", 1) == stops[0].members[0]


@given(run_lists(), orders)
def test_a_tree_is_consistent(runs: tuple[RunSummary, ...], order: Order) -> None:
    """A child stands below its parent, one level deeper, with lines that connect the two."""
    rows = order_runs(runs, Order(order.filter, order.sort, order.reverse, Grouping.LINEAGE, order.collapsed)).rows
    by_id = {row.key: (i, row) for i, row in enumerate(rows)}
    for i, row in enumerate(rows):
        assert row.run is not None
        parent = row.run.parent
        if row.stem:
            assert parent is not None
            at, above = by_id[parent.run]
            assert at < i
            assert len(above.stem) == len(row.stem) - 1
            assert row.inside == (*above.inside, parent.run)
            assert not above.collapsed
            assert all(between.stem[len(row.stem) - 1] in "|+" for between in rows[at + 1 : i])
        elif parent is not None and parent.run not in by_id and not any(parent.run in r.members for r in rows):
            gone = all(run.id != parent.run for run in runs)
            assert row.hint == f"from {parent.run}@{parent.generation} ({'removed' if gone else 'hidden'})"
        below = rows[i + 1] if i + 1 < len(rows) else None
        if row.stem.endswith("+"):
            later = next(r for r in rows[i + 1 :] if len(r.stem) <= len(row.stem))
            assert len(later.stem) == len(row.stem), "a branch with more below it has a sister"
        assert below is None or len(below.stem) <= len(row.stem) + 1


@given(run_lists(), st.sampled_from(sorted(SORTS)), st.booleans())
def test_sorted_by_what_was_asked_for(runs: tuple[RunSummary, ...], sort: str, reverse: bool) -> None:
    listed = [row.run for row in order_runs(runs, Order(sort=sort, reverse=reverse)).rows if row.run is not None]
    places = [SORTS[sort](run) for run in listed]
    known = [place for place in places if place is not None]
    assert places[: len(known)] == known, "what is not known comes last"
    assert known == sorted(known, reverse=reverse)


@given(run_lists())
def test_sisters_in_a_tree_are_sorted(runs: tuple[RunSummary, ...]) -> None:
    rows = order_runs(runs, Order(sort="progress", grouping=Grouping.LINEAGE)).rows
    for row in rows:
        sisters = [r.run for r in rows if r.inside == row.inside and r.run is not None]
        places = [place for run in sisters if (place := SORTS["progress"](run)) is not None]
        if row.stem:
            assert places == sorted(places)


def test_a_chain_of_forks_may_be_longer_than_pythons_stack() -> None:
    runs = tuple(
        a_run(f"r{i}", parent=Lineage(run=f"r{i - 1}", generation=1) if i else None, created_at=i) for i in range(3000)
    )
    assert ids(order_runs(runs, Order(grouping=Grouping.LINEAGE))) == [f"r{i}" for i in range(3000)]
    (row,) = order_runs(runs, Order(grouping=Grouping.LINEAGE, collapsed=frozenset({"r0"}))).rows
    assert len(row.members) == 3000


def test_groups_have_a_heading_that_counts() -> None:
    runs = (
        a_run("one", created_at=3),
        a_run("two", RunState.QUEUED, group="sizes", created_at=2),
        a_run("three", group="sizes", created_at=1),
    )
    rows = order_runs(runs, Order(grouping=Grouping.GROUP)).rows
    assert [(row.title, row.key, row.stem) for row in rows] == [
        ("sizes  2 runs: 1 queued, 1 running", "group:sizes", ""),
        ("", "two", "+"),
        ("", "three", "-"),
        ("no group  1 run: 1 running", "group:", ""),
        ("", "one", "-"),
    ]
    closed = order_runs(runs, Order(grouping=Grouping.GROUP, collapsed=frozenset({"group:sizes"}))).rows
    assert [row.members for row in closed] == [("two", "three"), (), ("one",)]


def test_a_job_that_waits_in_slurm_is_told_from_one_that_starts() -> None:
    waiting = a_run("one", RunState.STARTING, group="jobs", created_at=2, phase=WorkerPhase.WAITING_IN_SLURM)
    starting = a_run("two", RunState.STARTING, group="jobs", created_at=1, phase=WorkerPhase.COMPILING)
    rows = order_runs((waiting, starting), Order(grouping=Grouping.GROUP)).rows
    assert rows[0].title == "jobs  2 runs: 1 waiting, 1 starting"
    assert [table.cells(run)["state"] for run in (waiting, starting)] == ["◐ waiting", "◐ starting"]
    for words, found in (("state:waiting", ["one"]), ("state:starting", ["one", "two"])):
        assert [row.key for row in order_runs((waiting, starting), Order(filter=words)).rows] == found


def test_a_tree_has_lines() -> None:
    def fork(name: str, parent: str, at: float) -> RunSummary:
        return a_run(name, parent=Lineage(run=parent, generation=7), created_at=at)

    runs = (
        a_run("old", created_at=9),
        fork("left", "old", 8),
        fork("leaf", "left", 7),
        fork("right", "old", 6),
        fork("orphan", "gone", 5),
    )
    rows = order_runs(runs, Order(grouping=Grouping.LINEAGE)).rows
    assert [(row.key, row.stem) for row in rows] == [
        ("old", ""),
        ("left", "+"),
        ("leaf", "|-"),
        ("right", "-"),
        ("orphan", ""),
    ]
    assert rows[-1].hint == "from gone@7 (removed)"
    rows = order_runs(runs, Order(filter="leaf", grouping=Grouping.LINEAGE)).rows
    assert rows == (Row("leaf", runs[2], ("leaf",), hint="from left@7 (hidden)"),)


def test_words_of_the_filter() -> None:
    runs = (
        a_run("one"),
        a_run("two", RunState.PAUSED, group="sizes", note="Warm start", name="Wide-1", tags=("draft", "paper")),
        a_run("three", RunState.FAILED, env="ant", method="es", name="narrow"),
    )
    expected: list[tuple[str, set[str]]] = [
        ("", {"one", "two", "three"}),
        ("CARTPOLE", {"one", "two"}),
        ("state:paus", {"two"}),
        ("cartpole running", {"one"}),
        ("method:es", {"three"}),
        ("group:sizes warm", {"two"}),
        ("note:warm", {"two"}),
        ("wide", {"two"}),
        ("name:narrow", {"three"}),
        ("tag:paper", {"two"}),
        ("tag:aper", set()),
        ("note:", {"one", "two", "three"}),
        ("colour:red", set()),
        ("one two", set()),
        ("  three  ", {"three"}),
    ]
    assert [(text, {run.id for run in runs if parse(text).passes(run)}) for text, _ in expected] == expected


def test_a_prefix_that_names_no_field_is_found() -> None:
    for text, found in (("foo:tiny", "foo"), ("tag:a TAG:b", ""), ("x tag:a foo:", "foo"), (":x", ""), ("word", "")):
        assert unknown_field(text) == found


@given(st.text(), run_lists())
def test_any_text_is_a_filter(text: str, runs: tuple[RunSummary, ...]) -> None:
    assert order_runs(runs, Order(filter=text)).passed <= len(runs)


def test_every_state_has_a_place() -> None:
    assert set(STATES) == set(RunState)
    assert set(FIELDS) >= {"id", "env", "method", "state", "group", "note"}
