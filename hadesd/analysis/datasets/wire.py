"""Datasets as a daemon sends them: for clients that have no run directory at hand."""

from pathlib import Path

import numpy as np

from hades_protocol import commands, replies
from hades_protocol.codec import Array
from hades_protocol.messages import DatasetSnapshot
from hades_protocol.run_spec import RunSpec, build_spec, spec_to_dict
from hades_protocol.sync_client import ControlClient
from hadesd.analysis.datasets.reader import DatasetFile
from hadesd.spec import environments
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
    entry = environments.ENVIRONMENTS.get(spec.env)  # the daemon may know environments that are not installed here
    settings = spec_to_dict(spec)
    inits = {"inits": spec.inits, "init_seed": spec.init_seed if spec.method == "hades-f" else None}
    named: dict[str, object] = {}
    if spec.own_environment.observation:
        named["own_environment"] = settings["own_environment"]
    if entry is not None and entry.family == "images":
        named["images"] = settings["images"]
    return named | {
        "schema": SCHEMA,
        "run": run,
        "environment": spec.env,
        "backend": environments.backend_for(entry, spec.backend) if entry else spec.backend,
        "method": spec.method,
        "generation": snapshot.generation,
        "generations": spec.evolution.generations,
        "normalisation": snapshot.normalisation,
        "units": "natural" if snapshot.normalisation == "none" else "normalised",
        "discrete": snapshot.discrete,
        "observation_names": list(snapshot.observation_names),
        "action_names": list(snapshot.action_names),
        "policy": settings["policy"] | inits,
        "cloning": settings["cloning"],
        "evaluation": settings["evaluation"],
        "seed": spec.seed,
    }
