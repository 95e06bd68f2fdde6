"""Train one policy on a dataset and record a rollout with every state, for pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hades_protocol.run_spec import RunSpec
from hadesd.analysis.datasets import shapes
from hadesd.analysis.datasets.reader import DatasetFile
from hadesd.compute import components
from hadesd.distill import normalise, policies
from hadesd.distill.dataset import StateActionPairs
from hadesd.distill.environments.base import Environment
from hadesd.distill.normalise import Statistics
from hadesd.distill.policies import Params, Policy
from hadesd.distill.training import (
    InitData,
    InnerLoopData,
    Learner,
    TrainedPolicy,
    single_init,
    train_and_evaluate,
)
from hadesd.spec.environments import of_spec

INIT_STREAM, ROLLOUT_STREAM = 0, 1


@dataclass(frozen=True)
class Recording:
    """The first episode of a policy, T steps long; entry t is what was there *before* step t.

    observations: float32 [T, *obs], natural units.
    actions: int32 [T] (discrete) or float32 [T, A] in [-1, 1].
    rewards: float32 [T].
    states: a pytree of [T, ...]: (positions [T, L, 3] in metres, quaternions [T, L, 4]) of a Brax system's links,
        the environment's own state for gymnax.
    ended: whether the episode ended by itself; False where `steps` came first.
    mean, variance: float32 [*obs], the normalisation at the end of the rollout (0 and 1 where there is none).
    environments: how many ran side by side: running statistics are theirs together.
    loss: of behaviour cloning before its last step.
    """

    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    states: Any
    ended: bool
    mean: np.ndarray
    variance: np.ndarray
    environments: int
    loss: float

    @property
    def episode_return(self) -> float:
        """Sum of the rewards."""
        return float(self.rewards.sum())


def record(dataset: DatasetFile, spec: RunSpec, seed: int, steps: int | None = None) -> Recording:
    """Train one policy on a dataset and record its first episode.

    The rollout is the evaluation's: with running normalisation E environments run side by side and share their
    statistics, of which the first is recorded. HaDES-F (policy.init_seed set) starts from its one initialisation.
    steps: the most that are recorded (default: the environment's time limit; evaluation.steps where it has none).

    Raises:
        UsageError: the arrays do not fit the environment, or constants for fixed normalisation are missing.
    """
    env = components.environment_of(spec, "vmap")  # every state is kept
    states, actions = shapes.fit(dataset, spec, env)
    constants = shapes.constants(dataset, spec, env)
    policy = components.policy_of(spec, env)
    learner = Learner(policy, components.training_of(spec, "xla"))
    key_init, key_rollout = (jax.random.fold_in(jax.random.key(seed), s) for s in (INIT_STREAM, ROLLOUT_STREAM))
    if spec.policy.init_seed is None:
        params = policies.init(policy, key_init, env.observation)
    else:
        fixed = policies.init_fixed(policy, spec.policy.init_seed, env.observation)
        params = jax.tree.map(lambda leaf: leaf[0], fixed)
    setting = components.evaluation_of(spec)
    running = setting.normalisation == "running"
    side_by_side = setting.environments if running else 1
    longest = of_spec(spec).episode_steps or spec.evaluation.steps
    limit = min(steps or longest, longest)

    def rollout(policy: Policy, trained: Params, constants: Statistics, key: jax.Array) -> Any:
        def act(observation: jax.Array, key: jax.Array, statistics: Statistics) -> jax.Array:
            seen = normalise.as_seen(setting.normalisation, statistics, observation)
            return policies.act(policy, trained, seen, key, setting.greedy, setting.temperature)

        return _roll(env, act, constants, running, side_by_side, limit, key)

    @jax.jit
    def run(common: InnerLoopData, init: InitData) -> TrainedPolicy:
        return train_and_evaluate(learner, rollout, common, init, single_init, keep_policies=True)

    common = InnerLoopData(StateActionPairs(jnp.asarray(states), jnp.asarray(actions)), constants)
    (trace, statistics), _, loss = jax.device_get(run(common, InitData(params, key_rollout)))
    ends = np.flatnonzero(trace["done"])
    length = int(ends[0]) + 1 if len(ends) else limit
    kept = jax.tree.map(lambda leaf: np.asarray(leaf[:length]), trace)
    return Recording(
        observations=kept["observation"],
        actions=kept["action"],
        rewards=kept["reward"],
        states=kept["state"],
        ended=len(ends) > 0,
        mean=np.asarray(statistics.mean),
        variance=np.asarray(statistics.variance),
        environments=side_by_side,
        loss=float(loss),
    )


def _roll(
    env: Environment,
    act: Callable[[jax.Array, jax.Array, Statistics], jax.Array],
    constants: Statistics,
    running: bool,
    environments: int,
    steps: int,
    key: jax.Array,
) -> tuple[dict[str, Any], Statistics]:
    """The trace of the first of some environments, leaves [steps, ...], and the statistics at the end."""
    key_reset, key_steps = jax.random.split(key)
    states, first = jax.vmap(env.reset)(jax.random.split(key_reset, environments))
    statistics = normalise.update(normalise.unit(env.observation), first) if running else constants

    def step(carry: tuple[Any, ...], t: jax.Array) -> tuple[tuple[Any, ...], dict[str, Any]]:
        states, observations, statistics = carry
        key_action, key_env = jax.random.split(jax.random.fold_in(key_steps, t))
        keys = jax.random.split(key_action, environments)
        actions = jax.vmap(act, in_axes=(0, 0, None))(observations, keys, statistics)
        seen = {"state": _visible(states), "observation": observations, "action": actions}
        states, following, rewards, done = jax.vmap(env.step)(jax.random.split(key_env, environments), states, actions)
        if running:
            statistics = normalise.update(statistics, following)
        seen |= {"reward": rewards, "done": done}
        return (states, following, statistics), jax.tree.map(lambda leaf: leaf[0], seen)

    (_, _, statistics), trace = jax.lax.scan(step, (states, first, statistics), jnp.arange(steps))
    return trace, statistics


def _visible(state: Any) -> Any:
    """What a picture needs of an environment's state: of Brax's (a tuple) only where the links are."""
    if isinstance(state, tuple) and hasattr(state[0], "pipeline_state"):
        place = state[0].pipeline_state.x
        return place.pos, place.rot
    return state
