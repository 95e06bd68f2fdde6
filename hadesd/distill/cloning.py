"""The inner loop: behaviour cloning with full-batch gradient descent (paper, section 4.1)."""

import jax
import optax

from hadesd.distill import policies
from hadesd.distill.policies import Params, Policy

ADAM_EPSILON = 1e-5


def make_optimizer(name: str, learning_rate: float, clip_norm: float | None) -> optax.GradientTransformation:
    """Adam (eps 1e-5) or plain SGD, constant rate, after clipping to a global norm (None or 0: no clipping)."""
    step = optax.adam(learning_rate, eps=ADAM_EPSILON) if name == "adam" else optax.sgd(learning_rate)
    return step if not clip_norm else optax.chain(optax.clip_by_global_norm(clip_norm), step)


def clone(
    policy: Policy,
    params: Params,
    states: jax.Array,
    targets: jax.Array,
    optimizer: optax.GradientTransformation,
    epochs: int,
    rate_factor: jax.Array | None = None,
    weights: jax.Array | None = None,
) -> tuple[Params, jax.Array]:
    """Train a policy on the pairs: `epochs` steps on the whole dataset.

    states [D, *obs], targets [D, A]. rate_factor: float32 [], a factor on the optimiser's learning rate.
    weights: float32 [D], of the pairs in the loss; None: all the same.
    Returns the parameters and the loss before the last step, float32 [].
    """

    def loss(p: Params) -> jax.Array:
        return -policies.log_likelihood(policy, p, states, targets, weights)

    def epoch(carry: tuple[Params, optax.OptState], _: None) -> tuple[tuple[Params, optax.OptState], jax.Array]:
        p, opt_state = carry
        value, gradient = jax.value_and_grad(loss)(p)
        updates, opt_state = optimizer.update(gradient, opt_state, p)
        if rate_factor is not None:
            updates = jax.tree.map(lambda leaf: rate_factor * leaf, updates)
        return (optax.apply_updates(p, updates), opt_state), value

    (params, _), losses = jax.lax.scan(epoch, (params, optimizer.init(params)), None, length=epochs)
    return params, losses[-1]
