"""What requests, replies and events have in common: runs, metrics, datasets, checkpoints, GPUs, logs, jobs.

Times are Unix times in seconds, durations seconds, sizes bytes, unless a field says otherwise.
"""

from enum import StrEnum
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from hades_protocol.codec import Array
from hades_protocol.run_state import RunState, WorkerPhase

MAX_COUNT = 2**53 - 1
"""Largest whole number in a file of a run: whatever reads JSON or msgpack holds it, a double exactly. What is beyond
it counts as damage, so that no file of one run can make a message that cannot be sent."""

Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
Generation = Annotated[int, Meta(ge=1, le=MAX_COUNT)]
UnixTime = Annotated[float, Meta(ge=0, le=253_402_300_799)]
"""Seconds, up to the end of the year 9999: what a calendar can show."""


class GenerationMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """Result of one generation; one line of metrics.jsonl.

    Holds only what the computation determines, so that an interrupted run writes the same bytes as an
    uninterrupted one. Fitness is the mean episodic return (paper, section 4), for images the negative loss; the five
    fitness fields are over the population and null where every candidate was NaN.
    """

    generation: Generation  # from 1
    fitness_mean: float | None
    fitness_best: float | None
    fitness_worst: float | None
    fitness_std: float | None  # standard deviation
    best_so_far: float | None  # highest fitness_best of the run up to here
    sigma: float | None  # standard deviation of the search; null where it overflowed
    episodes: Count  # completed, over the whole population
    unfinished: Count  # environments in which no episode completed: their partial return was counted
    nan: Count  # candidates whose fitness was not finite: they rank worst
    env_steps: Count  # environment steps of this generation (supervised distillation: images evaluated)
    # Mean return of fresh policies that are trained on the mean dataset, the one that is exported (images: their test
    # accuracy, 0 to 1); null in generations without such an evaluation (evaluation.mean_every).
    evaluated_mean: float | None = None
    evaluated_sem: float | None = None  # standard error over the fresh initialisations


class GenerationTiming(msgspec.Struct, frozen=True, kw_only=True):
    """Wall time of one generation; one line of timings.jsonl. Unlike the metrics it differs from run to run."""

    generation: Generation
    seconds: float  # from the commit of the generation before to the commit of this one
    committed_at: UnixTime  # Unix time
    cpu_seconds: float | None = None  # processor time of the worker, over all its cores, in these seconds


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A level to compare a run with, drawn as a line: what PPO reaches in the same environment, say.

    references.json in a run directory is a list of them.
    """

    name: str  # e.g. PPO
    value: float  # mean episodic return
    sem: float | None = None  # standard error of value
    source: str = ""  # how it was measured, or where it was published
    env_steps: Count | None = None  # environment steps it was trained for


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """Run and generation that a fork began from."""

    run: str  # id of the parent
    generation: Count  # checkpoint of the parent that the fork began with


class SlurmJobInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The Slurm job that computes a run."""

    id: Count | None = None  # as squeue has it; null until sbatch has answered
    nodes: str = ""  # in Slurm's notation, e.g. n[1-2]; empty until it has some

    def __str__(self) -> str:
        """For people: "4711 on n3"."""
        return f"{self.id or '-'}" + (f" on {self.nodes}" if self.nodes else "")


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """State, sizes and progress of a run: what `status` lists and the screen's overview shows."""

    id: str  # the run
    state: RunState  # what it is doing
    env: str  # environment, by its name in the settings
    method: str  # hades-f, hades-r, es
    preset: str = ""  # the preset that its settings started from
    seed: int = 0  # root of its random numbers
    pairs: int = 0  # state-action pairs of its dataset
    population: int = 0  # candidates a generation
    generation: int = 0  # newest committed; 0 before the first
    generations: int = 0  # generations until it is finished
    fitness_mean: float | None = None  # of the newest generation, over the population
    fitness_best: float | None = None  # of the newest generation, its best candidate
    best_so_far: float | None = None  # of the best candidate of all generations
    seconds_per_generation: float | None = None  # median of the newest ones
    seconds_left: float | None = None  # a guess
    phase: WorkerPhase = WorkerPhase.NONE  # what the worker does
    reason: str = ""  # why it waits, failed or went back, one line
    restarts: int = 0  # crashes after which it went on
    created_at: float = 0.0  # Unix time
    changed_at: float = 0.0  # Unix time of the last change of state
    worker_pid: int | None = None  # process that computes it; null without one on the daemon's machine
    slurm_job: SlurmJobInfo | None = None  # that computes it; null for a process of the daemon's machine
    parent: Lineage | None = None  # the run that it was forked from
    directory: str = ""
    priority: int = 0  # higher starts first
    gpus: tuple[int, ...] = ()  # indices of the GPUs it computes on
    group: str = ""  # runs that were made together, by `hadesd sweep` say; decides nothing that is computed
    name: str = ""  # what people call it; need not be unique
    tags: tuple[str, ...] = ()  # words that people put on it, ascending
    note: str = ""  # what people wrote about it, one line
    waits_for_room: bool = False  # paused by the daemon until a disk has room, then it goes on


class HistoryKind(StrEnum):
    """What happened to a run. The value is the word in run.json, on the wire and on the screen."""

    SUBMITTED = "submitted"
    FORKED = "forked"
    # Asked for by people.
    PAUSE = "pause"
    RESUME = "resume"  # also: a worker went on from a checkpoint
    CANCEL = "cancel"
    RESIZE = "resize"  # also: a worker brought the state to other sizes
    PRIORITY = "priority"
    RETENTION = "retention"
    # Done by the daemon, or found by it.
    PAUSED = "paused"
    DISK_FULL = "disk full"
    DISK_SPACE_FREED = "disk space freed"
    CRASHED = "crashed"
    WORKER_STOPPED = "worker stopped from outside"
    STOPPED_WITH_DAEMON = "stopped with the daemon"
    REQUEUED = "queued for its new size"
    YIELDED = "yielded"
    PREEMPTED = "preempted"  # Slurm took its job away
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    # Done by a worker.
    FALLBACK = "fallback"  # passed over a damaged checkpoint and took an older one
    CHUNK = "chunk"  # halved the chunk, as a device's memory was too small
    METHOD = "method"  # made pairs of the policy that a run of method es had evolved


class HistoryEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of a run's history: a request, a crash, an end, or what a worker did when it went on.

    bit_exact: of a worker's entries, whether the run still is what an undisturbed one were; null for all others.
    """

    at: UnixTime  # Unix time
    what: HistoryKind
    generation: Count  # committed when it happened
    reason: str = ""
    log_tail: tuple[str, ...] = ()  # the last lines of the worker's log
    bit_exact: bool | None = None


class MarkKind(StrEnum):
    """What is marked on a curve."""

    FORK = "fork"
    RESIZE = "resize"
    RESUME = "resume"
    FALLBACK = "fallback"
    CHUNK = "chunk"
    PREEMPTED = "preempted"


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a run at a generation and belongs on its curve.

    bit_exact: whether the run still is what an undisturbed one were.
    """

    generation: int  # committed when it happened
    kind: MarkKind
    text: str
    time: float = 0.0  # Unix time
    bit_exact: bool = True


class GpuProcess(msgspec.Struct, frozen=True, kw_only=True):
    """A process that computes on a GPU."""

    pid: int
    user: str  # login name; the number where there is none
    memory: int = 0  # bytes
    run: str = ""  # id, where it is a worker of this daemon
    other: bool = False  # whether it belongs to another user than the daemon


class GpuInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A GPU of the daemon's machine, as NVML reports it."""

    index: int
    uuid: str
    name: str
    memory_total: int  # bytes
    memory_used: int  # bytes, by anyone
    utilisation: float | None = None  # 0 to 1
    processes: tuple[GpuProcess, ...] = ()
    runs: tuple[str, ...] = ()  # ids of the runs that were given this GPU


class CheckpointList(msgspec.Struct, frozen=True, kw_only=True):
    """Index of a run's checkpoints.

    generations: of the kept checkpoints, ascending. with_pairs: those of them whose mean dataset can be asked for.
    """

    generations: tuple[int, ...] = ()
    with_pairs: tuple[int, ...] = ()
    bytes: int = 0  # on disk, all of them
    bytes_newest: int = 0  # on disk, the newest
    committed_at: float | None = None  # Unix time of the newest
    keep_newest: int = 0  # retention: so many of the newest,
    keep_every: int = 0  # every so many generations (0: none),
    keep_best: bool = False  # and the one with the best fitness
    verified_generation: int | None = None  # the newest that a worker has restored and found whole
    verified_at: float | None = None  # Unix time of that restore
    damaged: tuple[str, ...] = ()  # names of those that were passed over: damaged, or newer than the metrics
    execution: str = ""  # how the newest was computed: devices, physics, cloning


LogLevel = Literal["debug", "info", "warning", "error", "critical"]

LOG_LEVELS: tuple[LogLevel, ...] = get_args(LogLevel)
"""From the least to the worst."""


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a log, without control characters but for the line breaks of a traceback."""

    time: float  # Unix time
    level: LogLevel
    text: str  # the event and its fields


ExportFormat = Literal["npz", "csv", "json", "safetensors"]


class JobVerb(StrEnum):
    """What a job does."""

    EXPORT = "export"
    EVALUATE = "evaluate"
    DELETE = "delete"
    ARCHIVE = "archive"
    PRUNE = "prune"

    @property
    def noun(self) -> str:
        """The same as a noun: the evaluation of a run."""
        return {"evaluate": "evaluation", "delete": "removal", "prune": "pruning"}.get(self, self)


class JobState(StrEnum):
    """How far a job is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """An export, evaluation, removal, archive or pruning of a run: by a child process of the daemon.

    text: what came of it, one line. path: the file it wrote.
    """

    id: str
    run: str
    verb: JobVerb
    state: JobState
    text: str = ""
    path: str = ""
    started_at: float = 0.0  # Unix time


class DaemonInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The daemon that answers: its version, process and resources."""

    session: str  # new at every start of the daemon
    pid: int
    version: str  # of the package
    protocol_major: int
    started_at: float  # Unix time
    state_directory: str
    slots: int  # runs that may have a worker at the same time
    gpus: int  # number of GPUs that runs may use
    refused: int = 0  # invalid requests since its start


class DatasetSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The pairs of a committed mean dataset.

    states: float32 [D, *obs], in normalised units where `normalisation` is not none.
    actions: float32 [D, A]; actions for continuous spaces, label probabilities for discrete ones.
    obs_mean, obs_var: float32 [*obs], with which states in natural units are states * sqrt(obs_var + 1e-8) + obs_mean;
    null where states are natural already, or where nobody knows them (running normalisation).
    """

    generation: int
    states: Array
    actions: Array
    discrete: bool
    normalisation: str  # of the states: running, fixed, none
    observation_names: tuple[str, ...] = ()  # empty: show indices
    action_names: tuple[str, ...] = ()
    obs_mean: Array | None = None
    obs_var: Array | None = None
    observation_units: tuple[str, ...] = ()  # of an environment of one's own; empty: the names tell
