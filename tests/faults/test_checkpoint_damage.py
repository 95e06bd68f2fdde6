"""Checkpoints of a real run that are really damaged: it falls back, says so everywhere, and keeps the evidence."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from hades_protocol.run_state import RunState
from tests.faults.conftest import put, results
from tests.helpers.processes.daemon import Home, until

S = RunState


def checkpoints(run: Path) -> list[int]:
    return sorted(int(entry.name) for entry in (run / "checkpoints").iterdir() if entry.name.isdigit())


def array_file(checkpoint: Path) -> Path:
    return max(
        (file for file in (checkpoint / "state").rglob("*") if file.is_file()), key=lambda file: file.stat().st_size
    )


def truncate(checkpoint: Path) -> None:
    file = array_file(checkpoint)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flip_one_bit(checkpoint: Path) -> None:
    file = array_file(checkpoint)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def delete(checkpoint: Path) -> None:
    shutil.rmtree(checkpoint)


@pytest.mark.parametrize("damage", [truncate, flip_one_bit, delete])
def test_a_run_survives_a_newest_checkpoint_that_is_damaged_or_gone(
    home: Home, made: dict[str, Path], twin: dict[str, bytes], damage: Callable[[Path], None]
) -> None:
    directory = put(home, made["paused"])
    run, newest = directory.name, checkpoints(directory)[-1]
    damage(directory / "checkpoints" / str(newest))
    home.daemon()
    assert home.show(run).state == S.PAUSED
    assert home.hadesd("resume", run).returncode == 0
    what = f"checkpoint {newest} is {'gone' if damage is delete else 'unreadable'}"
    until(lambda: what in home.show(run).reason, f"its reason says '{what}'")
    home.reaches(run, S.FINISHED)
    assert results(directory) == twin, "what was computed again is the same"

    resumes = [json.loads(line) for line in (directory / "resumes.jsonl").read_text().splitlines()]
    fallback = next(resume for resume in resumes if resume["kind"] == "fallback")
    assert (fallback["generation"], fallback["bit_exact"]) == (newest - 1, True)
    for verb in ("status", "logs"):
        assert what in home.hadesd(verb, run).stdout, f"'hadesd {verb}' says it"
    assert (directory / f"checkpoints/bad-{newest}-0").is_dir() == (damage is not delete), "the evidence is kept"


def test_a_run_whose_checkpoints_are_all_damaged_fails_plainly_and_never_begins_anew(
    home: Home, made: dict[str, Path]
) -> None:
    directory = put(home, made["paused"])
    run, there = directory.name, checkpoints(directory)
    metrics = (directory / "metrics.jsonl").read_bytes()
    for checkpoint in there:
        flip_one_bit(directory / "checkpoints" / str(checkpoint))
    home.daemon()
    assert home.hadesd("resume", run).returncode == 0
    failed = home.reaches(run, S.FAILED)
    assert f"none of the {len(there)} checkpoints in {directory}/checkpoints can be read" in failed.reason
    assert failed.reason.endswith("put one back from a copy and resume, or begin anew with 'hadesd start'")
    assert "\n" not in failed.reason
    assert len(list((directory / "checkpoints").glob("bad-*"))) == len(there), "the evidence is kept"

    assert home.hadesd("resume", run).returncode == 0
    again = home.reaches(run, S.FAILED)
    assert "no checkpoint that can be read is left" in again.reason
    assert (directory / "metrics.jsonl").read_bytes() == metrics, "nothing is computed from the beginning"

    newest = there[-1]
    shutil.copytree(made["paused"] / "checkpoints" / str(newest), directory / "checkpoints" / str(newest))
    assert home.hadesd("resume", run).returncode == 0
    home.reaches(run, S.FINISHED)
