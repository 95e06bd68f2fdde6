"""What the algorithm asks of an environment."""

from typing import Any, Protocol

import jax


class Environment(Protocol):
    """One environment with auto-reset; batches are made with `jax.vmap`.

    observation: shape of an observation, float32.
    discrete: whether actions are integers in [0, actions) or float32 vectors in [-1, 1]^actions.
    """

    name: str
    observation: tuple[int, ...]
    discrete: bool
    actions: int

    def reset(self, key: jax.Array) -> tuple[Any, jax.Array]:
        """Start an episode: (state, observation float32 [*observation])."""
        ...

    def step(self, key: jax.Array, state: Any, action: jax.Array) -> tuple[Any, jax.Array, jax.Array, jax.Array]:
        """Advance one step: (state, observation, reward float32 [], done bool []).

        Where `done`, the state and the observation are already those of the next episode.
        """
        ...
