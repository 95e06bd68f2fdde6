"""A checkpoint's state under other settings."""

import jax
import numpy as np
import pytest

from hades_protocol.run_spec import build_spec, spec_to_dict
from hades_protocol.settings import merge
from hadesd.compute import build
from hadesd.compute.migration import migrate_state, shape_of
from hadesd.distill.generation import init_state
from hadesd.distill.sharding import make_mesh
from tests.helpers.runs.specs import tiny


@pytest.mark.parametrize("strategy", ["snes", "xnes"])
def test_the_learning_rate_of_the_standard_deviations_is_that_of_the_settings(strategy):
    saved_spec = tiny(evolution={"strategy": strategy})
    values = merge(spec_to_dict(saved_spec), {"evolution": {"parameters": {"lr_std_init": 0.9}}})
    now = build_spec(values)
    state = jax.device_get(init_state(*build.build(saved_spec)))
    problem, _ = build.build(now)
    assert float(state.strategy.lr_std) != pytest.approx(0.9)
    carried, _ = migrate_state(now, saved_spec, problem, make_mesh(1), 1, state)
    assert float(carried.strategy.lr_std) == pytest.approx(0.9)
    assert carried.strategy.lr_std.dtype == state.strategy.lr_std.dtype
    assert np.array_equal(carried.strategy.mean, state.strategy.mean)
    same, _ = migrate_state(saved_spec, saved_spec, build.build(saved_spec)[0], make_mesh(1), 1, state)
    assert same is state


@pytest.mark.parametrize("strategy", ["snes", "cmaanchoredles", "iamalgamfull", "iamalgamunivariate"])
def test_a_search_samples_as_much_wider_as_a_fork_says(strategy):
    specs = [tiny(evolution={"strategy": strategy, "sigma": sigma}) for sigma in (0.1, 0.4)]
    before, after = (build.build(spec)[0] for spec in specs)
    state = jax.device_get(init_state(before, build.build(specs[0])[1]))
    carried, _ = migrate_state(specs[1], specs[0], after, make_mesh(1), 1, state)
    spreads = []
    for problem, strategy_state in ((before, state.strategy), (after, carried.strategy)):
        population, _ = problem.strategy.ask(jax.random.key(1), strategy_state)
        spreads.append(np.std(population, axis=0))
    assert np.allclose(spreads[1] / spreads[0], 4.0, rtol=1e-3)


def test_the_least_sigma_that_a_fork_sets_holds_from_its_first_generation_on():
    saved_spec, now = (tiny(evolution={"strategy": "openes", "sigma_share": share}) for share in (0.0, 0.5))
    before, mean = build.build(saved_spec)
    state = jax.device_get(init_state(before, mean + 8.0))
    carried, _ = migrate_state(now, saved_spec, build.build(now)[0], make_mesh(1), 1, state)
    least = 0.5 * np.sqrt(np.mean(state.strategy.mean**2))
    assert float(state.strategy.std) < least
    assert float(carried.strategy.std) == pytest.approx(least)
    assert isinstance(carried.strategy.std, np.ndarray | np.generic)


def test_an_average_of_means_begins_where_a_fork_asks_for_it_and_ends_where_one_does_not():
    without, other = (tiny(evolution={"averaging": share}) for share in (0.0, 0.2))
    plain, mean = build.build(without)
    task, _ = build.build(other)
    state = jax.device_get(init_state(plain, mean + 1.0))
    assert state.averaged is None
    averaging, _ = migrate_state(other, without, task, make_mesh(1), 1, state)
    assert np.array_equal(averaging.averaged, state.strategy.mean)
    assert jax.tree.structure(shape_of(other, other, task, mean)) == jax.tree.structure(averaging)
    assert jax.tree.structure(shape_of(other, without, task, mean)) == jax.tree.structure(state)
    ended, _ = migrate_state(without, other, plain, make_mesh(1), 1, averaging)
    assert ended.averaged is None


def test_a_strategy_without_a_mean_has_no_average():
    assert build.build(tiny(evolution={"strategy": "simplega", "averaging": 0.5}))[0].averaging == 0.0
