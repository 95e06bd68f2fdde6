"""Pairs in natural units: a dataset's states live in the units that its policy sees."""

from dataclasses import dataclass

import numpy as np

from hadesd.analysis.datasets.reader import DatasetFile, bound_of
from hadesd.distill.normalise import EPSILON, UNSEEN_VARIANCE
from hadesd.spec.environments import EnvironmentInfo

NEAR = 1e-5
"""How far from a constant its running mean may end."""


@dataclass(frozen=True)
class Constants:
    """mean and variance, float32 [*obs], of the states' normalisation; source: where from, in a caption's words."""

    mean: np.ndarray
    variance: np.ndarray
    source: str


@dataclass(frozen=True)
class DrawablePairs:
    """What is drawn.

    entry: the environment, None where the file does not say.
    seen: float32 [D, *obs], the states as the policy sees them.
    natural: the same in the environment's own units; None where the constants are not known.
    actions: float32 [D, A]; actions, or label probabilities.
    constants: None where no normalisation is used or its constants are not known.
    bound: standard deviations of visited states that the states keep within (dataset.bound); None: no bound is known.
    """

    entry: EnvironmentInfo | None
    seen: np.ndarray
    natural: np.ndarray | None
    actions: np.ndarray
    constants: Constants | None
    normalisation: str
    bound: float | None = None

    @property
    def caption(self) -> str:
        """In which units the picture is, and where its constants are from."""
        if self.constants is not None:
            return f"States in natural units ({self.constants.source})."
        if self.natural is None:
            return "States in normalised units: the constants that lead back to natural ones are not known."
        return "States in natural units."

    @property
    def never_varies(self) -> np.ndarray:
        """bool [*obs]: entries that were constant while the normalisation was measured."""
        if self.constants is None:
            return np.zeros(self.seen.shape[1:], bool)
        variance, mean = self.constants.variance, self.constants.mean
        # Running means of float32 end a little below a constant 1.
        constant = (np.abs(mean) < NEAR) | (np.abs(mean - 1.0) < NEAR)
        return np.asarray((variance < UNSEEN_VARIANCE) | ((variance == 1.0) & constant))


def constants_of(dataset: DatasetFile, shape: tuple[int, ...]) -> Constants | None:
    """The constants that a file carries (fixed normalisation); None where it has none."""
    if dataset.obs_mean is None or dataset.obs_var is None:
        return None
    return Constants(
        dataset.obs_mean.reshape(shape),
        dataset.obs_var.reshape(shape),
        "the fixed normalisation that the dataset carries is undone",
    )


def in_natural_units(
    dataset: DatasetFile, entry: EnvironmentInfo | None, normalisation: str, constants: Constants | None
) -> DrawablePairs:
    """A dataset's pairs with their states in natural units, where these can be known.

    normalisation: running, fixed or none; constants: of the normalisation, None where not known.
    """
    shape = entry.observation if entry is not None else dataset.states.shape[1:]
    if int(np.prod(shape)) != int(np.prod(dataset.states.shape[1:])):
        shape = dataset.states.shape[1:]
    seen = dataset.states.reshape(-1, *shape)
    natural: np.ndarray | None = seen if normalisation == "none" else None
    if normalisation == "none":
        constants = None
    if constants is not None:
        natural = seen * np.sqrt(constants.variance + EPSILON) + constants.mean
    return DrawablePairs(entry, seen, natural, dataset.actions, constants, normalisation, bound_of(dataset.meta))
