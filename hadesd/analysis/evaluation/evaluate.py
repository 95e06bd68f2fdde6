"""Train fresh policies on a finished dataset and measure their return (paper, section 5.1)."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hades_protocol.run_spec import RunSpec
from hadesd.analysis.datasets import shapes
from hadesd.analysis.datasets.reader import DatasetFile
from hadesd.analysis.evaluation.documents import Returns
from hadesd.compute import components
from hadesd.compute.progress import UNREPORTED, Report
from hadesd.distill import policies
from hadesd.distill.dataset import StateActionPairs
from hadesd.distill.environments.base import Environment, Spaces
from hadesd.distill.normalise import Statistics
from hadesd.distill.policies import Network, Params, Policy
from hadesd.distill.rollout import RolloutResult
from hadesd.distill.sharding import make_mesh, map_over_mesh, trim
from hadesd.distill.training import (
    ActingInputs,
    EvaluationTask,
    InitData,
    InitMap,
    InnerLoopData,
    Learner,
    Task,
    train_and_evaluate,
)

CHUNK_CPU = 4
CHUNK_GPU = 64
INIT_STREAM, EVALUATION_STREAM = 0, 1


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


def evaluate(
    dataset: DatasetFile, spec: RunSpec, inits: int, episodes: int, seed: int, report: Report = UNREPORTED
) -> Evaluated:
    """Train `inits` policies on the dataset and roll each out in groups of E environments.

    episodes: environments for each policy, rounded up to whole groups of spec.evaluation.environments: running
        statistics are kept by a group, so the group has to have the size that the dataset was evolved with.
    A spec with policy.init_seed set trains every policy from that one initialisation (HaDES-F).

    Raises:
        UsageError: the arrays do not fit the environment, or constants for fixed normalisation are missing.
    """
    env = components.environment_of(spec)
    pairs = StateActionPairs(*map(jnp.asarray, shapes.fit(dataset, spec, env)))
    task = task_of(spec, env, episodes)
    return evaluate_pairs(spec, pairs, [(task, shapes.constants(dataset, spec, env))], inits, seed, report)[0]


def task_of(spec: RunSpec, env: Environment, episodes: int, actions: int | None = None) -> EvaluationTask:
    """Rollouts as a spec has them evaluated, at least `episodes` environments for each policy.

    actions: how many of the policy's outputs act there (None: all).
    """
    setting = components.evaluation_of(spec)
    return EvaluationTask(env, setting, -(-episodes // setting.environments), actions)


def evaluate_pairs(
    spec: RunSpec,
    pairs: StateActionPairs,
    tasks: Sequence[tuple[EvaluationTask, Statistics]],
    inits: int,
    seed: int,
    report: Report = UNREPORTED,
) -> list[Evaluated]:
    """Train `inits` policies as the spec says on the pairs; evaluate each in every task, with its constants.

    The tasks' environments agree in observation, actions and discreteness with the pairs. Policies are taken as many
    at a time as the devices take, with one program, so that it can be told how far it is.
    """
    policy = components.policy_of(spec, tasks[0][0].env)
    learner = Learner(policy, components.training_of(spec))
    every_task = _every(tasks)
    at_a_time, over_mesh = _map_for(inits)

    @jax.jit
    def run(common: InnerLoopData, own: InitData) -> Any:
        return train_and_evaluate(learner, every_task, common, own, over_mesh)

    @jax.jit
    def draw() -> Params:
        return _fresh(policy, seed, tasks[0][0].env, inits)

    report.phase("compiling")
    fixed = _fixed(spec, policy, tasks[0][0].env, inits)
    every = InitData(draw() if fixed is None else fixed, _evaluation_keys(seed, inits))
    common = InnerLoopData(pairs, [ActingInputs(constants) for _, constants in tasks])
    compiled = run.lower(common, _some(every, 0, at_a_time)).compile()
    report.phase("policies trained and evaluated", inits)
    found = []
    for first in range(0, inits, at_a_time):
        found.append(jax.device_get(compiled(common, _some(every, first, at_a_time))))
        report.advance(min(inits, first + at_a_time))
    results = jax.tree.map(lambda *leaves: np.concatenate(leaves)[:inits], *found)
    return [_evaluated(result) for result in results]


def _some(every: InitData, first: int, count: int) -> InitData:
    """`count` policies from the given one on; beyond the end the last one again."""
    last = len(jax.tree.leaves(every)[0]) - 1
    index = jnp.minimum(first + jnp.arange(count), last)
    return jax.tree.map(lambda leaf: leaf[index], every)


@dataclass(frozen=True)
class TrainedPolicies:
    """Policies that were trained on a dataset.

    policy: the flax module. params: its parameters, leaves [N, ...] on the host. losses: float32 [N], in training.
    """

    policy: Network
    params: Params
    losses: np.ndarray


def train(spec: RunSpec, pairs: StateActionPairs, spaces: Spaces, inits: int, seed: int) -> TrainedPolicies:
    """Train `inits` policies as the spec says on the pairs: the ones that evaluate_pairs would measure."""
    policy = components.policy_of(spec, spaces)
    learner = Learner(policy, components.training_of(spec))
    fixed = _fixed(spec, policy, spaces, inits)
    _, over_mesh = _map_for(inits)

    def nothing(policy: Policy, params: Params, data: Any, key: Any) -> tuple[()]:
        return ()

    @jax.jit
    def run(fixed: Params | None, common: InnerLoopData) -> Any:
        own = InitData(_fresh(policy, seed, spaces, inits) if fixed is None else fixed)
        return train_and_evaluate(learner, nothing, common, own, over_mesh, keep_policies=True)

    trained = trim(jax.device_get(run(fixed, InnerLoopData(pairs, ()))), inits)
    return TrainedPolicies(policy, trained.params, np.asarray(trained.loss))


def measure(trained: TrainedPolicies, task: EvaluationTask, constants: Statistics, seed: int) -> Evaluated:
    """Roll trained policies out; with the same seed in the environments in which evaluate_pairs would."""
    inits = len(trained.losses)
    learner, (_, over_mesh) = Learner(trained.policy, None), _map_for(inits)

    @jax.jit
    def run(params: Params, common: InnerLoopData) -> Any:
        own = InitData(params, _evaluation_keys(seed, inits))
        return train_and_evaluate(learner, task, common, own, over_mesh)

    return _evaluated(trim(jax.device_get(run(trained.params, InnerLoopData(None, ActingInputs(constants)))), inits))


def _map_for(inits: int) -> tuple[int, InitMap]:
    """How many policies the devices take at a time, and the map that spreads them."""
    mesh = make_mesh(0)
    most = CHUNK_CPU if mesh.devices.flat[0].platform == "cpu" else CHUNK_GPU
    chunk = min(-(-inits // mesh.devices.size), most)
    return chunk * mesh.devices.size, functools.partial(map_over_mesh, mesh, chunk)


def _fixed(spec: RunSpec, policy: Network, spaces: Spaces, inits: int) -> Params | None:
    """The one initialisation of HaDES-F, `inits` times; None where they are fresh ones."""
    if spec.policy.init_seed is None:
        return None
    single = policies.init_fixed(policy, spec.policy.init_seed, spaces.observation)
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (inits, *leaf.shape[1:])), single)


def _fresh(policy: Network, seed: int, spaces: Spaces, inits: int) -> Params:
    return policies.init_many(policy, jax.random.fold_in(jax.random.key(seed), INIT_STREAM), spaces.observation, inits)


def _evaluation_keys(seed: int, inits: int) -> jax.Array:
    return jax.random.split(jax.random.fold_in(jax.random.key(seed), EVALUATION_STREAM), inits)


def _every(tasks: Sequence[tuple[EvaluationTask, Statistics]]) -> Task:
    def every_task(policy: Policy, params: Params, data: list[ActingInputs], key: jax.Array) -> list[RolloutResult]:
        return [task(policy, params, own, key) for (task, _), own in zip(tasks, data, strict=True)]

    return every_task


def _evaluated(result: RolloutResult) -> Evaluated:
    return Evaluated(
        returns=np.asarray(result.fitness),
        episodes=int(np.sum(result.episodes)),
        unfinished=int(np.sum(result.unfinished)),
    )
