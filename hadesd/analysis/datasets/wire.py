"""Datasets as a daemon sends them: for clients that have no run directory at hand."""

from pathlib import Path

import numpy as np

from hades_protocol import commands, replies
from hades_protocol.codec import Array
from hades_protocol.messages import DatasetSnapshot
from hades_protocol.run_spec import RunSpec, build_spec
from hades_protocol.sync_client import ControlClient
from hadesd.analysis.datasets.reader import DatasetFile
from hadesd.spec.dataset_meta import settings_meta, sources_meta
from hadesd.storage.datasets import SCHEMA


def ask_for_dataset(client: ControlClient, run: str, generation: int | None = None) -> DatasetFile:
    """The newest committed mean dataset of a run, or that of a kept generation; `path` is the run's id.

    Raises:
        NotFoundError: no such run, or it has no such dataset.
        HadesError: the daemon does not answer.
    """
    shown: replies.ShowResult = client.request(commands.Show, run=run)
    snapshot: DatasetSnapshot = client.request(commands.Dataset, run=shown.run.id, generation=generation)
    return DatasetFile(
        path=Path(shown.run.id),
        states=as_numpy(snapshot.states),
        actions=as_numpy(snapshot.actions),
        obs_mean=None if snapshot.obs_mean is None else as_numpy(snapshot.obs_mean),
        obs_var=None if snapshot.obs_var is None else as_numpy(snapshot.obs_var),
        meta=meta_of(snapshot, build_spec(shown.spec), shown.run.id),
    )


def as_numpy(array: Array) -> np.ndarray:
    """An array of its own, in the machine's byte order."""
    wire = np.dtype(array.dtype).newbyteorder("<")
    return np.frombuffer(array.data, wire).reshape(array.shape).astype(array.dtype)


def meta_of(snapshot: DatasetSnapshot, spec: RunSpec, run: str) -> dict[str, object]:
    """What an exported file says of itself, as far as a client can know it."""
    return {
        "schema": SCHEMA,
        "run": run,
        **settings_meta(
            spec,
            snapshot.generation,
            normalisation=snapshot.normalisation,
            discrete=snapshot.discrete,
            observation_names=snapshot.observation_names,
            action_names=snapshot.action_names,
        ),
        **sources_meta(spec),
    }
