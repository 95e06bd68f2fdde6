"""Behaviour cloning with full-batch gradient descent (paper, section 4.1)."""

import jax
import optax

from hadesd.distill import native_cloning, policies
from hadesd.distill.dataset import StateActionPairs
from hadesd.distill.optimizer import TrainingSettings
from hadesd.distill.policies import Params, Policy


def clone(
    policy: Policy,
    params: Params,
    pairs: StateActionPairs,
    training: TrainingSettings,
    rate_factor: jax.Array | None = None,
    weights: jax.Array | None = None,
) -> tuple[Params, jax.Array]:
    """Train a policy on the pairs: `epochs` steps on the whole dataset.

    rate_factor: float32 [], a factor on the optimiser's learning rate.
    weights: float32 [D], of the pairs in the loss; None: all the same.
    Returns the parameters and the loss before the last step, float32 [] (after it, where the training is native or
    the number of epochs is not known to the compiled program).
    """

    def loss(p: Params) -> jax.Array:
        return -policies.log_likelihood(policy, p, pairs.states, pairs.targets, weights)

    if native_cloning.supported(policy, training):
        params = native_cloning.clone(policy, params, pairs, training, rate_factor, weights)
        return params, loss(params)
    transformation = training.optimizer.transformation

    def epoch(carry: tuple[Params, optax.OptState], _: None) -> tuple[tuple[Params, optax.OptState], jax.Array]:
        p, opt_state = carry
        value, gradient = jax.value_and_grad(loss)(p)
        updates, opt_state = transformation.update(gradient, opt_state, p)
        if rate_factor is not None:
            updates = jax.tree.map(lambda leaf: rate_factor * leaf, updates)
        return (optax.apply_updates(p, updates), opt_state), value

    start = (params, transformation.init(params))
    if isinstance(training.epochs, int):
        (params, _), losses = jax.lax.scan(epoch, start, None, length=training.epochs)
        return params, losses[-1]
    params, _ = jax.lax.fori_loop(0, training.epochs, lambda _, carry: epoch(carry, None)[0], start)
    return params, loss(params)
