"""A dataset as Minari keeps one: a directory with `data/metadata.json` and `data/main_data.hdf5`.

Minari (https://minari.farama.org, dataset standards) stores episodes. Pairs do not follow each other, so each is an
episode of one step: what a state leads to is not known, and the state stands where the next one would. A discrete
action is the likeliest; the probabilities of all are in `infos`. Rewards are 0: there are none. What a dataset of hades
has besides (`meta`, the constants of normalisation) is under `hades` in metadata.json.

Written and read with h5py alone, which the extra `minari` brings: Minari itself needs more to install.
"""

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from hades_protocol.errors import UsageError
from hadesd.spec.user_files import parse_json, read_text
from hadesd.storage.atomic import write_outputs

DATA, METADATA = Path("data/main_data.hdf5"), Path("data/metadata.json")
MINARI_VERSION = "0.5.3"
"""Of the layout, for Minari to know whether it can read it."""

MOST_PAIRS = 10_000
"""An episode of HDF5 takes some kilobytes, however small the pair."""

PROBABILITIES = "probabilities"
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*-v\d+")


def is_one(directory: Path) -> bool:
    """Whether a directory holds a dataset as Minari keeps one."""
    return (directory / DATA).is_file() and (directory / METADATA).is_file()


def write(directory: Path, arrays: dict[str, np.ndarray], meta: str) -> list[Path]:
    """Write a dataset into a directory; the files.

    Raises:
        UsageError: h5py is not installed, or there are too many pairs.
        OSError: a file cannot be written.
    """
    h5py = _h5py()
    states, actions, said = arrays["states"], arrays["actions"], json.loads(meta)
    if len(states) > MOST_PAIRS:
        raise UsageError(
            f"{len(states)} pairs are too many episodes for Minari's format (at most {MOST_PAIRS}): use npz"
        )
    discrete = bool(said.get("discrete"))
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", track_order=True) as file:
        for number, (state, action) in enumerate(zip(states, actions, strict=True)):
            episode = file.create_group(f"episode_{number}")
            episode.attrs["id"] = number
            episode.attrs["total_steps"] = 1
            episode["observations"] = np.stack([state, state])
            episode["actions"] = np.array([np.argmax(action)], np.int64) if discrete else action[None]
            episode["rewards"] = np.zeros(1)
            episode["terminations"] = np.array([False])
            episode["truncations"] = np.array([True])
            infos = episode.create_group("infos")  # Minari prints no episode without
            if discrete:
                infos[PROBABILITIES] = np.stack([action, action])
    path, about = directory / DATA, directory / METADATA
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = _metadata(directory, arrays, said, discrete)
    write_outputs({path: buffer.getvalue(), about: (json.dumps(metadata) + "\n").encode()})
    return [path, about]


def _metadata(directory: Path, arrays: dict[str, np.ndarray], said: dict[str, Any], discrete: bool) -> dict[str, Any]:
    states, actions = arrays["states"], arrays["actions"]
    space: dict[str, Any] = {"type": "Discrete", "dtype": "int64", "start": 0, "n": actions.shape[1]}
    if not discrete:
        space = _box(np.full(actions.shape[1:], -np.inf), np.full(actions.shape[1:], np.inf))
    unbounded = np.full(states.shape[1:], np.inf)
    hades = {"meta": said} | {name: arrays[name].tolist() for name in ("obs_mean", "obs_var") if name in arrays}
    return {
        "dataset_id": _dataset_id(directory),
        "total_episodes": len(states),
        "total_steps": len(states),
        "data_format": "hdf5",
        "jpeg_encoding": False,
        "observation_space": json.dumps(_box(-unbounded, unbounded)),
        "action_space": json.dumps(space),
        "minari_version": MINARI_VERSION,
        "algorithm_name": f"hades ({said.get('method', 'imported')})",
        "author": [],
        "author_email": [],
        "code_permalink": "",
        "description": "Synthetic state-action pairs, each an episode of one step, to train a policy on by behaviour "
        "cloning. Rewards are 0, and what follows a state is not known.",
        "hades": hades,
    }


def _box(low: np.ndarray, high: np.ndarray) -> dict[str, Any]:
    return {"type": "Box", "dtype": "float32", "shape": list(low.shape), "low": low.tolist(), "high": high.tolist()}


def _dataset_id(directory: Path) -> str:
    """Minari finds a dataset by its directory's name, which has a version at its end."""
    name = directory.resolve().name
    return name if _ID.fullmatch(name) else f"{re.sub(r'[^A-Za-z0-9_-]+', '-', name).strip('-') or 'dataset'}-v0"


def read(directory: Path) -> dict[str, np.ndarray]:
    """The arrays of a dataset, and `meta` where hades wrote it: pairs are all steps of all episodes, in order.

    Of a dataset that Minari itself wrote, the observation after the last action of an episode has no action and is left
    out; spaces that are no arrays (dicts, texts) are refused.

    Raises:
        UsageError: h5py is not installed.
        ValueError, KeyError, OSError: it is damaged, or of spaces that are not understood.
    """
    h5py = _h5py()
    metadata = parse_json(read_text(directory / METADATA))
    if not isinstance(metadata, dict):
        raise ValueError(f"{METADATA} holds no object")
    observations, actions = [], []
    with h5py.File(directory / DATA, "r") as file:
        for number in range(len(file)):
            episode = file[f"episode_{number}"]
            steps = episode["actions"]
            probabilities = episode.get(f"infos/{PROBABILITIES}")
            if not isinstance(episode["observations"], h5py.Dataset) or not isinstance(steps, h5py.Dataset):
                raise ValueError("its observations or actions are no plain arrays")
            count = len(steps)
            observations.append(episode["observations"][:count])
            actions.append(steps[:] if probabilities is None else probabilities[:count])
    if not observations:
        raise ValueError("it has no episode")
    out = {"states": np.concatenate(observations), "actions": np.concatenate(actions)}
    own = metadata.get("hades")
    if isinstance(own, dict):
        out |= {name: np.asarray(own[name]) for name in ("obs_mean", "obs_var") if name in own}
        out |= {"meta": np.array(json.dumps(own["meta"]))} if "meta" in own else {}
    return out


def _h5py() -> Any:
    try:
        import h5py
    except ImportError:
        raise UsageError("Minari's format needs h5py: pip install 'hades-distil[minari]'") from None
    return h5py
