"""What the algorithm asks of an environment."""

from dataclasses import dataclass
from typing import Any, Protocol

import jax

from hadesd.physics.program import EnvironmentProgram


@dataclass(frozen=True)
class StepForm:
    """How an environment's steps are computed.

    physics: "native" (machine code, see hadesd.physics), "xla" (scalar operations as XLA compiles them) or "vmap".
    program: the machine code. note: why it is not the form that was asked for; "" where it is.
    """

    physics: str
    program: EnvironmentProgram | None = None
    note: str = ""


VMAP = StepForm("vmap")
"""`jax.vmap` of the environment's own step: what every environment has."""


class Spaces(Protocol):
    """What a policy has to fit: of an environment, of a set of images, or of their entry in the table without jax."""

    @property
    def name(self) -> str:
        """The environment's name."""
        ...

    @property
    def observation(self) -> tuple[int, ...]:
        """Shape of an observation."""
        ...

    @property
    def discrete(self) -> bool:
        """Whether actions are integers in [0, actions)."""
        ...

    @property
    def actions(self) -> int:
        """Number of actions, or of action dimensions."""
        ...


class Environment(Protocol):
    """One environment with auto-reset; batches are made with `jax.vmap`.

    observation: shape of an observation, float32.
    discrete: whether actions are integers in [0, actions) or float32 vectors in [-1, 1]^actions.
    form: how whole rollouts may compute its steps; `reset` and `step` themselves are there in any case.
    """

    name: str
    observation: tuple[int, ...]
    discrete: bool
    actions: int
    form: StepForm

    def reset(self, key: jax.Array) -> tuple[Any, jax.Array]:
        """Start an episode: (state, observation float32 [*observation])."""
        ...

    def step(self, key: jax.Array, state: Any, action: jax.Array) -> tuple[Any, jax.Array, jax.Array, jax.Array]:
        """Advance one step: (state, observation, reward float32 [], done bool []).

        Where `done`, the state and the observation are already those of the next episode.
        """
        ...
