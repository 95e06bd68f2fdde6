"""One policy for several environments, trained on a merged dataset (Lupu et al. 2024, section 5.3).

Normalised fitness in an environment: 0 is the level of policies trained on the *wrong* dataset (everything in the
file but this environment's pairs, padded alike), 1 that of policies trained on the environment's own pairs alone, in
their own sizes and with their own settings. Each of N policies trained on the whole file has one; mean and standard
error are over them. Where the two levels are equal, or a return is not finite, there is none.

The document, which `hadesd evaluate AB.npz --json` prints:

    schema      1
    file, environments, pairs, seed, inits, episodes
    settings    policy and cloning of the policies for all environments
    tasks       list, one for each environment: environment, pairs,
                  return_mean, return_std, return_sem, return_per_init, ... as in `hadesd evaluate` of one environment,
                  wrong, own: {return_mean, return_sem} of the two levels
                  normalised_mean, normalised_sem, normalised_per_init
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hades_protocol.run_spec import RunSpec, spec_to_dict
from hadesd.analysis.datasets import shapes
from hadesd.analysis.datasets.reader import DatasetFile
from hadesd.analysis.evaluation.evaluate import Evaluated, EvaluationTask, evaluate, train_and_evaluate
from hadesd.analysis.evaluation.padding import PaddedEnvironment
from hadesd.compute import build

SCHEMA = 1


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
    merged: DatasetFile, tasks: Sequence[Task], index: int, training: RunSpec, inits: int, episodes: int, seed: int
) -> Evaluated:
    """Policies trained on the whole file, in the environment of tasks[index]. training: their policy and cloning."""
    evaluation_task = _evaluation_task(merged, tasks[index])
    return train_and_evaluate(training, merged.states, merged.actions, [evaluation_task], inits, episodes, seed)[0]


def evaluate_all(
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
    evaluation_tasks = [_evaluation_task(merged, task) for task in tasks]
    report("policies for all environments …")
    together = train_and_evaluate(training, merged.states, merged.actions, evaluation_tasks, inits, episodes, seed)
    owner = np.repeat(np.arange(len(tasks)), [len(task.part.states) for task in tasks])
    out = []
    for index, (task, evaluation_task) in enumerate(zip(tasks, evaluation_tasks, strict=True)):
        others = owner != index
        report(f"{task.spec.env}: policies trained on the wrong pairs …")
        wrong = train_and_evaluate(
            training, merged.states[others], merged.actions[others], [evaluation_task], inits, episodes, seed
        )[0]
        report(f"{task.spec.env}: policies trained on its own pairs alone …")
        own = evaluate(task.part, task.spec, inits, episodes, seed)
        out.append(Scored(task, together[index], wrong, own))
    return out


def document(
    merged: DatasetFile, scored: Sequence[Scored], training: RunSpec, inits: int, episodes: int, seed: int
) -> dict[str, Any]:
    """What --json prints; see the top of this module."""
    settings = spec_to_dict(training)
    return {
        "schema": SCHEMA,
        "file": str(merged.path),
        "environments": [one.task.spec.env for one in scored],
        "pairs": len(merged.states),
        "seed": seed,
        "inits": inits,
        "episodes": episodes,
        "settings": {name: settings[name] for name in ("policy", "cloning")},
        "tasks": [_entry(one) for one in scored],
    }


def _entry(one: Scored) -> dict[str, Any]:
    values = one.normalised()
    levels = {name: level.summary() for name, level in (("wrong", one.wrong), ("own", one.own))}
    return {
        "environment": one.task.spec.env,
        "pairs": len(one.task.part.states),
        **one.together.summary(),
        **{name: {key: level[key] for key in ("return_mean", "return_sem")} for name, level in levels.items()},
        "normalised_mean": None if values is None else float(values.mean()),
        "normalised_sem": None if values is None else _sem(values),
        "normalised_per_init": None if values is None else [float(value) for value in values],
    }


def _sem(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0


def _evaluation_task(merged: DatasetFile, task: Task) -> EvaluationTask:
    env = build.environment_of(task.spec, "vmap")
    shapes.fit(task.part, env)
    padded = PaddedEnvironment(env, merged.states.shape[1:], merged.actions.shape[1])
    constants = padded.pad(shapes.constants(task.part, task.spec, env))
    return EvaluationTask(padded, constants, build.evaluation_of(task.spec), env.actions)
