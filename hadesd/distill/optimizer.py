"""How a policy is trained on pairs: the optimiser, and for how long."""

from dataclasses import dataclass
from typing import Any, Protocol

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

    name: "adam" or "sgd". learning_rate: a number, or a float32 [] of a compiled program's arguments. weight_decay:
    decoupled (Loshchilov & Hutter 2019, AdamW), of kernels and biases; a policy's log_std keeps what it learns.
    """

    name: str
    learning_rate: float | jax.Array
    clip_norm: float | None
    weight_decay: float = 0.0

    @property
    def transformation(self) -> optax.GradientTransformation:
        """The optimiser as optax has it."""
        rate = self.learning_rate
        parts = [optax.clip_by_global_norm(self.clip_norm)] if self.clip_norm else []
        if self.name == "adam":
            parts.append(optax.scale_by_adam(eps=ADAM_EPSILON))
        if self.weight_decay:
            parts.append(optax.add_decayed_weights(self.weight_decay, mask=_decays))
        return optax.chain(*parts, optax.scale_by_learning_rate(rate))


def _decays(params: Any) -> Any:
    """Which leaves of a policy's parameters lose a share of themselves with every step."""
    return jax.tree_util.tree_map_with_path(lambda path, _: getattr(path[-1], "key", "") != "log_std", params)


@dataclass(frozen=True)
class TrainingSettings:
    """Full-batch gradient descent on a dataset of pairs.

    epochs: gradient steps; an int, or an int32 [] that is an argument of the compiled program.
    native: train in machine code where that can be done; the parameters then differ by rounding.
    """

    optimizer: GradientOptimizer
    epochs: int | jax.Array
    native: bool = False
