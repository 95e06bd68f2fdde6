"""The region of the states that trained policies visit: `dataset.bound` keeps the pairs in it, and with
`evaluation.remeasure` the constants of fixed normalisation follow its mean and variance.

At the start it is that of a random policy, which is too narrow where policies fall at once. So after 10, 20, 40, 80
generations and so on it is measured again, from fresh policies that are trained on the mean dataset and draw their
actions where candidates do, but anew in every step (`evaluation.noise_every` is not for them): often while they change
fast, ever more rarely afterwards. Each measure counts half, so that no single one moves the pairs far, and in between
the region stands still for the strategy. All of it follows from the state: a run that was interrupted measures the
same.

Constants go to a measure at once only while there is little to lose: pairs that were found in other units are worth
nothing in these (hopper's mean dataset fell from 1910 to 40). From generation 320 on they go there in every generation
a little, and the search goes with them.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from hadesd.distill import normalise, policies, rollout
from hadesd.distill.averaging import averaged, mean_of
from hadesd.distill.dataset import Region
from hadesd.distill.environments.base import Environment
from hadesd.distill.images import ImageTask
from hadesd.distill.normalise import EPSILON, UNSEEN_VARIANCE, Statistics
from hadesd.distill.policies import Params, Policy
from hadesd.distill.problem import VISITED_STREAM, EvolutionState, Problem, TaskData, generation_key
from hadesd.distill.rollout import Evaluation
from hadesd.distill.sharding import map_over_mesh
from hadesd.distill.training import ActingInputs, InitData, InnerLoopData, Learner, train_and_evaluate

FIRST = 10
"""Generations before the first measure."""

POLICIES = 8
"""Fresh policies that a measure trains; HaDES-F has one."""

AT_ONCE = 160
"""Generations after which constants still take a measure over at once."""

FOLLOWED_SHARE = 0.5
"""Share of the generations so far over which constants average what was the newest measure in each of them."""


def is_due(generation: int) -> bool:
    """Whether the region is measured anew before the generation after so many: 10, 20, 40, 80 ..."""
    times, rest = divmod(generation, FIRST)
    return times > 0 and rest == 0 and times & (times - 1) == 0


def is_bounded(problem: Problem) -> bool:
    """Whether the pairs of a problem are bound to a region that has to be measured.

    Pairs in running units are bound too, but there mean and standard deviation are 0 and 1 by definition.
    """
    return problem.layout is not None and problem.layout.bound > 0 and problem.evaluation.normalisation != "running"


def sets_constants(problem: Problem) -> bool:
    """Whether the constants of a problem's normalisation follow the states that policies visit."""
    return problem.remeasure and problem.evaluation.normalisation == "fixed"


def is_measured(problem: Problem) -> bool:
    """Whether a problem depends on the states that policies visit: it bounds its pairs, or normalises with them."""
    return is_bounded(problem) or sets_constants(problem)


def region_of(problem: Problem, constants: Statistics, visited: Statistics | None) -> Region | None:
    """The region in the units of the pairs; None where they have no bound.

    An entry that never varied has standard deviation 0: it is what it always was.
    """
    if problem.layout is None or not problem.layout.bound:
        return None
    if visited is None:
        return Region(jnp.zeros(problem.env.observation), jnp.ones(problem.env.observation))
    std = jnp.sqrt(jnp.where(visited.variance < UNSEEN_VARIANCE, 0.0, visited.variance))
    if problem.evaluation.normalisation == "none":
        return Region(visited.mean, std)
    return Region(normalise.apply(constants, visited.mean), std / jnp.sqrt(constants.variance + EPSILON))


def measure(problem: Problem, mesh: Mesh, devices: int, state: EvolutionState, task_data: TaskData) -> Statistics:
    """Statistics of the states that policies trained on the mean dataset visit, in E environments x T steps each.

    Of direct neuroevolution: of the mean policy. Stacked [N, *obs], padded on axis 0. devices: among which policies are
    divided; all processes that share a run compute all of them, as many side by side as one with all devices would.
    """
    assert not isinstance(problem.env, ImageTask)
    root = jax.random.fold_in(generation_key(problem.seed, state.generation), VISITED_STREAM)
    key_init, key_evaluate = jax.random.split(root)
    mean, inits, pairs = mean_of(problem, state), task_data.fixed_init, None
    if problem.layout is None:
        assert problem.unflatten is not None
        inits = jax.tree.map(lambda leaf: leaf[None], problem.unflatten(mean))
    elif inits is None:
        inits = policies.init_many(problem.policy, key_init, problem.env.observation, POLICIES)
    count = jax.tree.leaves(inits)[0].shape[0]
    if problem.layout is not None:
        pairs = problem.layout.unflatten(mean, region_of(problem, state.constants, state.visited))
    found: Statistics = train_and_evaluate(
        Learner(problem.policy, problem.training),
        functools.partial(_visited, problem.env, problem.action_noise.drawn(problem.evaluation)),
        InnerLoopData(pairs, ActingInputs(state.constants, problem.action_noise.factor(state.generation))),
        InitData(inits, jax.random.split(key_evaluate, count)),
        functools.partial(map_over_mesh, mesh, -(-count // devices)),
    )
    return found


def _visited(
    env: Environment, setting: Evaluation, policy: Policy, params: Params, data: ActingInputs, key: jax.Array
) -> Statistics:
    return rollout.visited(env, policy, params, data.constants, key, setting, data.noise)


def remeasured(problem: Problem, state: EvolutionState, found: Statistics) -> EvolutionState:
    """The state after a measure, `found`, see `merged`: its region, and the constants that go there at once."""
    after = merged(jax.device_get(state.visited), found)
    if sets_constants(problem) and int(state.generation) <= AT_ONCE:
        state = state._replace(constants=normalise.usable(jax.tree.map(jnp.asarray, after)))
    return state._replace(visited=after)


def followed(problem: Problem, state: EvolutionState) -> Statistics:
    """The constants after one more generation, `state.generation`: nearer to what was measured last.

    The average over generations of the measure that was the newest in each (as averaging.averaged): after n of them
    they go 2 / (n + 1) of the way.
    """
    if not sets_constants(problem) or state.visited is None:
        return state.constants
    old, newest = state.constants, normalise.usable(state.visited)
    mean = averaged(FOLLOWED_SHARE, old.mean, newest.mean, state.generation)
    variance = averaged(FOLLOWED_SHARE, old.variance, newest.variance, state.generation)
    return Statistics(mean, variance, old.sample_count)


def merged(old: Statistics, found: Statistics) -> Statistics:
    """The statistics after a measure: half new, half as they were. numpy in and out.

    found: of each policy, stacked. What is not finite, as where physics breaks, leaves an entry as it was.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        mean = np.mean(found.mean, axis=0)
        variance = np.mean(found.variance + np.square(found.mean - mean), axis=0)
        moved = mean - old.mean
        new_mean = old.mean + 0.5 * moved
        new_variance = 0.5 * (old.variance + variance) + 0.25 * np.square(moved)
    usable = np.isfinite(new_mean) & np.isfinite(new_variance)
    kept: Any = np.where(usable, (new_mean, new_variance), (old.mean, old.variance)).astype(np.float32)
    return Statistics(kept[0], kept[1], old.sample_count)
