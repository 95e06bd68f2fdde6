"""The files of a fork: a run directory that stands on its own, so that its parent may be removed."""

import os
import shutil
from pathlib import Path

from hades_protocol.errors import NotFoundError, WrongStateError
from hadesd.storage.checkpoints import flush, generations
from hadesd.storage.datasets import generation_of
from hadesd.storage.layout import RunPaths
from hadesd.storage.metric_lines import end_of


def choose_generation(run: str, directory: Path, wanted: int | None) -> int:
    """The generation of the checkpoint to go on from: the wanted one, or the newest.

    Raises:
        NotFoundError: there is no such checkpoint; those that there are are named.
    """
    kept = generations(RunPaths(directory).checkpoints)
    if not kept:
        raise NotFoundError(f"run {run} has no checkpoint yet: it is written with the first generation")
    if wanted is None:
        return kept[-1]
    if wanted not in kept:
        listed = ", ".join(map(str, kept[-12:]))
        more = "…, " if len(kept) > 12 else ""
        raise NotFoundError(f"run {run} keeps no checkpoint of generation {wanted}; it has {more}{listed}")
    return wanted


def copy_history(parent: Path, child: Path, generation: int) -> None:
    """Put into a new run directory what a run at that generation has: checkpoint, curves, best pairs, reference levels.

    All of it is on the disk afterwards, safe from a power cut: the parent may be removed.

    Raises:
        WrongStateError: the parent's worker has just removed that checkpoint.
        OSError: no room.
    """
    old, new = RunPaths(parent), RunPaths(child)
    source = old.checkpoint(generation)
    try:
        shutil.copytree(source, new.checkpoint(generation))
    except (FileNotFoundError, shutil.Error) as error:
        if source.exists():
            raise
        raise WrongStateError(
            f"the checkpoint of generation {generation} has just been removed to make room for newer ones: "
            "choose another, or raise checkpoints.keep_newest"
        ) from error
    _copy_lines(old.metrics, new.metrics, generation)
    _copy_lines(old.timings, new.timings, generation)
    if old.references.exists():
        shutil.copyfile(old.references, new.references)
    if 0 < generation_of(old.best) <= generation:
        shutil.copyfile(old.best, new.best)
    flush(child)


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
