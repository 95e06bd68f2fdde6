import gzip
import struct

import numpy as np
import pytest

from hades_protocol.errors import NotFoundError, UsageError
from hadesd.compute import image_files


def write_idx(path, array, packed=False):
    header = struct.pack(f">I{array.ndim}I", 0x0800 + array.ndim, *array.shape)
    data = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if packed else data)


@pytest.fixture
def directory(tmp_path):
    rng = np.random.default_rng(0)
    for part, count in (("train", 30), ("t10k", 20)):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", rng.integers(0, 256, (count, 28, 28)))
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte.gz", np.arange(count) % 10, packed=True)
    return tmp_path


def test_idx_files_are_read_packed_or_not(directory):
    train, test = image_files.load("mnist", str(directory))
    assert train.images.shape == (30, 28, 28, 1)
    assert test.labels.shape == (20,)
    assert float(train.images.max()) <= 1.0
    assert np.array_equal(train.labels[:12], np.arange(12) % 10)


def test_training_images_without_a_class_are_refused_with_its_name(directory):
    write_idx(directory / "train-labels-idx1-ubyte.gz", np.arange(30) % 7, packed=True)
    with pytest.raises(UsageError, match=r"train-labels-idx1-ubyte\.gz has no image of class 7, 8, 9"):
        image_files.load("mnist", str(directory))


def test_missing_files_are_named_with_where_to_get_them(directory):
    (directory / "t10k-images-idx3-ubyte").unlink()
    with pytest.raises(NotFoundError) as caught:
        image_files.load("fashion-mnist", str(directory))
    assert "t10k-images-idx3-ubyte" in str(caught.value)
    assert "https://" in str(caught.value)
    with pytest.raises(UsageError, match=r"images\.directory"):
        image_files.load("mnist", "")


@pytest.mark.parametrize("data", [b"", b"abc", struct.pack(">4I", 2051, 5, 28, 28) + b"short", b"\0" * 100])
def test_damaged_files_are_refused_in_one_line(directory, data):
    (directory / "train-images-idx3-ubyte").write_bytes(data)
    with pytest.raises(UsageError) as caught:
        image_files.load("mnist", str(directory))
    assert "train-images" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_packed_file_with_a_wrong_byte_is_refused_in_one_line(directory):
    file = directory / "train-labels-idx1-ubyte.gz"
    whole = file.read_bytes()
    for position in range(10, len(whole) - 8):  # between gzip's header and its checksum
        file.write_bytes(whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :])
        with pytest.raises(UsageError, match="train-labels"):
            image_files.load("mnist", str(directory))


def test_digits_need_no_files_and_are_always_divided_the_same_way():
    train, test = image_files.load("digits", "")
    again, _ = image_files.load("digits", "")
    assert (train.images.shape, test.images.shape) == ((1437, 8, 8, 1), (360, 8, 8, 1))
    assert np.array_equal(train.labels, again.labels)
    assert float(train.images.max()) == 1.0
