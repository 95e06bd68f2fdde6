"""The gate of `benchmarks.physics_gate`, for one Brax environment and one of gymnax; `make bench` does all."""

import pytest

from benchmarks import physics_gate
from hadesd.native import machine_code

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(machine_code.unavailable()), reason=machine_code.unavailable() or "there is one"),
]


@pytest.mark.parametrize("name", ["inverted_pendulum", "Acrobot-v1"])
def test_steps_in_machine_code_are_as_right_as_those_of_vmap(name: str) -> None:
    verdict = physics_gate.judge(name, "native", seeds=16)
    assert verdict.passed, verdict
