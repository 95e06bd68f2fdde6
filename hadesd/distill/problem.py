"""The problem that a run solves, which never changes, and the state of its search, which a generation advances."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from hadesd.distill.dataset import DatasetLayout
from hadesd.distill.environments.base import Environment
from hadesd.distill.images import ImageTask, LabelledImages
from hadesd.distill.normalise import Statistics
from hadesd.distill.optimizer import TrainingSettings
from hadesd.distill.policies import Network, Params
from hadesd.distill.rollout import Evaluation
from hadesd.distill.strategies import Strategy

CONSTANTS_STREAM = 2**32 - 1
START_STREAM = 2**32 - 2
"""Generations that no run reaches: their keys serve what is drawn once a run."""

MEAN_STREAM = 2**32 - 3
"""Folded into a generation's key: the random numbers of the mean dataset's own evaluation."""

LEAVE_ONE_OUT_STREAM = 2**32 - 4
"""A generation that no run reaches, like CONSTANTS_STREAM; the generation before a resize is folded into its key."""


POLICY_PAIRS_STREAM = 2**32 - 6
"""A generation that no run reaches; the generation after which a policy becomes pairs is folded into its key."""

VISITED_STREAM = 2**32 - 5
"""Folded into a generation's key: the random numbers with which the states that policies visit are measured."""


def generation_key(seed: int, generation: Any) -> jax.Array:
    """Key of a generation (the first is 0)."""
    return jax.random.fold_in(jax.random.key(seed), generation)


class TaskData(NamedTuple):
    """Arrays that never change. The compiled programs get them as arguments, so that they are no constants in them.

    fixed_init: the one initialisation of HaDES-F, stacked [1, ...]; None: k fresh ones every generation.
    train, test: the real images of supervised distillation.
    """

    fixed_init: Params | None = None
    train: LabelledImages | None = None
    test: LabelledImages | None = None


class Variation(NamedTuple):
    """How the k policies that a candidate is evaluated with differ beyond their initialisation.

    rate_factor: float32 [k], factors on the learning rate of the cloning. activation: int [k], index into
    ACTIVATIONS.
    """

    rate_factor: np.ndarray
    activation: np.ndarray


@dataclass(frozen=True)
class ActionNoise:
    """What is different about the actions of candidates, so that the search finds behaviour that the mode would not.

    every: steps that their noise lasts. generations: where policies act by their mode, candidates draw their actions
    all the same in the first so many generations.
    """

    every: int = 1
    generations: int = 0

    def drawn(self, evaluation: Evaluation) -> Evaluation:
        """Evaluation in which actions are drawn where those of candidates are at first."""
        return replace(evaluation, greedy=evaluation.greedy and not self.generations)

    def applied(self, evaluation: Evaluation) -> Evaluation:
        """How candidates are evaluated where policies of the mean dataset are evaluated so."""
        return replace(self.drawn(evaluation), noise_every=self.every)

    def factor(self, generation: jax.Array) -> jax.Array | None:
        """Factor float32 [] on the noise, in the generation after `generation` int32 []; None: always 1."""
        return (generation < self.generations).astype(jnp.float32) if self.generations else None


@dataclass(frozen=True)
class Problem:
    """Everything that does not change from generation to generation.

    layout: None for direct neuroevolution, where a candidate is the policy's flat parameters.
    unflatten: flat vector -> parameters, for direct neuroevolution.
    training: of the policies; None for direct neuroevolution.
    alternatives: the policy with each of ACTIVATIONS, where `variation` is set.
    remeasure: constants of fixed normalisation follow the states that trained policies visit.
    averaging: share of the generations so far that the mean dataset averages; 0: the strategy's mean is it.
    action_noise: of candidates; policies of the mean dataset are evaluated as `evaluation` says.
    mean_inits, mean_groups: fresh initialisations, and groups of E environments for each, of evaluate_mean.
    """

    env: Environment | ImageTask
    policy: Network
    evaluation: Evaluation
    strategy: Strategy
    population: int
    inits: int
    seed: int
    layout: DatasetLayout | None
    training: TrainingSettings | None
    task_data: TaskData
    unflatten: Callable[[jax.Array], Params] | None
    mean_inits: int
    mean_groups: int
    variation: Variation | None = None
    alternatives: tuple[Network, ...] = ()
    remeasure: bool = False
    averaging: float = 0.0
    action_noise: ActionNoise = ActionNoise()

    @property
    def has_one_policy(self) -> bool:
        """Whether a candidate always makes the same policy: it is one, or is trained from the one initialisation."""
        return self.layout is None or self.task_data.fixed_init is not None


class EvolutionState(NamedTuple):
    """What a checkpoint holds.

    strategy: evosax's state, which also holds the best candidate so far and its fitness. generation: int32 [],
    generations done. constants: normalisation of mode "fixed". visited: statistics of the states that trained policies
    visit, in the environment's units (distill/visited); None where neither a bound nor constants depend on them.
    averaged: float32 [dim], the average of the strategy's means (distill/averaging); None where there is none.
    """

    strategy: Any
    generation: jax.Array
    constants: Statistics
    visited: Statistics | None = None
    averaged: jax.Array | None = None
