"""The rows that were measured: a line of JSON each, kept with the code."""

import json
import math
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hadesd.analysis.members import average

PLANAR = ("hopper", "walker2d", "halfcheetah", "reacher", "inverted_double_pendulum")
SPATIAL = ("humanoidstandup", "ant", "humanoid")
MINATAR = ("Asterix-MinAtar", "Breakout-MinAtar", "SpaceInvaders-MinAtar", "Freeway-MinAtar")
CLASSIC = ("CartPole-v1", "Acrobot-v1", "Pendulum-v1", "MountainCarContinuous-v0")
ENVIRONMENTS = (*PLANAR, *SPATIAL, *MINATAR, *CLASSIC)
METHODS = ("hades-r", "hades-f", "es")

FILE = Path(__file__).with_name("results.jsonl")


@dataclass(frozen=True)
class Row:
    """What is distilled: `hadesd run --env ENV --method METHOD --preset PRESET --seed SEED` and `--set`s.

    heats: so many runs begin, and the best of them alone goes on. first: a run of this method comes first, for
    `first_seconds` of the budget, with the heats; what is evaluated is its fork, `hadesd run --fork` with METHOD and
    the settings `then`. Empty: there is one run.
    """

    env: str
    method: str
    seed: int
    preset: str = "cpu"
    sets: tuple[str, ...] = ()
    heats: int = 1
    first: str = ""
    first_seconds: float = 0.0
    then: tuple[str, ...] = ()

    @property
    def way(self) -> tuple[int, str, float, tuple[str, ...]]:
        """How its budget is spent."""
        return self.heats, self.first, self.first_seconds, self.then

    def told(self) -> str:
        """The same in words; empty for one run."""
        first = [f"{self.first} for {self.first_seconds / 60:g}"] if self.first else []
        return ", ".join([*([f"best of {self.heats}"] if self.heats > 1 else []), *first])


@dataclass(frozen=True)
class Measured:
    """A row after so many seconds.

    value, sem: return of the mean dataset on 16 fresh initialisations (HaDES-F: its own) x 8 episodes; direct ES: of
        the mean policy. best: the highest evaluation of the mean while it ran, which is the luckiest, too. best_again:
        return of the dataset that had it, on the initialisations and episodes of `value`; None: not evaluated.
    core_seconds: CPU time over all cores; wall_seconds: on the clock. Both without evaluations after the end, and
        both, as env_steps and cloning_steps, of all heats and of the run that came first; generations are those of the
        run that is evaluated, with its parent's.
    cloning_steps: gradient steps of all policies. curve: (environment steps, population mean), and evaluations of the
        mean (environment steps, return).
    """

    row: Row
    seconds: float
    value: float
    sem: float
    best: float
    generations: int
    env_steps: int
    cloning_steps: int
    core_seconds: float
    wall_seconds: float
    commit: str
    machine: str
    at: str
    best_again: float | None = None
    curve: list[tuple[int, float]] = field(default_factory=list)
    evaluations: list[tuple[int, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Summary:
    """One environment, method, budget and way to spend it over seeds: mean and standard error of what was measured.

    kept: share of `best` that the last return is. kept_again: share of `best_again`; None where a seed has none.
    """

    env: str
    method: str
    seconds: float
    told: str
    seeds: tuple[int, ...]
    value: float
    sem: float | None
    kept: float
    kept_again: float | None
    env_steps: float
    cloning_steps: float
    core_seconds: float
    measured: tuple[Measured, ...]


def read(file: Path = FILE) -> list[Measured]:
    """All rows; none where there is no file yet."""
    if not file.exists():
        return []
    found = []
    for line in file.read_text().splitlines():
        document = json.loads(line)
        row = document.pop("row")
        row |= {name: tuple(row.get(name, ())) for name in ("sets", "then")}
        for name in ("curve", "evaluations"):
            document[name] = [(int(steps), float(value)) for steps, value in document[name]]
        found.append(Measured(row=Row(**row), **document))
    return found


def add(measured: Measured, file: Path = FILE) -> None:
    """Append a row."""
    with file.open("a") as lines:
        lines.write(json.dumps(asdict(measured)) + "\n")


def summarise(measured: Iterable[Measured]) -> list[Summary]:
    """One summary for each environment, method, budget and way to spend it, in the order of the tables."""
    groups: dict[tuple[Any, ...], dict[int, Measured]] = {}
    for one in measured:
        if not one.row.sets and one.row.preset == "cpu":
            # A row that was measured again counts as it is now.
            key = (one.row.env, one.row.method, one.seconds, *one.row.way)
            groups.setdefault(key, {})[one.row.seed] = one
    keys = sorted(groups, key=lambda key: (_place(key[0], ENVIRONMENTS), _place(key[1], METHODS), *key[2:]))
    return [_summary(tuple(groups[key].values())) for key in keys]


def _place(name: str, names: tuple[str, ...]) -> int:
    """Where a name stands; behind all of them where it does not."""
    return names.index(name) if name in names else len(names)


def kept(value: float, best: float) -> float:
    """The share of the best return that a return is; of costs, which are negative, the inverse."""
    if value == best:
        return 1.0
    return value / best if best > 0 else best / value


def _summary(ones: tuple[Measured, ...]) -> Summary:
    row = ones[0].row
    over_seeds = average(one.value for one in ones)
    again = [kept(one.value, one.best_again) for one in ones if one.best_again is not None]
    return Summary(
        env=row.env,
        method=row.method,
        seconds=ones[0].seconds,
        told=row.told(),
        seeds=tuple(sorted(one.row.seed for one in ones)),
        value=math.nan if over_seeds is None else over_seeds.mean,
        sem=None if over_seeds is None else over_seeds.sem,
        kept=statistics.mean(kept(one.value, one.best) for one in ones),
        kept_again=statistics.mean(again) if len(again) == len(ones) else None,
        env_steps=statistics.mean(one.env_steps for one in ones),
        cloning_steps=statistics.mean(one.cloning_steps for one in ones),
        core_seconds=statistics.mean(one.core_seconds for one in ones),
        measured=ones,
    )
