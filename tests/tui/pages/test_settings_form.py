"""The form of a run's settings: what it sends is exactly what differs, and never what is invalid."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import RESIZABLE, RunSpec, build_spec, spec_to_dict
from hades_protocol.settings import leaves, merge
from hades_tui.pages.settings_form import EMPTY, UNSET, Form, form_of, read, shown, text_of
from tests.helpers.runs.specs import TINY, tiny

SPEC = spec_to_dict(tiny(evolution={"strategy": "cmaes", "parameters": {"c_mean": 0.5}}))

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "seed": st.integers(0, 2**32 - 1),
    "env": st.sampled_from(["CartPole-v1", "hopper"]),
    "dataset.pairs": st.integers(1, 100_000),
    "dataset.labels": st.sampled_from(["fixed", "learned"]),
    "evolution.sigma": st.floats(1e-6, 100.0),
    "evolution.generations": st.integers(1, 10**9),
    "evolution.momentum": st.floats(0.0, 1.0, exclude_max=True),
    "cloning.clip_norm": st.none() | st.floats(0.0, 1e6),
    "policy.inits": st.none() | st.integers(2, 4096),
    "policy.init_seed": st.none() | st.integers(0, 9),
    "checkpoints.keep_best": st.booleans(),
    "images.directory": st.text(st.characters(codec="ascii", exclude_categories=["C", "Z"]), max_size=9),
    "resources.gpus": st.sampled_from(["auto", "2", "0,2", "2,"]),
}

JUNK = st.sampled_from(["", "abc", "-1", "nan", "inf", "1e999", "[1]", '{"a": 1}', "true,", "0x10", "null", "\\"])


def values() -> st.SearchStrategy[tuple[str, Any]]:
    return st.sampled_from(sorted(VALUES)).flatmap(lambda name: st.tuples(st.just(name), VALUES[name]))


def flat(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in nested.items():
        out |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return out


@given(st.lists(values(), max_size=8))
def test_any_edits_yield_exactly_what_differs_from_the_spec(edits: list[tuple[str, Any]]) -> None:
    form = form_of(SPEC)
    for name, value in edits:
        form = form.typed(name, text_of(value))
    present = flat(SPEC)
    wanted = {name: value for name, value in dict(edits).items() if value != present[name]}
    try:
        changes = form.changes()
    except UsageError:  # sizes that contradict each other, say: then the whole is no spec
        with pytest.raises(UsageError):
            build_spec(merge(SPEC, nested(wanted)))
        return
    assert flat(changes) == wanted
    assert spec_to_dict(build_spec(merge(SPEC, changes))) == merge(SPEC, nested(wanted))


def nested(values: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in values.items():
        section, _, last = name.rpartition(".")
        (out.setdefault(section, {}) if section else out)[last] = value
    return out


@given(st.lists(st.tuples(st.sampled_from(sorted(leaves(RunSpec))), JUNK | st.text(max_size=6)), max_size=6))
def test_whatever_is_typed_either_builds_a_spec_or_is_no_change(edits: list[tuple[str, str]]) -> None:
    form = form_of(SPEC)
    for name, text in edits:
        form = form.typed(name, text)
    assert not any("\n" in form.problem(name) for name in form.names)
    try:
        changes = form.changes()
    except UsageError:
        return
    assert not any(form.problem(name) for name in form.names)
    built = build_spec(merge(SPEC, changes))
    assert all(math.isfinite(v) for v in flat(spec_to_dict(built)).values() if isinstance(v, float))


@given(values())
def test_a_value_shown_as_text_is_read_as_itself(named: tuple[str, Any]) -> None:
    name, value = named
    again = read(name, text_of(value))
    assert again == value
    assert isinstance(again, type(value))


@given(st.lists(values(), min_size=1, max_size=5))
def test_typing_the_present_values_takes_every_edit_back(edits: list[tuple[str, Any]]) -> None:
    form = form_of(SPEC)
    for name, value in edits:
        form = form.typed(name, text_of(value))
    for name, _ in edits:
        form = form.typed(name, form.present(name))
    assert form == form_of(SPEC)
    assert form.changes() == {}


def test_a_text_that_is_no_value_says_what_is_taken() -> None:
    cases = [
        ("evolution.sigma", "-1", "takes a number, above 0.0 and at most 100.0, not '-1'"),
        ("evolution.sigma", "nan", "takes a number"),
        ("evolution.population", "12.5", "takes an integer, at least 2"),
        ("policy.activation", "gelu", "takes one of tanh, relu, not 'gelu'"),
        ("checkpoints.keep_best", "yes", "takes true or false"),
        ("evolution.parameters", "{}", "c_mean can be changed, not taken away"),
    ]
    for name, text, problem in cases:
        form = form_of(SPEC).typed(name, text)
        assert problem in form.problem(name)
        with pytest.raises(UsageError):
            form.changes()


def test_people_write_numbers_in_several_ways() -> None:
    cases: list[tuple[str, str, object]] = [
        ("evolution.sigma", ".5", 0.5),
        ("evolution.sigma", "1e-2", 0.01),
        ("evolution.population", "1e3", 1000),
        ("resources.gpus", "2", "2"),
        ("images.directory", EMPTY, ""),
        ("images.directory", "", ""),
        ("cloning.clip_norm", UNSET, None),
        ("cloning.clip_norm", "", None),
        ("evolution.parameters", '{"c_mean": 1}', {"c_mean": 1.0}),
    ]
    assert [(name, text, read(name, text)) for name, text, _ in cases] == cases


def test_settings_that_contradict_each_other_are_no_changes() -> None:
    form = form_of(SPEC).typed("evolution.sigma_floor", "0.9")
    assert form.problem("evolution.sigma_floor") == ""
    with pytest.raises(UsageError, match=r"evolution.sigma_floor \(0.9\) is above evolution.sigma"):
        form.changes()
    assert form.typed("evolution.sigma", "1").changes() == {"evolution": {"sigma_floor": 0.9, "sigma": 1.0}}


def test_parameters_of_a_strategy_are_sent_one_by_one() -> None:
    form = form_of(SPEC).typed("evolution.parameters", '{"c_mean": 0.5, "c_std": 0.3}')
    assert form.changes() == {"evolution": {"parameters": {"c_std": 0.3}}}


def test_settings_of_a_newer_daemon_are_left_alone() -> None:
    newer = merge(SPEC, {"evolution": {"annealing": 3}, "quantum": {"bits": 2}})
    assert form_of(newer).typed("seed", "9").changes() == {"seed": 9}


def test_what_is_no_run_gives_no_form() -> None:
    with pytest.raises(UsageError):
        form_of({})


def test_what_was_edited_is_listed_first_and_a_search_takes_every_word() -> None:
    form = form_of(TINY).typed("seed", "5")
    assert shown(form)[0] == "seed"
    assert len(shown(form)) == len(form.names) == len(set(shown(form)))
    assert shown(form, "SIG dec") == ("seed", "evolution.sigma_decay")
    assert shown(form, "zebra") == ("seed",)
    assert shown(form_of(TINY, RESIZABLE)) == RESIZABLE


def test_a_form_of_sizes_holds_the_whole_spec() -> None:
    form: Form = form_of(TINY, RESIZABLE).typed("evolution.population", "16")
    assert form.changes() == {"evolution": {"population": 16}}
    assert form.typed("evolution.population", " 8 ") == form_of(TINY, RESIZABLE)
