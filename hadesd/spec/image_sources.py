"""Where the images of supervised distillation come from: files that people get themselves. No jax."""

from pathlib import Path

from hades_protocol.errors import NotFoundError, UsageError
from hades_protocol.run_spec import RunSpec

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}

SOURCES = {
    "mnist": "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "fashion-mnist": "https://github.com/zalandoresearch/fashion-mnist (data/fashion)",
}
"""What needs files; everything else comes with a package."""


def check_files(spec: RunSpec) -> None:
    """Refuse a run whose images are not there, before it waits in a queue for nothing.

    Raises:
        UsageError: no directory was named, or not from the root on. NotFoundError: files are missing.
    """
    if spec.env not in SOURCES:
        return
    if spec.images.directory and not Path(spec.images.directory).is_absolute():
        raise UsageError(
            f"images.directory is '{spec.images.directory}': a run computes in a directory of its own, so it takes a "
            "whole path, from / on"
        )
    find_files(spec.env, spec.images.directory)


def find_files(name: str, directory: str) -> dict[str, list[Path]]:
    """The files of images and of labels, for `train` and `test`.

    Raises:
        UsageError: no directory was named. NotFoundError: files are missing; says which, and where to get them.
    """
    if not directory:
        raise UsageError(
            f"{name} is read from its four IDX files: --set images.directory=DIR; get them from {SOURCES[name]} "
            "(scikit-learn's digits need no files: --env digits)"
        )
    found = {part: [_find(Path(directory), file) for file in files] for part, files in FILES.items()}
    missing = [file for part, files in FILES.items() for file, at in zip(files, found[part], strict=True) if at is None]
    if missing:
        raise NotFoundError(
            f"{directory} lacks {', '.join(missing)} (also as .gz) of {name}: get them from {SOURCES[name]}"
        )
    return {part: [at for at in paths if at is not None] for part, paths in found.items()}


def _find(directory: Path, file: str) -> Path | None:
    """The file as such, as .gz, or with the dot that some mirrors put before idx."""
    for name in (file, f"{file}.gz", file.replace("-idx", ".idx"), file.replace("-idx", ".idx") + ".gz"):
        if (directory / name).is_file():
            return directory / name
    return None
