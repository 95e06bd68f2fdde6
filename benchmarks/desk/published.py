"""The published learning curves (paper, figures 2, 3 and 6), as figures to compare with.

Mean and standard error over three seeds of the population's mean fitness, by generation. MinAtar's fitness is no
episodic return there: the last completed episode's return averaged over all steps, zero before the first end.
"""

import json
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("published.json")
FOUR_PAIRS = "hades-r, 4 pairs"


@dataclass(frozen=True)
class Curve:
    """One method in one environment. pairs: D; None for direct ES. mean, sem: by entry of `env_steps`."""

    pairs: int | None
    env_steps: tuple[int, ...]
    mean: tuple[float, ...]
    sem: tuple[float, ...]

    @property
    def final(self) -> float:
        """Fitness in the last generation."""
        return self.mean[-1]

    def steps_to(self, target: float) -> float | None:
        """Environment steps until the mean first reaches a return, linear between the points; None: it never does."""
        before = (0.0, self.mean[0])
        for steps, mean in zip(self.env_steps, self.mean, strict=True):
            if mean >= target:
                rise = mean - before[1]
                share = 1.0 if rise <= 0 else (target - before[1]) / rise
                return before[0] + share * (steps - before[0])
            before = (float(steps), mean)
        return None


def curves() -> dict[str, dict[str, Curve]]:
    """Environment -> method (or FOUR_PAIRS) -> its curve."""
    document = json.loads(FILE.read_text())
    return {
        env: {
            method: Curve(
                pairs=found["pairs"],
                env_steps=tuple(found["env_steps_per_generation"] * generation for generation in found["generations"]),
                mean=tuple(found["mean"]),
                sem=tuple(found["sem"]),
            )
            for method, found in methods.items()
        }
        for env, methods in document.items()
    }
