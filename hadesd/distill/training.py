"""The inner loop of HaDES: train k policies on pairs and evaluate them (paper, algorithm 1).

Everything that scores a dataset comes through `train_and_evaluate`: the population of a generation, the mean dataset,
`hadesd evaluate` and `transfer`, merged datasets, images and recorded rollouts. What differs is an argument: the
policy and its training (`Learner`), what is measured (a `Task`), and how the k policies are spread over devices.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp

from hadesd.distill import cloning, images, rollout
from hadesd.distill.dataset import StateActionPairs
from hadesd.distill.environments.base import Environment
from hadesd.distill.images import LabelledImages
from hadesd.distill.normalise import Statistics
from hadesd.distill.optimizer import TrainingSettings
from hadesd.distill.policies import Params, Policy, TruncatedPolicy
from hadesd.distill.rollout import Evaluation, RolloutResult


@dataclass(frozen=True)
class Learner:
    """A policy and its training. training: None for direct neuroevolution, where the parameters act as they are."""

    policy: Policy
    training: TrainingSettings | None

    def with_arguments(self, arguments: Any) -> "Learner":
        """This learner; see LearnerSource."""
        return self


class LearnerSource(Protocol):
    """A learner, or something that makes one inside the compiled program."""

    def with_arguments(self, arguments: Any) -> Learner:
        """The learner for some arguments of the compiled program (`InnerLoopData.arguments`)."""
        ...


class InitData(NamedTuple):
    """What each of the k policies has of its own, stacked on axis 0.

    params: the initialisations. key: of resets and action noise; None where nothing is random.
    rate_factor: float32 [k], on the learning rate. pairs: the policy's own, in place of the common ones.
    """

    params: Params
    key: jax.Array | None = None
    rate_factor: jax.Array | None = None
    pairs: StateActionPairs | None = None


class InnerLoopData(NamedTuple):
    """What all k policies have in common.

    pairs: that they are trained on. task: arrays of the task, its `data`. weights: float32 [D], of the pairs in the
    loss; None: all the same. arguments: from which a learner makes its policy and training (`with_arguments`).
    """

    pairs: StateActionPairs | None
    task: Any
    weights: jax.Array | None = None
    arguments: Any = None


class TrainedPolicy(NamedTuple):
    """scores: what the task measured. params and loss (float32 []) of the trained policy."""

    scores: Any
    params: Params
    loss: jax.Array


Task = Callable[[Policy, Params, Any, Any], Any]
"""(policy, trained parameters, data, key) -> scores, a pytree. data: the task's arrays, of the compiled program."""

InitMap = Callable[[Callable[[Any, Any], Any], Any, Any], Any]
"""(function, common, items) -> `function(common, item)` of all items, stacked; see sharding.map_over_mesh."""


def vmap_inits(function: Callable[[Any, Any], Any], common: Any, items: Any) -> Any:
    """All policies side by side, as a batch."""
    return jax.vmap(lambda item: function(common, item))(items)


def single_init(function: Callable[[Any, Any], Any], common: Any, item: Any) -> Any:
    """One policy: `item`, and with it the result, has no axis 0."""
    return function(common, item)


def train_and_evaluate(
    learner: LearnerSource,
    task: Task,
    common: InnerLoopData,
    inits: InitData,
    map_inits: InitMap = vmap_inits,
    keep_policies: bool = False,
) -> Any:
    """Train one policy from each initialisation on the pairs, and score each: the task's scores, stacked [k, ...].

    map_inits: `vmap_inits`, `single_init`, or `functools.partial(map_over_mesh, mesh, chunk)`, which pads axis 0.
    keep_policies: return a TrainedPolicy, stacked; a population's would fill the memory.
    """

    def one(common: InnerLoopData, init: InitData) -> Any:
        chosen = learner.with_arguments(common.arguments)
        params, loss = init.params, jnp.float32(0.0)
        if chosen.training is not None:
            pairs = common.pairs if init.pairs is None else init.pairs
            assert pairs is not None
            params, loss = cloning.clone(
                chosen.policy, params, pairs, chosen.training, init.rate_factor, common.weights
            )
        scores = task(chosen.policy, params, common.task, init.key)
        return TrainedPolicy(scores, params, loss) if keep_policies else scores

    return map_inits(one, common, inits)


class ActingInputs(NamedTuple):
    """constants: of fixed normalisation. noise: float32 [], a factor on the noise of drawn actions; None: 1."""

    constants: Statistics
    noise: jax.Array | None = None


@dataclass(frozen=True)
class EvaluationTask:
    """Returns in an environment. data: ActingInputs. Scores: a RolloutResult.

    groups: independent groups of E environments, an axis [groups] of the scores; None: one group and no axis.
    actions: how many of the policy's outputs act there (None: all).
    """

    env: Environment
    setting: Evaluation
    groups: int | None = None
    actions: int | None = None

    def __call__(self, policy: Policy, params: Params, data: ActingInputs, key: jax.Array) -> RolloutResult:
        """Roll the policy out."""
        acting = policy if self.actions is None else TruncatedPolicy(policy, self.actions)

        def group(key: jax.Array) -> RolloutResult:
            return rollout.evaluate(self.env, acting, params, data.constants, key, self.setting, data.noise)

        return group(key) if self.groups is None else jax.vmap(group)(jax.random.split(key, self.groups))


def image_loss(policy: Policy, params: Params, data: LabelledImages, key: jax.Array | None) -> RolloutResult:
    """A task: the fitness is minus a classifier's loss on images."""
    return RolloutResult(-images.loss(policy, params, data), jnp.int32(0), jnp.int32(0))


def image_accuracy(policy: Policy, params: Params, data: LabelledImages, key: jax.Array | None) -> jax.Array:
    """A task: the share of images that a classifier is right about, float32 []."""
    return images.accuracy(policy, params, data)
