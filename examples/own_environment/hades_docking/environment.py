"""A spacecraft on a line has to come to rest at its station, as soon as it can."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

SECONDS = 0.1
"""Of a step."""


class State(NamedTuple):
    """Place in metres and speed in metres a second, from the station; steps of the episode so far."""

    x: jax.Array
    speed: jax.Array
    steps: jax.Array


class Docking:
    """hades's protocol: sizes, `reset` and `step`; the rest is for people."""

    observation = (2,)
    discrete = False
    actions = 1
    episode_steps = 100

    observation_names = ("x", "speed")
    observation_units = ("m", "m/s")
    action_names = ("thrust",)

    def reset(self, key: jax.Array) -> tuple[State, jax.Array]:
        """A place within 2 m of the station, at rest."""
        x = jax.random.uniform(key, minval=-2.0, maxval=2.0)
        return self._seen(State(x, jnp.zeros(()), jnp.zeros((), jnp.int32)))

    def step(self, key: jax.Array, state: State, action: jax.Array) -> tuple[State, jax.Array, jax.Array, jax.Array]:
        """One tenth of a second. action: [1] in [-1, 1], thrust in newtons; the craft has a kilogram.

        After the last step of an episode the state is already that of the next one.
        """
        speed = state.speed + SECONDS * action[0]
        after = State(state.x + SECONDS * speed, speed, state.steps + 1)
        reward = jnp.exp(-jnp.square(after.x) - jnp.square(after.speed))
        done = after.steps >= self.episode_steps
        following, _ = self.reset(key)
        state = jax.tree.map(lambda new, old: jnp.where(done, new, old), following, after)
        return *self._seen(state), reward, done

    def _seen(self, state: State) -> tuple[State, jax.Array]:
        return state, jnp.stack([state.x, state.speed])
