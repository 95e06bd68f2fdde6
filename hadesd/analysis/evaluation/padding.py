"""One policy for several environments: observations are zero-padded, and surplus outputs are cut off."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from hadesd.distill.environments.base import VMAP, Environment
from hadesd.distill.normalise import Statistics
from hadesd.distill.policies import Params


class PaddedEnvironment:
    """An environment whose observations are zero-padded to a larger shape. It takes its own actions.

    `actions` is what a policy for it must put out, as many as the largest of the environments that it serves;
    `Cut` makes of them what this environment takes.
    """

    form = VMAP

    def __init__(self, env: Environment, observation: tuple[int, ...], actions: int) -> None:
        self._env = env
        self._gaps = [(0, wanted - size) for size, wanted in zip(env.observation, observation, strict=True)]
        self.name = env.name
        self.observation = observation
        self.discrete = env.discrete
        self.actions = actions

    def reset(self, key: jax.Array) -> tuple[Any, jax.Array]:
        state, observation = self._env.reset(key)
        return state, jnp.pad(observation, self._gaps)

    def step(self, key: jax.Array, state: Any, action: jax.Array) -> tuple[Any, jax.Array, jax.Array, jax.Array]:
        state, observation, reward, done = self._env.step(key, state, action)
        return state, jnp.pad(observation, self._gaps), reward, done

    def pad(self, constants: Statistics) -> Statistics:
        """Constants of normalisation for padded observations: padding stays zero."""
        mean, variance = constants.mean, constants.variance
        return Statistics(
            jnp.pad(mean, self._gaps), jnp.pad(variance, self._gaps, constant_values=1.0), constants.sample_count
        )


@dataclass(frozen=True)
class TruncatedPolicy:
    """A policy of which only the first `actions` outputs act. To `hadesd.distill` it is a policy."""

    policy: Any
    actions: int

    @property
    def discrete(self) -> bool:
        """As the policy's."""
        return bool(self.policy.discrete)

    def apply(self, params: Params, observation: jax.Array) -> tuple[jax.Array, jax.Array | None]:
        """Head [actions], and log_std [actions] where the policy has one."""
        head, log_std = self.policy.apply(params, observation)
        return head[: self.actions], None if log_std is None else log_std[: self.actions]
