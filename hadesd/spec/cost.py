"""What another size will probably cost: seconds a generation, and memory. Estimates, and their text says so. Pure."""

import operator

from hades_protocol.formatting import size
from hades_protocol.run_spec import RunSpec
from hadesd.spec import strategies


def expected(before: RunSpec, after: RunSpec, seconds: float | None, memory: tuple[int, str] | None) -> tuple[str, ...]:
    """A line about time and one about memory.

    seconds: measured for a generation with the size before; None where none was. memory: bytes that the run's worker
    takes, and of what; None without one on this machine: it may be a Slurm job elsewhere.
    """
    return _time(before, after, seconds), _memory(before, after, memory)


def env_steps_per_generation(spec: RunSpec) -> int:
    """Environment steps of a generation, as far as the settings say."""
    return spec.evolution.population * spec.inits * spec.evaluation.environments * spec.evaluation.steps


def _time(before: RunSpec, after: RunSpec, seconds: float | None) -> str:
    if seconds is None:
        return "time: no generation was measured yet, so how long one will take is not known"
    then, now = before.dataset.pairs, after.dataset.pairs
    ratio = env_steps_per_generation(after) / env_steps_per_generation(before)
    text = f"time: about {_pace(seconds * ratio)} a generation, now {_pace(seconds)}"
    if then != now:
        text += f", {'and more' if now > then else 'or less'}, as cloning trains on {now} instead of {then} pairs"
    devices = [asked_for(spec.resources.gpus)[0] for spec in (before, after)]
    if devices[0] != devices[1]:
        text += f"; on {devices[1]} instead of {devices[0]} GPUs at best {devices[0] / devices[1]:.2g} times that"
    elif before.resources.devices != after.resources.devices:
        text += "; what other devices change is not counted"
    return text


def _memory(before: RunSpec, after: RunSpec, memory: tuple[int, str] | None) -> str:
    now = (
        "no worker of it runs on this machine, so what it takes is not known"
        if memory is None
        else f"now {size(memory[0])} {memory[1]}"
    )
    parts = [f"memory: {now}"]
    if before.evolution.population != after.evolution.population:
        parts.append("candidates are evaluated in chunks: another number of them hardly changes it")
    rollouts = [spec.inits * spec.evaluation.environments for spec in (before, after)]
    if rollouts[0] != rollouts[1]:
        parts.append(
            f"what a chunk of candidates takes is about {rollouts[1] / rollouts[0]:.3g} times as much; "
            "where a GPU has not enough, the chunk is halved"
        )
    if before.dataset.pairs != after.dataset.pairs:
        ratio = after.dataset.pairs / before.dataset.pairs
        if strategies.find(after.evolution.strategy).matrix:
            ratio *= ratio
        parts.append(f"the strategy's state is about {ratio:.3g} times as large")
    return "; ".join(parts)


def _pace(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def asked_for(gpus: str) -> tuple[int, tuple[int, ...]]:
    """How many GPUs the setting resources.gpus means, and which; none named: any."""
    if gpus == "auto":
        return 1, ()
    if "," not in gpus:
        return int(gpus), ()
    indices = tuple(sorted({int(text) for text in gpus.split(",") if text}))
    return len(indices), indices


DECIDE_COST = (
    *("env", "method", "backend", "dataset.pairs", "evolution.strategy"),
    *("cloning.epochs", "cloning.optimizer", "resources.gpus", "resources.hosts", "resources.devices", "physics"),
    *("policy.kind", "policy.features", "policy.width", "policy.depth", "policy.activation", "policy.inits"),
    *("evaluation.environments", "evaluation.steps", "evaluation.normalisation", "evaluation.action"),
    *("evaluation.mean_every", "evaluation.mean_inits", "evaluation.mean_environments", "images.batch"),
)
"""Settings that decide how long a generation takes. It is proportional to another one, evolution.population."""


def shape(spec: RunSpec) -> tuple[object, ...]:
    """Equal where two runs take equally long for a candidate."""
    return tuple(operator.attrgetter(name)(spec) for name in DECIDE_COST)


def seconds_like(spec: RunSpec, other: RunSpec, seconds: float) -> float | None:
    """Seconds that the whole of a run takes, if a generation of another one takes so many; None if they differ."""
    if shape(spec) != shape(other):
        return None
    return seconds * spec.evolution.population / other.evolution.population * spec.evolution.generations
