"""Environments of one's own: three kinds, told apart, checked, and computed as hades's own are."""

import importlib
import sys
from types import SimpleNamespace
from typing import Any

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hadesd.distill.environments import own, own_form
from hadesd.distill.environments.gymnax import GymnaxEnvironment
from tests.helpers.runs.own_package import EXAMPLE


@pytest.fixture(scope="module")
def docking() -> Any:
    """The example's module."""
    sys.path.insert(0, str(EXAMPLE))
    try:
        yield importlib.import_module("hades_docking.environment")
    finally:
        sys.path.remove(str(EXAMPLE))


def trajectory(env: Any, steps: int) -> Any:
    """Observations, rewards and ends of a rollout with random actions."""

    def step(state: Any, key: jax.Array) -> Any:
        key_action, key_env = jax.random.split(key)
        if env.discrete:
            action = jax.random.randint(key_action, (), 0, env.actions)
        else:
            action = jax.random.uniform(key_action, (env.actions,), minval=-1.0)
        state, *seen = env.step(key_env, state, action)
        return state, seen

    state, first = jax.jit(env.reset)(jax.random.key(1))
    return first, jax.lax.scan(step, state, jax.random.split(jax.random.key(2), steps))[1]


@pytest.mark.environment
def test_one_in_gymnaxs_way_is_what_the_tables_own_is() -> None:
    mine, known = own.adapt("mine", gymnax.make("Pendulum-v1")), GymnaxEnvironment("Pendulum-v1")
    for one, other in zip(*(jax.tree.leaves(trajectory(env, 40)) for env in (mine, known)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (own.episode_steps(mine), mine.discrete, mine.actions) == (200, False, 1)


class Counter:
    """In Brax's way: it counts, and ends at 3 by itself where `ends`."""

    observation_size, action_size, episode_steps = 2, 1, 5

    def __init__(self, ends: bool) -> None:
        self.ends = ends

    def reset(self, key: jax.Array) -> Any:
        return self._state(jnp.zeros(()), key)

    def step(self, state: Any, action: jax.Array) -> Any:
        return self._state(state["count"] + 1, state["key"])

    def _state(self, count: jax.Array, key: jax.Array) -> Any:
        return State(count=count, key=key, obs=jnp.stack([count, 2 * count]), reward=count, done=self._done(count))

    def _done(self, count: jax.Array) -> jax.Array:
        return jnp.asarray(count >= 3, jnp.float32) * self.ends


class State(dict[str, Any]):
    """A pytree with attributes, as Brax's State."""

    __getattr__ = dict.__getitem__


jax.tree_util.register_pytree_with_keys(
    State,
    lambda s: ([(jax.tree_util.DictKey(k), s[k]) for k in sorted(s)], tuple(sorted(s))),
    lambda keys, values: State(zip(keys, values, strict=True)),
)


def test_one_in_braxs_way_starts_again_where_it_ends_and_at_its_time_limit() -> None:
    for ends, expected in ((True, [1, 2, 0, 1, 2, 0]), (False, [1, 2, 3, 4, 0, 1])):
        _, (observations, rewards, done) = trajectory(own.adapt("counter", Counter(ends)), 6)
        assert observations[:, 0].tolist() == expected
        assert done.tolist() == [count == 0 for count in expected]
        assert rewards.tolist() == [count or (3 if ends else 5) for count in expected]


@pytest.mark.environment
def test_machine_code_of_the_example_agrees_with_jax_and_what_does_not_is_not_used(
    docking: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = own_form.in_form(own.adapt("docking", docking.Docking()), "auto")
    assert (env.form.physics, env.form.note) == ("native", "")
    monkeypatch.setattr(own_form, "agrees", lambda env: False)
    env = own_form.in_form(own.adapt("docking", docking.Docking()), "auto")
    assert (env.form.physics, "other returns than JAX" in env.form.note) == ("vmap", True)


def test_what_the_compiler_cannot_take_is_computed_by_vmap_and_said() -> None:
    waves = made(step=lambda k, s, a: (jnp.abs(jnp.fft.fft(s)), s, s[0], s[0] > 1))
    env = own_form.in_form(own.adapt("waves", waves), "auto")
    assert env.form.physics == "vmap"
    assert env.form.note


def made(**over: Any) -> SimpleNamespace:
    """An environment of hades's protocol, with parts of it replaced."""
    parts: dict[str, Any] = {
        "observation": (2,),
        "discrete": False,
        "actions": 1,
        "reset": lambda key: (jnp.zeros(2), jnp.zeros(2)),
        "step": lambda key, state, action: (state, state, jnp.float32(0), jnp.bool_(False)),
    }
    return SimpleNamespace(**parts | over)


SPACE = {"observation_space": lambda p: SimpleNamespace(shape=(2,)), "params": None}

WRONG = {
    "which has neither": SimpleNamespace(reset=1, step=2),
    "says 0 actions": made(actions=0),
    "at least 2 actions": made(actions=1, discrete=True),
    "shape is 3; it must be a tuple": made(observation=3),
    "has shape []; it must be a vector": made(observation=()),
    "shape [3], but it says [2]": made(reset=lambda key: (jnp.zeros(2), jnp.zeros(3))),
    "reset(key) returns (state, observation), but it returned a tuple of 3": made(reset=lambda key: (1, 2, 3)),
    "step(key, state, action) returns (state, observation, reward, done)": made(step=lambda k, s, a: (s, s, 0.0)),
    "reward of shape [2]": made(step=lambda k, s, a: (s, s, s, jnp.bool_(False))),
    "has shape [2] before and [3] after": made(step=lambda k, s, a: (jnp.zeros(3), s, 0.0, False)),
    "is float32 before and int32 after": made(step=lambda k, s, a: (s.astype(int), s, 0.0, False)),
    "cannot be traced by JAX": made(step=lambda k, s, a: (s, s, 0.0, bool(s[0] > 1))),
    "infinite high": made(
        **SPACE, action_space=lambda p: SimpleNamespace(shape=(1,), low=-1.0, high=np.inf), default_params=None
    ),
}


def test_what_is_no_environment_is_refused_with_the_reason() -> None:
    wrong = {}
    for words, thing in WRONG.items():
        with pytest.raises(own.NotAnEnvironmentError) as caught:
            own.adapt("wrong", thing)
        if words not in str(caught.value) or "\n" in str(caught.value):
            wrong[words] = str(caught.value)
    for names in (["a"], ["a", "A"], ["a", ""], "ab", ["a", "b\n"], [1, 2]):
        with pytest.raises(own.NotAnEnvironmentError):
            own.texts(own.adapt("named", made(observation_names=names)), "observation_names", (2,))
    assert wrong == {}
