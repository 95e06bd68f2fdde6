"""The runs of a soak: small, different in everything that a checkpoint has to carry."""

from typing import Any

from hades_protocol.settings import merge

BASE: dict[str, Any] = {
    "env": "CartPole-v1",
    "method": "hades-r",
    "dataset": {"pairs": 4},
    "evolution": {"population": 16, "sigma": 0.3},
    "cloning": {"epochs": 20},
    "policy": {"width": 16, "depth": 1},
    "evaluation": {"environments": 2, "steps": 100, "normalisation": "none"},
    "checkpoints": {"keep_newest": 40, "keep_every": 0},
}

KINDS: dict[str, dict[str, Any]] = {
    "cmaes": {"evolution": {"strategy": "cmaes"}, "dataset": {"pairs": 2}},
    "openes-f": {"method": "hades-f", "evolution": {"strategy": "openes", "shaping": "ranks"}},
    "snes-learned": {
        "evolution": {"strategy": "snes", "learning_rate": 1.0},
        "dataset": {"labels": "learned"},
        "seed": 7,
    },
    "evaluated": {
        "evolution": {"strategy": "openes", "shaping": "zscore", "sigma_decay": 0.999, "sigma_floor": 0.05},
        "evaluation": {"normalisation": "fixed", "mean_every": 10},
        "seed": 11,
    },
    "direct": {"method": "es", "evolution": {"strategy": "openes", "shaping": "ranks"}, "seed": 5},
    "pendulum": {
        "env": "inverted_pendulum",
        "method": "hades-f",
        "evolution": {"strategy": "openes", "shaping": "ranks", "population": 8},
        "evaluation": {"environments": 1, "steps": 40, "normalisation": "running"},
        "cloning": {"epochs": 10},
    },
}
"""By name: classic control and Brax, with and without a dataset, all normalisations, evaluation of the mean."""

RESIZES: tuple[dict[str, Any], ...] = (
    {"dataset": {"pairs": 8}},
    {"dataset": {"pairs": 4}},
    {"dataset": {"pairs": 6}, "evolution": {"population": 12}},
    {"evolution": {"population": 24}},
    {"evaluation": {"environments": 3}},
)

FORKS: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"evolution": {"sigma": 0.15}},
    {"seed": 1234},
    {"cloning": {"epochs": 10}},
)
"""An empty one twice: such a fork must end exactly like the run that it came from."""


def spec_of(kind: str, generations: int) -> dict[str, Any]:
    """Nested settings of a kind, for so many generations."""
    return merge(merge(BASE, KINDS[kind]), {"evolution": {"generations": generations}})
