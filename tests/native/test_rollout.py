"""Whole rollouts in machine code against `rollout.evaluate` by vmap: the same random numbers, so the same returns."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hadesd.distill import normalise, policies, rollout
from hadesd.distill.environments import compiled
from hadesd.distill.environments.base import StepForm
from hadesd.distill.policies import MLP
from hadesd.distill.rollout import Evaluation
from hadesd.native import machine_code
from hadesd.physics import program as programs
from hadesd.physics.compiler import compile_environment
from tests.distill.toys import Counter, Echo, Lights, Uneven

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(machine_code.unavailable()), reason=machine_code.unavailable() or "there is one"),
]


class Drift:
    """Continuous: a point that actions push, with noise from the step's key; an episode ends beyond 3 or at random."""

    name, observation, discrete, actions = "drift", (3,), False, 2

    def reset(self, key: jax.Array) -> Any:
        place = jax.random.normal(key, (3,))
        return (place, jnp.int32(0)), place

    def step(self, key: jax.Array, state: Any, action: jax.Array) -> Any:
        place, steps = state
        key_noise, key_end, key_reset = jax.random.split(key, 3)
        place = place + 0.3 * jnp.concatenate([action, action[:1]]) + 0.1 * jax.random.normal(key_noise, (3,))
        done = (jnp.abs(place).max() > 3) | jax.random.bernoulli(key_end, 0.1)
        after = jnp.where(done, jax.random.normal(key_reset, (3,)), place)
        return (after, jnp.where(done, 0, steps + 1)), after, -jnp.square(place).sum(), done


def in_both_forms(env: Any) -> tuple[Any, Any]:
    """An environment by vmap, and the same with machine code."""
    plain, native = env, type(env).__new__(type(env))
    native.__dict__.update(env.__dict__)
    plain.form = StepForm("vmap")
    native.form = StepForm("native", compile_environment(env.name, compiled.functions_of(env), env.actions))
    return plain, native


def results(
    env: Any, policy: MLP, setting: Evaluation, candidates: int, inits: int, constants: Any = None, noise: Any = None
) -> rollout.RolloutResult:
    """Of [candidates, inits] policies; the initialisations' resets are common to all candidates."""
    params = policies.init_many(policy, jax.random.key(0), env.observation, candidates * inits)
    params = jax.tree.map(lambda leaf: 2 * leaf.reshape(candidates, inits, *leaf.shape[1:]), params)
    if constants is None:
        constants = normalise.unit(env.observation)._replace(mean=jnp.full(env.observation, 0.1))
    keys = jax.random.split(jax.random.key(1), inits)

    def all_of(params: Any, noise: Any) -> rollout.RolloutResult:
        def one(params: Any, key: jax.Array) -> rollout.RolloutResult:
            return rollout.evaluate(env, policy, params, constants, key, setting, noise)

        return jax.vmap(lambda several: jax.vmap(one)(several, keys))(params)

    return jax.device_get(jax.jit(all_of)(params, noise))


def agreed(
    forms: tuple[Any, Any],
    policy: Any,
    setting: Evaluation,
    candidates: int,
    inits: int,
    constants: Any = None,
    tolerance: tuple[float, float] = (2e-4, 1e-4),
) -> rollout.RolloutResult:
    """What an environment's two forms find, which has to be the same. tolerance: of fitness, relative and absolute."""
    expected, found = (results(env, policy, setting, candidates, inits, constants) for env in forms)
    assert np.array_equal(expected.episodes, found.episodes), setting
    assert np.array_equal(expected.unfinished, found.unfinished), setting
    assert np.allclose(expected.fitness, found.fitness, *tolerance), setting
    return found


ENVIRONMENTS = {"counter": Counter(7), "uneven": Uneven(), "echo": Echo(), "drift": Drift(), "lights": Lights()}
SETTINGS = [
    # candidates, inits, environments, steps, normalisation, greedy: lanes that are filled exactly, in part, many times
    (16, 1, 1, 20, "none", False),
    (3, 2, 5, 20, "running", False),
    (5, 1, 17, 12, "fixed", False),
    (2, 3, 4, 20, "running", True),
    (1, 1, 1, 20, "fixed", True),
]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_returns_and_episodes_are_those_of_vmap(name: str) -> None:
    forms = in_both_forms(ENVIRONMENTS[name])
    policy = MLP(forms[0].actions, forms[0].discrete, width=8, depth=1, activation="tanh")
    for candidates, inits, environments, steps, normalisation, greedy in SETTINGS:
        agreed(forms, policy, Evaluation(environments, steps, normalisation, greedy), candidates, inits)


LIGHTS = Lights()


def test_noise_that_lasts_is_that_of_vmap() -> None:
    for env in (LIGHTS, Echo()):
        forms = in_both_forms(env)
        policy = MLP(env.actions, env.discrete, width=8, depth=1, activation="tanh")
        settings = [Evaluation(5, 20, "fixed", greedy=False, noise_every=lasts) for lasts in (1, 3, 1_000_000)]
        fitness = [agreed(forms, policy, setting, 3, 2).fitness for setting in settings]
        assert len({one.tobytes() for one in fitness}) == 3, "it decides what is drawn"


def test_without_noise_only_the_mode_is_left() -> None:
    for env in (LIGHTS, Echo()):
        forms = in_both_forms(env)
        policy = MLP(env.actions, env.discrete, width=8, depth=1, activation="tanh")
        drawn, mode = (Evaluation(5, 20, "fixed", greedy) for greedy in (False, True))
        fitness = []
        for noise in (0.0, 1.0):
            vmapped, native = (results(form, policy, drawn, 3, 2, noise=jnp.float32(noise)) for form in forms)
            assert np.array_equal(vmapped.episodes, native.episodes)
            assert np.allclose(vmapped.fitness, native.fitness, 2e-4, 1e-4)
            fitness.append(native.fitness)
        assert np.array_equal(fitness[0], results(forms[1], policy, mode, 3, 2).fitness)
        assert np.array_equal(fitness[1], results(forms[1], policy, drawn, 3, 2).fitness)
        assert not np.array_equal(*fitness)


def test_a_temperature_draws_as_vmap_does() -> None:
    forms = in_both_forms(LIGHTS)
    policy = MLP(LIGHTS.actions, LIGHTS.discrete, width=8, depth=1, activation="tanh")
    settings = [Evaluation(5, 20, "fixed", greedy=False, temperature=temperature) for temperature in (1.0, 0.01)]
    fitness = [agreed(forms, policy, setting, 3, 2).fitness for setting in settings]
    assert not np.array_equal(*fitness), "it decides what is drawn"


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize(("width", "depth"), [(8, 1), (40, 2), (200, 1)])
def test_zeros_and_ones_are_added_up_by_what_is_not_as_usual(width: int, depth: int, activation: str) -> None:
    """Usual entries are told from any means: with a variance of 0 too, where the scale is ten thousand."""
    forms = in_both_forms(LIGHTS)
    assert forms[1].form.program.step.bits
    means = jax.random.uniform(jax.random.key(5), LIGHTS.observation).at[0, 0, 2].set(1.0).at[0, 1, 2].set(0.0)
    constants = normalise.unit(LIGHTS.observation)._replace(mean=means, variance=means * (1 - means))
    policy = MLP(LIGHTS.actions, True, width=width, depth=depth, activation=activation)
    for candidates, inits, environments, steps, greedy in (
        (16, 1, 1, 20, False),
        (3, 2, 5, 20, True),
        (2, 1, 17, 9, True),
    ):
        setting = Evaluation(environments, steps, "fixed", greedy)
        agreed(forms, policy, setting, candidates, inits, constants, tolerance=(1e-6, 1e-8))


def test_a_nan_of_a_light_that_is_out_shows_in_the_choice() -> None:
    plain, native = in_both_forms(LIGHTS)
    policy = MLP(LIGHTS.actions, True, width=8, depth=1, activation="relu")
    params = policies.init(policy, jax.random.key(0), LIGHTS.observation)
    kernel = (45, 8)
    assert [leaf.shape for leaf in jax.tree.leaves(params)].count(kernel) == 1
    broken = jax.tree.map(lambda leaf: leaf.at[7].set(jnp.nan) if leaf.shape == kernel else leaf, params)
    constants, setting = normalise.unit(LIGHTS.observation), Evaluation(3, 12, "fixed", greedy=True)
    expected, found = (
        rollout.evaluate(env, policy, broken, constants, jax.random.key(0), setting) for env in (plain, native)
    )
    assert expected.fitness == found.fitness


def test_a_policy_s_result_does_not_depend_on_its_neighbours() -> None:
    _, native = in_both_forms(Drift())
    policy = MLP(2, False, width=8, depth=2, activation="relu")
    setting = Evaluation(3, 30, "running", greedy=False)
    many, few = results(native, policy, setting, 9, 1), results(native, policy, setting, 2, 1)
    assert np.array_equal(many.fitness[:2], few.fitness)


def test_wide_policies_come_in_smaller_groups_with_the_same_result() -> None:
    policy = MLP(2, False, width=512, depth=2, activation="tanh")
    agreed(in_both_forms(Drift()), policy, Evaluation(2, 10, "none", greedy=False), 3, 1, tolerance=(1e-3, 1e-3))


def test_a_nan_reward_a_nan_state_and_a_nan_policy_show() -> None:
    _, native = in_both_forms(Counter(7, nan_at=3))
    policy = MLP(2, True, width=8, depth=1, activation="tanh")
    assert np.isnan(results(native, policy, Evaluation(2, 5, "none", greedy=True), 2, 1).fitness).all()
    _, drift = in_both_forms(Drift())
    actor = MLP(2, False, width=8, depth=1, activation="tanh")
    params = policies.init(actor, jax.random.key(0), (3,))
    broken = jax.tree.map(lambda leaf: leaf.at[(0,) * leaf.ndim].set(jnp.nan), params)
    constants = normalise.unit((3,))
    setting = Evaluation(2, 5, "none", greedy=False)
    assert np.isnan(rollout.evaluate(drift, actor, broken, constants, jax.random.key(0), setting).fitness)
    constants = constants._replace(mean=jnp.array([jnp.nan, 0.0, 0.0]))
    setting = dataclasses.replace(setting, normalisation="fixed")
    assert np.isnan(rollout.evaluate(drift, actor, params, constants, jax.random.key(0), setting).fitness)


@pytest.mark.parametrize("name", ["counter", "echo"])
def test_measured_normalisation_is_that_of_vmap(name: str) -> None:
    plain, native = in_both_forms(ENVIRONMENTS[name])
    expected, found = (normalise.measure(env, jax.random.key(3)) for env in (plain, native))
    for a, b in zip(expected, found, strict=True):
        assert np.allclose(a, b, rtol=1e-4, atol=1e-5)


def test_the_states_that_policies_visit_are_those_of_vmap() -> None:
    policy = MLP(2, False, width=8, depth=1, activation="tanh")
    constants = normalise.unit((3,))._replace(mean=jnp.full((3,), 0.5))
    params = policies.init_many(policy, jax.random.key(0), (3,), 3)
    keys = jax.random.split(jax.random.key(2), 3)
    for normalisation in ("none", "fixed"):
        setting = Evaluation(5, 20, normalisation, greedy=False)
        expected, found = (
            jax.vmap(lambda p, k, env=env, s=setting: rollout.visited(env, policy, p, constants, k, s))(params, keys)
            for env in in_both_forms(Drift())
        )
        for a, b in zip(expected, found, strict=True):
            assert np.allclose(a, b, rtol=1e-3, atol=1e-3), normalisation


def test_a_program_is_kept_and_found_and_so_is_the_reason_why_there_is_none(tmp_path: Any) -> None:
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    try:
        program = compile_environment("drift", compiled.functions_of(Drift()), 2)
        programs.save("one", program)
        programs.save("two", "the primitive lgamma")
        assert programs.find("one") == program
        assert programs.find("two") == "the primitive lgamma"
        assert programs.find("three") is None
        kept = tmp_path / "native" / "one.env"
        kept.write_bytes(kept.read_bytes()[:-1])
        assert programs.find("one") is None, "a file that is not whole counts as none"
        assert (tmp_path / "native").stat().st_mode & 0o777 == 0o700
    finally:
        jax.config.update("jax_compilation_cache_dir", before)
