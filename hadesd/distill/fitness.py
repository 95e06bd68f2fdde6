"""Fitness of candidates and of the mean dataset: the inner loop on what a generation draws (paper, algorithm 1)."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from hadesd.distill import images, policies, training, visited
from hadesd.distill.averaging import mean_of
from hadesd.distill.dataset import Region
from hadesd.distill.images import ImageTask, LabelledImages
from hadesd.distill.normalise import Statistics
from hadesd.distill.policies import Params
from hadesd.distill.problem import MEAN_STREAM, EvolutionState, Problem, TaskData, Variation, generation_key
from hadesd.distill.rollout import RolloutResult
from hadesd.distill.sharding import map_over_mesh
from hadesd.distill.training import (
    ActingInputs,
    EvaluationTask,
    InitData,
    InnerLoopData,
    Learner,
    train_and_evaluate,
)

MEAN_CHUNK = 8
"""Fresh policies that evaluate_mean trains and rolls out side by side on a device."""


class SharedInputs(NamedTuple):
    """What all candidates of a generation have in common: what is compared are the datasets.

    inits: stacked [k, ...], None for direct neuroevolution. data: the real images, None for environments.
    key: of the resets and the action noise. region: that the pairs are bound to. noise: see ActingInputs.
    """

    inits: Params | None
    constants: Statistics
    data: LabelledImages | None
    key: jax.Array
    region: Region | None = None
    noise: jax.Array | None = None


def draw_shared_inputs(
    problem: Problem, state: EvolutionState, task_data: TaskData, key_init: jax.Array, key_evaluate: jax.Array
) -> SharedInputs:
    """The initialisations, images and random numbers that a population is compared on."""
    inits = task_data.fixed_init
    if problem.layout is not None and inits is None:
        inits = policies.init_many(problem.policy, key_init, problem.env.observation, problem.inits)
    data = None
    if isinstance(problem.env, ImageTask):
        assert task_data.train is not None
        data = images.draw_batch(task_data.train, problem.env.batch, key_evaluate)
    region = visited.region_of(problem, state.constants, state.visited)
    noise = problem.action_noise.factor(state.generation)
    return SharedInputs(inits, state.constants, data, key_evaluate, region, noise)


def evaluate_candidate(
    problem: Problem, shared_inputs: SharedInputs, candidate: jax.Array, weights: jax.Array | None = None
) -> RolloutResult:
    """Fitness of one candidate float32 [dim]: train k policies and evaluate each.

    NaN where a policy is not finite: where actions are discrete, rewards do not tell.
    weights: float32 [D], of the pairs in the cloning's loss; None: all the same.
    """
    keys = jax.random.split(shared_inputs.key, problem.inits)
    task, data = _task_of(problem, shared_inputs)
    if problem.layout is None:
        assert problem.unflatten is not None
        return task(problem.policy, problem.unflatten(candidate), data, keys[0])
    common = InnerLoopData(problem.layout.unflatten(candidate, shared_inputs.region), data, weights)
    if problem.variation is None:
        learner = Learner(problem.policy, problem.training)
        found = train_and_evaluate(learner, task, common, InitData(shared_inputs.inits, keys))
    else:
        found = _evaluate_varied(problem, problem.variation, task, common, InitData(shared_inputs.inits, keys))
    fitness, episodes, unfinished = found
    return RolloutResult(jnp.mean(fitness), jnp.sum(episodes), jnp.sum(unfinished))


def _task_of(problem: Problem, shared_inputs: SharedInputs) -> tuple[training.Task, Any]:
    """What a population is evaluated on, and the arrays of that task."""
    if shared_inputs.data is not None:
        return training.image_loss, shared_inputs.data
    assert not isinstance(problem.env, ImageTask)
    task = EvaluationTask(problem.env, problem.action_noise.applied(problem.evaluation))
    return _of_finite_policies(task), ActingInputs(shared_inputs.constants, shared_inputs.noise)


def _of_finite_policies(task: training.Task) -> training.Task:
    """The task, with fitness NaN for a policy that is not finite: of NaN, argmax makes the first action."""

    def scored(policy: policies.Policy, params: Params, data: Any, key: Any) -> RolloutResult:
        found: RolloutResult = task(policy, params, data, key)
        finite = jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(params)]))
        return found._replace(fitness=jnp.where(finite, found.fitness, jnp.nan))

    return scored


def _evaluate_varied(
    problem: Problem, variation: Variation, task: training.Task, common: InnerLoopData, inits: InitData
) -> RolloutResult:
    """Results [k] of policies that differ in activation and learning rate: those of one activation together."""
    parts, order = [], []
    for number in np.unique(variation.activation):
        members = np.flatnonzero(variation.activation == number)
        learner = Learner(problem.alternatives[number], problem.training)
        factors = jnp.asarray(variation.rate_factor)[members]
        chosen = jax.tree.map(lambda leaf, m=members: leaf[m], inits)
        parts.append(train_and_evaluate(learner, task, common, chosen._replace(rate_factor=factors)))
        order.append(members)
    back = np.argsort(np.concatenate(order))
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves)[back], *parts)


def evaluate_mean(problem: Problem, mesh: Mesh, devices: int, state: EvolutionState, task_data: TaskData) -> jax.Array:
    """Score the mean dataset, the one that is exported, after a generation.

    float32 [inits, groups], padded on axis 0: returns of fresh policies (HaDES-F: of its one initialisation; direct
    neuroevolution: of the mean policy) on environments of its own, or the accuracy of fresh classifiers on the test
    images. devices: among which policies are divided, which decides how many are side by side.
    """
    root = jax.random.fold_in(generation_key(problem.seed, state.generation), MEAN_STREAM)
    key_init, key_evaluate = jax.random.split(root)
    mean = mean_of(problem, state)
    inits, pairs = task_data.fixed_init, None
    if problem.layout is None:
        assert problem.unflatten is not None
        inits = jax.tree.map(lambda leaf: leaf[None], problem.unflatten(mean))
    else:
        pairs = problem.layout.unflatten(mean, visited.region_of(problem, state.constants, state.visited))
        if inits is None:
            inits = policies.init_many(problem.policy, key_init, problem.env.observation, problem.mean_inits)
    count = jax.tree.leaves(inits)[0].shape[0]
    chunk = min(MEAN_CHUNK, -(-count // devices))
    learner, own = Learner(problem.policy, problem.training), InitData(inits, jax.random.split(key_evaluate, count))
    over_mesh = functools.partial(map_over_mesh, mesh, chunk)
    if isinstance(problem.env, ImageTask):
        common = InnerLoopData(pairs, task_data.test)
        return train_and_evaluate(learner, training.image_accuracy, common, own, over_mesh)[:, None]
    task = EvaluationTask(problem.env, problem.evaluation, problem.mean_groups)
    return train_and_evaluate(
        learner, task, InnerLoopData(pairs, ActingInputs(state.constants)), own, over_mesh
    ).fitness
