"""The policies: a diagonal Gaussian over actions, and a categorical over action indices.

Source: Lupu et al. 2024, appendix "Policy networks": orthogonal kernels of gain sqrt(2), 0.01 on the output,
zero biases; for continuous actions a state-independent trainable log standard deviation, initially 0.
"""

from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

Params = Any

ACTIVATIONS = {"tanh": jnp.tanh, "relu": jax.nn.relu}

_HIDDEN = nn.initializers.orthogonal(2.0**0.5)
_OUTPUT = nn.initializers.orthogonal(0.01)


class MLP(nn.Module):
    """Dense layers: observation [*obs] -> (head [actions], log_std [actions] or None).

    The layers keep flax's automatic names: the published HaDES-F datasets need the very weights that those
    names and a seed lead to.
    """

    actions: int
    discrete: bool
    width: int
    depth: int
    activation: str

    @nn.compact
    def __call__(self, observation: jax.Array) -> tuple[jax.Array, jax.Array | None]:
        """Head: logits (discrete) or mean (continuous)."""
        x = observation.reshape(-1)
        for _ in range(self.depth):
            x = ACTIVATIONS[self.activation](nn.Dense(self.width, kernel_init=_HIDDEN)(x))
        head = nn.Dense(self.actions, kernel_init=_OUTPUT)(x)
        if self.discrete:
            return head, None
        return head, self.param("log_std", nn.initializers.zeros, (self.actions,))


class CNN(nn.Module):
    """A 3x3 convolution (stride 1, no padding), then dense layers: observation [H, W, C] -> as MLP.

    The convolution is written as a dense layer on 3x3 patches: the same sums, but a population of kernels then
    becomes one batched matrix product, where a grouped convolution is an order of magnitude slower on CPUs.
    """

    actions: int
    discrete: bool
    width: int
    depth: int
    activation: str
    features: int

    @nn.compact
    def __call__(self, observation: jax.Array) -> tuple[jax.Array, jax.Array | None]:
        """Head: logits (discrete) or mean (continuous)."""
        activation = ACTIVATIONS[self.activation]
        x = activation(nn.Dense(self.features, kernel_init=_HIDDEN, name="conv")(patches(observation)))
        x = x.reshape(-1)
        for i in range(self.depth):
            x = activation(nn.Dense(self.width, kernel_init=_HIDDEN, name=f"dense_{i}")(x))
        head = nn.Dense(self.actions, kernel_init=_OUTPUT, name="head")(x)
        if self.discrete:
            return head, None
        return head, self.param("log_std", nn.initializers.zeros, (self.actions,))


@dataclass(frozen=True)
class OwnPolicy:
    """A flax module of a user's own, with MLP's call; it needs no field but those of its own."""

    module: nn.Module
    actions: int
    discrete: bool

    def init(self, key: jax.Array, observation: jax.Array) -> Params:
        """Fresh parameters."""
        return self.module.init(key, observation)

    def apply(self, params: Params, observation: jax.Array) -> Any:
        """As MLP: (head, log_std)."""
        return self.module.apply(params, observation)

    def clone(self, *, activation: str) -> "OwnPolicy":
        """With another activation; itself where it has no field of that name."""
        fields = getattr(self.module, "__dataclass_fields__", {})
        if "activation" not in fields:
            return self
        return OwnPolicy(self.module.clone(activation=activation), self.actions, self.discrete)


Network = MLP | CNN | OwnPolicy
"""Policies that are trained; what is made of them acts."""


@dataclass(frozen=True)
class SwitchPolicy:
    """Two policies with the same parameters and different activations; `choice` int32 [] says which one acts."""

    alternatives: tuple[Any, ...]
    choice: jax.Array

    @property
    def discrete(self) -> bool:
        """Whether actions are integers."""
        return bool(self.alternatives[0].discrete)

    @property
    def actions(self) -> int:
        """Number of actions, or of action dimensions."""
        return int(self.alternatives[0].actions)

    def apply(self, params: Params, observation: jax.Array) -> Any:
        """As MLP: (head, log_std)."""
        return jax.lax.switch(self.choice, [policy.apply for policy in self.alternatives], params, observation)


@dataclass(frozen=True)
class TruncatedPolicy:
    """A policy of which only the first `actions` outputs act: one that also serves environments with more actions."""

    policy: Any
    actions: int

    @property
    def discrete(self) -> bool:
        """Whether actions are integers."""
        return bool(self.policy.discrete)

    def apply(self, params: Params, observation: jax.Array) -> Any:
        """As MLP: head [actions], and log_std [actions] where the policy has one."""
        head, log_std = self.policy.apply(params, observation)
        return head[: self.actions], None if log_std is None else log_std[: self.actions]


Policy = MLP | CNN | OwnPolicy | SwitchPolicy | TruncatedPolicy


def patches(image: jax.Array) -> jax.Array:
    """All 3x3 patches of an image [H, W, C]: [H - 2, W - 2, 9 * C], rows first, then columns, then channels."""
    height, width = image.shape[0] - 2, image.shape[1] - 2
    shifted = [image[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return jnp.concatenate(shifted, axis=-1)


def init(policy: Network, key: jax.Array, observation: tuple[int, ...]) -> Params:
    """Fresh parameters of a policy."""
    return policy.init(key, jnp.zeros(observation, jnp.float32))


def init_many(policy: Network, key: jax.Array, observation: tuple[int, ...], count: int) -> Params:
    """`count` fresh initialisations, stacked on axis 0.

    One after the other (`lax.map`): a *batched* QR inside a jitted program can deadlock in jaxlib before
    0.11.1 on machines with few cores.
    """
    return jax.lax.map(lambda k: init(policy, k, observation), jax.random.split(key, count))


def init_fixed(policy: Network, seed: int, observation: tuple[int, ...]) -> Params:
    """The one initialisation of HaDES-F, stacked to [1, ...].

    Always drawn with the original, non-partitionable threefry from PRNGKey(seed), whatever jax's default is:
    datasets that others published (and our own, in later years) train only from these weights.
    """
    with jax.threefry_partitionable(False):
        params = init(policy, jax.random.PRNGKey(seed), observation)
    return jax.tree.map(lambda leaf: leaf[None], params)


def log_likelihood(
    policy: Policy, params: Params, observations: jax.Array, targets: jax.Array, weights: jax.Array | None = None
) -> jax.Array:
    """Mean log-likelihood of the targets, float32 [].

    observations [D, *obs]; targets [D, A]: actions (continuous) or label probabilities (discrete).
    Continuous: mean over D of log N(action | mean, exp(log_std)), summed over dimensions. Discrete: the
    cross-entropy's negative averaged over all D x A entries, which scales the gradient by 1/A as published.
    weights: float32 [D], not all 0, of a weighted mean over D: a pair of weight 0 might as well not be there.
    """
    head, log_std = jax.vmap(lambda o: policy.apply(params, o))(observations)
    if policy.discrete:
        return _mean_over_pairs(targets * jax.nn.log_softmax(head), weights)
    z = (targets - head) * jnp.exp(-log_std)
    density = -0.5 * jnp.square(z) - log_std - 0.5 * jnp.log(2.0 * jnp.pi)
    return _mean_over_pairs(jnp.sum(density, axis=-1), weights)


def _mean_over_pairs(values: jax.Array, weights: jax.Array | None) -> jax.Array:
    """Mean of values [D, ...], float32 []."""
    if weights is None:
        return jnp.mean(values)
    each = jnp.mean(values.reshape(values.shape[0], -1), axis=1)
    return jnp.sum(weights * each) / jnp.sum(weights)


def act(
    policy: Policy, params: Params, observation: jax.Array, key: jax.Array, greedy: bool, temperature: float = 1.0,
    noise: jax.Array | None = None,
) -> jax.Array:  # fmt: skip
    """One action: int32 [] (discrete) or float32 [A] clipped to [-1, 1] (continuous).

    temperature: of discrete actions, which are drawn from softmax(logits / temperature). noise: float32 [], a factor on
    the noise of a drawn action: with 0 it is the mode. None: 1.
    """
    head, log_std = policy.apply(params, observation)
    if policy.discrete:
        if greedy:
            choice = jnp.argmax(head)
        elif temperature == 1.0 and noise is None:
            choice = jax.random.categorical(key, head)
        else:  # the same draws, in the form that machine code has
            drawn = temperature * jax.random.gumbel(key, head.shape)
            choice = jnp.argmax(head + (drawn if noise is None else noise * drawn))
        return choice.astype(jnp.int32)
    if not greedy:
        drawn = jnp.exp(log_std) * jax.random.normal(key, head.shape)
        head = head + (drawn if noise is None else noise * drawn)
    return jnp.clip(head, -1.0, 1.0)
