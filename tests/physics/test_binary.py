"""Which environments are seen to observe zeros and ones."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest

from hadesd.distill.environments import compiled
from hadesd.distill.environments.make import make_environment
from hadesd.native import machine_code
from hadesd.physics.binary import observes_bits
from hadesd.physics.compiler import explode
from tests.distill.toys import Counter, Lights, Uneven

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(machine_code.unavailable()), reason=machine_code.unavailable() or "there is one"),
]


def bits(env: Any) -> bool:
    scalar = explode(compiled.functions_of(env))
    return observes_bits(scalar.reset, scalar.step)


class Loop(Lights):
    """Observes what a loop leaves of a light: bits, or what becomes two at last."""

    def __init__(self, most: float) -> None:
        self.most = most

    def _observe(self, state: Any) -> Any:
        def body(_: int, carried: Any) -> Any:
            a, b = carried
            return b, jnp.where(a > 0, self.most, a)

        return jnp.stack(
            [jax.lax.fori_loop(0, 5, body, (light, jnp.where(light > 0, 0.0, 1.0)))[0] for light in state[0][0]]
        )


class Doubled(Lights):
    """Its lights begin as bits, and a step can make two of one."""

    def step(self, key: jax.Array, state: Any, action: jax.Array) -> Any:
        (lights, row), _, reward, done = super().step(key, state, action)
        following = lights.at[0, 0].set(jnp.where(action == 2, 2.0, lights[0, 0])), row
        return following, self._observe(following), reward, done

    def _observe(self, state: Any) -> Any:
        return state[0]


def test_lights_are_bits_and_what_can_become_more_is_not() -> None:
    assert bits(Lights())
    assert bits(Uneven()), "all zeros"
    assert not bits(Counter(7)), "it counts"
    assert not bits(Doubled())


def test_a_loop_is_looked_through() -> None:
    assert bits(Loop(1.0))
    assert not bits(Loop(2.0))


def test_a_game_on_a_grid_observes_bits() -> None:
    assert bits(make_environment("Breakout-MinAtar", "auto", "vmap"))
