"""Pairs of what an evolved policy does: which states are drawn, what is said there, and around which draw it begins."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.flatten_util import ravel_pytree

from hadesd.distill import policies, policy_pairs
from hadesd.distill.dataset import DatasetLayout, label_counts
from hadesd.distill.generation import init_state
from hadesd.distill.normalise import neutral
from hadesd.distill.rollout import Evaluation
from hadesd.distill.sharding import make_mesh
from hadesd.distill.strategies import snes
from tests.distill import toys


@given(st.integers(0, 2**32 - 1), st.integers(2, 12), st.booleans())
def test_states_are_drawn_where_the_policy_takes_their_action(seed, pairs, never):
    rng = np.random.default_rng(seed)
    layout = DatasetLayout(pairs, (3,), 2, discrete=True, labels="fixed")
    states, heads = rng.normal(size=(60, 3)).astype(np.float32), rng.normal(size=(60, 2)).astype(np.float32)
    if never:
        heads[:, 1] = heads[:, 0] - 1.0 - np.arange(60)
    for vector in policy_pairs.draws(layout, states, heads, None, jax.random.key(seed % 1000), 5):
        found = layout.unflatten(vector).states
        rows = [int(np.flatnonzero((states == one).all(axis=1))[0]) for one in found]
        first, second = np.split(np.array(rows), [label_counts(pairs, 2)[0]])
        assert len(set(first)) == len(first)
        assert (heads[first].argmax(axis=1) == 0).all()
        if never:
            assert sorted(second) == list(range(len(second))), "where it comes nearest to the action"
        elif (heads.argmax(axis=1) == 1).sum() >= len(second):
            assert (heads[second].argmax(axis=1) == 1).all()


def test_draws_differ_and_say_what_the_policy_says_there():
    layout = DatasetLayout(4, (1,), 2, discrete=False, labels="fixed")
    states = np.arange(50, dtype=np.float32)[:, None]
    drawn = policy_pairs.draws(layout, states, np.hstack([states, -states]), None, jax.random.key(1), 6)
    for vector in drawn:
        pairs = layout.unflatten(vector)
        assert np.array_equal(pairs.targets, np.hstack([pairs.states, -pairs.states]))
    assert len({tuple(vector) for vector in drawn}) == 6


def test_states_come_from_every_step_and_heads_are_not_clipped():
    env, steps = toys.Counter(length=7), 20
    policy = policies.MLP(env.actions, env.discrete, width=4, depth=1, activation="tanh")
    params = policies.init(policy, jax.random.key(0), env.observation)
    params = jax.tree.map(lambda leaf: 5.0 * leaf, params)
    setting = Evaluation(environments=1, steps=steps, normalisation="none", greedy=True)
    act = jax.jit(policy_pairs.visits, static_argnums=(0, 1, 5))
    seen, heads = act(env, policy, params, neutral(env.observation), jax.random.key(2), setting)
    kept = min(policy_pairs.ENVIRONMENTS, -(-policy_pairs.STATES // steps))
    assert np.array_equal(np.asarray(seen)[:, 0], np.repeat(np.arange(steps) % 7, kept))
    said = jax.vmap(lambda one: policy.apply(params, one)[0])(seen)
    assert np.allclose(heads, said, atol=1e-5)


def test_the_race_is_decided_by_the_last_round_and_asks_less_of_fewer():
    """Draw n is worth n. In its first evaluation draw 7 is lucky and draw 400 is not finite; 511 never is."""
    asked, keys = [], set()

    def fitness(chosen, key):
        asked.append(len(chosen))
        keys.add(tuple(jax.random.key_data(key).tolist()))
        found = chosen.astype(np.float32)
        found[chosen == 511] = np.nan
        if len(asked) == 1:
            found[chosen == 7], found[chosen == 400] = 1e9, np.inf
        return found

    assert policy_pairs.race(fitness, jax.random.key(0)) == 510
    assert asked == [count for count, times in policy_pairs.RACE for _ in range(times)]
    assert len(keys) == len(asked)


def direct(env):
    """Direct neuroevolution in the environment, with a policy whose first action is 1 everywhere."""
    problem = toys.problem(env, 1)
    policy = problem.policy
    params = policies.init(policy, jax.random.key(0), env.observation)
    mean, unflatten = ravel_pytree(params)
    before = replace(
        problem, layout=None, training=None, unflatten=unflatten, inits=1,
        strategy=snes(16, mean.size, sigma=0.1, learning_rate=1.0, temperature=20.0),
    )  # fmt: skip
    return before, mean


def test_a_search_begins_at_the_draw_that_returns_most(monkeypatch):
    """In Echo the reward is the first entry of the action."""
    env = toys.Echo()
    before, mean = direct(env)
    after = toys.problem(env, 2)
    towards = [-1.0, 0.5, np.nan, 1.0, 0.0]
    drawn = np.stack([after.layout.flatten(np.ones((2, 1)), np.full((2, 2), value), None) for value in towards])
    monkeypatch.setattr(policy_pairs, "draws", lambda *_: drawn)
    monkeypatch.setattr(policy_pairs, "RACE", ((5, 1), (3, 2)))
    begun = policy_pairs.begin(before, after, make_mesh(1), 2, jax.device_get(init_state(before, mean)))
    assert np.array_equal(begun.strategy.mean, drawn[3])


@pytest.mark.parametrize("normalisation", ["none", "fixed", "running"])
def test_a_search_begins_the_same_whatever_the_chunk_is(normalisation):
    env = toys.Echo()
    before, mean = direct(env)
    after = toys.problem(env, 3)
    after = replace(after, evaluation=replace(after.evaluation, normalisation=normalisation))
    before = replace(before, evaluation=after.evaluation)
    state = jax.device_get(init_state(before, mean)._replace(generation=jnp.int32(5)))
    begun = policy_pairs.begin(before, after, make_mesh(1), 4, state)
    assert int(begun.generation) == 5
    assert begun.strategy.mean.shape == (after.layout.size,)
    again = policy_pairs.begin(before, after, make_mesh(1), 16, state)
    assert np.array_equal(begun.strategy.mean, again.strategy.mean)
    later = policy_pairs.begin(before, after, make_mesh(1), 4, state._replace(generation=jnp.int32(6)))
    assert jax.tree.structure(later) == jax.tree.structure(init_state(after, jnp.zeros(after.layout.size)))
