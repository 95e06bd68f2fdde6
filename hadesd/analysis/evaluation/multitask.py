"""One policy for several environments, trained on a merged dataset (Lupu et al. 2024, section 5.3).

Normalised fitness in an environment: 0 is the level of policies trained on the *wrong* dataset (everything in the
file but this environment's pairs, padded alike), 1 that of policies trained on the environment's own pairs alone, in
their own sizes and with their own settings. Each of N policies trained on the whole file has one; mean and standard
error are over them. Where the two levels are equal, or a return is not finite, there is none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hades_protocol.run_spec import RunSpec
from hadesd.analysis.datasets import shapes
from hadesd.analysis.datasets.reader import DatasetFile
from hadesd.analysis.evaluation.documents import (
    Computation,
    Level,
    MultitaskDocument,
    NormalisedFitness,
    TaskReturns,
    TrainingSettings,
)
from hadesd.analysis.evaluation.evaluate import Evaluated, evaluate, evaluate_pairs, task_of
from hadesd.compute import components, execution
from hadesd.compute.progress import UNREPORTED, Report
from hadesd.distill.dataset import StateActionPairs
from hadesd.distill.environments.base import VMAP, Environment
from hadesd.distill.normalise import Statistics
from hadesd.distill.training import EvaluationTask


class PaddedEnvironment:
    """An environment whose observations are zero-padded to a larger shape. It takes its own actions.

    `actions` is what a policy for it must put out, as many as the largest of the environments that it serves;
    `TruncatedPolicy` makes of them what this environment takes.
    """

    form = VMAP

    def __init__(self, env: Environment, observation: tuple[int, ...], actions: int) -> None:
        self._env = env
        self._gaps = [(0, wanted - size) for size, wanted in zip(env.observation, observation, strict=True)]
        self.name = env.name
        self.observation = observation
        self.discrete = env.discrete
        self.actions = actions

    def reset(self, key: jax.Array) -> tuple[Any, jax.Array]:
        state, observation = self._env.reset(key)
        return state, jnp.pad(observation, self._gaps)

    def step(self, key: jax.Array, state: Any, action: jax.Array) -> tuple[Any, jax.Array, jax.Array, jax.Array]:
        state, observation, reward, done = self._env.step(key, state, action)
        return state, jnp.pad(observation, self._gaps), reward, done

    def pad(self, constants: Statistics) -> Statistics:
        """Constants of normalisation for padded observations: padding stays zero."""
        mean, variance = constants.mean, constants.variance
        return Statistics(
            jnp.pad(mean, self._gaps), jnp.pad(variance, self._gaps, constant_values=1.0), constants.sample_count
        )


@dataclass(frozen=True)
class Task:
    """One environment of a merged file: its part, and the settings that its own policies are trained with."""

    part: DatasetFile
    spec: RunSpec


@dataclass(frozen=True)
class Scored:
    """What policies return in one environment: trained on the whole file, on the wrong pairs, on its own pairs."""

    task: Task
    together: Evaluated
    wrong: Evaluated
    own: Evaluated

    def normalised(self) -> np.ndarray | None:
        """Normalised fitness of each policy trained on the whole file, float64 [N]; None where there is none."""
        low, high = (float(np.mean(level.returns, dtype=np.float64)) for level in (self.wrong, self.own))
        values = (self.together.returns.mean(axis=1, dtype=np.float64) - low) / (high - low) if high != low else None
        return values if values is not None and np.all(np.isfinite(values)) else None


def evaluate_one(
    merged: DatasetFile,
    task: Task,
    training: RunSpec,
    inits: int,
    episodes: int,
    seed: int,
    report: Report = UNREPORTED,
) -> Evaluated:
    """Policies trained on the whole file, in the environment of the task. training: their policy and cloning."""
    measured = _evaluation_task(merged, task, episodes)
    return evaluate_pairs(training, _pairs(merged), [measured], inits, seed, report)[0]


def evaluate_all(
    merged: DatasetFile,
    tasks: Sequence[Task],
    training: RunSpec,
    inits: int,
    episodes: int,
    seed: int,
    report: Report = UNREPORTED,
) -> list[Scored]:
    """Everything that normalised fitness takes: 1 + 2 x (number of environments) trainings of `inits` policies.

    training: policy and cloning of the policies for all environments. report: a part for each training.
    """
    evaluation_tasks = [_evaluation_task(merged, task, episodes) for task in tasks]
    report.part("policies for all environments")
    together = evaluate_pairs(training, _pairs(merged), evaluation_tasks, inits, seed, report)
    owner = np.repeat(np.arange(len(tasks)), [len(task.part.states) for task in tasks])
    out = []
    for index, (task, evaluation_task) in enumerate(zip(tasks, evaluation_tasks, strict=True)):
        others = owner != index
        report.part(f"{task.spec.env}: policies trained on the wrong pairs")
        wrong = evaluate_pairs(training, _pairs(merged, others), [evaluation_task], inits, seed, report)[0]
        report.part(f"{task.spec.env}: policies trained on its own pairs alone")
        own = evaluate(task.part, task.spec, inits, episodes, seed, report)
        out.append(Scored(task, together[index], wrong, own))
    return out


def document(
    merged: DatasetFile, scored: Sequence[Scored], training: RunSpec, inits: int, episodes: int, seed: int
) -> MultitaskDocument:
    """What the comparison of all environments came to, for scripts and for the picture."""
    return MultitaskDocument(
        file=str(merged.path),
        envs=tuple(one.task.spec.env for one in scored),
        pairs=len(merged.states),
        seed=seed,
        inits=inits,
        episodes=episodes,
        settings=TrainingSettings(policy=training.policy, cloning=training.cloning),
        computation=Computation(**execution.computation()),
        tasks=tuple(_task(one) for one in scored),
    )


def _task(one: Scored) -> TaskReturns:
    return TaskReturns(
        env=one.task.spec.env,
        pairs=len(one.task.part.states),
        returns=one.together.summary(),
        wrong=_level(one.wrong),
        own=_level(one.own),
        normalised=_normalised(one.normalised()),
    )


def _level(evaluated: Evaluated) -> Level:
    summary = evaluated.summary()
    return Level(mean=summary.mean, sem=summary.sem, unfinished=summary.unfinished)


def _normalised(values: np.ndarray | None) -> NormalisedFitness | None:
    """values: float64 [N] of each policy; None where there is no normalised fitness."""
    if values is None:
        return None
    per_init = tuple(float(value) for value in values)
    return NormalisedFitness(mean=float(values.mean()), sem=_sem(values), per_init=per_init)


def _sem(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0


def _pairs(merged: DatasetFile, chosen: Any = slice(None)) -> StateActionPairs:
    return StateActionPairs(jnp.asarray(merged.states[chosen]), jnp.asarray(merged.actions[chosen]))


def _evaluation_task(merged: DatasetFile, task: Task, episodes: int) -> tuple[EvaluationTask, Statistics]:
    """Rollouts in a task's environment with the merged file's observations and actions, and their constants."""
    env = components.environment_of(task.spec, "vmap")
    shapes.fit(task.part, task.spec, env)
    padded = PaddedEnvironment(env, merged.states.shape[1:], merged.actions.shape[1])
    constants = padded.pad(shapes.constants(task.part, task.spec, env))
    actions = env.actions if env.actions != padded.actions else None
    return task_of(task.spec, padded, episodes, actions), constants
