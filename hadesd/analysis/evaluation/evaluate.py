"""Train fresh policies on a finished dataset and measure their return (paper, section 5.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hades_protocol.run_spec import RunSpec
from hadesd.analysis.datasets import fitting
from hadesd.analysis.datasets.reader import DatasetFile
from hadesd.analysis.evaluation.documents import Returns
from hadesd.analysis.evaluation.padding import TruncatedPolicy
from hadesd.compute import build
from hadesd.distill import cloning, policies, rollout
from hadesd.distill.environments.base import Environment
from hadesd.distill.normalise import Statistics
from hadesd.distill.rollout import Evaluation
from hadesd.distill.sharding import make_mesh, map_over_mesh, trim

CHUNK_CPU = 4
CHUNK_GPU = 64
INIT_STREAM, EVALUATION_STREAM = 0, 1


@dataclass(frozen=True)
class Arena:
    """Where and how policies are judged. actions: how many of the policy's outputs act there."""

    env: Environment
    constants: Statistics
    evaluation: Evaluation
    actions: int


@dataclass(frozen=True)
class Evaluated:
    """Returns of policies trained on a dataset.

    returns: float32 [N, G], for each of N policies its mean return over G independent groups of E environments.
    """

    returns: np.ndarray
    episodes: int
    unfinished: int

    def summary(self) -> Returns:
        """Mean, spread and each policy's return, for people and scripts."""
        per_init = self.returns.mean(axis=1)
        std = float(per_init.std(ddof=1)) if len(per_init) > 1 else 0.0
        return Returns(
            mean=float(per_init.mean()),
            std=std,
            sem=std / float(np.sqrt(len(per_init))),
            per_init=tuple(float(value) for value in per_init),
            episodes_completed=self.episodes,
            unfinished=self.unfinished,
        )


def evaluate(dataset: DatasetFile, spec: RunSpec, inits: int, episodes: int, seed: int) -> Evaluated:
    """Train `inits` policies on the dataset and roll each out in groups of E environments.

    episodes: environments for each policy, rounded up to whole groups of spec.evaluation.environments: running
        statistics are kept by a group, so the group has to have the size that the dataset was evolved with.
    A spec with policy.init_seed set trains every policy from that one initialisation (HaDES-F).

    Raises:
        UsageError: the arrays do not fit the environment, or constants for fixed normalisation are missing.
    """
    env = build.environment_of(spec)
    states, actions = fitting.fit(dataset, env)
    arena = Arena(env, fitting.constants(dataset, spec, env), build.evaluation_of(spec), env.actions)
    return train_and_judge(spec, states, actions, [arena], inits, episodes, seed)[0]


def train_and_judge(
    spec: RunSpec,
    states: np.ndarray,
    actions: np.ndarray,
    arenas: Sequence[Arena],
    inits: int,
    episodes: int,
    seed: int,
) -> list[Evaluated]:
    """Train `inits` policies as the spec says on states [D, *obs] and actions [D, A]; judge each in every arena.

    The arenas' environments agree in observation, actions and discreteness with the pairs.
    """
    first = arenas[0].env
    policy, c = build.policy_of(spec, first), spec.cloning
    optimizer = cloning.make_optimizer(c.optimizer, c.learning_rate, c.clip_norm)
    native = build.cloning_of(spec) == "native"
    root = jax.random.key(seed)
    mesh = make_mesh(0)
    on_cpu = mesh.devices.flat[0].platform == "cpu"

    def judge(arena: Arena, constants: Statistics, trained: policies.Params, key: jax.Array) -> rollout.Outcome:
        acting: Any = policy if arena.actions == arena.env.actions else TruncatedPolicy(policy, arena.actions)
        groups = -(-episodes // arena.evaluation.environments)
        return jax.vmap(lambda k: rollout.evaluate(arena.env, acting, trained, constants, k, arena.evaluation))(
            jax.random.split(key, groups)
        )

    def one(common: Any, item: tuple[policies.Params, jax.Array]) -> list[rollout.Outcome]:
        states, actions, constants = common
        params, key = item
        trained, _ = cloning.clone(policy, params, states, actions, optimizer, c.epochs, native=native)
        return [judge(arena, own, trained, key) for arena, own in zip(arenas, constants, strict=True)]

    @jax.jit
    def run(fixed: policies.Params | None, common: Any) -> Any:
        key_init, key_evaluate = (jax.random.fold_in(root, stream) for stream in (INIT_STREAM, EVALUATION_STREAM))
        params = policies.init_many(policy, key_init, first.observation, inits) if fixed is None else fixed
        keys = jax.random.split(key_evaluate, inits)
        chunk = min(-(-inits // mesh.devices.size), CHUNK_CPU if on_cpu else CHUNK_GPU)
        return map_over_mesh(mesh, chunk, one, common, (params, keys))

    fixed = None
    if spec.policy.init_seed is not None:
        single = policies.init_fixed(policy, spec.policy.init_seed, first.observation)
        fixed = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (inits, *leaf.shape[1:])), single)
    common = (jnp.asarray(states), jnp.asarray(actions), [arena.constants for arena in arenas])
    outcomes = trim(jax.device_get(run(fixed, common)), inits)
    return [
        Evaluated(
            returns=np.asarray(outcome.fitness),
            episodes=int(np.sum(outcome.episodes)),
            unfinished=int(np.sum(outcome.unfinished)),
        )
        for outcome in outcomes
    ]
