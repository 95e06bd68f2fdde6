import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from hadesd.distill import cloning, policies
from hadesd.distill.dataset import StateActionPairs
from hadesd.distill.optimizer import Optimizer, TrainingSettings
from hadesd.distill.policies import MLP

GAUSSIAN = MLP(actions=2, discrete=False, width=16, depth=2, activation="tanh")
CATEGORICAL = MLP(actions=3, discrete=True, width=16, depth=2, activation="relu")


@pytest.mark.usefixtures("strict")
def test_gaussian_loss_is_the_negative_log_density_summed_over_dimensions_and_averaged_over_pairs():
    params = policies.init(GAUSSIAN, jax.random.key(0), (4,))
    params["params"]["log_std"] = jnp.array([0.3, -0.2])
    states = jax.random.normal(jax.random.key(1), (5, 4))
    actions = jax.random.normal(jax.random.key(2), (5, 2))
    mean, log_std = jax.vmap(lambda s: GAUSSIAN.apply(params, s))(states)
    by_hand = jax.scipy.stats.norm.logpdf(actions, mean, jnp.exp(log_std)).sum(1).mean()
    assert policies.log_likelihood(GAUSSIAN, params, states, actions) == pytest.approx(float(by_hand), rel=1e-5)


@pytest.mark.usefixtures("strict")
def test_categorical_loss_is_the_cross_entropy_divided_by_the_number_of_actions():
    params = policies.init(CATEGORICAL, jax.random.key(0), (4,))
    states = jax.random.normal(jax.random.key(1), (6, 4)) * 5
    labels = jax.nn.one_hot(jnp.arange(6) % 3, 3)
    logits, _ = jax.vmap(lambda s: CATEGORICAL.apply(params, s))(states)
    by_hand = optax.softmax_cross_entropy(logits, labels).mean() / 3
    assert -policies.log_likelihood(CATEGORICAL, params, states, labels) == pytest.approx(float(by_hand), rel=1e-5)


def test_a_cloned_policy_imitates_its_pairs():
    states = jnp.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    labels = jnp.eye(3)
    params = policies.init(CATEGORICAL, jax.random.key(0), (2,))
    training = TrainingSettings(Optimizer("adam", 5e-3, 0.5), epochs=300)
    trained, loss = cloning.clone(CATEGORICAL, params, StateActionPairs(states, labels), training)
    assert float(loss) < 0.01
    for state, label in zip(states, labels, strict=True):
        action = policies.act(CATEGORICAL, trained, state, jax.random.key(0), greedy=True)
        assert int(action) == int(label.argmax())


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0])
def test_discrete_actions_are_drawn_from_the_softmax_over_the_temperature(temperature):
    params = policies.init(CATEGORICAL, jax.random.key(0), (2,))
    params = jax.tree.map(lambda leaf: leaf * 30.0, params)  # logits that differ
    state = jnp.array([1.0, -2.0])
    keys = jax.random.split(jax.random.key(1), 20_000)
    drawn = jax.vmap(lambda key: policies.act(CATEGORICAL, params, state, key, False, temperature))(keys)
    shares = jnp.bincount(drawn, length=3) / keys.size
    logits, _ = CATEGORICAL.apply(params, state)
    assert float(jnp.ptp(logits)) > 0.5
    assert np.allclose(shares, jax.nn.softmax(logits / temperature), atol=0.02)


@pytest.mark.parametrize("rate", [None, 0.5])
def test_an_epoch_is_one_step_of_the_optimiser_on_all_pairs(rate):
    policy = MLP(actions=2, discrete=False, width=4, depth=1, activation="tanh")
    params = policies.init(policy, jax.random.key(0), (3,))
    states, targets = jax.random.normal(jax.random.key(1), (5, 3)), jax.random.normal(jax.random.key(2), (5, 2))
    weights = jnp.array([1.0, 0.5, 0.0, 2.0, 1.0])
    training = TrainingSettings(Optimizer("sgd", 0.1, None), epochs=3)
    factor = None if rate is None else jnp.float32(rate)
    trained, loss = cloning.clone(policy, params, StateActionPairs(states, targets), training, factor, weights)
    step = jax.jit(jax.value_and_grad(lambda p: -policies.log_likelihood(policy, p, states, targets, weights)))
    for _ in range(3):
        value, gradient = step(params)
        params = jax.tree.map(lambda leaf, slope: leaf - 0.1 * (rate or 1.0) * slope, params, gradient)
    for found, expected in zip(jax.tree.leaves(trained), jax.tree.leaves(params), strict=True):
        assert np.allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert float(loss) == pytest.approx(float(value), rel=1e-5), "the loss before the last step"


@pytest.mark.parametrize("clip", [None, 0.0])
def test_without_clipping_sgd_takes_the_whole_gradient(clip):
    optimizer = Optimizer("sgd", 0.1, clip).transformation
    updates, _ = optimizer.update({"w": jnp.array([300.0])}, optimizer.init({"w": jnp.zeros(1)}))
    assert updates["w"] == pytest.approx(-30.0)


def test_clipping_limits_the_global_norm():
    optimizer = Optimizer("sgd", 1.0, 0.5).transformation
    updates, _ = optimizer.update({"w": jnp.array([3.0, 4.0])}, optimizer.init({"w": jnp.zeros(2)}))
    assert np.linalg.norm(updates["w"]) == pytest.approx(0.5)


def test_initialisation_is_orthogonal_with_the_published_gains():
    params = policies.init(GAUSSIAN, jax.random.key(0), (16,))["params"]
    hidden, head = params["Dense_1"]["kernel"], params["Dense_2"]["kernel"]
    assert np.allclose(hidden.T @ hidden, 2.0 * np.eye(16), atol=1e-4), "hidden layers have gain sqrt(2)"
    assert np.allclose(head.T @ head, 1e-4 * np.eye(2), atol=1e-7), "the output has gain 0.01"
    assert np.all(params["Dense_0"]["bias"] == 0)
    assert np.all(params["log_std"] == 0)


# Drawn from PRNGKey(420) by jax 0.10.2 with the original threefry; the published datasets need these weights.
FIRST_WEIGHT = -0.2725188


def test_the_fixed_initialisation_does_not_depend_on_the_threefry_default():
    with jax.threefry_partitionable(True):
        a = policies.init_fixed(GAUSSIAN, 420, (4,))
    with jax.threefry_partitionable(False):
        b = policies.init_fixed(GAUSSIAN, 420, (4,))
    assert all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))
    assert float(a["params"]["Dense_0"]["kernel"][0, 0, 0]) == pytest.approx(FIRST_WEIGHT, rel=1e-4)


def test_fresh_initialisations_differ_from_each_other():
    many = policies.init_many(GAUSSIAN, jax.random.key(0), (4,), 3)
    kernels = many["params"]["Dense_0"]["kernel"]
    assert kernels.shape[0] == 3
    assert not np.allclose(kernels[0], kernels[1])
