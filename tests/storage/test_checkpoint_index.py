"""What a run keeps, from its directory."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from hades_protocol import commands
from hades_protocol.errors import InternalError, NotFoundError
from hades_protocol.messages import CheckpointList, HistoryEntry, HistoryKind
from hades_protocol.run_spec import Retention
from hadesd.storage.checkpoint_index import CheckpointIndex
from tests.helpers.processes.daemon import Home

RULE = Retention(keep_newest=3, keep_every=10, keep_best=False)


def make_checkpoint(directory: Path, generation: int, pairs: bool = True, size: int = 1000) -> Path:
    """A checkpoint as far as its files can be seen from outside."""
    place = directory / "checkpoints" / str(generation)
    (place / "state").mkdir(parents=True)
    (place / "state/0").write_bytes(b"x" * size)
    (place / "hades.json").write_text("{}")
    os.utime(place / "hades.json", (1_700_000_000 + generation,) * 2)
    if pairs:
        meta = {"generation": generation, "discrete": True}
        states, actions = np.full((2, 4), generation, np.float32), np.eye(2, dtype=np.float32)
        np.savez(place / "dataset.npz", states=states, actions=actions, meta=np.array(json.dumps(meta)))
    return place


def tree(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def test_before_the_first_commit_there_is_the_rule(tmp_path: Path) -> None:
    found = CheckpointIndex(tmp_path).describe(RULE, ())
    assert found == CheckpointList(keep_newest=3, keep_every=10, keep_best=False)


def test_generations_sizes_times_and_the_damaged(tmp_path: Path) -> None:
    for generation in (9, 10, 11):
        make_checkpoint(tmp_path, generation, pairs=generation != 9)
    (tmp_path / "checkpoints/bad-8-0").mkdir()
    (tmp_path / "checkpoints/partial-12").mkdir()
    found = CheckpointIndex(tmp_path).describe(RULE, ())
    assert (found.generations, found.with_pairs) == ((9, 10, 11), (10, 11))
    assert found.bytes == sum(tree(tmp_path / f"checkpoints/{generation}") for generation in (9, 10, 11))
    assert found.bytes_newest == tree(tmp_path / "checkpoints/11")
    assert found.committed_at == 1_700_000_011
    assert found.damaged == ("bad-8-0",)


def test_what_comes_and_goes_is_seen_and_the_rest_is_not_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for generation in range(1, 201):
        make_checkpoint(tmp_path, generation, pairs=False)
    kept = CheckpointIndex(tmp_path)
    before = kept.describe(RULE, ())
    looked: list[str] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: looked.append(str(path)) or scandir(path))
    shutil.rmtree(tmp_path / "checkpoints/5")
    make_checkpoint(tmp_path, 201, pairs=False)
    looked.clear()
    after = kept.describe(RULE, ())
    assert after.generations == (*(g for g in before.generations if g != 5), 201)
    assert after.bytes == before.bytes
    assert len(looked) == 3, "the directory of checkpoints, and the new one with its state"


def test_a_generation_that_comes_again_is_looked_at_again(tmp_path: Path) -> None:
    make_checkpoint(tmp_path, 1, size=10)
    old = make_checkpoint(tmp_path, 2, size=10)
    kept = CheckpointIndex(tmp_path)
    assert kept.describe(RULE, ()).generations == (1, 2)
    old.rename(tmp_path / "checkpoints/bad-2-0")
    make_checkpoint(tmp_path, 2, size=5000)
    make_checkpoint(tmp_path, 3, size=10)
    assert kept.describe(RULE, ()).bytes == sum(tree(tmp_path / f"checkpoints/{g}") for g in (1, 2, 3))


def test_the_last_restore_is_the_newest_resume_of_a_worker(tmp_path: Path) -> None:
    history = [
        HistoryEntry(at=5.0, what=HistoryKind.SUBMITTED, generation=0),
        HistoryEntry(at=10.0, what=HistoryKind.RESUME, generation=40, bit_exact=True),
        HistoryEntry(at=30.0, what=HistoryKind.RESUME, generation=30, bit_exact=False),
        HistoryEntry(at=29.0, what=HistoryKind.FALLBACK, generation=30, bit_exact=True),
        HistoryEntry(at=40.0, what=HistoryKind.RESUME, generation=50, reason="asked"),  # a person's request
    ]
    found = CheckpointIndex(tmp_path).describe(RULE, history)
    assert (found.verified_generation, found.verified_at) == (30, 30.0)


def test_pairs_of_a_kept_generation(tmp_path: Path) -> None:
    kept = CheckpointIndex(tmp_path)
    with pytest.raises(NotFoundError, match="generation 3; it has no checkpoint yet"):
        kept.dataset("r", 3)
    make_checkpoint(tmp_path, 2, pairs=False)
    with pytest.raises(NotFoundError, match="none of its checkpoints holds any"):
        kept.dataset("r", 2)
    for generation in range(3, 30):
        make_checkpoint(tmp_path, generation)
    assert list(kept.dataset("r", 7).states.values()) == [7.0] * 8
    with pytest.raises(NotFoundError, match=r"it has those of 3, …, 18, 19, .*, 29$"):
        kept.dataset("r", 2)
    with pytest.raises(NotFoundError):
        kept.dataset("r", -1)
    (tmp_path / "checkpoints/7/dataset.npz").write_bytes(b"PK")
    with pytest.raises(InternalError, match="damaged"):
        kept.dataset("r", 7)


def test_a_directory_that_cannot_be_read_is_no_reason_not_to_show_the_run(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("no directory")
    assert CheckpointIndex(tmp_path).describe(RULE, ()).generations == ()
    (tmp_path / "checkpoints").unlink()
    make_checkpoint(tmp_path, 1)
    (tmp_path / "checkpoints/2").write_text("no directory")
    assert CheckpointIndex(tmp_path).describe(RULE, ()).generations == (1,)


def test_a_real_daemon_tells_it_and_remembers_the_restore(home: Home) -> None:
    home.fake_daemon()
    run = home.start()
    directory = home.paths.runs / run
    for generation in (1, 2):
        make_checkpoint(directory, generation)
    resume = {"generation": 1, "kind": "resume", "text": "resumed", "time": 123.5, "bit_exact": True}
    (directory / "resumes.jsonl").write_text(json.dumps(resume) + "\n")
    for _ in range(2):
        found = home.ask(commands.Show, run=run).checkpoints
        assert (found.generations, found.with_pairs, found.keep_newest) == ((1, 2), (1, 2), 3)
        assert (found.verified_generation, found.verified_at) == (1, 123.5)
        assert home.ask(commands.Dataset, run=run, generation=2).generation == 2
        home.daemons[-1].kill()
        home.daemons[-1].wait(60)
        home.fake_daemon()
