"""Policy and value networks for Brax's PPO, and the distribution over discrete actions that Brax does not have."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from hadesd.analysis.reference.library import distribution, networks, ppo_networks
from hadesd.analysis.reference.settings import PPO

ACTIVATIONS = {"swish": nn.swish, "tanh": nn.tanh, "relu": nn.relu}


class _Categorical:
    """Over action indices, from logits [..., A]."""

    def __init__(self, logits: jax.Array) -> None:
        self._log_probabilities = jax.nn.log_softmax(logits)
        # Brax logs location and scale of every distribution: a categorical has neither.
        self.loc = self.scale = jnp.zeros(())

    def sample(self, seed: jax.Array) -> jax.Array:
        return jax.random.categorical(seed, self._log_probabilities)

    def mode(self) -> jax.Array:
        return jnp.argmax(self._log_probabilities, axis=-1)

    def log_prob(self, actions: jax.Array) -> jax.Array:
        return jnp.take_along_axis(self._log_probabilities, actions[..., None], axis=-1)[..., 0]

    def entropy(self) -> jax.Array:
        return -jnp.sum(jnp.exp(self._log_probabilities) * self._log_probabilities, axis=-1)

    def kl_divergence(self, old: "_Categorical") -> jax.Array:
        """KL divergence of this distribution from an older one, KL(old || self)."""
        difference = old._log_probabilities - self._log_probabilities
        return jnp.sum(jnp.exp(old._log_probabilities) * difference, axis=-1)


class CategoricalDistribution(distribution.ParametricDistribution):
    """Brax's interface to a categorical: parameters are logits [..., actions], events action indices [...]."""

    def __init__(self, actions: int) -> None:
        super().__init__(
            param_size=actions,
            postprocessor=distribution.IdentityPostprocessor(),
            event_ndims=0,
            reparametrizable=False,
        )

    def create_dist(self, parameters: jax.Array) -> _Categorical:
        return _Categorical(parameters)


def network_factory(settings: PPO, discrete: bool) -> Callable[..., Any]:
    """What `ppo.train` calls to build its networks: a tanh-squashed normal distribution, or a categorical one."""
    sizes = {
        "policy_hidden_layer_sizes": (settings.policy_width,) * settings.policy_depth,
        "value_hidden_layer_sizes": (settings.value_width,) * settings.value_depth,
    }
    activation = ACTIVATIONS[settings.activation]

    def continuous(observation: Any, actions: int, preprocess_observations_fn: Any) -> Any:
        return ppo_networks.make_ppo_networks(
            observation, actions, preprocess_observations_fn, activation=activation, **sizes
        )

    def categorical(observation: Any, actions: int, preprocess_observations_fn: Any) -> Any:
        common = {"preprocess_observations_fn": preprocess_observations_fn, "activation": activation}
        return ppo_networks.PPONetworks(
            policy_network=networks.make_policy_network(
                actions, observation, hidden_layer_sizes=sizes["policy_hidden_layer_sizes"], **common
            ),
            value_network=networks.make_value_network(
                observation, hidden_layer_sizes=sizes["value_hidden_layer_sizes"], **common
            ),
            parametric_action_distribution=CategoricalDistribution(actions),
        )

    return categorical if discrete else continuous
