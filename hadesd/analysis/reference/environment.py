"""The program's environments as Brax's trainers want them: batched, with flat observations."""

import math

import jax
import jax.numpy as jnp

from hadesd.analysis.reference.library import envs
from hadesd.distill.environments.base import Environment


class BatchedEnvironment(envs.Env):
    """A batch of environments with auto-reset; what Brax's own training wrappers add is in `info`.

    An episode that ends at the time limit counts as truncated, not as terminated: the value of the state that
    it was cut off in is unknown, not zero.
    """

    def __init__(self, env: Environment, episode_steps: int) -> None:
        """episode_steps: the environment's time limit, in steps."""
        self._env = env
        self._episode_steps = episode_steps

    def reset(self, rng: jax.Array) -> envs.State:
        """Start one environment for each key of `rng` [B, ...]; observations float32 [B, size]."""
        key_env, key_steps = _split(rng)
        state, observation = jax.vmap(self._env.reset)(key_env)
        zeros = jnp.zeros(rng.shape[0])
        info = {
            "keys": key_steps,
            "steps": zeros,
            "truncation": zeros,
            "episode_done": zeros,
            # Brax copies it into every transition; it is filled only for logs that are not kept here.
            "episode_metrics": {"sum_reward": zeros, "length": zeros},
        }
        return envs.State(state, _flat(observation), zeros, zeros, {}, info)

    def step(self, state: envs.State, action: jax.Array) -> envs.State:
        """Advance every environment; where done, state and observation are those of the next episode."""
        key_env, key_steps = _split(state.info["keys"])
        inner, observation, reward, done = jax.vmap(self._env.step)(key_env, state.pipeline_state, action)
        steps = state.info["steps"] + 1.0
        info = state.info | {
            "keys": key_steps,
            "steps": jnp.where(done, 0.0, steps),
            "truncation": (done & (steps >= self._episode_steps)).astype(jnp.float32),
            "episode_done": done.astype(jnp.float32),
        }
        return state.replace(
            pipeline_state=inner,
            obs=_flat(observation),
            reward=reward,
            done=done.astype(jnp.float32),
            info=info,
        )

    @property
    def observation_size(self) -> int:
        """Entries of a flat observation."""
        return math.prod(self._env.observation)

    @property
    def action_size(self) -> int:
        """Actions (discrete) or action dimensions (continuous)."""
        return self._env.actions

    @property
    def backend(self) -> str:
        """Part of the interface; PPO's training does not use it."""
        return "hades"


def _split(keys: jax.Array) -> tuple[jax.Array, jax.Array]:
    pairs = jax.vmap(jax.random.split)(keys)
    return pairs[:, 0], pairs[:, 1]


def _flat(observation: jax.Array) -> jax.Array:
    return observation.reshape(observation.shape[0], -1)
