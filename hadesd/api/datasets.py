"""Datasets in a program: the arrays of a file, what they are, and the same states in natural units."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from hades_protocol.errors import UsageError
from hades_protocol.formatting import count_of
from hades_protocol.names import action_names, state_names
from hadesd.analysis.datasets import formats, reader
from hadesd.analysis.datasets.column_order import ACTION_PREFIX, STATE_PREFIX, without_prefix
from hadesd.analysis.datasets.reader import DatasetFile
from hadesd.api.arguments import as_path
from hadesd.spec import environments

EPSILON = 1e-8
"""Added to a variance before its root is taken (hadesd.distill.normalise)."""


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """State-action pairs, and what is known of them. `len()` is the number of pairs D; iterating yields the pairs.

    states: float32 [D, *observation], in `units`.
    actions: float32 [D, A]: -1 to 1 is what the environment takes, evolved ones may lie beyond (acting clips); or of
        discrete actions label probabilities.
    obs_mean, obs_var: float32 [*observation], the constants of `fixed` normalisation; else None.
    meta: what the file says of itself: environment, method, normalisation, settings, versions; {} for a plain one.
    source: where it comes from, for the texts of errors.

    Raises:
        UsageError: arrays do not fit together, or hold NaN, infinity or no numbers.
    """

    states: np.ndarray
    actions: np.ndarray
    obs_mean: np.ndarray | None = None
    obs_var: np.ndarray | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    source: str = "this dataset"

    def __post_init__(self) -> None:
        if self.states is None or self.actions is None or not isinstance(self.meta, dict):
            raise UsageError(f"{self.source}: states and actions are arrays, meta is a dictionary")
        path = Path(self.source)
        for name in formats.ARRAYS:
            if (array := getattr(self, name)) is not None:
                object.__setattr__(self, name, reader.as_float32(path, name, np.asarray(array)))
        reader.check_arrays(self.source, self.states, self.actions)
        if "parts" not in self.meta:  # each part of a merged file has constants of its own
            reader.check_constants(self.source, self.obs_mean, self.obs_var, self.states[0].size)

    def __len__(self) -> int:
        return len(self.states)

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return iter(zip(self.states, self.actions, strict=True))

    def __repr__(self) -> str:
        generation = f", generation {self.meta['generation']}" if "generation" in self.meta else ""
        return f"<Dataset: {count_of(len(self), 'pair')} of {self.env or 'an unknown environment'}{generation}>"

    @property
    def env(self) -> str | None:
        """Name of the environment that it was made for; None where the file does not say it."""
        name = self.meta.get("environment")
        return name if isinstance(name, str) else None

    @property
    def normalisation(self) -> str | None:
        """How policies see observations: "none", "fixed" or "running"; None where the file does not say it."""
        found = self.meta.get("normalisation")
        return found if isinstance(found, str) else None

    @property
    def units(self) -> str:
        """Units of the states: "natural" (the environment's own), "normalised", or "unknown"."""
        return str(self.meta.get("units", "unknown"))

    @property
    def observation_names(self) -> tuple[str, ...]:
        """A name for each entry of a state, prod(observation) of them; numbered where nobody has named them."""
        return tuple(state_names(self.states.shape[1:], self._names("observation_names")))

    @property
    def action_names(self) -> tuple[str, ...]:
        """A name for each action entry, or each discrete action: A of them."""
        return tuple(action_names(self.actions.shape[1], self._names("action_names")))

    def _names(self, key: str) -> tuple[str, ...]:
        """Names that the meta gives, else those of the environment; of a grid's channels, where it is one."""
        entry = environments.ENVIRONMENTS.get(self.env or "")
        found = self.meta.get(key) or (getattr(entry, key) if entry else ())
        return tuple(found) if isinstance(found, list | tuple) else ()

    def un_normalised(self) -> "Dataset":
        """The same pairs with states in the environment's natural units, to read and to draw.

        Policies are trained on the dataset as it is: they see observations normalised.

        Raises:
            UsageError: there are no constants to go back with: of `running` normalisation nobody has them, as every
                evaluation keeps statistics of its own; or the file lacks them.
        """
        if self.units == "natural":
            return self
        if self.obs_mean is None or self.obs_var is None:
            why = {
                "running": "its normalisation is 'running': every evaluation keeps statistics of its own, so there are "
                "no constants; distil with evaluation.normalisation='fixed' or 'none'",
                None: "it does not say how it is normalised; it may be in natural units as it is",
            }.get(self.normalisation, "it has no obs_mean and obs_var: 'hadesd export RUN -o FILE' writes them")
            raise UsageError(f"{self.source} cannot be brought to natural units: {why}")
        if "parts" in self.meta:
            raise UsageError(f"{self.source} is a merged file, whose parts have constants of their own")
        mean, variance = (array.reshape(self.states.shape[1:]) for array in (self.obs_mean, self.obs_var))
        natural = self.states * np.sqrt(variance + EPSILON) + mean
        meta = self.meta | {"normalisation": "none", "units": "natural"}
        return replace(self, states=natural, obs_mean=None, obs_var=None, meta=meta)

    def save(self, path: str | Path) -> None:
        """Write it as npz, csv, json or safetensors, by the suffix; a file that is there is replaced when it is whole.

        Raises:
            UsageError: another suffix, or the file cannot be written.
        """
        path = as_path(path)
        if path.suffix.lower() not in formats.WRITERS:
            raise UsageError(f"{path}: datasets are {', '.join(formats.WRITERS)} files: name it with one of these")
        arrays = {name: array for name in formats.ARRAYS if (array := getattr(self, name)) is not None}
        try:
            formats.write(path, arrays, json.dumps(self.meta))
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror or error}") from None


def load(path: str | Path) -> Dataset:
    """Read a dataset file that `hadesd export` wrote, or anybody's with `states` and `actions`. Needs no JAX.

    Args:
        path: a .npz, .csv, .json or .safetensors file.

    Returns:
        The dataset, its entries in the order of its environment where the file says which one that is.

    Raises:
        NotFoundError: there is no such file.
        UsageError: it is damaged, or its arrays do not fit together; it is no path.
    """
    return from_file(reader.load(as_path(path)))


def from_file(file: DatasetFile) -> Dataset:
    """The dataset of a file that was read. A plain CSV's titles become its names."""
    states = [without_prefix(title, STATE_PREFIX) for title in file.columns.state_columns]
    actions = [without_prefix(title, ACTION_PREFIX) for title in file.columns.action_columns]
    titles = {"observation_names": states, "action_names": actions} if states or actions else {}
    return Dataset(file.states, file.actions, file.obs_mean, file.obs_var, titles | file.meta, str(file.path))


def as_file(dataset: Dataset) -> DatasetFile:
    """What the rest of hades calls a dataset."""
    return DatasetFile(
        Path(dataset.source), dataset.states, dataset.actions, dataset.obs_mean, dataset.obs_var, dataset.meta
    )
