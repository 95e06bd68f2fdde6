"""The optimiser of the cloning: its numbers, and what optax makes of them."""

from dataclasses import dataclass

import optax

ADAM_EPSILON = 1e-5


@dataclass(frozen=True)
class Optimizer:
    """Adam (eps 1e-5) or plain SGD, constant rate, after clipping to a global norm (None or 0: no clipping)."""

    name: str
    learning_rate: float
    clip_norm: float | None

    @property
    def transformation(self) -> optax.GradientTransformation:
        """The optimiser as optax has it."""
        rate = self.learning_rate
        step = optax.adam(rate, eps=ADAM_EPSILON) if self.name == "adam" else optax.sgd(rate)
        return optax.chain(optax.clip_by_global_norm(self.clip_norm), step) if self.clip_norm else step
