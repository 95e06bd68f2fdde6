"""Which checkpoints stay, and what is read of them without jax."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from hades_protocol.errors import NotFoundError
from hades_protocol.run_spec import Retention
from hadesd.storage import pruning
from hadesd.storage.checkpoints import (
    MANIFEST,
    Leaf,
    Manifest,
    choose_generation,
    discard,
    listed,
    manifest_text,
    read_fitness,
    read_manifest,
    retained,
    sealed,
)
from tests.helpers.runs.manifests import description, entries, write_manifest

RULES = st.builds(Retention, keep_newest=st.integers(2, 10), keep_every=st.integers(0, 20), keep_best=st.booleans())
FITNESS = st.dictionaries(st.integers(1, 200), st.none() | st.floats(-100, 100), max_size=60)


@given(FITNESS, RULES, st.none() | st.integers(1, 200))
def test_what_stays_is_what_the_rule_says_and_no_more(
    fitness: dict[int, float | None], rule: Retention, durable: int | None
) -> None:
    stays = retained(fitness, rule, durable)
    newest = sorted(fitness)[-rule.keep_newest :]
    every = {g for g in fitness if rule.keep_every and g % rule.keep_every == 0}
    extra = stays - set(newest) - every - {durable}
    assert set(newest) | every <= stays <= set(fitness)
    if durable in fitness:
        assert durable in stays
    known = [value for value in fitness.values() if value is not None]
    if rule.keep_best and known:
        best = max(g for g, value in fitness.items() if value == max(known))
        assert best in stays
        assert extra <= {best}
    else:
        assert not extra


@given(FITNESS, RULES)
def test_pruning_twice_is_pruning_once(fitness: dict[int, float | None], rule: Retention) -> None:
    stays = retained(fitness, rule)
    assert retained({g: fitness[g] for g in stays}, rule) == stays


def make_checkpoints(run: Path, *fitness: object) -> Path:
    for generation, value in enumerate(fitness, start=1):
        checkpoint = run / "checkpoints" / str(generation)
        (checkpoint / "state").mkdir(parents=True)
        (checkpoint / "state/0").write_bytes(b"x" * 100)
        write_manifest(checkpoint, generation, fitness_mean=value)
    return run / "checkpoints"


@pytest.mark.parametrize("value", [None, "high", float("nan"), float("inf"), [1], {}])
def test_a_fitness_that_is_no_number_is_none(tmp_path: Path, value: object) -> None:
    assert read_fitness(make_checkpoints(tmp_path, 1.5, value)) == {1: 1.5, 2: None}


def test_an_unreadable_manifest_says_nothing(tmp_path: Path) -> None:
    directory = make_checkpoints(tmp_path, 1.0, 2.0, 3.0)
    (directory / "1/hades.json").unlink()
    (directory / "2/hades.json").write_text("{")
    assert read_fitness(directory) == {1: None, 2: None, 3: 3.0}


SOUND = Manifest(leaves=(Leaf(".mean", "int32", (16,)),), sha256="0" * 64, **structs.asdict(description(7, 1.5)))


@given(st.integers(0), st.integers(0, 7))
def test_no_flipped_bit_makes_a_manifest_say_something_else(
    tmp_path_factory: pytest.TempPathFactory, at: int, bit: int
) -> None:
    checkpoint = tmp_path_factory.mktemp("step")
    data = bytearray(manifest_text(SOUND).encode())
    data[at % len(data)] ^= 1 << bit
    (checkpoint / MANIFEST).write_bytes(data)
    assert read_manifest(checkpoint) in (None, SOUND)


def test_a_manifest_without_its_seal_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps(entries()))
    assert read_manifest(tmp_path) is None


@pytest.mark.parametrize("lacking", entries())
def test_a_manifest_without_one_of_its_entries_says_nothing(tmp_path: Path, lacking: str) -> None:
    (tmp_path / MANIFEST).write_text(sealed({name: value for name, value in entries().items() if name != lacking}))
    assert read_manifest(tmp_path) is None


def test_entries_of_another_version_do_not_hinder(tmp_path: Path) -> None:
    write_manifest(tmp_path, 3, weather="fine")
    manifest = read_manifest(tmp_path)
    assert manifest is not None
    assert manifest.generation == 3


def test_a_removal_that_was_cut_short_does_not_hinder_the_next(tmp_path: Path) -> None:
    directory = make_checkpoints(tmp_path, 1.0)
    (directory / "partial-old-1/state").mkdir(parents=True)
    discard(directory, 1)
    assert list(directory.iterdir()) == []


def test_pruning_removes_what_its_plan_says(tmp_path: Path) -> None:
    directory = make_checkpoints(tmp_path, 9.0, 1.0, 2.0, 3.0, 4.0)
    rule = Retention(keep_newest=2, keep_every=3, keep_best=True)
    planned = pruning.plan(tmp_path, rule)
    assert (list(planned.stay), list(planned.go)) == ([1, 3, 4, 5], [2])
    assert planned.go[2] > 100
    assert pruning.prune(tmp_path, rule) == planned
    assert sorted(p.name for p in directory.iterdir()) == ["1", "3", "4", "5"]
    assert pruning.plan(tmp_path / "none", rule) == ({}, {})


def test_what_stays_is_on_the_disk_with_its_lines_before_anything_goes(tmp_path: Path, synced: list[Path]) -> None:
    directory = make_checkpoints(tmp_path, 1.0, 2.0, 3.0)
    (tmp_path / "metrics.jsonl").touch()
    pruning.prune(tmp_path, Retention(keep_newest=2, keep_every=0, keep_best=False))
    assert synced[0] == tmp_path / "metrics.jsonl"
    assert {directory / "3/hades.json", directory} <= set(synced)


def test_the_newest_checkpoint_is_the_default_and_others_go_by_number(tmp_path: Path) -> None:
    make_checkpoints(tmp_path / "a", 1.0, 2.0, 3.0)
    assert [choose_generation(tmp_path / "a", wanted) for wanted in (None, 2)] == [3, 2]
    with pytest.raises(NotFoundError, match="run a keeps no checkpoint of generation 4; kept: 1, 2, 3"):
        choose_generation(tmp_path / "a", 4)
    with pytest.raises(NotFoundError, match="run b has no checkpoint yet"):
        choose_generation(tmp_path / "b", None)
    assert listed(range(1, 20)) == "1, …, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19"
