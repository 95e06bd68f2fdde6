"""Every strategy's state after a resize: in form, in meaning, and in use."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hades_protocol.run_spec import build_spec
from hadesd.compute import build
from hadesd.distill.generation import init_state
from hadesd.distill.resizing import CannotResize, resize_pairs, resize_population, sources_to_grow
from hadesd.spec.strategies import STRATEGIES
from tests.distill.toys import Counter, problem

POPULATION, PAIRS = 16, 4  # as many members as dimensions: what follows a dimension must not be told by length
SHRUNK, GROWN = np.array([1, 3]), np.arange(8) % 4

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module", params=STRATEGIES.values(), ids=lambda entry: entry.name)
def entry(request):
    """Every strategy in its turn: what is compiled for one of its tests serves the next."""
    return request.param


def make(entry, pairs, population=POPULATION):
    return _made(entry, pairs, population)


@cache  # by all three: what is compiled for a problem is compiled once
def _made(entry, pairs, population):
    rate = 1.0 if entry.optimizer == "sgd" else 0.05
    settings = {"strategy": entry.key, "population": population, "sigma": 0.3, "learning_rate": rate}
    spec = build_spec({"env": "CartPole-v1", "evolution": settings | {"shaping": "ranks", "momentum": 0.9}})
    small = problem(Counter(3), pairs, strategy=build._strategy_of(spec, 4 * pairs), population=population)
    assert small.layout.size == 4 * pairs
    return small


def advance(problem, state, generations=1, offset=0.0):
    strategy, inner = problem.strategy, state.strategy
    target = jnp.linspace(-1.0, 1.0, problem.layout.size)
    for g in range(generations):
        key_ask, key_tell = jax.random.split(jax.random.key(int(state.generation) + g))
        population, inner = strategy.ask(key_ask, inner)
        fitness = offset - jnp.sum(jnp.arange(1, target.size + 1) * (population - target) ** 2, axis=1)
        inner = strategy.tell(key_tell, population, fitness, inner)
    return jax.device_get(state._replace(strategy=inner, generation=state.generation + generations))


def evolved(entry, pairs=PAIRS, population=POPULATION):
    """After generations enough for every memory to hold something."""
    return _evolved(entry, pairs, population)


@cache
def _evolved(entry, pairs, population):
    old = make(entry, pairs, population)
    mean = jnp.asarray(np.random.default_rng(0).normal(size=old.layout.size), jnp.float32)
    return old, advance(old, init_state(old, mean), 4)


def resized(entry, sources):
    old, state = evolved(entry)
    new = make(entry, len(sources))
    return new, resize_pairs(old, new, sources, state)


def check_form(new, state):
    wanted = jax.eval_shape(lambda: init_state(new, jnp.zeros(new.layout.size)))
    assert jax.tree.structure(state) == jax.tree.structure(wanted)
    for leaf, abstract in zip(jax.tree.leaves(state), jax.tree.leaves(wanted), strict=True):
        assert isinstance(leaf, np.ndarray | np.generic)
        assert (leaf.shape, leaf.dtype) == (abstract.shape, abstract.dtype)


def check_pairs(entry, pairs, sources):
    """A state after a resize from so many pairs; the strategy goes on with it."""
    old, before = evolved(entry, pairs)
    new = make(entry, len(sources))
    state = resize_pairs(old, new, sources, before)
    check_form(new, state)
    source_dimensions = old.layout.source_dimensions(sources)
    assert np.array_equal(new.strategy.mean(state.strategy), old.strategy.mean(before.strategy)[source_dimensions])
    assert np.array_equal(state.strategy.best_solution, before.strategy.best_solution[source_dimensions])
    assert state.strategy.best_fitness == before.strategy.best_fitness
    after = advance(new, state, 2)
    for found in (new.strategy.mean(after.strategy), after.strategy.best_solution):
        assert np.all(np.isfinite(found))
    moved = not np.array_equal(new.strategy.mean(after.strategy), new.strategy.mean(state.strategy))
    # One that offers its fittest member stays where it is until it finds a better one.
    stays = np.array_equal(new.strategy.mean(after.strategy), after.strategy.best_solution)
    assert moved or stays, "it must move"


def test_every_strategy_goes_on_with_other_pairs(entry):
    check_pairs(entry, PAIRS, GROWN)
    check_pairs(entry, 2 * PAIRS, np.array([1, 3, 6, 7]))
    check_form(*resized(entry, SHRUNK))


def moments(state):
    """Every vector with one number a dimension, in the optimiser or beside it."""
    return [leaf for leaf in jax.tree.leaves(state.strategy) if leaf.shape == state.strategy.best_solution.shape]


@pytest.mark.parametrize("name", ["openes", "pgpe", "snes", "sepcmaes", "cmaanchoredles"])
def test_moments_paths_and_deviations_follow_their_pairs(name):
    entry = STRATEGIES[name]
    old, before = evolved(entry)
    source_dimensions = old.layout.source_dimensions(SHRUNK)
    _, state = resized(entry, SHRUNK)
    assert len(moments(before)) >= {"openes": 4, "pgpe": 5, "snes": 3, "sepcmaes": 6, "cmaanchoredles": 7}[name]
    for leaf, was in zip(moments(state), moments(before), strict=True):
        assert np.array_equal(leaf, was[source_dimensions])


def covariance(name, s):
    if name == "CMA_ES":
        return s.std**2 * s.C
    if name == "MA_ES":
        return s.std**2 * s.M @ s.M.T
    if name == "xNES":
        return s.std**2 * s.B.T @ s.B
    if name == "iAMaLGaM_Full":
        return s.C
    return s.std**2 * s.D[:, None] * (np.eye(s.v.size) + np.outer(s.v, s.v)) * s.D


COVARIANCES = ("CMA_ES", "MA_ES", "xNES", "iAMaLGaM_Full", "CR_FM_NES")


@pytest.mark.parametrize("name", COVARIANCES)
def test_a_smaller_search_has_the_covariance_of_the_dimensions_that_stay(name):
    entry = next(entry for entry in STRATEGIES.values() if entry.name == name)
    old, before = evolved(entry)
    source_dimensions = old.layout.source_dimensions(SHRUNK)
    was = covariance(name, before.strategy)[np.ix_(source_dimensions, source_dimensions)]
    found = covariance(name, resized(entry, SHRUNK)[1].strategy)
    assert np.allclose(found, was, rtol=1e-4, atol=1e-5 * np.abs(was).max())
    assert np.abs(was - np.eye(len(was)) * was[0, 0]).max() > 1e-3 * was.max(), "there must be something to follow"


@pytest.mark.parametrize("name", COVARIANCES)
@pytest.mark.parametrize("pairs", [6, 8])
def test_copies_have_the_covariance_of_their_originals_and_none_with_each_other(name, pairs):
    entry = next(entry for entry in STRATEGIES.values() if entry.name == name)
    old, before = evolved(entry)
    sources = sources_to_grow(old.layout, pairs)
    source_dimensions = old.layout.source_dimensions(sources)
    copies = np.concatenate([np.repeat(np.arange(pairs) >= PAIRS, 2)] * 2)  # two entries of states, two of targets
    was = covariance(name, before.strategy)[np.ix_(source_dimensions, source_dimensions)]
    if name != "CR_FM_NES":  # whose one direction v is common to the copies
        was = np.where(copies[:, None] == copies, was, 0.0)
    new = resized(entry, sources)[1].strategy
    found = covariance(name, new)
    diagonal = np.diag(np.diag(was)) if name == "CR_FM_NES" else was
    chosen = np.diag(np.diag(found)) if name == "CR_FM_NES" else found
    assert np.allclose(chosen, diagonal, rtol=1e-4, atol=1e-5 * np.abs(was).max())
    assert np.linalg.eigvalsh(found).min() > -1e-5 * np.abs(found).max()


def test_the_factors_of_cma_es_are_those_of_its_covariance():
    _, state = resized(STRATEGIES["cmaes"], sources_to_grow(evolved(STRATEGIES["cmaes"])[0].layout, 6))
    s = state.strategy
    assert np.allclose((s.B * s.D**2) @ s.B.T, s.C, atol=1e-5 * np.abs(s.C).max())


def test_the_path_of_ma_es_turns_with_its_matrix():
    """What the matrix makes of the path, a step in the space of pairs, is the same before and after."""
    old, before = evolved(STRATEGIES["maes"])
    sources = GROWN
    _, state = resized(STRATEGIES["maes"], sources)
    step = (before.strategy.M @ before.strategy.p_std)[old.layout.source_dimensions(sources)]
    assert np.allclose(state.strategy.M @ state.strategy.p_std, step, atol=1e-4 * np.abs(step).max())


@pytest.mark.parametrize("name", ["snes", "xnes"])
def test_the_rate_of_the_deviations_is_that_of_the_new_dimensions(name):
    new, state = resized(STRATEGIES[name], SHRUNK)
    assert state.strategy.lr_std == new.strategy.params.lr_std_init
    assert state.strategy.lr_std != evolved(STRATEGIES[name])[1].strategy.lr_std


@pytest.mark.parametrize("name", ["hillclimbing", "gradientlessdescent", "simulatedannealing", "pso"])
def test_a_search_for_the_best_goes_on_where_another_dataset_was_better(name):
    entry = STRATEGIES[name]
    new, state = resized(entry, SHRUNK)
    after = advance(new, state, 1, offset=-1e5)
    assert not np.array_equal(new.strategy.mean(after.strategy), new.strategy.mean(state.strategy))


@pytest.mark.parametrize(("name", "field"), [("hillclimbing", "best_fitness_shaped"), ("simplega", "fitness")])
def test_fitness_that_decides_stays_only_where_every_pair_was_copied_equally_often(name, field):
    entry = STRATEGIES[name]
    old, before = evolved(entry)
    was = getattr(before.strategy, field)
    assert np.array_equal(getattr(resized(entry, GROWN)[1].strategy, field), was)
    for sources in (SHRUNK, sources_to_grow(old.layout, 6)):
        found = getattr(resized(entry, sources)[1].strategy, field)
        assert np.all(found > 1e12), "not evaluated yet"
        assert np.argmin(found) == np.argmin(was), "but what is exported is what was the fittest"


def test_another_population_is_of_no_matter_unless_the_state_holds_it(entry):
    for was, population in ((POPULATION, 2 * POPULATION), (2 * POPULATION, POPULATION)):
        new = make(entry, PAIRS, population)
        if entry.population_based or entry.name == "EvoTF_ES":
            old = make(entry, PAIRS, was)
            before = evolved(entry)[1]  # refused before anything of it is looked at
            with pytest.raises(CannotResize, match=f"{entry.name} keeps its whole population"):
                resize_population(old, new, before)
            continue
        old, before = evolved(entry, population=was)
        state = resize_population(old, new, before)
        check_form(new, state)
        assert np.array_equal(state.strategy.mean, before.strategy.mean)
        assert np.all(np.isfinite(advance(new, state).strategy.mean))


def test_pairs_and_population_change_together_even_where_both_are_as_many():
    old, before = evolved(STRATEGIES["crfmnes"])
    new = make(STRATEGIES["crfmnes"], 8, population=32)
    state = resize_pairs(old, new, GROWN, before)
    check_form(new, state)
    assert np.all(np.isfinite(advance(new, state).strategy.mean))


def test_the_state_of_another_strategy_does_not_fit():
    old, before = evolved(STRATEGIES["snes"])
    with pytest.raises(CannotResize, match="the state of SNES has another form"):
        resize_pairs(old, make(STRATEGIES["cmaes"], 8), GROWN, before)
