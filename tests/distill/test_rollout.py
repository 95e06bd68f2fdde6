import jax
import jax.numpy as jnp
import pytest

from hadesd.distill import normalise, policies, rollout
from hadesd.distill.policies import MLP
from hadesd.distill.rollout import Evaluation
from tests.distill.toys import Counter, Echo, Repeats, Uneven

pytestmark = [pytest.mark.optimised, pytest.mark.usefixtures("strict")]

POLICY = MLP(actions=2, discrete=True, width=4, depth=1, activation="tanh")


def run(env, steps, environments=3, normalisation="none", policy=POLICY, greedy=False, noise_every=1):
    params = policies.init(policy, jax.random.key(0), env.observation)
    setting = Evaluation(environments, steps, normalisation, greedy, noise_every=noise_every)
    return rollout.evaluate(env, policy, params, normalise.unit(env.observation), jax.random.key(1), setting)


def test_completed_episodes_count_and_the_unfinished_rest_does_not():
    outcome = run(Counter(length=5), steps=23)
    assert outcome.fitness == pytest.approx(5.0), "4 whole episodes of return 5; the 3 steps after them are no episode"
    assert int(outcome.episodes) == 12
    assert int(outcome.unfinished) == 0


def test_where_no_episode_completed_the_return_so_far_counts():
    outcome = run(Counter(length=1000), steps=23)
    assert outcome.fitness == pytest.approx(23.0), "scoring it 0 would hide what the policy did"
    assert int(outcome.unfinished) == 3


def test_an_environment_without_a_completed_episode_is_not_forgotten_beside_others():
    env, environments, steps = Uneven(), 8, 20
    outcome = run(env, steps, environments)
    endless = int(outcome.unfinished)
    assert 0 < endless < environments, "the keys of this test must give both kinds"
    episodes = (environments - endless) * 4
    assert int(outcome.episodes) == episodes
    expected = (episodes * 5.0 + endless * 20.0) / (episodes + endless)
    assert outcome.fitness == pytest.approx(expected)


def test_a_nan_in_an_episode_that_is_left_out_still_makes_the_fitness_nan():
    # Steps 1-5 and 6-10 complete; the NaN of step 3 of an episode is in all; with nan_at > length never reached.
    assert jnp.isnan(run(Counter(length=5, nan_at=3), steps=7).fitness)
    assert jnp.isfinite(run(Counter(length=5, nan_at=9), steps=7).fitness)


def test_noise_lasts_as_many_steps_as_it_is_told_to():
    returns = [float(run(Repeats(), 20, environments=8, noise_every=lasts).fitness) for lasts in (1, 4, 20)]
    assert returns[0] < 15.0 <= returns[1] < 19.0, "actions change between fours, and nowhere else"
    assert returns[2] == pytest.approx(19.0)


def test_actions_are_clipped_to_the_unit_box():
    policy = MLP(actions=2, discrete=False, width=4, depth=1, activation="tanh")
    env = Echo()
    params = policies.init(policy, jax.random.key(0), env.observation)
    params = jax.tree.map(lambda leaf: leaf + 100.0, params)
    setting = Evaluation(2, 8, "none", greedy=True)
    outcome = rollout.evaluate(env, policy, params, normalise.unit((1,)), jax.random.key(0), setting)
    assert outcome.fitness == pytest.approx(4.0), "four steps of the largest action, which is 1"


def test_running_statistics_are_the_mean_and_variance_of_everything_seen():
    statistics = normalise.unit((2,))
    batches = jax.random.normal(jax.random.key(2), (50, 4, 2)) * 3.0 + 7.0
    for batch in batches:
        statistics = normalise.update(statistics, batch)
    flat = batches.reshape(-1, 2)
    assert jnp.allclose(statistics.mean, flat.mean(0), rtol=1e-4)
    assert jnp.allclose(statistics.variance, flat.var(0), rtol=1e-3)
    assert jnp.allclose(jax.vmap(lambda o: normalise.apply(statistics, o))(flat).std(0), 1.0, atol=1e-2)


def test_constants_measured_once_give_unit_variance_to_what_never_varies():
    found = normalise.measure(Echo(), jax.random.key(0))
    assert found.mean == pytest.approx(1.0, rel=1e-4)
    assert found.variance == pytest.approx(1.0), "an entry that never varied must not be divided by nearly zero"


def test_fixed_constants_change_what_the_policy_sees():
    env = Counter(length=5)
    params = policies.init(POLICY, jax.random.key(0), env.observation)
    setting = Evaluation(2, 5, "fixed", greedy=False)
    far = normalise.Statistics(jnp.full(2, 1e6), jnp.ones(2), jnp.float32(1))
    near = rollout.evaluate(env, POLICY, params, far, jax.random.key(1), setting)
    assert near.fitness == pytest.approx(5.0)
