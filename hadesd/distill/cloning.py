"""The inner loop: behaviour cloning with full-batch gradient descent (paper, section 4.1)."""

import jax
import optax

from hadesd.distill import native_cloning, policies
from hadesd.distill.optimizer import Optimizer
from hadesd.distill.policies import Params, Policy


def make_optimizer(name: str, learning_rate: float, clip_norm: float | None) -> Optimizer:
    """Adam or plain SGD ("adam", "sgd"), after clipping to a global norm (None or 0: no clipping)."""
    return Optimizer(name, learning_rate, clip_norm)


def clone(
    policy: Policy,
    params: Params,
    states: jax.Array,
    targets: jax.Array,
    optimizer: Optimizer,
    epochs: int,
    rate_factor: jax.Array | None = None,
    weights: jax.Array | None = None,
    native: bool = False,
) -> tuple[Params, jax.Array]:
    """Train a policy on the pairs: `epochs` steps on the whole dataset.

    states [D, *obs], targets [D, A]. rate_factor: float32 [], a factor on the optimiser's learning rate.
    weights: float32 [D], of the pairs in the loss; None: all the same. native: train in machine code where that can
    be done; the parameters then differ by rounding.
    Returns the parameters and the loss before the last step (native: after it), float32 [].
    """

    def loss(p: Params) -> jax.Array:
        return -policies.log_likelihood(policy, p, states, targets, weights)

    if native and native_cloning.supported(policy, optimizer):
        params = native_cloning.clone(policy, params, states, targets, optimizer, epochs, rate_factor, weights)
        return params, loss(params)
    transformation = optimizer.transformation

    def epoch(carry: tuple[Params, optax.OptState], _: None) -> tuple[tuple[Params, optax.OptState], jax.Array]:
        p, opt_state = carry
        value, gradient = jax.value_and_grad(loss)(p)
        updates, opt_state = transformation.update(gradient, opt_state, p)
        if rate_factor is not None:
            updates = jax.tree.map(lambda leaf: rate_factor * leaf, updates)
        return (optax.apply_updates(p, updates), opt_state), value

    (params, _), losses = jax.lax.scan(epoch, (params, transformation.init(params)), None, length=epochs)
    return params, losses[-1]
