from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hadesd.compute.build import build
from hadesd.distill import policies
from hadesd.distill.fitness import draw_shared_inputs, evaluate_candidate
from hadesd.distill.generation import init_state
from hadesd.distill.policies import MLP
from hadesd.distill.problem import LEAVE_ONE_OUT_STREAM, generation_key
from hadesd.distill.resizing import CannotResize, leave_one_out
from hadesd.distill.sharding import make_mesh
from tests.distill.toys import Echo, problem
from tests.helpers.runs.specs import tiny

pytestmark = [pytest.mark.slow]

PAIRS = 5


def mean_of(layout):
    return jnp.asarray(np.random.default_rng(1).normal(size=layout.size), jnp.float32)


@pytest.mark.parametrize("discrete", [True, False])
def test_a_pair_of_weight_zero_might_as_well_not_be_there(discrete):
    policy = MLP(3, discrete, width=8, depth=1, activation="tanh")
    params = policies.init(policy, jax.random.key(0), (4,))
    states, noise = jax.random.normal(jax.random.key(1), (PAIRS, 4)), jax.random.normal(jax.random.key(2), (PAIRS, 3))
    targets = jax.nn.softmax(noise) if discrete else noise

    def gradient(chosen, weights):
        def loss(p):
            return policies.log_likelihood(policy, p, states[chosen], targets[chosen], weights)

        return jax.tree.leaves(jax.value_and_grad(loss)(params))

    everything = np.arange(PAIRS)
    for left_out in range(PAIRS):
        weighted = gradient(everything, jnp.ones(PAIRS).at[left_out].set(0.0))
        for a, b in zip(weighted, gradient(np.delete(everything, left_out), None), strict=True):
            assert np.allclose(a, b, rtol=1e-5, atol=1e-6)
    for a, b in zip(gradient(everything, jnp.ones(PAIRS)), gradient(everything, None), strict=True):
        assert np.allclose(a, b, rtol=1e-5, atol=1e-6)


def test_costs_are_those_of_datasets_that_really_lack_the_pair():
    whole = problem(Echo(), PAIRS)
    fewer = problem(Echo(), PAIRS - 1)
    mean = mean_of(whole.layout)
    state = init_state(whole, mean)._replace(generation=jnp.int32(9))
    root = jax.random.fold_in(generation_key(whole.seed, LEAVE_ONE_OUT_STREAM), 9)
    shared = draw_shared_inputs(whole, state, whole.task_data, *jax.random.split(root))
    reference = evaluate_candidate(whole, shared, mean).fitness
    evaluate = jax.jit(lambda candidate: evaluate_candidate(fewer, shared, candidate).fitness)
    costs = [
        reference - evaluate(mean[whole.layout.source_dimensions(np.delete(np.arange(PAIRS), left_out))])
        for left_out in range(PAIRS)
    ]
    found = leave_one_out(whole, make_mesh(2), 2, state)
    assert found.shape == (PAIRS,)
    assert np.ptp(found) > 1e-3, "the pairs matter, and not all the same"
    assert np.allclose(found, costs, atol=1e-5)


def test_costs_do_not_depend_on_chunk_or_devices_and_are_drawn_anew_for_every_generation():
    echo = problem(Echo(), PAIRS)
    state = init_state(echo, mean_of(echo.layout))
    first = leave_one_out(echo, make_mesh(2), 2, state)
    assert np.all(np.isfinite(first))
    assert np.array_equal(first, leave_one_out(echo, make_mesh(2), 2, state))
    for devices, chunk in ((2, 1), (1, 1000)):
        assert np.allclose(first, leave_one_out(echo, make_mesh(devices), chunk, state), atol=1e-5)
    later = state._replace(generation=state.generation + 1)
    assert not np.allclose(first, leave_one_out(echo, make_mesh(2), 2, later), atol=1e-5), "other initialisations"


def test_the_pair_that_earns_the_reward_costs_most():
    echo = problem(Echo(), 3)
    # Echo pays the first entry of the action; its observation is always 1.
    mean = jnp.concatenate([jnp.ones(3), jnp.array([[-1.0, 0.0], [5.0, 0.0], [-1.0, 0.0]]).reshape(-1)])
    costs = leave_one_out(echo, make_mesh(2), 4, init_state(echo, mean))
    assert int(np.argmax(costs)) == 1
    assert costs[1] > 0 > max(costs[0], costs[2]), "without a pair that does harm fitness rises"


def test_digits_are_scored_by_images():
    spec = tiny(env="digits", dataset={"pairs": 10}, images={"batch": 64}, policy={"kind": "cnn", "features": 4})
    digits, mean = build(spec)
    costs = leave_one_out(digits, make_mesh(2), 4, init_state(digits, mean))
    assert costs.shape == (10,)
    assert np.all(np.isfinite(costs))


def test_a_fitness_that_is_not_finite_is_not_known():
    echo = problem(Echo(), 2)
    broken = mean_of(echo.layout).at[0].set(jnp.nan)
    assert np.all(np.isnan(leave_one_out(echo, make_mesh(1), 4, init_state(echo, broken))))


def test_direct_neuroevolution_has_no_pairs():
    echo = problem(Echo(), 2)
    state = init_state(echo, mean_of(echo.layout))
    with pytest.raises(CannotResize, match="there are no pairs"):
        leave_one_out(replace(echo, layout=None), make_mesh(1), 4, state)
