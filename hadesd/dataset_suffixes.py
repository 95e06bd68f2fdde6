"""Suffixes of dataset files, known without numpy: so a verb can tell a file from a run's id."""

from pathlib import Path

SUFFIXES = (".npz", ".csv", ".json", ".safetensors")


def is_dataset_name(text: str) -> bool:
    """Whether a person means a dataset file, not a run."""
    return Path(text).suffix.lower() in SUFFIXES
