"""How much room directories take."""

import os
import stat
from pathlib import Path
from typing import NamedTuple

from hadesd.storage.layout import RunPaths


class DiskUsage(NamedTuple):
    """Bytes in the files of a run: all of them, and those of its checkpoints."""

    total: int
    checkpoints: int


def tree_bytes(path: Path) -> int:
    """Bytes in a file, or in all files below a directory. Links are not followed; what vanishes meanwhile counts 0."""
    try:
        info = os.lstat(path)
        if not stat.S_ISDIR(info.st_mode):
            return info.st_size
        with os.scandir(path) as entries:
            return sum(tree_bytes(Path(entry.path)) for entry in entries)
    except FileNotFoundError:
        return 0


def run_usage(directory: Path) -> DiskUsage:
    """What a run's directory takes."""
    return DiskUsage(tree_bytes(directory), tree_bytes(RunPaths(directory).checkpoints))
