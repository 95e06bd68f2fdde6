"""Transfer: how well does a dataset train policies it was not evolved with (Lupu et al. 2024, section 5.2)?

Two sets of settings, both around the file's own learning rate and epochs:

- draws, the paper's experiment: for each width, random learning rate (log-uniform, a tenth to ten times), epochs
  (log-uniform, half to twice), depth (1 to 4), activation (tanh, relu) and optimiser (Adam, plain SGD);
- grid: every combination of width, depth 1 to 4, both activations, and learning rates over a factor of ten (the
  file's own, divided and multiplied by sqrt 10), with the file's epochs and optimiser.

Plain SGD takes a hundred times Adam's learning rate: Adam's steps are of the size of the rate in every weight, SGD's
are the gradient's, which is clipped. Factors are drawn from the seed and the width alone: every file meets the same.

A setting's return is the mean over fresh initialisations, for files of HaDES-F too: that those need their own is
what the comparison shows. A setting with a return that is not finite has none and ranks worst.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import product

import numpy as np

from hades_protocol.run_spec import RunSpec
from hadesd.analysis.datasets.reader import DatasetFile
from hadesd.analysis.evaluation.documents import (
    SettingReturns,
    TransferBase,
    TransferDataset,
    TransferDocument,
    TransferMode,
    WidthSummary,
)
from hadesd.analysis.evaluation.transfer_eval import ACTIVATIONS, OPTIMIZERS, Setting

DEPTHS = (1, 2, 3, 4)
GRID_RATES = (10**-0.5, 1.0, 10**0.5)
DRAWN_RATES = (0.1, 10.0)
DRAWN_EPOCHS = (0.5, 2.0)
SGD_FACTOR = 100.0


@dataclass(frozen=True)
class Trial:
    """A setting and the mean return of each initialisation, float32 [N]."""

    setting: Setting
    returns: np.ndarray

    @property
    def mean(self) -> float | None:
        """Mean return over the initialisations; None where one is not finite."""
        return float(np.mean(self.returns)) if np.all(np.isfinite(self.returns)) else None


@dataclass
class Transferred:
    """One dataset's trials so far. `run`: the run that it is of, where it was named as one."""

    dataset: DatasetFile
    spec: RunSpec
    run: str | None = None
    trials: list[Trial] = field(default_factory=list)


def grid(spec: RunSpec, width: int) -> list[Setting]:
    """The grid's settings of one width, by depth: 4 depths x 2 activations x 3 learning rates."""
    c = spec.cloning
    return [
        Setting(width, depth, activation, c.optimizer, c.learning_rate * factor, c.epochs)
        for depth, activation, factor in product(DEPTHS, ACTIVATIONS, GRID_RATES)
    ]


def draws(spec: RunSpec, width: int, count: int, seed: int) -> list[Setting]:
    """`count` random settings of one width, by depth. The first n of a larger count are the same."""
    c = spec.cloning
    adam_rate = c.learning_rate / (SGD_FACTOR if c.optimizer == "sgd" else 1.0)
    out = []
    for i in range(count):
        random = np.random.default_rng((seed, width, i))
        optimizer = str(random.choice(OPTIMIZERS))
        rate = adam_rate * _log_uniform(random, *DRAWN_RATES)
        out.append(
            Setting(
                width=width,
                depth=int(random.choice(DEPTHS)),
                activation=str(random.choice(ACTIVATIONS)),
                optimizer=optimizer,
                learning_rate=rate * (SGD_FACTOR if optimizer == "sgd" else 1.0),
                epochs=max(1, round(c.epochs * _log_uniform(random, *DRAWN_EPOCHS))),
            )
        )
    return sorted(out, key=lambda setting: setting.depth)


def _log_uniform(random: np.random.Generator, low: float, high: float) -> float:
    return math.exp(random.uniform(math.log(low), math.log(high)))


def summary(width: int, trials: Sequence[Trial], threshold: float | None) -> WidthSummary:
    """Mean and spread over the trials of a width and over their better half (rounded up); share at the threshold."""
    finite = _finite(trials)
    mean, std = _mean_and_std(finite)
    top_mean, top_std = _mean_and_std(finite[: -(-len(trials) // 2)])
    return WidthSummary(
        width=width,
        settings=len(trials),
        mean=mean,
        std=std,
        top_mean=top_mean,
        top_std=top_std,
        reached=reached(trials, threshold),
        not_finite=len(trials) - len(finite),
    )


def reached(trials: Sequence[Trial], threshold: float | None) -> float | None:
    """Share of the trials whose mean return is at least the threshold; None without one."""
    if threshold is None or not trials:
        return None
    return sum(mean >= threshold for mean in _finite(trials)) / len(trials)


def _finite(trials: Sequence[Trial]) -> list[float]:
    """The mean returns that are finite, best first."""
    return sorted((mean for mean in (trial.mean for trial in trials) if mean is not None), reverse=True)


def document(
    transferred: Sequence[Transferred],
    *,
    mode: TransferMode,
    complete: bool,
    seed: int,
    inits: int,
    episodes: int,
    threshold: float | None,
) -> TransferDocument:
    """What the trials came to, for scripts and for the picture. complete: false where they were interrupted."""
    return TransferDocument(
        mode=mode,
        complete=complete,
        seed=seed,
        inits=inits,
        episodes=episodes,
        threshold=threshold,
        datasets=tuple(_dataset(one, threshold) for one in transferred),
    )


def _dataset(one: Transferred, threshold: float | None) -> TransferDataset:
    meta, c, p = one.dataset.meta, one.spec.cloning, one.spec.policy
    widths = sorted({trial.setting.width for trial in one.trials})
    method, generation = meta.get("method"), meta.get("generation")
    return TransferDataset(
        file=str(one.dataset.path),
        run=one.run,
        env=one.spec.env,
        method=method if isinstance(method, str) else None,
        generation=generation if isinstance(generation, int) else None,
        pairs=len(one.dataset.states),
        base=TransferBase(
            learning_rate=c.learning_rate,
            epochs=c.epochs,
            optimizer=c.optimizer,
            clip_norm=c.clip_norm,
            weight_decay=c.weight_decay,
            width=p.width,
            depth=p.depth,
            activation=p.activation,
        ),
        reached=reached(one.trials, threshold),
        widths=tuple(summary(w, [t for t in one.trials if t.setting.width == w], threshold) for w in widths),
        settings=tuple(_setting(trial) for trial in one.trials),
    )


def _setting(trial: Trial) -> SettingReturns:
    mean, n = trial.mean, len(trial.returns)
    return SettingReturns(
        **asdict(trial.setting),
        return_mean=mean,
        return_sem=None if mean is None else float(np.std(trial.returns, ddof=1) / math.sqrt(n)) if n > 1 else 0.0,
        returns=tuple(float(value) if math.isfinite(value) else None for value in trial.returns),
    )


def _mean_and_std(values: Sequence[float]) -> tuple[float | None, float | None]:
    if not values:
        return None, None
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
