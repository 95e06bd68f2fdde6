"""The pairs as the evolution strategy sees them: one flat vector.

With a bound B the vector's states are coordinates x, in standard deviations of the states that trained policies visit
(distill/visited), and a pair's state is

    mean + B * std * u / sqrt(1 + u^2),  u = x / B:

near the mean x standard deviations away from it, and never B of them. The slope falls with the third power of u, where
that of tanh would fall exponentially: an entry that went far out still feels the search.

A state that is an image can be written with few numbers (the paper's third open question): with F frequencies it is

    sum over i, j < F of c[i, j, channel] * cosine_i(row) * cosine_j(column),

the slowest F x F terms of the cosine transform (DCT-II), and the c evolve in place of the pixels. Each cosine has a
mean square of 1 over the image, so a coefficient moves a pixel by as much as it would as a pixel of its own.
"""

from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

EDGE = 0.95
"""How near to the bound, as a share of it, a state can begin: at the bound itself its coordinate would be infinite."""


class StateActionPairs(NamedTuple):
    """states float32 [D, *obs]; targets float32 [D, A]: actions, or label probabilities (rows sum to 1)."""

    states: jax.Array
    targets: jax.Array


class Region(NamedTuple):
    """Mean and standard deviation of the states that trained policies visit, float32 [*obs], in the pairs' units."""

    mean: jax.Array
    std: jax.Array


@dataclass(frozen=True)
class DatasetLayout:
    """How a dataset lies in a vector: all states, then what evolves of the targets.

    labels: "fixed" (one-hot labels in action order, nothing evolves) or "learned" (softmax of evolved logits);
        continuous actions always evolve.
    bound: how many standard deviations of the region a state may lie away from its mean; 0: any number.
    frequencies: cosines a side of which a state [H, W, C] is the sum; 0: every entry of a state evolves.
    """

    pairs: int
    observation: tuple[int, ...]
    actions: int
    discrete: bool
    labels: str
    bound: float = 0.0
    frequencies: int = 0

    @property
    def evolved_state(self) -> tuple[int, ...]:
        """Shape of what evolves for a state: the state's own, or that of its coefficients."""
        if not self.frequencies:
            return self.observation
        return (self.frequencies, self.frequencies, self.observation[2])

    @property
    def fixed_labels(self) -> bool:
        """Whether the targets are constants."""
        return self.discrete and self.labels == "fixed"

    @property
    def size(self) -> int:
        """Dimensions of the vector."""
        return self.pairs * (prod(self.evolved_state) + (0 if self.fixed_labels else self.actions))

    @property
    def owners(self) -> np.ndarray:
        """int [size]: which pair each entry of the vector belongs to."""
        evolved = 0 if self.fixed_labels else self.actions
        pairs = np.arange(self.pairs)
        return np.concatenate([np.repeat(pairs, prod(self.evolved_state)), np.repeat(pairs, evolved)])

    def source_dimensions(self, sources: np.ndarray) -> np.ndarray:
        """Where the entries of another dataset's vector lie in this one's, int [size of the other].

        sources: int [D], for each pair of the other dataset the pair of this one that it is.
        """
        entries, cut = np.arange(self.size), self.pairs * prod(self.evolved_state)
        blocks = (entries[:cut].reshape(self.pairs, -1), entries[cut:].reshape(self.pairs, -1))
        return np.concatenate([block[sources].reshape(-1) for block in blocks])

    def unflatten(self, vector: jax.Array, region: Region | None = None) -> StateActionPairs:
        """The pairs in a vector float32 [size]; on a numpy vector it computes with numpy.

        region: what the states are bound to; needed where there is a bound, and of no effect elsewhere.
        """
        xp: Any = np if isinstance(vector, np.ndarray) else jnp
        cut = self.pairs * prod(self.evolved_state)
        states = vector[:cut].reshape(self.pairs, *self.evolved_state)
        if self.frequencies:
            rows, columns = (cosines(size, self.frequencies) for size in self.observation[:2])
            states = xp.einsum("yi,xj,dijc->dyxc", rows, columns, states)
        if self.bound:
            assert region is not None
            u = states / self.bound
            states = region.mean + region.std * (self.bound * (u / xp.sqrt(1.0 + u * u)))
        if self.fixed_labels:
            return StateActionPairs(states, xp.asarray(one_hot_labels(self.pairs, self.actions)))
        rest = vector[cut:].reshape(self.pairs, self.actions)
        if not self.discrete:
            return StateActionPairs(states, rest)
        weights = xp.exp(rest - xp.max(rest, axis=1, keepdims=True))
        return StateActionPairs(states, weights / xp.sum(weights, axis=1, keepdims=True))

    def flatten(self, states: np.ndarray, rest: np.ndarray | None, region: Region | None = None) -> np.ndarray:
        """The vector float32 [size] of pairs: what `unflatten` makes them of.

        states: float32 [D, *obs]; those beyond the bound go to its edge, and images to the nearest sum of the cosines.
        rest: float32 [D, A], actions, or logits of learned labels; None with fixed labels.
        """
        if self.bound:
            assert region is not None
            mean, std = np.asarray(region.mean), np.asarray(region.std)
            still = std == 0  # an entry that never varies: any coordinate gives the same
            share = (states - mean) / (self.bound * np.where(still, 1.0, std))
            share = np.clip(np.where(still, 0.0, share), -EDGE, EDGE)
            states = self.bound * share / np.sqrt(1.0 - share * share)
        if self.frequencies:
            rows, columns = (cosines(size, self.frequencies) for size in self.observation[:2])
            states = np.einsum("yi,xj,dyxc->dijc", rows, columns, states) / prod(self.observation[:2])
        parts = [states.reshape(-1)] + ([] if rest is None else [rest.reshape(-1)])
        return np.concatenate(parts).astype(np.float32)


def cosines(size: int, count: int) -> np.ndarray:
    """float32 [size, count]: the slowest cosines over so many pixels (DCT-II), each with a mean square of 1."""
    places = (np.arange(size)[:, None] + 0.5) * np.arange(count) * np.pi / size
    return (np.cos(places) * np.where(np.arange(count), np.sqrt(2.0), 1.0)).astype(np.float32)


def one_hot_labels(pairs: int, actions: int) -> np.ndarray:
    """float32 [D, A]: D // A one-hots for each action, in action order; a remainder goes to the first actions."""
    return np.eye(actions, dtype=np.float32)[np.repeat(np.arange(actions), label_counts(pairs, actions))]


def label_counts(pairs: int, actions: int) -> list[int]:
    """How many pairs each action's fixed label has."""
    return [pairs // actions + (action < pairs % actions) for action in range(actions)]
