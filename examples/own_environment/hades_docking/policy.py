"""A policy of one's own: what a network in hades has to be."""

import flax.linen as nn
import jax


class Linear(nn.Module):
    """A single layer. hades gives the five fields by name; a policy may leave some of them unused."""

    actions: int
    discrete: bool
    width: int
    depth: int
    activation: str

    @nn.compact
    def __call__(self, observation: jax.Array) -> tuple[jax.Array, jax.Array | None]:
        """(logits [actions], None), or for continuous actions (mean [actions], log_std [actions])."""
        head = nn.Dense(self.actions, kernel_init=nn.initializers.zeros)(observation.reshape(-1))
        if self.discrete:
            return head, None
        return head, self.param("log_std", nn.initializers.constant(-1.0), (self.actions,))
