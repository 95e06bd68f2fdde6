"""Real images for supervised distillation: scikit-learn's digits, and MNIST-like IDX files."""

import gzip
import struct
import zlib
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from hades_protocol.errors import UsageError
from hadesd.distill.images import LabelledImages
from hadesd.spec.image_sources import find_files

DIGITS_TEST = 360
"""Of scikit-learn's 1797 digits these are the test images; they are chosen once and for all."""

IMAGES_MAGIC, LABELS_MAGIC = 2051, 2049

CLASSES = 10
"""Of every catalogue name."""


def load(name: str, directory: str) -> tuple[LabelledImages, LabelledImages]:
    """Training and test images of a catalogue name: float32 [N, H, W, 1] in [0, 1], labels int32 [N].

    Raises:
        UsageError: no directory was named, a file is damaged, or there is no training image of a class.
        NotFoundError: files are missing; says which, and where to get them.
    """
    if name == "digits":
        return _digits()
    found = find_files(name, directory)
    train, test = (_labelled(*found[part]) for part in ("train", "test"))
    missing = np.setdiff1d(np.arange(CLASSES), train.labels)
    if missing.size:
        raise UsageError(
            f"{found['train'][1]} has no image of class {', '.join(map(str, missing))}: "
            f"a dataset begins with images of all {CLASSES}"
        )
    return train, test


def _digits() -> tuple[LabelledImages, LabelledImages]:
    from sklearn.datasets import load_digits

    data = load_digits()
    images = np.asarray(data.images, np.float32)[..., None] / 16.0
    labels = np.asarray(data.target, np.int32)
    order = np.random.default_rng(0).permutation(len(labels))
    test, train = order[:DIGITS_TEST], order[DIGITS_TEST:]
    return _pack(images[train], labels[train]), _pack(images[test], labels[test])


def _pack(images: np.ndarray, labels: np.ndarray) -> LabelledImages:
    return LabelledImages(jnp.asarray(images, jnp.float32), jnp.asarray(labels, jnp.int32))


def _labelled(images_path: Path, labels_path: Path) -> LabelledImages:
    images = read_idx(images_path, IMAGES_MAGIC)
    labels = read_idx(labels_path, LABELS_MAGIC)
    if len(images) != len(labels):
        raise UsageError(
            f"{images_path} holds {len(images)} images, {labels_path} {len(labels)} labels: get both again"
        )
    if images.shape[1:] != (28, 28) or labels.max(initial=0) >= CLASSES:
        raise UsageError(f"{images_path}: images {list(images.shape[1:])}, wanted [28, 28] in ten classes")
    return _pack(images[..., None].astype(np.float32) / 255.0, labels.astype(np.int32))


def read_idx(path: Path, magic: int) -> np.ndarray:
    """An IDX file of unsigned bytes, gzipped or not: uint8 [N] or [N, H, W].

    Raises:
        UsageError: it cannot be read or is no such file.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            data = file.read()
        (found,) = struct.unpack_from(">I", data)
        shape = struct.unpack_from(f">{found & 0xFF}I", data, 4)
        if found != magic:
            raise ValueError(f"its magic number is {found}, not {magic}")
        return np.frombuffer(data, np.uint8, int(np.prod(shape)), 4 + 4 * len(shape)).reshape(shape)
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as error:
        raise UsageError(f"{path} is no readable IDX file ({error}): get it again") from None
