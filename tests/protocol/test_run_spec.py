"""A RunSpec is validated once, and what is wrong with it is said in one line that names the way out."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hades_protocol.errors import HadesError, UsageError
from hades_protocol.run_spec import RunSpec, build_spec, spec_to_dict
from hades_protocol.settings import Leaf, leaves, merge, nearest, parse_assignment, set_dotted

KNOWN = leaves(RunSpec)
NUMBERS = [leaf for leaf in KNOWN.values() if "number" in leaf.accepts or "integer" in leaf.accepts]
FLOATS = [leaf for leaf in KNOWN.values() if "a number" in leaf.accepts]


def with_setting(name: str, value: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"env": "hopper"}
    set_dotted(values, name, value)
    return values


def refusal(values: dict[str, Any]) -> str:
    with pytest.raises(UsageError) as caught:
        build_spec(values)
    return str(caught.value)


def test_a_spec_of_defaults_goes_round() -> None:
    spec = build_spec({"env": "hopper"})
    assert build_spec(spec_to_dict(spec)) == spec


@pytest.mark.parametrize("leaf", FLOATS, ids=lambda leaf: leaf.name)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_setting_takes_nan_or_infinity(leaf: Leaf, value: float) -> None:
    message = refusal(with_setting(leaf.name, value))
    assert message.startswith(f"{leaf.name} = ")
    assert leaf.accepts in message


@pytest.mark.parametrize("leaf", NUMBERS, ids=lambda leaf: leaf.name)
@pytest.mark.parametrize("value", ["many", True, [1], -(2**70), 2**70])
def test_every_number_refuses_what_is_none_or_out_of_range(leaf: Leaf, value: Any) -> None:
    message = refusal(with_setting(leaf.name, value))
    assert leaf.name in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"env": "hopper", "evolution": {"popultion": 3}}, "unknown setting 'evolution.popultion'; did you mean"),
        ({"env": "hopper", "population": 3}, "'evolution.population'"),
        ({"env": "hopper", "zzzz": 3}, "see 'hadesd settings'"),
        ({"env": "hopper", "method": "magic"}, 'method = "magic" is not accepted: it takes one of hades-f'),
        ({"env": "hopper", "policy": {"inits": 1}}, "policy.inits must be at least 2"),
        ({"env": "hopper", "method": "es", "policy": {"inits": 2}}, "must be 1, not 2"),
        ({"env": "hopper", "evolution": {"sigma_floor": 1.0}}, "is above evolution.sigma (0.03)"),
        ({"env": "hopper", "dataset": 3}, "unknown setting 'dataset'"),
        ({}, "env"),
    ],
)
def test_messages(values: dict[str, Any], message: str) -> None:
    assert message in refusal(values)


def test_a_strategys_own_parameters_are_numbers_by_name() -> None:
    spec = build_spec({"env": "hopper", "evolution": {"strategy": "cmaes", "parameters": {"c_mean": 0.5}}})
    assert spec.evolution.parameters == {"c_mean": 0.5}
    assert "evolution.parameters" in refusal({"env": "hopper", "evolution": {"parameters": {"c_mean": "much"}}})


@pytest.mark.parametrize(("method", "inits"), [("hades-r", 2), ("hades-f", 1), ("es", 1)])
def test_inits_follow_the_method(method: str, inits: int) -> None:
    assert build_spec({"env": "hopper", "method": method}).inits == inits


def test_the_init_seed_is_the_runs_seed_unless_set() -> None:
    assert build_spec({"env": "hopper", "seed": 7}).init_seed == 7
    assert build_spec({"env": "hopper", "seed": 7, "policy": {"init_seed": 9}}).init_seed == 9


@settings(max_examples=200)
@given(st.recursive(st.none() | st.floats() | st.integers() | st.text(max_size=5), lambda s: st.lists(s), max_leaves=4))
def test_any_value_of_a_setting_is_accepted_or_explained(value: Any) -> None:
    for name in ("evolution.sigma", "evaluation.steps", "env", "checkpoints.keep_best", "policy.inits"):
        try:
            build_spec(with_setting(name, value))
        except HadesError as error:
            assert "\n" not in str(error)  # noqa: PT017 - most values are refused, a few are fine


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b=1", ("a.b", 1)),
        (" a = 0.5", ("a", 0.5)),
        ("env=CartPole-v1", ("env", "CartPole-v1")),
        ("flag=true", ("flag", True)),
        ("none=null", ("none", None)),
        ("text=a=b", ("text", "a=b")),
        ("empty=", ("empty", "")),
    ],
)
def test_assignments(text: str, expected: tuple[str, Any]) -> None:
    assert parse_assignment(text) == expected


@pytest.mark.parametrize("text", ["", "=1", "population", "  =3"])
def test_what_is_no_assignment_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"e\.g\. --set evolution\.population=256"):
        parse_assignment(text)


def test_a_value_is_no_section_and_a_section_no_value() -> None:
    values: dict[str, Any] = {"env": "hopper", "evolution": {"sigma": 0.1}}
    with pytest.raises(UsageError, match="'env' is a value, not a section"):
        set_dotted(values, "env.name", 1)
    with pytest.raises(UsageError, match=r"e\.g\. evolution\.sigma="):
        set_dotted(values, "evolution", 1)


def test_merging_changes_neither_side() -> None:
    base = {"a": {"b": 1, "c": 2}, "d": 3}
    over = {"a": {"b": 9}, "e": 4}
    assert merge(base, over) == {"a": {"b": 9, "c": 2}, "d": 3, "e": 4}
    assert base == {"a": {"b": 1, "c": 2}, "d": 3}
    assert over == {"a": {"b": 9}, "e": 4}


def test_nearest_finds_a_setting_by_its_last_part() -> None:
    assert nearest("epoch", KNOWN).startswith("did you mean 'cloning.epochs'")


def test_every_setting_has_a_dotted_name_and_says_what_it_accepts() -> None:
    assert "evolution.population" in KNOWN
    assert KNOWN["evolution.population"].default == 2048
    assert all(leaf.accepts for leaf in KNOWN.values())
