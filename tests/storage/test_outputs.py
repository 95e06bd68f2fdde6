"""Files that people name, in a directory where somebody else may write too."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from matplotlib.figure import Figure

from hades_protocol.errors import HadesError, UsageError
from hades_protocol.keys import new_pair, write_private
from hades_protocol.paths import create_beside
from hadesd.analysis.datasets import formats
from hadesd.analysis.pictures import style
from hadesd.cli.datasets.export import check_output
from hadesd.cli.output import refuse_existing, refuse_link
from hadesd.compute.results import write_dataset
from hadesd.service import install
from hadesd.storage import archive, atomic
from hadesd.storage.datasets import SUFFIXES

ARRAYS = {"states": np.zeros((2, 3), np.float32), "actions": np.zeros((2, 1), np.float32)}
META = json.dumps({"schema": 1})


def pack(path: Path) -> None:
    run = path.parent.parent / "cartpole-1121-k3f9"
    run.mkdir(exist_ok=True)
    (run / "run.json").write_text("{}")
    archive.pack(run, path)


WRITERS: dict[str, Callable[[Path], object]] = {
    **{f"out{suffix}": lambda path: formats.write(path, ARRAYS, META) for suffix in SUFFIXES},
    "state.npz": lambda path: write_dataset(path, ARRAYS, META),
    "picture.svg": lambda path: style.save(Figure(), path),
    "keys.json": lambda path: write_private(path, new_pair(), force=True),
    "cartpole-1121-k3f9.tar.gz": pack,
    "page.html": lambda path: atomic.write_outputs({path: b"page"}),
}


def test_nothing_is_written_through_a_link_that_somebody_placed_beside(tmp_path: Path) -> None:
    shared, victim = tmp_path / "shared", tmp_path / "victim"
    shared.mkdir()
    victim.write_text("precious")
    for name in WRITERS:
        for trap in (f".{name}.tmp", f".{name}.partial", f".{name}.json.tmp"):
            (shared / trap).symlink_to(victim)
    traps = set(shared.iterdir())
    failed = []
    for name, write in WRITERS.items():
        write(shared / name)
        if victim.read_text() != "precious" or not (shared / name).stat().st_size:
            failed.append(name)
            victim.write_text("precious")
    assert failed == []
    left = {path.name for path in set(shared.iterdir()) - traps}
    assert left == {*WRITERS, "out.csv.json"}, "no temporary file is left"


def test_a_new_file_is_private_until_it_is_whole_and_a_replaced_one_keeps_its_mode(tmp_path: Path) -> None:
    target = tmp_path / ("x" * 250)
    (first, one), (second, other) = create_beside(target), create_beside(target)
    for fd in (one, other):
        assert stat.S_IMODE(os.fstat(fd).st_mode) == 0o600
        os.close(fd)
    assert first != second
    umask = os.umask(0o027)
    try:
        atomic.write_outputs({target: b"new"})
        assert stat.S_IMODE(target.stat().st_mode) == 0o640
        target.chmod(0o604)
        atomic.write_outputs({target: b"newer"})
    finally:
        os.umask(umask)
    assert (stat.S_IMODE(target.stat().st_mode), target.read_bytes()) == (0o604, b"newer")


def test_a_link_is_never_replaced_unasked_not_even_one_that_leads_nowhere(tmp_path: Path) -> None:
    run = tmp_path / "cartpole-1121-k3f9"
    run.mkdir()
    link = tmp_path / "out.csv"
    unit = tmp_path / "hadesd.service"
    for path in (link, unit, tmp_path / "out.md"):
        path.symlink_to(tmp_path / "nowhere")
    refusals: list[Callable[[], object]] = [
        lambda: refuse_existing(link, force=False),
        lambda: refuse_link(link),
        lambda: check_output(link, None, False, card=False),
        lambda: check_output(tmp_path / "out.npz", None, False, card=True),
        lambda: archive.pack(run, link),
        lambda: write_private(link, new_pair(), force=False),
        lambda: install.write(unit, "text", force=False),
    ]
    for refuse in refusals:
        with pytest.raises(HadesError):
            refuse()
    assert all(path.is_symlink() for path in (link, unit))
    refuse_existing(link, force=True)
    atomic.write_outputs({link: b"asked for"})
    assert (link.is_symlink(), link.read_bytes()) == (False, b"asked for")
    assert not (tmp_path / "nowhere").exists()


def test_where_it_cannot_be_written_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="directory"):
        atomic.write_outputs({tmp_path / "a": b"a", tmp_path / "taken": b"b"})
    with pytest.raises(UsageError):
        write_private(tmp_path / "no such directory" / "keys", msgspec.Struct(), force=True)
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".tmp")] == []
