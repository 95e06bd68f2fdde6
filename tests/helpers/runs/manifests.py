"""What checkpoints say of themselves, with entries as a worker writes them."""

from pathlib import Path
from typing import Any

from hades_protocol.run_spec import spec_to_dict
from hadesd.storage.checkpoints import Description, sealed
from hadesd.storage.layout import MANIFEST
from tests.helpers.runs.specs import tiny

EXECUTION: dict[str, Any] = {
    "devices": 1,
    "platform": "cpu",
    "device": "A 6 1, features 0",
    "threads": 4,
    "chunk": 8,
    "physics": "vmap",
    "cloning": "xla",
    "options": [],
}


def description(generation: int, fitness_mean: float | None = None) -> Description:
    """What a worker says of a generation."""
    return Description(**_described(generation) | {"fitness_mean": fitness_mean, "options": ()})


def entries(generation: int = 1, **others: Any) -> dict[str, Any]:
    """The entries of a manifest as its file holds them; others take the place of what a worker writes, whatever they
    are."""
    return _described(generation) | {"leaves": [[".mean", "float32", [16]]], "sha256": "0" * 64} | others


def write_manifest(checkpoint: Path, generation: int = 1, **others: Any) -> None:
    """Write the manifest of a checkpoint, with its checksum. others: as for `entries`."""
    (checkpoint / MANIFEST).write_text(sealed(entries(generation, **others)))


def _described(generation: int) -> dict[str, Any]:
    spec = tiny()
    return {
        **EXECUTION,
        "generation": generation,
        "fitness_mean": None,
        "env": spec.env,
        "method": spec.method,
        "settings": spec_to_dict(spec),
        "versions": {"jax": "0.10.2"},
    }
