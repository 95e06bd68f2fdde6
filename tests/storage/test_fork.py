"""The files of a fork: whole, and never more than its generation has."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hades_protocol.errors import WrongStateError
from hadesd.storage.fork import copy_history


def a_run(directory: Path, generations: list[int], kept: list[int], widths: list[int] | None = None) -> Path:
    """A run directory with lines of the given widths and checkpoints of a few bytes."""
    directory.mkdir()
    widths = widths or [0] * len(generations)
    with open(directory / "metrics.jsonl", "w") as file:
        for generation, width in zip(generations, widths, strict=True):
            file.write(json.dumps({"generation": generation, "pad": "x" * width}) + "\n")
    for generation in kept:
        checkpoint = directory / "checkpoints" / str(generation)
        checkpoint.mkdir(parents=True)
        (checkpoint / "hades.json").write_text(f'{{"generation": {generation}}}')
    return directory


def lines(path: Path) -> list[int]:
    return [json.loads(line)["generation"] for line in path.read_text().splitlines()]


def test_a_fork_has_the_checkpoint_and_the_lines_up_to_it(tmp_path: Path) -> None:
    run = a_run(tmp_path / "a", [1, 2, 3, 4], [2, 4])
    (run / "references.json").write_text("[]")
    child = tmp_path / "b"
    child.mkdir()
    copy_history(run, child, 2)
    assert lines(child / "metrics.jsonl") == [1, 2]
    assert [checkpoint.name for checkpoint in (child / "checkpoints").iterdir()] == ["2"]
    assert (child / "references.json").exists()
    assert not (child / "timings.jsonl").exists()
    assert lines(run / "metrics.jsonl") == [1, 2, 3, 4]


def test_the_pairs_of_the_checkpoint_are_the_forks_before_it_has_computed(tmp_path: Path) -> None:
    run = a_run(tmp_path / "a", [1, 2, 3], [2, 3])
    for place in (run, run / "checkpoints" / "2"):
        (place / "dataset.npz").write_text(place.name)
    child = tmp_path / "b"
    child.mkdir()
    copy_history(run, child, 2)
    assert (child / "dataset.npz").read_text() == "2"


def test_a_fork_is_on_the_disk_before_its_parent_may_go(tmp_path: Path, synced: list[Path]) -> None:
    run = a_run(tmp_path / "a", [1, 2], [2])
    child = tmp_path / "b"
    child.mkdir()
    copy_history(run, child, 2)
    assert {child / "metrics.jsonl", child / "checkpoints" / "2" / "hades.json", child} <= set(synced)


@pytest.mark.parametrize(("best", "is_copied"), [(1, True), (2, True), (3, False), (None, False)])
def test_the_best_pairs_of_the_time_come_along(tmp_path: Path, best: int | None, is_copied: bool) -> None:
    run = a_run(tmp_path / "a", [1, 2, 3], [2])
    if best is not None:
        pairs = {"states": np.zeros((2, 4), np.float32), "actions": np.eye(2, dtype=np.float32)}
        np.savez(run / "best.npz", **pairs, meta=np.array(json.dumps({"generation": best})))
    child = tmp_path / "b"
    child.mkdir()
    copy_history(run, child, 2)
    assert (child / "best.npz").exists() == is_copied


def test_a_checkpoint_that_is_removed_meanwhile_is_one_line(tmp_path: Path) -> None:
    run = a_run(tmp_path / "a", [1, 2], [2])
    shutil.rmtree(run / "checkpoints" / "2")
    (tmp_path / "b").mkdir()
    with pytest.raises(WrongStateError, match="has just been removed"):
        copy_history(run, tmp_path / "b", 2)


@given(
    widths=st.lists(st.one_of(st.integers(0, 60), st.integers(4000, 9000)), max_size=40),
    cut=st.integers(0, 45),
    torn=st.booleans(),
)
def test_any_file_is_cut_after_the_right_line(
    tmp_path_factory: pytest.TempPathFactory, widths: list[int], cut: int, torn: bool
) -> None:
    directory = tmp_path_factory.mktemp("forking")
    count = len(widths)
    run = a_run(directory / "a", list(range(1, count + 1)), [cut], widths)
    whole = (run / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    if torn:
        with open(run / "metrics.jsonl", "a") as file:
            file.write('{"generation": 1, "pa')  # a worker that died in the middle of a line
    (directory / "b").mkdir()
    copy_history(run, directory / "b", cut)
    assert (directory / "b" / "metrics.jsonl").read_bytes() == b"".join(whole[:cut])
