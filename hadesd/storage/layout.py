"""The files of a run directory. Every name stands here once; everything else asks `RunPaths`.

<runs>/<id>/
    run.json            settings, what people want of the run, its history; written by the daemon
    lock                an flock on it is held by whatever works on the files below: a worker, or a command
    metrics.jsonl       a line a generation: fitness and what else is bit for bit the same when it is repeated
    timings.jsonl       a line a generation: how long it took, which is not
    *.jsonl.damaged     lines of these two that could not be read when a worker went on with the run
    resumes.jsonl       a line a resume: from which checkpoint, on what, and whether bits are the same
    dataset.npz         the mean dataset after the newest generation
    best.npz            the mean dataset with the best evaluation so far, where the mean is evaluated
    references.json     levels to compare with, from `hadesd reference`
    transfer.json       returns of other networks trained on the dataset, from `hadesd transfer`
    exports/            datasets and evaluations that were asked for on the screen
    curve.cache         the curve of a long run as columns; may be deleted
    slurm-jobs/         a directory each: script, log, and what worker and daemon tell each other
    group.json          how the processes of a run with several hosts meet; while they do
    worker.log          what workers wrote, rotated (worker.log.1, ...)
    checkpoints/<generation>/
        state/          the strategy's state, written by Orbax
        hades.json      what the checkpoint is of, with a checksum
        dataset.npz     the mean dataset after that generation
"""

from pathlib import Path

RECORD = "run.json"
LOCK = "lock"
METRICS = "metrics.jsonl"
TIMINGS = "timings.jsonl"
RESUMES = "resumes.jsonl"
DATASET = "dataset.npz"
BEST = "best.npz"
REFERENCES = "references.json"
TRANSFER = "transfer.json"
EXPORTS = "exports"
CURVE_CACHE = "curve.cache"
WORKER_LOG = "worker.log"
SLURM = "slurm-jobs"
GROUP = "group.json"
CHECKPOINTS = "checkpoints"
MANIFEST = "hades.json"


class RunPaths:
    """Paths in one run directory. Nothing is looked up on the disk."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.record = directory / RECORD
        self.lock = directory / LOCK
        self.metrics = directory / METRICS
        self.timings = directory / TIMINGS
        self.resumes = directory / RESUMES
        self.dataset = directory / DATASET
        self.best = directory / BEST
        self.references = directory / REFERENCES
        self.transfer = directory / TRANSFER
        self.exports = directory / EXPORTS
        self.curve_cache = directory / CURVE_CACHE
        self.worker_log = directory / WORKER_LOG
        self.slurm = directory / SLURM
        self.group = directory / GROUP
        self.checkpoints = directory / CHECKPOINTS

    def checkpoint(self, generation: int) -> Path:
        """The directory of the checkpoint after that generation."""
        return self.checkpoints / str(generation)


def damaged_lines(path: Path) -> Path:
    """Where a worker keeps the lines of a line file that cannot be read."""
    return path.with_name(f"{path.name}.damaged")
