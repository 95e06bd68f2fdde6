"""Train policies on a dataset, and measure what they return: the inner loop of the paper (algorithm 1)."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import RunSpec
from hadesd.analysis.evaluation.documents import Returns
from hadesd.api.datasets import Dataset
from hadesd.api.jax_process import start_jax

if TYPE_CHECKING:
    from hadesd.api.training import Policies

MOST_INITS = 100_000
MOST_EPISODES = 1_000_000
DEFAULT_INITS = 10


def train(
    dataset: Dataset,
    *,
    inits: int = DEFAULT_INITS,
    seed: int = 0,
    env: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> "Policies":
    """Train fresh policies on a dataset by behaviour cloning (paper, section 4.1).

    Args:
        dataset: of `load`, `distil` or arrays of your own.
        inits: how many policies N, each from an initialisation of its own (a dataset of hades-f: all from its one).
        seed: root of the random numbers of the initialisations.
        env: environment, where the dataset does not say it.
        settings: settings by dotted name or nested, over those that the dataset says: {"policy.width": 256}. What
            neither says is as published; a warning tells where the dataset does not say its settings.

    Returns:
        N policies: call one with an observation, or use its parameters.

    Raises:
        UsageError: the environment is not known, arrays do not fit it, a setting is not accepted, or packages that
            compute are missing.
    """
    _check("inits", inits, 1, MOST_INITS)
    _check("seed", seed, 0, 2**32 - 1)
    _ready("hadesd.train", dataset)
    if not isinstance(dataset, Dataset):
        raise UsageError(f"hadesd.train takes a dataset, not {type(dataset).__name__}: hadesd.load(FILE) reads one")
    from hadesd.api import training

    return training.train(dataset, inits, seed, env, settings)


def evaluate(
    what: "Dataset | Policies",
    *,
    inits: int | None = None,
    episodes: int = 16,
    seed: int = 0,
    env: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Returns:
    """What policies return in their environment, as `hadesd evaluate` measures it.

    Args:
        what: a dataset, on which fresh policies are trained first, or policies that are trained.
        inits: how many policies are trained on a dataset (default 10).
        episodes: environments that each policy is rolled out in, rounded up to whole groups of
            evaluation.environments.
        seed: root of the random numbers. Policies of `train` with the same seed meet the same environments as those
            that are trained here.
        env: environment of a dataset that does not say it.
        settings: settings by dotted name or nested, over those that the dataset says.

    Returns:
        Mean return, standard deviation and error over the policies, and the mean return of each.

    Raises:
        UsageError: as `train`; `inits`, `env` or `settings` given with policies, which have theirs; images.
    """
    _check("episodes", episodes, 1, MOST_EPISODES)
    _check("seed", seed, 0, 2**32 - 1)
    _ready("hadesd.evaluate", what)
    from hadesd.api import training

    if isinstance(what, Dataset):
        _check("inits", count := DEFAULT_INITS if inits is None else inits, 1, MOST_INITS)
        return training.evaluate_dataset(what, count, episodes, seed, env, settings)
    if not isinstance(what, training.Policies):
        raise UsageError(
            f"hadesd.evaluate takes a dataset, or all policies of hadesd.train, not {type(what).__name__}: "
            "per_init of its result has the return of each policy"
        )
    for name, value in (("inits", inits), ("env", env), ("settings", settings)):
        if value is not None:
            raise UsageError(f"{name} goes with a dataset: these policies are trained, for {what.spec.env}")
    return training.evaluate_policies(what, episodes, seed)


def _ready(function: str, what: object) -> None:
    """Start JAX.

    Raises:
        UsageError: a file's path was given for a dataset, or packages are missing.
    """
    if isinstance(what, str | Path):
        raise UsageError(f"{function} takes a dataset, not a path: hadesd.load({str(what)!r}) reads the file")
    start_jax(function, RunSpec(env="CartPole-v1"))  # a process has all devices, whatever the settings


def _check(name: str, value: int, low: int, high: int) -> None:
    if not isinstance(value, int) or not low <= value <= high:
        raise UsageError(f"{name} is {value!r}: it takes an integer from {low} to {high}")
