"""Train fresh policies on a finished dataset and measure their return (paper, section 5.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hades_protocol.run_spec import RunSpec
from hadesd.analysis.datasets import shapes
from hadesd.analysis.datasets.reader import DatasetFile
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
class EvaluationTask:
    """Where and how policies are evaluated. actions: how many of the policy's outputs act there."""

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

    def summary(self) -> dict[str, Any]:
        """What `hadesd evaluate --json` prints; return_std is the spread over policies, _sem that of their mean."""
        per_init = self.returns.mean(axis=1)
        std = float(per_init.std(ddof=1)) if len(per_init) > 1 else 0.0
        return {
            "return_mean": float(per_init.mean()),
            "return_std": std,
            "return_sem": std / float(np.sqrt(len(per_init))),
            "return_per_init": [float(value) for value in per_init],
            "inits": len(per_init),
            "episodes_completed": self.episodes,
            "environments_without_a_completed_episode": self.unfinished,
        }


def evaluate(dataset: DatasetFile, spec: RunSpec, inits: int, episodes: int, seed: int) -> Evaluated:
    """Train `inits` policies on the dataset and roll each out in groups of E environments.

    episodes: environments for each policy, rounded up to whole groups of spec.evaluation.environments: running
        statistics are kept by a group, so the group has to have the size that the dataset was evolved with.
    A spec with policy.init_seed set trains every policy from that one initialisation (HaDES-F).

    Raises:
        UsageError: the arrays do not fit the environment, or constants for fixed normalisation are missing.
    """
    env = build.environment_of(spec)
    states, actions = shapes.fit(dataset, env)
    task = EvaluationTask(env, shapes.constants(dataset, spec, env), build.evaluation_of(spec), env.actions)
    return train_and_evaluate(spec, states, actions, [task], inits, episodes, seed)[0]


def train_and_evaluate(
    spec: RunSpec,
    states: np.ndarray,
    actions: np.ndarray,
    tasks: Sequence[EvaluationTask],
    inits: int,
    episodes: int,
    seed: int,
) -> list[Evaluated]:
    """Train `inits` policies as the spec says on states [D, *obs] and actions [D, A]; evaluate each in every task.

    The arenas' environments agree in observation, actions and discreteness with the pairs.
    """
    first = tasks[0].env
    policy, c = build.policy_of(spec, first), spec.cloning
    optimizer = cloning.make_optimizer(c.optimizer, c.learning_rate, c.clip_norm)
    native = build.cloning_of(spec) == "native"
    root = jax.random.key(seed)
    mesh = make_mesh(0)
    on_cpu = mesh.devices.flat[0].platform == "cpu"

    def judge(
        task: EvaluationTask, constants: Statistics, trained: policies.Params, key: jax.Array
    ) -> rollout.RolloutResult:
        acting: Any = policy if task.actions == task.env.actions else TruncatedPolicy(policy, task.actions)
        groups = -(-episodes // task.evaluation.environments)
        return jax.vmap(lambda k: rollout.evaluate(task.env, acting, trained, constants, k, task.evaluation))(
            jax.random.split(key, groups)
        )

    def one(common: Any, item: tuple[policies.Params, jax.Array]) -> list[rollout.RolloutResult]:
        states, actions, constants = common
        params, key = item
        trained, _ = cloning.clone(policy, params, states, actions, optimizer, c.epochs, native=native)
        return [judge(task, own, trained, key) for task, own in zip(tasks, constants, strict=True)]

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
    common = (jnp.asarray(states), jnp.asarray(actions), [task.constants for task in tasks])
    outcomes = trim(jax.device_get(run(fixed, common)), inits)
    return [
        Evaluated(
            returns=np.asarray(outcome.fitness),
            episodes=int(np.sum(outcome.episodes)),
            unfinished=int(np.sum(outcome.unfinished)),
        )
        for outcome in outcomes
    ]
