"""Pairs of images as few cosines: what is accepted, and how many numbers evolve."""

from typing import Any

import pytest

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import RunSpec, build_spec
from hadesd.spec import environments, validation

GRID: dict[str, Any] = {"env": "Breakout-MinAtar", "method": "hades-r", "dataset": {"pairs": 6, "frequencies": 3}}


def test_a_pair_costs_as_many_numbers_as_it_has_coefficients() -> None:
    spec = build_spec(GRID)
    entry = validation.check(spec)
    assert entry.observation == (10, 10, 4)
    assert validation.dimensions(spec, entry) == 6 * 3 * 3 * 4


@pytest.mark.parametrize(
    ("env", "dataset", "why"),
    [
        ("CartPole-v1", {"frequencies": 2}, "a state of CartPole-v1 is no image"),
        ("Breakout-MinAtar", {"frequencies": 11}, "an image of Breakout-MinAtar has 10 pixels a side"),
        ("Breakout-MinAtar", {"frequencies": 2, "bound": 3.0}, "dataset.bound is 3, which is about pixels"),
        ("digits", {"frequencies": 2, "pairs": 10, "initial": "class-means"}, "dataset.initial is class-means"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(env: str, dataset: dict[str, Any], why: str) -> None:
    values = {"env": env, "dataset": {"pairs": 6, **dataset}, "evaluation": {"normalisation": "none"}}
    with pytest.raises(UsageError, match=why):
        validation.check(build_spec(values))
    assert environments.find(env).name == env


def test_a_dataset_that_no_message_can_carry_is_refused_with_a_size_that_can() -> None:
    """Seen through 8 cosines a side, a pair of MNIST costs 64 numbers to evolve; it is sent as 794 of 4 bytes."""

    def spec(pairs: int) -> RunSpec:
        return build_spec(
            {"env": "mnist", "dataset": {"pairs": pairs, "frequencies": 8}, "evaluation": {"normalisation": "none"}}
        )

    with pytest.raises(UsageError, match=r"30000 pairs of mnist take 90\.9 MiB.*dataset\.pairs=20799 or fewer"):
        validation.check(spec(30_000))
    validation.check(spec(20_799))


def test_a_temperature_is_of_discrete_actions() -> None:
    evaluation = {"temperature": 0.1}
    assert not validation.check(build_spec({"env": "hopper"})).discrete
    with pytest.raises(UsageError, match=r"evaluation.temperature is 0.1, but actions of hopper are not discrete"):
        validation.check(build_spec({"env": "hopper", "evaluation": evaluation}))
    assert validation.check(build_spec({"env": "CartPole-v1", "evaluation": evaluation})).discrete
