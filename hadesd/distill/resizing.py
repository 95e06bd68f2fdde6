"""Another size for a search between two generations: pairs are copied or dropped, and the state follows.

Growing copies pairs. The cloning's loss is a mean over pairs, so if every pair is copied equally often it is the same
function of the policy, and a dataset's fitness is what it was. Copies are the same in the mean only: each draws noise
of its own, so the next generations tell them apart, and nothing has to be added to part them.

Shrinking keeps the pairs without which fitness falls most. Numbers of initialisations and of environments are in no
state: they need nothing of this.
"""

from dataclasses import replace

import jax
import numpy as np

from hadesd.distill.dataset import Layout, label_counts, one_hot_labels
from hadesd.distill.leave_one_out import leave_one_out
from hadesd.distill.problem import EvolutionState, Problem
from hadesd.distill.strategies.following import CannotResize, Dimensions, check_population, follow

__all__ = [
    "CannotResize",
    "leave_one_out",
    "resize_pairs",
    "resize_population",
    "sources_to_grow",
    "sources_to_keep",
]


def sources_to_grow(layout: Layout, pairs: int) -> np.ndarray:
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


def sources_to_keep(layout: Layout, costs: np.ndarray, pairs: int) -> np.ndarray:
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

    The population may be another one, too. What becomes of which part of a strategy's state: strategies/following.

    Raises:
        CannotResize: the method evolves no pairs, or the strategy's state cannot follow.
    """
    if old.layout is None or new.layout is None:
        raise CannotResize("method es evolves the policy's own parameters: there are no pairs")
    _check_sources(old.layout, new.layout, sources)
    copies = np.array([np.sum(sources[:i] == source) for i, source in enumerate(sources)])
    times = np.bincount(sources, minlength=old.layout.pairs)
    dimensions = Dimensions(
        before=old.layout.size,
        elements=old.layout.elements(sources),
        copies=copies[new.layout.owners],
        even=bool(np.all(times == times[0])),
    )
    return _carry(old, new, dimensions, state)


def resize_population(old: Problem, new: Problem, state: EvolutionState) -> EvolutionState:
    """The state for `new`, which differs in the size of the population. numpy leaves in and out.

    What depends on it are mostly constants of the strategy, but some states hold the noise of a generation.

    Raises:
        CannotResize: the state holds the population itself.
    """
    return _carry(old, new, Dimensions.unchanged(state.strategy.best_solution.size), state)


def _carry(old: Problem, new: Problem, dimensions: Dimensions, state: EvolutionState) -> EvolutionState:
    check_population(old.strategy, old.population, new.population)
    state = jax.device_get(state)
    return state._replace(strategy=follow(old.strategy, new.strategy, state.strategy, dimensions))


def _check_sources(old: Layout, new: Layout, sources: np.ndarray) -> None:
    """Raises ValueError: the caller's sources do not lead from one layout to the other."""
    if replace(old, pairs=new.pairs) != new or sources.shape != (new.pairs,):
        raise ValueError(f"{sources.shape} sources do not lead from {old} to {new}")
    if new.pairs == old.pairs and not np.array_equal(sources, np.arange(new.pairs)):
        raise ValueError("with as many pairs as before, each one stays where it is")
    if new.fixed_labels:
        before, after = one_hot_labels(old.pairs, old.actions), one_hot_labels(new.pairs, new.actions)
        if not np.array_equal(before[sources], after):
            raise ValueError("labels are fixed: a pair can only copy a pair of its own action")
