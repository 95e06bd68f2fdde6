"""What surrounds Brax's PPO: the environment adapter, the categorical distribution, the measurement, the settings."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hades_protocol.errors import UsageError
from hadesd.analysis.reference import settings as ppo_settings
from hadesd.analysis.reference.environment import BatchedEnvironment
from hadesd.analysis.reference.measuring import Meter, standard_error
from hadesd.analysis.reference.networks import CategoricalDistribution
from hadesd.distill.environments.make import make_environment
from hadesd.distill.rollout import Evaluation
from hadesd.spec.environments import ENVIRONMENTS
from hadesd.spec.environments import find as find_environment
from tests.distill.toys import Counter, Echo, Uneven


class Fails:
    """Reward 1 a step; action 1 ends the episode, and so do 5 steps."""

    name = "fails"
    observation = (1, 1)
    discrete = True
    actions = 2

    def reset(self, key):
        return jnp.int32(0), jnp.zeros((1, 1))

    def step(self, key, state, action):
        done = (action == 1) | (state + 1 >= 5)
        following = jnp.where(done, 0, state + 1)
        return following, following.astype(jnp.float32).reshape(1, 1), jnp.float32(1.0), done


def test_a_time_limit_is_a_truncation_and_a_failure_is_none():
    env = BatchedEnvironment(Fails(), episode_steps=5)
    state = env.reset(jax.random.split(jax.random.key(0), 2))
    assert state.obs.shape == (2, env.observation_size) == (2, 1)
    seen = []
    for t in range(7):
        state = env.step(state, jnp.array([0, int(t == 2)]))  # the second one fails at its third step
        seen.append((state.done.tolist(), state.info["truncation"].tolist(), state.obs[:, 0].tolist()))
    assert [done for done, _, _ in seen] == [[0, 0], [0, 0], [0, 1], [0, 0], [1, 0], [0, 0], [0, 0]]
    assert [cut for _, cut, _ in seen] == [[0, 0]] * 4 + [[1, 0]] + [[0, 0]] * 2, "only the limit truncates"
    assert seen[4][2] == [0, 2], "the observation after an end is the next episode's"
    assert state.info["steps"].tolist() == [2, 4], "steps count from the start of the running episode"


def test_a_step_of_the_batch_is_a_step_of_the_programs_environment():
    inner = make_environment("Acrobot-v1", "auto")
    env = BatchedEnvironment(inner, 500)
    state = jax.jit(env.reset)(jax.random.split(jax.random.key(3), 4))
    keys = jax.vmap(jax.random.split)(state.info["keys"])[:, 0]
    actions = jnp.array([0, 1, 2, 0])
    after = jax.jit(env.step)(state, actions)
    _, observations, rewards, _ = jax.jit(jax.vmap(inner.step))(keys, state.pipeline_state, actions)
    np.testing.assert_array_equal(after.obs, observations)
    np.testing.assert_array_equal(after.reward, rewards)


def test_the_catalogues_time_limit_is_the_one_that_truncates():
    """Pendulum never fails: its first end must be a truncation, at the step that the catalogue names."""
    limit = find_environment("Pendulum-v1").episode_steps
    env = BatchedEnvironment(make_environment("Pendulum-v1", "auto"), limit)
    state = env.reset(jax.random.split(jax.random.key(0), 1))
    _, (done, cut) = jax.lax.scan(
        lambda s, _: (lambda n: (n, (n.done[0], n.info["truncation"][0])))(env.step(s, jnp.zeros((1, 1)))),
        state,
        length=limit + 5,
    )
    assert np.flatnonzero(done).tolist() == np.flatnonzero(cut).tolist() == [limit - 1]


@pytest.mark.slow
def test_the_categorical_distribution_against_numpy():
    logits = np.array([[0.0, 1.0, -2.0], [3.0, 3.0, 0.0]])
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    distribution = CategoricalDistribution(3)
    assert distribution.param_size == 3
    np.testing.assert_allclose(
        distribution.log_prob(jnp.asarray(logits), jnp.array([1, 2])), np.log(p[[0, 1], [1, 2]]), rtol=1e-5
    )
    entropy = distribution.entropy(jnp.asarray(logits), jax.random.key(0))
    np.testing.assert_allclose(entropy, -(p * np.log(p)).sum(-1), rtol=1e-5)
    new, old = (distribution.create_dist(jnp.asarray(logits[i])) for i in (0, 1))
    np.testing.assert_allclose(new.kl_divergence(old), (p[1] * np.log(p[1] / p[0])).sum(), rtol=1e-5)
    assert distribution.mode(jnp.asarray(logits[0])) == 1
    drawn = distribution.sample(jnp.broadcast_to(jnp.asarray(logits[0]), (4000, 3)), jax.random.key(1))
    np.testing.assert_allclose(np.bincount(drawn, minlength=3) / 4000, p[0], atol=0.03)


def measure(env, setting, action, environments, make_policy=None):
    meter = Meter(env, setting)
    policy = make_policy or (lambda params, deterministic: lambda observation, key: (params, {}))
    return meter.measure(policy, jnp.asarray(action), jax.random.key(0), environments)


@pytest.mark.slow
def test_measured_returns_are_those_of_completed_episodes():
    found = measure(Counter(5), Evaluation(2, 12, "running", greedy=False), 0, environments=5)
    assert found.returns.tolist() == [5.0] * 3, "5 environments are 3 groups of 2"
    assert (found.episodes, found.unfinished) == (12, 0)
    found = measure(Counter(50), Evaluation(2, 12, "running", greedy=False), 0, environments=4)
    assert found.returns.tolist() == [12.0] * 2, "an episode that outlasts the rollout counts with its return so far"
    assert (found.episodes, found.unfinished) == (0, 4)


def test_groups_are_independent():
    found = measure(Uneven(), Evaluation(1, 20, "none", greedy=False), 0, environments=24)
    assert set(found.returns.tolist()) == {5.0, 20.0}, "some environments end, others do not"


@pytest.mark.parametrize("greedy", [True, False])
@pytest.mark.slow
def test_the_policy_that_acts_is_ppos_and_it_samples_when_asked_to(greedy):
    def make_policy(params, deterministic):
        def policy(observation, key):
            noise = 0.0 if deterministic else 0.5 * jax.random.normal(key)
            return params + jnp.array([noise, 0.0]), {}

        return policy

    found = measure(Echo(), Evaluation(2, 8, "none", greedy=greedy), [0.25, 0.0], 16, make_policy)
    assert np.mean(found.returns) == pytest.approx(1.0, abs=1.0)
    assert (standard_error(found.returns) == 0.0) == greedy, "4 steps of reward 0.25, with noise only where it samples"


def test_the_standard_error_of_one_value_is_unknown():
    assert standard_error(np.array([3.0])) is None
    assert standard_error(np.array([1.0, 3.0])) == pytest.approx(1.0)


def test_the_defaults_of_every_environment_fit_together():
    wrong = []
    names = [name for name, e in ENVIRONMENTS.items() if e.family != "images"]
    for name, preset in itertools.product(names, ("published", "cpu")):
        values, words = ppo_settings.defaults(find_environment(name), preset)
        settings = ppo_settings.build(values, {})
        points, env_steps = ppo_settings.plan(settings)
        rules = {
            "points": 1 <= points <= ppo_settings.MAX_POINTS,
            "rounded up, but by little": settings.steps <= env_steps <= 1.1 * settings.steps,
            "whose figures they are": ("Brax's published" in words) == (name in ppo_settings._BRAX_BY_NAME),
            "two cores share them": settings.environments % 2 == settings.batch % 2 == 0,
        }
        wrong += [(name, preset, rule) for rule, holds in rules.items() if not holds]
    assert wrong == []


def test_brax_defaults_are_brax_authors_figures():
    values, _ = ppo_settings.defaults(find_environment("humanoid"), "published")
    settings = ppo_settings.build(values, {})
    assert (settings.environments, settings.batch, settings.unroll, settings.passes) == (2048, 1024, 10, 8)
    assert (settings.entropy, settings.reward_scale, settings.steps) == (1e-3, 0.1, 50_000_000)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"lr": 1e-3}, "unknown setting 'ppo.lr'; there are: ppo.steps"),
        ({"learning_rate": -1}, "ppo.learning_rate = -1 is not accepted"),
        ({"activation": "sine"}, "one of swish, tanh, relu"),
        ({"environments": 63}, "a multiple of ppo.environments"),
        ({"steps": "many"}, "ppo.steps"),
    ],
)
def test_settings_that_are_not_accepted_get_one_line(asked, says):
    values, _ = ppo_settings.defaults(find_environment("CartPole-v1"), "cpu")
    with pytest.raises(UsageError, match=says.replace("(", r"\(")) as caught:
        ppo_settings.build(values, asked)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("steps", "collected", "expected"),
    [(100, 10, (10, 100)), (5, 10, (1, 10)), (490, 10, (10, 500)), (2_000, 100, (20, 2_000))],
)
def test_measurements_divide_a_training_with_little_rounding(steps, collected, expected):
    values, _ = ppo_settings.defaults(find_environment("CartPole-v1"), "cpu")
    sizes = {"batch": 1, "minibatches": 1, "environments": 1, "unroll": collected, "steps": steps}
    assert ppo_settings.plan(ppo_settings.build(values, sizes)) == expected
