"""Real Orbax checkpoints on a real file system, and what is done to them."""

import errno
import json
import os
from pathlib import Path

import jax
import msgspec
import numpy as np
import pytest

from hades_protocol.run_spec import Retention
from hadesd.storage import metric_lines
from hadesd.worker import checkpoints
from hadesd.worker.checkpoints import CheckpointError, CheckpointMismatch, CheckpointStore
from tests.helpers.runs.manifests import description
from tests.worker.test_best_dataset import line


class Line(msgspec.Struct):
    """The least that a line of metrics.jsonl has."""

    generation: int


def state(generation: int) -> dict:
    random = np.random.default_rng(generation)
    return {
        "mean": random.normal(size=37).astype(np.float32),
        "best": np.full(5, np.nan, np.float32),
        "count": np.int32(generation),
        "nested": (np.zeros((0, 3), np.float32), np.float32(-0.0)),
    }


LIKE = jax.eval_shape(lambda: state(0))


def store(path: Path, **retention) -> CheckpointStore:
    return CheckpointStore(path / "checkpoints", Retention(**({"keep_every": 0, "keep_best": False} | retention)))


def filled(path: Path, count: int = 4, **retention) -> CheckpointStore:
    kept = store(path, keep_newest=3, **retention)
    for generation in range(1, count + 1):
        kept.save(state(generation), description(generation, float(generation % 3)))
    kept.settle()
    return kept


def identical(a, b) -> bool:
    return all(
        np.asarray(x).tobytes() == np.asarray(y).tobytes() and np.asarray(x).dtype == np.asarray(y).dtype
        for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    )


def array_file(checkpoint: Path) -> Path:
    files = [f for f in (checkpoint / "state").rglob("*") if f.is_file() and f.stat().st_size > 100 and f.name == "0"]
    assert len(files) == 1, f"expected one data file, found {files}"
    return files[0]


def test_what_comes_back_is_what_was_saved_to_the_bit(tmp_path):
    filled(tmp_path)
    restored, manifest, passed_over = store(tmp_path).restore_newest(lambda manifest: LIKE)
    assert identical(restored, state(4)), "NaN, -0.0, empty arrays and scalars must keep their bytes"
    assert manifest.generation == 4
    assert passed_over == []


def test_a_dataset_lies_beside_the_state_and_nothing_is_restored_from_it(tmp_path):
    kept = store(tmp_path, keep_newest=3)
    kept.save(state(1), description(1))  # as older versions did, and as method es does
    kept.save(state(2), description(2), b"an npz")
    assert not (tmp_path / "checkpoints/1/dataset.npz").exists()
    assert (tmp_path / "checkpoints/2/dataset.npz").read_bytes() == b"an npz"
    (tmp_path / "checkpoints/2/dataset.npz").write_bytes(b"broken")
    restored, _, passed_over = store(tmp_path).restore_newest(lambda manifest: LIKE)
    assert identical(restored, state(2))
    assert passed_over == []
    flip_a_bit(tmp_path / "checkpoints/2")
    restored, _, passed_over = store(tmp_path).restore_newest(lambda manifest: LIKE)
    assert identical(restored, state(1)), "a checkpoint without a dataset is as good as any"
    assert len(passed_over) == 1


def test_an_empty_directory_holds_nothing_to_restore(tmp_path):
    assert store(tmp_path).restore_newest(lambda manifest: LIKE) is None


def flip_a_bit(checkpoint: Path) -> None:
    file = array_file(checkpoint)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def truncate(checkpoint: Path) -> None:
    file = array_file(checkpoint)
    file.write_bytes(file.read_bytes()[:20])


def lose_the_array(checkpoint: Path) -> None:
    array_file(checkpoint).unlink()


def lose_the_manifest(checkpoint: Path) -> None:
    (checkpoint / checkpoints.MANIFEST).unlink()


def garble_the_manifest(checkpoint: Path) -> None:
    (checkpoint / checkpoints.MANIFEST).write_text('{"generation": 1, "leaves"')


def empty_manifest_object(checkpoint: Path) -> None:
    (checkpoint / checkpoints.MANIFEST).write_text("{}")


def flip_a_bit_of_the_manifest(checkpoint: Path) -> None:
    file = checkpoint / checkpoints.MANIFEST
    text = file.read_text()
    assert "int32" in text
    file.write_text(text.replace("int32", "int#2"))


DAMAGE = [
    flip_a_bit,
    truncate,
    lose_the_array,
    lose_the_manifest,
    garble_the_manifest,
    empty_manifest_object,
    flip_a_bit_of_the_manifest,
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_newest_step_is_passed_over_said_and_kept(tmp_path, damage):
    filled(tmp_path)
    damage(tmp_path / "checkpoints/4")
    restored, manifest, passed_over = store(tmp_path).restore_newest(lambda manifest: LIKE)
    assert manifest.generation == 3
    assert identical(restored, state(3))
    assert len(passed_over) == 1
    assert "checkpoint 4" in passed_over[0]
    assert (tmp_path / "checkpoints/bad-4-0").is_dir(), "the evidence must stay"


@pytest.mark.parametrize(
    ("lines", "restored", "aside"),
    [
        ([1, 2, 3, 4], 4, []),
        ([1, 2, 3], 3, [4]),  # a power cut took the last line
        ([1, 2], 2, [3, 4]),
        ([1, 2, 4], 4, []),  # a line that was lost before
        ([], 4, []),  # nothing to lose
        ([1], 4, []),  # no checkpoint that old is kept
    ],
)
def test_a_checkpoint_newer_than_the_metrics_would_leave_a_hole_for_ever(tmp_path, lines, restored, aside):
    filled(tmp_path)  # keeps 2, 3, 4
    for generation in lines:
        metric_lines.append(tmp_path / "metrics.jsonl", line(generation, None))
    again = store(tmp_path)
    _, manifest, passed_over = again.restore_newest(lambda manifest: LIKE)
    assert manifest.generation == restored
    assert len(passed_over) == len(aside)
    assert [int(path.name.split("-")[1]) for path in sorted((tmp_path / "checkpoints").glob("bad-*"))] == aside
    again.save(state(restored + 1), description(restored + 1))
    assert again.generations()[-1] == restored + 1, "retention keeps what comes next"


def test_where_every_step_is_damaged_it_is_an_error_and_not_a_fresh_start(tmp_path):
    filled(tmp_path)
    for checkpoint in (2, 3, 4):
        flip_a_bit(tmp_path / f"checkpoints/{checkpoint}")
    with pytest.raises(CheckpointError, match="none of the 3 checkpoints"):
        store(tmp_path).restore_newest(lambda manifest: LIKE)
    assert len(list((tmp_path / "checkpoints").glob("bad-*"))) == 3


def test_what_cannot_be_looked_at_now_is_no_damage_and_stays_in_its_place(tmp_path):
    """Such as wrong rights, or a file server that is away. Too long a name is an error for root too."""
    filled(tmp_path)
    manifest = tmp_path / "checkpoints/4/hades.json"
    aside = manifest.rename(tmp_path / "hades.json")
    manifest.symlink_to("/" + "x" * 300)
    with pytest.raises(OSError, match="name too long"):
        store(tmp_path).restore_newest(lambda manifest: LIKE)
    manifest.unlink()
    aside.rename(manifest)
    _, found, passed_over = store(tmp_path).restore_newest(lambda manifest: LIKE)
    assert (found.generation, passed_over) == (4, [])


def test_a_new_workers_first_step_is_on_the_disk_before_older_ones_go(tmp_path, synced):
    """Those may be the only ones that a power cut leaves, after an hour's pause as after a crash."""
    filled(tmp_path)
    again = store(tmp_path)
    metric_lines.append(tmp_path / "metrics.jsonl", Line(generation=5))
    synced.clear()
    again.save(state(5), description(5, 5.0))
    names = [str(path.relative_to(tmp_path)) for path in synced]
    assert "checkpoints/partial-5/hades.json" in names
    assert any(name.startswith("checkpoints/partial-5/state/") for name in names)
    assert names[0] == "metrics.jsonl", "a checkpoint without its line would leave a hole for ever"
    assert names[-1] == "checkpoints"
    assert again.generations() == [3, 4, 5]
    synced.clear()
    for generation in (6, 7, 8, 9):
        again.save(state(generation), description(generation, 6.0))
    assert synced == [], "from then on one in a while"
    assert again.generations() == [5, 7, 8, 9], "the one on the disk stays until the next is"


def test_a_best_that_is_kept_is_on_the_disk_once_a_newer_one_is(tmp_path, synced):
    """A power cut must not take what was there before the newest that it leaves."""
    kept = store(tmp_path, keep_newest=2, keep_best=True)
    for generation in (1, 2, 3, 4):
        kept.save(state(generation), description(generation, 9.0 if generation == 2 else 0.0))
    synced.clear()
    kept.settle()
    flushed = {path.parent.name for path in synced if path.name == "hades.json"}
    assert flushed == {str(generation) for generation in kept.generations()} - {"1"} == {"2", "3", "4"}
    synced.clear()
    kept.settle()
    assert {path.parent.name for path in synced if path.name == "hades.json"} == {"4"}, "each once"


def test_at_the_end_everything_is_on_the_disk(tmp_path, synced):
    kept = filled(tmp_path)
    kept.save(state(5), description(5, 5.0))
    for name in ("metrics.jsonl", "timings.jsonl"):
        metric_lines.append(tmp_path / name, Line(generation=5))
    (tmp_path / "dataset.npz").write_bytes(b"pairs")
    synced.clear()
    kept.settle()
    names = [str(path.relative_to(tmp_path)) for path in synced]
    assert set(names[:3]) == {"metrics.jsonl", "timings.jsonl", "."}, "a checkpoint without its line leaves a hole"
    assert set(names[3:]) >= {"checkpoints/5/hades.json", "checkpoints", "dataset.npz"}


@pytest.mark.parametrize("refused", [errno.EIO, errno.EINVAL])
def test_a_directory_that_cannot_be_flushed_after_the_rename_ends_nothing(tmp_path, monkeypatch, refused):
    kept = store(tmp_path)
    fsync = os.fsync

    def refuse(fd):
        if os.readlink(f"/proc/self/fd/{fd}") in (str(tmp_path), str(tmp_path / "checkpoints")):
            raise OSError(refused, os.strerror(refused))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", refuse)
    kept.save(state(1), description(1))
    kept.settle()
    assert kept.generations() == [1]


def test_a_step_that_cannot_be_flushed_is_none_and_leaves_nothing(tmp_path, monkeypatch):
    kept = store(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda fd: os.read(-1, 1))
    with pytest.raises(OSError, match="Bad file descriptor"):
        kept.save(state(1), description(1))
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_the_generation_after_a_fallback_can_be_committed_again(tmp_path):
    filled(tmp_path)
    flip_a_bit(tmp_path / "checkpoints/4")
    again = store(tmp_path)
    again.restore_newest(lambda manifest: LIKE)
    again.save(state(4), description(4, 0.0))
    assert identical(again.restore_newest(lambda manifest: LIKE)[0], state(4))


def test_a_state_of_another_form_is_refused_by_name(tmp_path):
    filled(tmp_path)
    other = jax.eval_shape(lambda: state(0) | {"mean": np.zeros(38, np.float32)})
    with pytest.raises(CheckpointMismatch, match="mean"):
        store(tmp_path).restore_newest(lambda manifest: other)
    assert (tmp_path / "checkpoints/4").is_dir(), "a sound checkpoint must not be set aside for that"


def test_partial_steps_of_a_killed_worker_are_swept(tmp_path):
    filled(tmp_path)
    partial = tmp_path / "checkpoints" / f"{checkpoints.PARTIAL}5"
    partial.mkdir()
    (partial / "junk").write_text("half")
    assert store(tmp_path).restore_newest(lambda manifest: LIKE)[1].generation == 4
    assert not partial.exists()


@pytest.mark.parametrize(
    ("retention", "kept"),
    [
        ({}, [8, 9, 10]),
        ({"keep_every": 4}, [4, 8, 9, 10]),
        ({"keep_best": True}, [8, 9, 10]),
    ],
)
def test_retention(tmp_path, retention, kept):
    # fitness is generation % 3: 2 is the best, and of equal ones the newest stays
    assert filled(tmp_path, 10, **retention).generations() == kept


def test_the_best_step_stays_also_after_reopening(tmp_path):
    first = store(tmp_path, keep_newest=2, keep_best=True)
    for generation, fitness in [(1, 5.0), (2, 1.0), (3, None)]:
        first.save(state(generation), description(generation, fitness))
    again = store(tmp_path, keep_newest=2, keep_best=True)
    for generation in (4, 5, 6):
        again.save(state(generation), description(generation, None))
    again.settle()
    assert again.generations() == [1, 5, 6], "a NaN generation must not evict the best one"


def test_a_step_says_what_it_is_without_jax(tmp_path):
    filled(tmp_path)
    manifest = json.loads((tmp_path / "checkpoints/4/hades.json").read_text())
    assert manifest["generation"] == 4
    assert ["['count']", "int32", []] in manifest["leaves"]


def moving_away(kept: CheckpointStore, run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run's directory is moved in the middle of the next save; where to."""
    away = run.with_name("away")
    save = kept._orbax.save

    def moved(*args, **options):
        run.rename(away)
        monkeypatch.undo()
        save(*args, **options)

    monkeypatch.setattr(kept._orbax, "save", moved)
    return away


def test_a_run_moved_away_during_a_save_does_not_go_on_in_an_empty_directory(tmp_path, monkeypatch):
    run = tmp_path / "run"
    kept = filled(run, 2)
    away = moving_away(kept, run, monkeypatch)
    with pytest.raises(FileNotFoundError, match="moved away"):
        kept.save(state(3), description(3, 0.0))
    assert not run.exists(), "a shell is left where the run was"
    away.rename(run)
    kept.save(state(3), description(3, 0.0))
    assert store(run).generations() == [1, 2, 3]


def test_what_another_put_in_the_place_of_a_moved_run_stays(tmp_path, monkeypatch):
    run = tmp_path / "run"
    kept = filled(run, 2)
    moving_away(kept, run, monkeypatch)
    save = kept._orbax.save
    monkeypatch.setattr(kept._orbax, "save", lambda *a, **o: (save(*a, **o), (run / "mine").touch()))
    with pytest.raises(FileNotFoundError):
        kept.save(state(3), description(3, 0.0))
    assert [path.name for path in run.iterdir()] == ["mine"]
