"""How a policy is trained on pairs: the optimiser, and for how long."""

from dataclasses import dataclass
from typing import Protocol

import jax
import optax

ADAM_EPSILON = 1e-5


class GradientOptimizer(Protocol):
    """Anything that optax can take steps with."""

    @property
    def transformation(self) -> optax.GradientTransformation:
        """The optimiser as optax has it."""
        ...


@dataclass(frozen=True)
class Optimizer:
    """Adam (eps 1e-5) or plain SGD, constant rate, after clipping to a global norm (None or 0: no clipping).

    name: "adam" or "sgd". learning_rate: a number, or a float32 [] of a compiled program's arguments.
    """

    name: str
    learning_rate: float | jax.Array
    clip_norm: float | None

    @property
    def transformation(self) -> optax.GradientTransformation:
        """The optimiser as optax has it."""
        rate = self.learning_rate
        step = optax.adam(rate, eps=ADAM_EPSILON) if self.name == "adam" else optax.sgd(rate)
        return optax.chain(optax.clip_by_global_norm(self.clip_norm), step) if self.clip_norm else step


@dataclass(frozen=True)
class TrainingSettings:
    """Full-batch gradient descent on a dataset of pairs.

    epochs: gradient steps; an int, or an int32 [] that is an argument of the compiled program.
    native: train in machine code where that can be done; the parameters then differ by rounding.
    """

    optimizer: GradientOptimizer
    epochs: int | jax.Array
    native: bool = False
