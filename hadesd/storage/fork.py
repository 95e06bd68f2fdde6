"""The files of a fork: a run directory that stands on its own, so that its parent may be removed."""

import os
import shutil
import time
from pathlib import Path

from hades_protocol.errors import WrongStateError
from hades_protocol.messages import Lineage
from hades_protocol.names import Labels
from hades_protocol.replies import SettingChange
from hades_protocol.run_spec import RunSpec
from hadesd.spec.differences import describe
from hadesd.storage import records
from hadesd.storage.checkpoints import flush
from hadesd.storage.datasets import generation_of
from hadesd.storage.layout import DATASET, RunPaths
from hadesd.storage.metric_lines import end_of


def create_fork(
    runs: Path,
    parent: Path,
    generation: int,
    spec: RunSpec,
    changed: tuple[SettingChange, ...],
    labels: Labels = Labels(),  # noqa: B008 — it cannot be changed
) -> records.RunRecord:
    """Make the run directory of a fork of the run in `parent` after a generation that it keeps.

    changed: in which settings it differs, for its history.

    Raises:
        UsageError: the runs directory cannot be written. WrongStateError: as copy_history.
    """
    return records.create(
        runs,
        spec,
        time.time(),
        labels,
        parent=Lineage(run=parent.name, generation=generation),
        submitted=f"from {parent.name}@{generation}" + (f": {describe(changed)}" if changed else ""),
        fill=lambda child: copy_history(parent, child, generation),
    )


def copy_history(parent: Path, child: Path, generation: int) -> None:
    """Put into a new run directory what a run at that generation has: checkpoint, pairs, curves, reference levels.

    All of it is on the disk afterwards, safe from a power cut: the parent may be removed.

    Raises:
        WrongStateError: the parent's worker has just removed that checkpoint.
        OSError: no room.
    """
    old, new = RunPaths(parent), RunPaths(child)
    source = old.checkpoint(generation)
    try:
        _copy_tree(source, new.checkpoint(generation))
    except FileNotFoundError as error:
        if source.exists():
            raise
        raise WrongStateError(
            f"the checkpoint of generation {generation} has just been removed to make room for newer ones: "
            "choose another, or raise checkpoints.keep_newest"
        ) from error
    if (pairs := new.checkpoint(generation) / DATASET).exists():  # method es has none
        shutil.copyfile(pairs, new.dataset)
    _copy_lines(old.metrics, new.metrics, generation)
    _copy_lines(old.timings, new.timings, generation)
    if old.references.exists():
        shutil.copyfile(old.references, new.references)
    if 0 < generation_of(old.best) <= generation:
        shutil.copyfile(old.best, new.best)
    flush(child)


def _copy_tree(source: Path, target: Path) -> None:
    """Copy a directory. Unlike shutil's it stops at the first error and raises that, instead of a list of all."""
    target.mkdir(parents=True)
    for path in source.iterdir():
        if path.is_dir():
            _copy_tree(path, target / path.name)
        else:
            shutil.copyfile(path, target / path.name)


def _copy_lines(source: Path, target: Path, generation: int) -> None:
    """Copy the lines up to a generation."""
    try:
        with open(source, "rb") as file:
            end = end_of(file, generation)
            with open(target, "wb") as out:
                copied = 0
                while copied < end:
                    copied += os.sendfile(out.fileno(), file.fileno(), copied, end - copied)
    except FileNotFoundError:
        return  # of a run without generations
