"""The catalogue, which the command line believes without jax, against the environments themselves."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hadesd.distill.environments.make import make_environment
from hadesd.spec import environments

GYMNAX = [name for name, entry in environments.ENVIRONMENTS.items() if entry.family not in ("brax", "images")]
BRAX = [name for name, entry in environments.ENVIRONMENTS.items() if entry.family == "brax"]


def check(entry, env):
    assert env.observation == entry.observation
    assert env.discrete == entry.discrete
    assert env.actions == entry.actions
    channels = entry.observation[-1]
    assert len(entry.observation_names) in (0, channels), "one name for each entry (flat) or channel (grid)"
    assert len(entry.action_names) in (0, entry.actions)


@pytest.mark.parametrize("name", GYMNAX)
def test_gymnax_entries_say_what_the_environment_is(name):
    entry = environments.find(name)
    env = make_environment(name, "auto")
    check(entry, env)
    assert env._params.max_steps_in_episode == entry.episode_steps


@pytest.mark.parametrize("name", BRAX)
def test_brax_entries_say_what_the_environment_is(name):
    entry = environments.find(name)
    check(entry, make_environment(name, environments.backend_for(entry, "auto")))


def test_time_limits_end_an_episode_and_the_next_one_starts_at_once():
    env = make_environment("Pendulum-v1", "auto")

    def step(state, key):
        state, observation, _reward, done = env.step(key, state, jnp.zeros(1))
        return state, (observation, done)

    state, _ = env.reset(jax.random.key(0))
    _, (observations, done) = jax.lax.scan(step, state, jax.random.split(jax.random.key(1), 401))
    assert list(np.flatnonzero(done)) == [199, 399]
    assert observations.dtype == jnp.float32


def test_brax_resets_to_the_first_state_after_its_time_limit():
    env = make_environment("inverted_pendulum", "positional")

    @jax.jit
    def last(key):
        state, first = env.reset(key)
        inner, start, _ = state
        state, observation, _, done = env.step(key, (inner, start, jnp.int32(999)), jnp.zeros(1))
        return first, observation, done, state[2]

    first, observation, done, steps = last(jax.random.key(0))
    assert bool(done)
    assert int(steps) == 0
    assert np.allclose(first, observation)


@pytest.mark.parametrize(
    ("text", "hint"), [("hoper", "'hopper'"), ("cartpole", "'CartPole-v1'"), ("zzzz", "known: ant")]
)
def test_an_unknown_environment_names_the_nearest(text, hint):
    with pytest.raises(Exception, match="unknown environment") as caught:
        environments.find(text)
    assert hint in str(caught.value)


def test_gymnax_does_not_bring_plotting_libraries_and_can_still_draw():
    program = (
        "import sys, hadesd.distill.environments.gymnax; print('pandas' in sys.modules, 'seaborn' in sys.modules);"
        "import gymnax.environments.misc.pong as p; print(callable(p.sns.color_palette), callable(p.plt.figure))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "True", "True"]


def test_swimmer_moves_in_its_fluid():
    """Its forces go through code of Brax that newer versions of jax refuse without our help."""
    env = make_environment("swimmer", "generalized")
    state, first = jax.jit(env.reset)(jax.random.key(0))
    _, observation, reward, _ = jax.jit(env.step)(jax.random.key(1), state, jnp.ones(2))
    assert not np.array_equal(first, observation)
    assert np.isfinite(float(reward))
