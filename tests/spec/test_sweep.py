"""Values, ranges and combinations of a sweep."""

import contextlib
import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hades_protocol.errors import UsageError
from hades_protocol.names import GROUP_PATTERN
from hades_protocol.run_spec import RunSpec, build_spec
from hades_protocol.settings import set_dotted
from hadesd.spec import sweep
from hadesd.spec.sweep import Axis
from tests.helpers.runs.specs import tiny


def resolve(chosen: dict[str, Any]) -> RunSpec:
    values: dict[str, Any] = {"env": "CartPole-v1"}
    for key, value in chosen.items():
        set_dotted(values, key, value)
    return build_spec(values)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("4,16,64", [4, 16, 64]),
        ("0..3", [0, 1, 2, 3]),
        ("-1..1", [-1, 0, 1]),
        ("0..10..5", [0, 5, 10]),
        ("10..1..-4", [10, 6, 2]),
        ("7..7", [7]),
        ("1,10..12, 0.5", [1, 10, 11, 12, 0.5]),
        ("hades-f, hades-r", ["hades-f", "hades-r"]),
        ("true,null", [True, None]),
        ('[1,2],{"a": [3,4]}', [[1, 2], {"a": [3, 4]}]),
        ('"a,b","c\\",d"', ["a,b", 'c",d']),
        ('"0..3"', ["0..3"]),
        ("1e-3,0.1", [0.001, 0.1]),
        ("a..b", ["a..b"]),
    ],
)
def test_values(text: str, values: list[Any]) -> None:
    assert sweep.parse_values("k", text) == values


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a value is missing"),
        ("4,,5", "a value is missing"),
        ("4,", "a value is missing"),
        ("5..1", "did you mean 1..5?"),
        ("5..9..-1", r"did you mean 5..9..1\?"),
        ("1..5..0", "a step of 0 leads nowhere"),
        ("0.1..0.5", "are of whole numbers"),
        ("0..1000000000000", "100,000 are the most"),
        ("0..99999999999999999999", "100,000 are the most"),
        ("[1,2", r"no closing \]"),
        ('"a,b', 'no closing "'),
    ],
)
def test_values_that_are_none_get_one_line(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        sweep.parse_values("k", text)
    assert "\n" not in str(caught.value)


SCALARS = st.one_of(
    st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
NESTED = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@given(st.lists(NESTED, min_size=1, max_size=5))
def test_whatever_json_can_say_survives_between_commas(values: list[Any]) -> None:
    assert sweep.parse_values("k", ",".join(json.dumps(value) for value in values)) == values


@given(st.text(max_size=40))
def test_no_text_breaks_the_reader(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert sweep.parse_values("k", text)


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(-9, 9).filter(bool))
def test_ranges_hold_both_ends_and_whole_steps(first: int, last: int, step: int) -> None:
    try:
        values = sweep.parse_values("k", f"{first}..{last}..{step}")
    except UsageError:
        assert (last - first) * step < 0
        return
    assert values[0] == first
    assert all(b - a == step for a, b in itertools.pairwise(values))
    assert abs(last - values[-1]) < abs(step)
    assert min(first, last) <= values[-1] <= max(first, last)


def test_which_checkpoints_a_run_keeps_makes_it_no_other() -> None:
    """`hadesd retain` changes that of a group, and the same sweep queues nothing twice."""
    before, after = tiny(), tiny(checkpoints={"keep_every": 500, "keep_newest": 2})
    assert sweep.identity(before) == sweep.identity(after)
    assert sweep.identity(before) != sweep.identity(tiny(seed=8))


def test_combinations_are_all_there_and_the_seed_changes_slowest() -> None:
    axes = sweep.check_axes([Axis("seed", [0, 1]), Axis("dataset.pairs", [4, 8]), Axis("method", ["hades-r"])])
    found = sweep.combine(axes, resolve)
    assert [(c.spec.seed, c.spec.dataset.pairs) for c in found] == [(0, 4), (0, 8), (1, 4), (1, 8)]
    assert found[1].text == "seed=0 dataset.pairs=8", "what has one value only is no news"
    assert sweep.count(axes) == 4


def test_the_bad_one_is_named_before_anything_is_made() -> None:
    axes = sweep.check_axes([Axis("dataset.pairs", [4, 8, 0]), Axis("seed", [0])])
    with pytest.raises(UsageError, match=r"run 3 of 3 \(dataset.pairs=0\): dataset.pairs = 0 is not accepted"):
        sweep.combine(axes, resolve)


@pytest.mark.parametrize(
    ("axes", "says"),
    [
        ([Axis("seed", [1]), Axis("seed", [2])], "seed is given twice"),
        ([Axis("seed", [1, 2, 1])], "seed lists 1 twice"),
    ],
)
def test_what_is_given_twice(axes: list[Axis], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        sweep.check_axes(axes)


def test_two_names_of_one_run() -> None:
    with pytest.raises(UsageError, match="runs 1 and 2 of 2 are the same"):
        sweep.combine([Axis("evolution.sigma", [1, 1.0])], resolve)


@given(st.text(max_size=80), st.lists(st.text(min_size=1, max_size=30), max_size=8))
def test_made_up_names_are_names(env: str, keys: list[str]) -> None:
    assert GROUP_PATTERN.fullmatch(sweep.default_name(env, [Axis(key, [1, 2]) for key in keys]))


def test_a_made_up_name_says_what_varies() -> None:
    axes = [Axis("env", ["CartPole-v1"]), Axis("dataset.pairs", [4, 16]), Axis("seed", [0, 1])]
    assert sweep.default_name("CartPole-v1", axes).rpartition("-")[0] == "cartpole-pairs"


def test_the_cost_is_what_the_settings_say() -> None:
    spec = resolve({"evolution.generations": 10, "evolution.population": 4, "evaluation.environments": 2})
    price = sweep.cost([spec, spec], lambda spec: True)
    assert (price.runs, price.generations, price.candidates, price.policies) == (2, 20, 80, 160)
    assert price.env_steps == 160 * 2 * spec.evaluation.steps
    assert sweep.cost([spec], lambda spec: False).env_steps == 0
