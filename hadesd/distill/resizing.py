"""Resize a search between two generations: pairs are copied or dropped, and the strategy's state with them.

Growing copies pairs. The cloning's loss is a mean over pairs, so if every pair is copied equally often it is the same
function of the policy, and a dataset's fitness is what it was. Copies are the same in the mean only: each draws noise
of its own, so the next generations tell them apart, and nothing has to be added to part them.

Shrinking keeps the pairs without which fitness falls most. Numbers of initialisations and of environments are in no
state: they need nothing of this.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from hadesd.distill.averaging import mean_of
from hadesd.distill.dataset import DatasetLayout, label_counts, one_hot_labels
from hadesd.distill.fitness import SharedInputs, draw_shared_inputs, evaluate_candidate
from hadesd.distill.problem import LEAVE_ONE_OUT_STREAM, EvolutionState, Problem, TaskData, generation_key
from hadesd.distill.sharding import AXIS, map_over_mesh
from hadesd.distill.strategies.resize import CannotResize, Dimensions, check_population, resize_state

__all__ = [
    "CannotResize",
    "leave_one_out",
    "resize_pairs",
    "resize_population",
    "sources_to_grow",
    "sources_to_keep",
]


def sources_to_grow(layout: DatasetLayout, pairs: int) -> np.ndarray:
    """int [pairs]: for each pair of the larger dataset the pair of `layout` that it copies.

    All pairs in turn; with fixed labels all pairs of its action in turn. So everything is copied equally often where
    `pairs` is a multiple (with fixed labels: and the layout has equally many pairs for each action).

    Raises:
        CannotResize: an action with a fixed label has no pair to copy.
    """
    if pairs < layout.pairs:
        raise ValueError(f"{pairs} pairs are fewer than {layout.pairs}")
    if not layout.fixed_labels:
        return np.arange(pairs) % layout.pairs
    before, after = label_counts(layout.pairs, layout.actions), label_counts(pairs, layout.actions)
    for action, (old, new) in enumerate(zip(before, after, strict=True)):
        if new > old == 0:
            raise CannotResize(
                f"labels are fixed, and with {layout.pairs} pairs for {layout.actions} actions there is none of action "
                f"{action} to copy"
            )
    first = np.cumsum([0, *before[:-1]])
    return np.concatenate(
        [start + np.arange(new) % max(old, 1) for start, old, new in zip(first, before, after, strict=True)]
    )


def sources_to_keep(layout: DatasetLayout, costs: np.ndarray, pairs: int) -> np.ndarray:
    """int [pairs], ascending: the pairs of `layout` that stay, those whose absence costs most.

    costs: float [D], how much fitness falls without each pair. NaN counts as the highest cost: what a dataset is worth
    without that pair is not known. Of equals the first stay. With fixed labels each action keeps its own number of
    pairs, so the choice is among those of one action.
    """
    costs = np.asarray(costs, np.float64)
    if costs.shape != (layout.pairs,) or not 0 < pairs <= layout.pairs:
        raise ValueError(f"{pairs} of {layout.pairs} pairs, with costs of shape {costs.shape}")
    costs = np.where(np.isnan(costs), np.inf, costs)
    groups, counts = [np.arange(layout.pairs)], [pairs]
    if layout.fixed_labels:
        groups = np.split(groups[0], np.cumsum(label_counts(layout.pairs, layout.actions))[:-1])
        counts = label_counts(pairs, layout.actions)
    kept = [
        group[np.argsort(-costs[group], kind="stable")[:count]] for group, count in zip(groups, counts, strict=True)
    ]
    return np.sort(np.concatenate(kept))


def resize_pairs(old: Problem, new: Problem, sources: np.ndarray, state: EvolutionState) -> EvolutionState:
    """The state for `new`, whose pair i continues pair sources[i] of `old`. numpy leaves in and out.

    The population may be another one, too. What becomes of which part of a strategy's state: strategies/resize.

    Raises:
        CannotResize: the method evolves no pairs, or the strategy's state cannot be resized.
    """
    if old.layout is None or new.layout is None:
        raise CannotResize("method es evolves the policy's own parameters: there are no pairs")
    _check_sources(old.layout, new.layout, sources)
    copies = np.array([np.sum(sources[:i] == source) for i, source in enumerate(sources)])
    times = np.bincount(sources, minlength=old.layout.pairs)
    dimensions = Dimensions(
        before=old.layout.size,
        source_dimensions=old.layout.source_dimensions(sources),
        copies=copies[new.layout.owners],
        even=bool(np.all(times == times[0])),
    )
    return _resize_state(old, new, dimensions, state)


def resize_population(old: Problem, new: Problem, state: EvolutionState) -> EvolutionState:
    """The state for `new`, which differs in the size of the population. numpy leaves in and out.

    What depends on it are mostly constants of the strategy, but some states hold the noise of a generation.

    Raises:
        CannotResize: the state holds the population itself.
    """
    return _resize_state(old, new, Dimensions.unchanged(state.strategy.best_solution.size), state)


def _resize_state(old: Problem, new: Problem, dimensions: Dimensions, state: EvolutionState) -> EvolutionState:
    check_population(old.strategy, old.population, new.population)
    state = jax.device_get(state)
    average = state.averaged
    return state._replace(
        strategy=resize_state(old.strategy, new.strategy, state.strategy, dimensions),
        averaged=None if average is None else average[dimensions.source_dimensions],
    )


def _check_sources(old: DatasetLayout, new: DatasetLayout, sources: np.ndarray) -> None:
    """Raises ValueError: the caller's sources do not lead from one layout to the other."""
    if replace(old, pairs=new.pairs) != new or sources.shape != (new.pairs,):
        raise ValueError(f"{sources.shape} sources do not lead from {old} to {new}")
    if new.pairs == old.pairs and not np.array_equal(sources, np.arange(new.pairs)):
        raise ValueError("with as many pairs as before, each one stays where it is")
    if new.fixed_labels:
        before, after = one_hot_labels(old.pairs, old.actions), one_hot_labels(new.pairs, new.actions)
        if not np.array_equal(before[sources], after):
            raise ValueError("labels are fixed: a pair can only copy a pair of its own action")


def leave_one_out(problem: Problem, mesh: Mesh, chunk: int, state: EvolutionState) -> jax.Array:
    """How much fitness the mean dataset loses without each of its pairs, float32 [D]; NaN: a fitness was not finite.

    One evaluation of D + 1 candidates on the same initialisations and environments. A pair is left out by its weight
    in the cloning's loss: candidates of one shape are one program.

    Raises:
        CannotResize: the method evolves no pairs.
        JaxRuntimeError: RESOURCE_EXHAUSTED where a device's memory cannot hold a chunk.
    """
    if problem.layout is None:
        raise CannotResize("method es evolves the policy's own parameters: there are no pairs")
    pairs = problem.layout.pairs
    # The whole dataset, then the dataset without each of its pairs.
    weights = np.concatenate([np.ones((1, pairs)), 1.0 - np.eye(pairs)]).astype(np.float32)
    # Beyond a device's share there is only padding.
    chunk = min(chunk, -(-len(weights) // mesh.shape[AXIS]))
    everywhere = NamedSharding(mesh, PartitionSpec())

    def evaluate(state: EvolutionState, task_data: TaskData) -> jax.Array:
        root = jax.random.fold_in(generation_key(problem.seed, LEAVE_ONE_OUT_STREAM), state.generation)
        shared_inputs = draw_shared_inputs(problem, state, task_data, *jax.random.split(root))

        def one(common: tuple[SharedInputs, jax.Array], weights: jax.Array) -> jax.Array:
            return evaluate_candidate(problem, *common, weights).fitness

        return map_over_mesh(mesh, chunk, one, (shared_inputs, mean_of(problem, state)), jnp.asarray(weights))

    program = jax.jit(evaluate, in_shardings=everywhere, out_shardings=NamedSharding(mesh, PartitionSpec(AXIS)))
    fitness = jax.device_get(program(*jax.device_put((state, problem.task_data), everywhere)))[: len(weights)]
    fitness = np.where(np.isfinite(fitness), fitness, np.float32(np.nan))
    return jnp.asarray(fitness[0] - fitness[1:])
