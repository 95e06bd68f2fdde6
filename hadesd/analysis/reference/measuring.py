"""The return of a PPO policy, measured with the same rollouts as that of policies trained on a dataset."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from hadesd.distill import normalise, policies, rollout
from hadesd.distill.environments.base import VMAP, Environment
from hadesd.distill.rollout import Evaluation
from hadesd.distill.sharding import make_mesh, map_over_mesh

AT_ONCE_CPU = 16
AT_ONCE_GPU = 128
"""Environments of one call of the compiled evaluation, rounded up to whole groups."""

MakePolicy = Callable[..., Callable[[jax.Array, jax.Array], tuple[jax.Array, Any]]]
"""Brax's: (parameters, deterministic) -> ((observation [size], key) -> (action, extras))."""


class _Piloted:
    """An environment whose steps ignore the action that they are given and take a PPO policy's instead.

    So `rollout.evaluate` counts episodes for PPO exactly as for everybody else, although a tanh-squashed normal
    distribution is none of the program's own policies.
    """

    discrete = True
    actions = 1
    form = VMAP

    def __init__(self, env: Environment, pilot: Callable[[jax.Array, jax.Array], jax.Array]) -> None:
        self._env = env
        self._pilot = pilot
        self.name = env.name
        self.observation = env.observation

    def reset(self, key: jax.Array) -> tuple[Any, jax.Array]:
        state, observation = self._env.reset(key)
        return (state, observation), observation

    def step(self, key: jax.Array, state: Any, action: jax.Array) -> tuple[Any, jax.Array, jax.Array, jax.Array]:
        del action
        key_action, key_env = jax.random.split(key)
        inner, seen = state
        inner, observation, reward, done = self._env.step(key_env, inner, self._pilot(seen, key_action))
        return (inner, observation), observation, reward, done


class Measured(NamedTuple):
    """Returns float64 [G] of G independent groups of E environments, and how many episodes they come from."""

    returns: np.ndarray
    episodes: int
    unfinished: int


class Meter:
    """Measures PPO policies in one environment; compiles once, at the first measurement."""

    def __init__(self, env: Environment, setting: Evaluation) -> None:
        """setting: E environments x T steps, sampled or greedy; its normalisation is not used, PPO has its own."""
        self._env = env
        self._setting = Evaluation(setting.environments, setting.steps, "none", greedy=True)
        self._greedy = setting.greedy
        self._mesh = make_mesh(0)
        devices = self._mesh.devices.size
        at_once = AT_ONCE_CPU if self._mesh.devices.flat[0].platform == "cpu" else AT_ONCE_GPU
        self._chunk = -(-at_once // (setting.environments * devices))
        self._at_once = self._chunk * devices
        self._run: Callable[[Any, jax.Array], rollout.RolloutResult] | None = None

    def measure(self, make_policy: MakePolicy, params: Any, key: jax.Array, environments: int) -> Measured:
        """Roll a policy out in at least that many environments, in whole groups of E.

        params: what Brax calls its inference parameters (normaliser, policy, value).
        """
        if self._run is None:
            self._run = self._compile(make_policy)
        params = jax.device_get(params)  # Brax leaves them on the first device, and every device needs them
        groups = -(-environments // self._setting.environments)
        outcomes = [
            jax.device_get(self._run(params, jax.random.split(jax.random.fold_in(key, call), self._at_once)))
            for call in range(-(-groups // self._at_once))
        ]
        fitness, episodes, unfinished = (np.concatenate(leaves)[:groups] for leaves in zip(*outcomes, strict=True))
        return Measured(fitness.astype(np.float64), int(episodes.sum()), int(unfinished.sum()))

    def _compile(self, make_policy: MakePolicy) -> Callable[[Any, jax.Array], rollout.RolloutResult]:
        passenger = policies.MLP(actions=1, discrete=True, width=1, depth=1, activation="tanh")
        weights = policies.init(passenger, jax.random.key(0), self._env.observation)
        constants = normalise.unit(self._env.observation)

        def one(params: Any, key: jax.Array) -> rollout.RolloutResult:
            policy = make_policy(params, deterministic=self._greedy)
            piloted = _Piloted(self._env, lambda observation, k: policy(observation.reshape(-1), k)[0])
            return rollout.evaluate(piloted, passenger, weights, constants, key, self._setting)

        return jax.jit(lambda params, keys: map_over_mesh(self._mesh, self._chunk, one, params, keys))


def standard_error(values: np.ndarray) -> float | None:
    """Of the mean of independent values; None of one."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
