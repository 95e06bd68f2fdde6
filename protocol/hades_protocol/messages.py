"""What both sides say about a run: the summary, a generation's metrics, a dataset."""

import msgspec

from hades_protocol.codec import Array
from hades_protocol.run_state import RunState


class GenerationMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """One line of metrics.jsonl: what generation `generation` (from 1) came to.

    Holds only what the computation determines, so that an interrupted run writes the same bytes as an
    uninterrupted one. Fitness is the mean episodic return (paper, section 4); null where every candidate was NaN.
    """

    generation: int
    fitness_mean: float | None
    fitness_best: float | None
    fitness_worst: float | None
    fitness_std: float | None
    best_so_far: float | None
    sigma: float | None  # null where it overflowed
    episodes: int  # completed, over the whole population
    unfinished: int  # environments in which no episode completed: their partial return was counted
    nan: int  # candidates whose fitness was not finite: they rank worst
    env_steps: int  # environment steps of this generation (supervised distillation: images evaluated)
    # What fresh policies return that are trained on the mean dataset, the one that is exported (images: their test
    # accuracy); null in generations without such an evaluation (evaluation.mean_every).
    evaluated_mean: float | None = None
    evaluated_sem: float | None = None  # standard error over the fresh initialisations


class GenerationTiming(msgspec.Struct, frozen=True, kw_only=True):
    """One line of timings.jsonl: what the clock said. Differs from run to run."""

    generation: int
    seconds: float  # from the commit of the generation before to the commit of this one
    committed_at: float  # Unix time


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A level to compare a run with, drawn as a line: what PPO reaches in the same environment, say.

    references.json in a run directory is a list of them.
    """

    name: str  # e.g. PPO
    value: float  # mean episodic return
    sem: float | None = None  # standard error of value
    source: str = ""  # how it was measured, or where it was published
    env_steps: int | None = None  # environment steps it was trained for


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """Where a fork came from."""

    run: str
    generation: int


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A run on one line: what `status` lists and the screen's overview shows."""

    id: str
    state: RunState
    env: str
    method: str
    preset: str = ""
    seed: int = 0
    pairs: int = 0
    population: int = 0
    generation: int = 0  # newest committed; 0 before the first
    generations: int = 0
    fitness_mean: float | None = None
    fitness_best: float | None = None
    best_so_far: float | None = None
    seconds_per_generation: float | None = None  # median of the newest ones
    seconds_left: float | None = None
    phase: str = ""  # what the worker does: importing, compiling, evaluating
    reason: str = ""  # why it waits, failed, fell back
    restarts: int = 0  # crashes that were survived
    created_at: float = 0.0  # Unix time
    changed_at: float = 0.0  # Unix time of the last change of state
    worker_pid: int | None = None
    parent: Lineage | None = None
    directory: str = ""
    priority: int = 0  # higher starts first; since protocol 1.2
    gpus: tuple[int, ...] = ()  # indices of the GPUs it computes on; since protocol 1.2
    group: str = ""  # runs that were made together, by `hadesd sweep` say; decides nothing that is computed
    note: str = ""  # what people wrote about it; since protocol 1.3
    waits_for_room: bool = False  # paused by the daemon until a disk has room, then it goes on; since protocol 1.3


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a run at a generation and belongs on its curve. Since protocol 1.2.

    kind: fork, resize, resume, fallback, chunk. `bit_exact`: whether the run still is what an undisturbed one were.
    """

    generation: int  # committed when it happened
    kind: str
    text: str
    time: float = 0.0  # Unix time
    bit_exact: bool = True


class GpuProcess(msgspec.Struct, frozen=True, kw_only=True):
    """A process that computes on a GPU. Since protocol 1.2."""

    pid: int
    user: str  # login name; the number where there is none
    memory: int = 0  # bytes
    run: str = ""  # id, where it is a worker of this daemon
    other: bool = False  # whether it belongs to another user than the daemon


class GpuInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A GPU of the daemon's machine, as NVML sees it. Since protocol 1.2."""

    index: int
    uuid: str
    name: str
    memory_total: int  # bytes
    memory_used: int  # bytes, by anyone
    utilisation: float | None = None  # 0 to 1
    processes: tuple[GpuProcess, ...] = ()
    runs: tuple[str, ...] = ()  # ids of the runs that were given this GPU


class Checkpoints(msgspec.Struct, frozen=True, kw_only=True):
    """What a run has on disk to go on from. Since protocol 1.3.

    generations: of the kept checkpoints, ascending. with_pairs: those of them whose mean dataset can be asked for.
    """

    generations: tuple[int, ...] = ()
    with_pairs: tuple[int, ...] = ()
    bytes: int = 0  # on disk, all of them
    bytes_newest: int = 0
    committed_at: float | None = None  # Unix time of the newest
    keep_newest: int = 0  # retention: so many of the newest,
    keep_every: int = 0  # every so many generations (0: none),
    keep_best: bool = False  # and the one with the best fitness
    verified_generation: int | None = None  # the newest that a worker has restored and found whole
    verified_at: float | None = None  # Unix time of that restore
    damaged: tuple[str, ...] = ()  # names of those that were found damaged and set aside
    execution: str = ""  # how the newest was computed: devices, physics, cloning


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a log, as people read it. Since protocol 1.3."""

    time: float  # Unix time
    level: str  # debug, info, warning, error, critical
    text: str  # the event and its fields


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Something the daemon does with a run's results beside the run, on its own machine. Since protocol 1.3.

    verb: export or evaluate. state: running, done, failed. text: what came of it, one line. path: the file it wrote.
    """

    id: str
    run: str
    verb: str
    state: str
    text: str = ""
    path: str = ""
    started_at: float = 0.0  # Unix time


class DaemonInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers."""

    session: str  # new at every start of the daemon
    pid: int
    version: str  # of the package
    protocol_major: int
    protocol_minor: int
    started_at: float
    state_directory: str
    slots: int  # runs that may have a worker at the same time
    gpus: int
    refused: int = 0  # messages since its start that made no sense; since protocol 1.2


class DatasetSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The pairs of a committed mean dataset.

    states: float32 [D, *obs], in normalised units where `normalisation` is not none.
    actions: float32 [D, A]; actions for continuous spaces, label probabilities for discrete ones.
    """

    generation: int
    states: Array
    actions: Array
    discrete: bool
    normalisation: str
    observation_names: tuple[str, ...] = ()  # empty: show indices
    action_names: tuple[str, ...] = ()
