"""What is wrong with a search, read off its metrics: nothing that ends a run, but worth knowing. Pure."""

import msgspec

from hades_protocol.messages import GenerationMetrics

COLLAPSED = 1e-6
"""Share of the initial sigma below which a population's candidates are as good as one."""


class Symptom(msgspec.Struct, frozen=True):
    """what: in a few words, the same for as long as it lasts. detail: with figures, and what may help."""

    what: str
    since: int
    detail: str

    def __str__(self) -> str:
        return f"{self.what} since generation {self.since}"


def symptom_of(metrics: GenerationMetrics, sigma: float) -> Symptom | None:
    """What a generation of a run shows that began with that sigma; None where all is well."""
    at = metrics.generation
    if metrics.nan > 0 and metrics.fitness_mean is None:
        hint = "smaller steps may help (evolution.sigma, cloning.learning_rate)"
        return Symptom("every fitness is NaN", at, f"all {metrics.nan} candidates gave NaN; {hint}")
    if metrics.sigma is None:
        hint = "a fork from an earlier generation goes on from before"
        return Symptom("sigma is not finite", at, f"the steps of the search are no finite numbers any more; {hint}")
    if metrics.sigma < COLLAPSED * sigma:
        hint = "a fork with a larger evolution.sigma searches on"
        return Symptom("sigma has collapsed", at, f"sigma went from {sigma:.3g} to {metrics.sigma:.3g}; {hint}")
    return None
