"""One policy for several environments, trained on a merged dataset (Lupu et al. 2024, section 5.3).

Normalised fitness in an environment: 0 is the level of policies trained on the *wrong* dataset (everything in the
file but this environment's pairs, padded alike), 1 that of policies trained on the environment's own pairs alone, in
their own sizes and with their own settings. Each of N policies trained on the whole file has one; mean and standard
error are over them. Where the two levels are equal, or a return is not finite, there is none.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hades_protocol.run_spec import RunSpec
from hadesd.analysis.datasets import fitting
from hadesd.analysis.datasets.reader import DatasetFile
from hadesd.analysis.evaluation.documents import (
    Level,
    MultitaskDocument,
    NormalisedFitness,
    TaskReturns,
    TrainingSettings,
)
from hadesd.analysis.evaluation.evaluate import Arena, Evaluated, evaluate, train_and_judge
from hadesd.analysis.evaluation.padding import PaddedEnvironment
from hadesd.compute import build


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


def judge_one(
    merged: DatasetFile, tasks: Sequence[Task], index: int, training: RunSpec, inits: int, episodes: int, seed: int
) -> Evaluated:
    """Policies trained on the whole file, in the environment of tasks[index]. training: their policy and cloning."""
    arena = _arena(merged, tasks[index])
    return train_and_judge(training, merged.states, merged.actions, [arena], inits, episodes, seed)[0]


def judge_all(
    merged: DatasetFile,
    tasks: Sequence[Task],
    training: RunSpec,
    inits: int,
    episodes: int,
    seed: int,
    report: Callable[[str], None],
) -> list[Scored]:
    """Everything that normalised fitness takes: 1 + 2 x (number of environments) trainings of `inits` policies.

    training: policy and cloning of the policies for all environments. report: gets a line before each training.
    """
    arenas = [_arena(merged, task) for task in tasks]
    report("policies for all environments …")
    together = train_and_judge(training, merged.states, merged.actions, arenas, inits, episodes, seed)
    owner = np.repeat(np.arange(len(tasks)), [len(task.part.states) for task in tasks])
    out = []
    for index, (task, arena) in enumerate(zip(tasks, arenas, strict=True)):
        others = owner != index
        report(f"{task.spec.env}: policies trained on the wrong pairs …")
        wrong = train_and_judge(
            training, merged.states[others], merged.actions[others], [arena], inits, episodes, seed
        )[0]
        report(f"{task.spec.env}: policies trained on its own pairs alone …")
        own = evaluate(task.part, task.spec, inits, episodes, seed)
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
    return Level(mean=summary.mean, sem=summary.sem)


def _normalised(values: np.ndarray | None) -> NormalisedFitness | None:
    """values: float64 [N] of each policy; None where there is no normalised fitness."""
    if values is None:
        return None
    per_init = tuple(float(value) for value in values)
    return NormalisedFitness(mean=float(values.mean()), sem=_sem(values), per_init=per_init)


def _sem(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0


def _arena(merged: DatasetFile, task: Task) -> Arena:
    env = build.environment_of(task.spec, "vmap")
    fitting.fit(task.part, env)
    padded = PaddedEnvironment(env, merged.states.shape[1:], merged.actions.shape[1])
    constants = padded.pad(fitting.constants(task.part, task.spec, env))
    return Arena(padded, constants, build.evaluation_of(task.spec), env.actions)
