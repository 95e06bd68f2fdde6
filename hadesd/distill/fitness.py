"""What a candidate is worth: train policies on it and judge them (paper, algorithm 1, inner loop)."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from hadesd.distill import cloning, images, policies, rollout
from hadesd.distill.images import ImageTask, LabelledImages
from hadesd.distill.normalise import Statistics
from hadesd.distill.policies import Params, Policy
from hadesd.distill.problem import MEAN_STREAM, EvolutionState, Problem, TaskData, Variation, generation_key
from hadesd.distill.rollout import RolloutResult
from hadesd.distill.sharding import map_over_mesh

MEAN_CHUNK = 8
"""Fresh policies that evaluate_mean trains and rolls out side by side on a device."""


class SharedInputs(NamedTuple):
    """What all candidates of a generation have in common: what is compared are the datasets.

    inits: stacked [k, ...], None for direct neuroevolution. data: the real images, None for environments.
    key: of the resets and the action noise.
    """

    inits: Params | None
    constants: Statistics
    data: LabelledImages | None
    key: jax.Array


def draw_shared_inputs(
    problem: Problem, constants: Statistics, task_data: TaskData, key_init: jax.Array, key_evaluate: jax.Array
) -> SharedInputs:
    """The initialisations, images and random numbers that a population is compared on."""
    inits = task_data.fixed_init
    if problem.layout is not None and inits is None:
        inits = policies.init_many(problem.policy, key_init, problem.env.observation, problem.inits)
    data = None
    if isinstance(problem.env, ImageTask):
        assert task_data.train is not None
        data = images.draw_batch(task_data.train, problem.env.batch, key_evaluate)
    return SharedInputs(inits, constants, data, key_evaluate)


def evaluate_candidate(
    problem: Problem, shared_inputs: SharedInputs, candidate: jax.Array, weights: jax.Array | None = None
) -> RolloutResult:
    """Fitness of one candidate float32 [dim]: clone k policies and judge each.

    weights: float32 [D], of the pairs in the cloning's loss; None: all the same.
    """
    keys = jax.random.split(shared_inputs.key, problem.inits)
    if problem.layout is None:
        assert problem.unflatten is not None
        return _evaluate(problem, problem.policy, shared_inputs, problem.unflatten(candidate), keys[0])

    def one(policy: Policy, params: Params, key: jax.Array, factor: jax.Array | None) -> RolloutResult:
        return _evaluate(
            problem, policy, shared_inputs, _train(problem, policy, params, candidate, factor, weights), key
        )

    if problem.variation is None:
        found = jax.vmap(lambda params, key: one(problem.policy, params, key, None))(shared_inputs.inits, keys)
    else:
        found = _evaluate_varied(problem, problem.variation, one, shared_inputs.inits, keys)
    fitness, episodes, unfinished = found
    return RolloutResult(jnp.mean(fitness), jnp.sum(episodes), jnp.sum(unfinished))


def _evaluate_varied(
    problem: Problem, variation: Variation, one: Callable[..., RolloutResult], inits: Params, keys: jax.Array
) -> RolloutResult:
    """Outcomes [k] of policies that differ in activation and learning rate: those of one activation together."""
    parts, order = [], []
    for number in np.unique(variation.activation):
        members = np.flatnonzero(variation.activation == number)
        policy, factors = problem.alternatives[number], jnp.asarray(variation.rate_factor)[members]
        chosen = jax.tree.map(lambda leaf, m=members: leaf[m], inits)
        evaluate = jax.vmap(lambda params, key, factor, p=policy: one(p, params, key, factor))
        parts.append(evaluate(chosen, keys[members], factors))
        order.append(members)
    back = np.argsort(np.concatenate(order))
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves)[back], *parts)


def _train(
    problem: Problem,
    policy: Policy,
    params: Params,
    candidate: jax.Array,
    rate_factor: jax.Array | None = None,
    weights: jax.Array | None = None,
) -> Params:
    assert problem.layout is not None
    assert problem.optimizer is not None
    states, targets = problem.layout.unflatten(candidate)
    trained, _ = cloning.clone(
        policy, params, states, targets, problem.optimizer, problem.epochs, rate_factor, weights, problem.native_cloning
    )
    return trained


def _evaluate(
    problem: Problem, policy: Policy, shared_inputs: SharedInputs, params: Params, key: jax.Array
) -> RolloutResult:
    """Mean return of a trained policy, or minus the loss of a trained classifier on real images."""
    if shared_inputs.data is not None:
        return RolloutResult(-images.loss(policy, params, shared_inputs.data), jnp.int32(0), jnp.int32(0))
    assert not isinstance(problem.env, ImageTask)
    return rollout.evaluate(problem.env, policy, params, shared_inputs.constants, key, problem.evaluation)


def evaluate_mean(problem: Problem, mesh: Mesh, state: EvolutionState, task_data: TaskData) -> jax.Array:
    """What the mean dataset, the one that is exported, is worth after a generation.

    float32 [inits, groups], padded on axis 0: returns of fresh policies (HaDES-F: of its one initialisation; direct
    neuroevolution: of the mean policy) on environments of its own, or the accuracy of fresh classifiers on the test
    images.
    """
    root = jax.random.fold_in(generation_key(problem.seed, state.generation), MEAN_STREAM)
    key_init, key_evaluate = jax.random.split(root)
    mean = problem.strategy.mean(state.strategy)
    inits = task_data.fixed_init
    if problem.layout is not None and inits is None:
        inits = policies.init_many(problem.policy, key_init, problem.env.observation, problem.mean_inits)
    shared_inputs = SharedInputs(None, state.constants, None, key_evaluate)

    def one(
        given: tuple[SharedInputs, jax.Array, LabelledImages | None], item: tuple[Params | None, jax.Array]
    ) -> jax.Array:
        shared_inputs, mean, test = given
        params, key = item
        if problem.layout is None:
            assert problem.unflatten is not None
            params = problem.unflatten(mean)
        else:
            params = _train(problem, problem.policy, params, mean)
        if test is not None:
            return images.accuracy(problem.policy, params, test)[None]
        keys = jax.random.split(key, problem.mean_groups)
        return jax.vmap(lambda k: _evaluate(problem, problem.policy, shared_inputs, params, k).fitness)(keys)

    count = 1 if inits is None else jax.tree.leaves(inits)[0].shape[0]
    items = (inits, jax.random.split(key_evaluate, count))
    chunk = min(MEAN_CHUNK, -(-count // mesh.devices.size))
    return map_over_mesh(mesh, chunk, one, (shared_inputs, mean, task_data.test), items)
