"""gymnax: classic control, MinAtar and Pong."""

from typing import Any

import gymnax
import jax
import jax.numpy as jnp


class GymnaxEnvironment:
    """A gymnax environment; it resets itself, and truncation at its time limit ends an episode.

    Continuous actions arrive in [-1, 1] and are scaled to the action space's bounds, so that every dataset's
    actions have the same unit.
    """

    def __init__(self, name: str) -> None:
        self._env, self._params = gymnax.make(name)
        space = self._env.action_space(self._params)
        self.name = name
        self.observation: tuple[int, ...] = tuple(self._env.observation_space(self._params).shape)
        self.discrete = hasattr(space, "n")
        self.actions = int(space.n) if self.discrete else int(space.shape[0] if space.shape else 1)
        if not self.discrete:
            self._low, self._high = jnp.asarray(space.low, jnp.float32), jnp.asarray(space.high, jnp.float32)

    def reset(self, key: jax.Array) -> tuple[Any, jax.Array]:
        observation, state = self._env.reset(key, self._params)
        return state, observation.astype(jnp.float32)

    def step(self, key: jax.Array, state: Any, action: jax.Array) -> tuple[Any, jax.Array, jax.Array, jax.Array]:
        if not self.discrete:
            action = self._low + (action + 1.0) * 0.5 * (self._high - self._low)
        observation, state, reward, terminated, truncated, _ = self._env.step(key, state, action, self._params)
        reward = jnp.asarray(reward, jnp.float32).reshape(())
        return state, observation.astype(jnp.float32), reward, jnp.logical_or(terminated, truncated)
