"""The mean dataset: the strategy's mean, or with `evolution.averaging` the average of its means.

A strategy with a constant step never comes to rest: its mean wanders around the optimum, and where a policy stands on a
cliff one of them is worth far less than the one before. Their average lies in the middle of where they wander. Averaged
is a share of all generations so far, because nobody knows beforehand how many there will be: the average leaves the
poor beginning behind, and comes to rest as the run goes on (polynomial-decay averaging: Shamir and Zhang 2013,
arXiv:1212.1824, section 4; Polyak and Juditsky 1992 with a share of 1).
"""

import jax
import jax.numpy as jnp

from hadesd.distill.problem import EvolutionState, Problem


def mean_of(problem: Problem, state: EvolutionState) -> jax.Array:
    """float32 [dim]: what is evaluated and exported; flat pairs, or a policy's parameters."""
    return problem.strategy.mean(state.strategy) if state.averaged is None else state.averaged


def averaged(share: float, average: jax.Array, mean: jax.Array, generations: jax.Array) -> jax.Array:
    """The average float32 [dim] after one more mean.

    The newest of n means has the weight 1 / (1 + share (n - 1)): with a share of 1 all count the same, with 0.1 about
    the newest tenth. generations: int32 [], n, the newest among them.
    """
    weight = 1.0 / (1.0 + share * (generations - 1).astype(jnp.float32))
    return average + weight * (mean - average)
