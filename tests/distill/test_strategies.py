import inspect
from types import SimpleNamespace

import evosax.algorithms
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from evosax.algorithms.population_based.base import PopulationBasedAlgorithm
from evosax.core.fitness_shaping import weights_fitness_shaping_fn
from hypothesis import given
from hypothesis import strategies as st

from hades_protocol.run_spec import build_spec
from hadesd.compute import build
from hadesd.distill import strategies
from hadesd.distill.strategies.defaults import DEFAULTS
from hadesd.distill.strategies.evosax import LEAST_STD, MOST_STD
from hadesd.distill.strategies.shaping import weights_of_ranks
from hadesd.spec.strategies import STRATEGIES

pytestmark = [pytest.mark.slow]

DIM, POPULATION = 6, 64
TARGET = jnp.linspace(-1.0, 1.0, DIM)


def make(name, shaping="ranks"):
    if name == "snes":
        return strategies.snes(POPULATION, DIM, sigma=0.5, learning_rate=1.0, temperature=20.0)
    schedule = strategies.exponential(0.1, 1.0, 0.0)
    return strategies.open_es(POPULATION, DIM, schedule, learning_rate=0.05, momentum=0.9, shaping=shaping)


def evolve(strategy, generations, fitness_of):
    state = strategy.init(jax.random.key(0), jnp.zeros(DIM))
    for g in range(generations):
        key_ask, key_tell = jax.random.split(jax.random.fold_in(jax.random.key(1), g))
        population, state = strategy.ask(key_ask, state)
        state = strategy.tell(key_tell, population, fitness_of(population), state)
    return state


def sphere(population):
    return -jnp.sum((population - TARGET[None]) ** 2, axis=1)


@pytest.mark.parametrize(
    ("name", "shaping"), [("openes", "raw"), ("openes", "ranks"), ("openes", "zscore"), ("snes", "")]
)
def test_fitness_is_maximised(name, shaping):
    strategy = make(name, shaping)
    state = evolve(strategy, 80, sphere)
    assert float(jnp.linalg.norm(strategy.mean(state) - TARGET)) < 0.2, "the mean must come close to the optimum"
    assert float(strategy.best_fitness(state)) > -0.2


@pytest.mark.parametrize(
    ("name", "shaping"), [("openes", "raw"), ("openes", "ranks"), ("openes", "zscore"), ("snes", "")]
)
def test_nan_ranks_worst_and_never_enters_the_state(name, shaping):
    strategy = make(name, shaping)

    def partly_nan(population):
        return jnp.where(jnp.arange(POPULATION) % 4 == 0, jnp.nan, sphere(population))

    state = evolve(strategy, 80, partly_nan)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(state))
    assert float(jnp.linalg.norm(strategy.mean(state) - TARGET)) < 0.5


@pytest.mark.parametrize("name", ["openes", "snes"])
def test_a_generation_of_nothing_but_nan_leaves_the_mean_finite(name):
    strategy = make(name, "raw")
    state = evolve(strategy, 3, lambda population: jnp.full(POPULATION, jnp.nan))
    assert np.all(np.isfinite(strategy.mean(state)))


def test_openes_samples_are_antithetic():
    strategy = make("openes")
    state = strategy.init(jax.random.key(0), TARGET)
    population, _ = strategy.ask(jax.random.key(1), state)
    half = POPULATION // 2
    assert np.allclose(population[:half] + population[half:], 2 * TARGET[None], atol=1e-5)


def test_sigma_of_generation_g_is_the_schedule_at_g():
    schedule = strategies.exponential(0.5, 0.5, 0.1)
    strategy = strategies.open_es(POPULATION, DIM, schedule, learning_rate=0.01, momentum=0.9, shaping="ranks")
    state = strategy.init(jax.random.key(0), jnp.zeros(DIM))
    seen = []
    for g in range(5):
        seen.append(float(strategy.sigma(state, jnp.zeros((POPULATION, DIM)))))
        population, state = strategy.ask(jax.random.key(g), state)
        state = strategy.tell(jax.random.key(g), population, sphere(population), state)
    assert seen == pytest.approx([0.5, 0.25, 0.125, 0.1, 0.1])


def test_sigma_keeps_pace_with_a_mean_that_has_grown():
    start, sigma = jnp.full(DIM, 8.0), 0.3
    for share, least in ((0.0, sigma), (0.25, 2.0)):
        for name in ("openes", "ars"):
            strategy = by_name(STRATEGIES[name], sigma_share=share)
            state = strategy.init(jax.random.key(0), start)
            population, state = strategy.ask(jax.random.key(1), state)
            first = float(strategy.sigma(state, population))
            assert first == pytest.approx(least), "also in the first generation"
            state = strategy.tell(jax.random.key(2), population, sphere(population), state)
            moved = float(strategy.sigma(state, population))
            assert moved == pytest.approx(least, rel=0.05), (name, share)
    strategy = by_name(STRATEGIES["openes"], sigma_share=0.01)
    grown = strategy.sigma(evolve(strategy, 5, sphere), jnp.zeros((POPULATION, DIM)))
    assert float(grown) == pytest.approx(sigma), "sigma itself is the least there is"


def test_snes_weights_are_the_published_ones():
    weights = np.asarray(make("snes").params.weights)
    rank = np.arange(POPULATION) / (POPULATION - 1) - 0.5
    logits = -20 / (1 + np.exp(-20 * rank))
    expected = np.exp(logits) / np.exp(logits).sum()
    assert np.allclose(weights, expected, atol=1e-6)
    assert weights[0] > weights[-1], "rank 0 is the best"


def by_name(entry, dim=DIM, **evolution):
    rate = 1.0 if entry.optimizer == "sgd" else 0.05
    settings = {"strategy": entry.key, "population": POPULATION, "sigma": 0.3, "learning_rate": rate}
    spec = build_spec({"env": "CartPole-v1", "evolution": settings | {"shaping": "ranks", "momentum": 0.9} | evolution})
    return build._strategy_of(spec, dim)


def test_the_table_names_the_strategies_of_evosax_and_says_what_is_left_out():
    left_out = {"RandomSearch", "SV_CMA_ES", "SV_Open_ES", "PersistentES", "NoiseReuseES", "GuidedES", "Rm_ES"}
    known = {cls.__name__ for cls in evosax.algorithms.algorithms.values()}
    assert {entry.name for entry in STRATEGIES.values()} == known - left_out


def test_the_table_says_what_evosax_accepts():
    wrong = []
    for entry in STRATEGIES.values():
        cls = getattr(evosax.algorithms, entry.name)
        accepted = inspect.signature(cls.__init__).parameters
        params = by_name(entry).params
        rules = {
            "optimizer": ("optimizer" in accepted) == bool(entry.optimizer),
            "schedule": ("std_schedule" in accepted) == entry.scheduled,
            "population": issubclass(cls, PopulationBasedAlgorithm) == entry.population_based,
            "shaping": "fitness_shaping_fn" in accepted or not entry.shaped,
        }
        # Every parameter has to be a number in evosax's Params.
        rules |= {name: jnp.ndim(getattr(params, name)) == 0 for name in entry.parameters}
        wrong += [(entry.name, rule) for rule, holds in rules.items() if not holds]
    assert wrong == []


LEARNERS = ("crfmnes", "cmaes", "lmmaes", "pgpe", "xnes", "learnedes", "differentialevolution", "samrga")


@pytest.mark.parametrize("name", LEARNERS)
def test_strategies_by_name_maximise_and_survive_nan(name):
    strategy = by_name(STRATEGIES[name])

    def generation(state, key):
        key_ask, key_tell, key_nan = jax.random.split(key, 3)
        population, asked = strategy.ask(key_ask, state)
        failed = jax.random.uniform(key_nan, (POPULATION,)) < 0.1
        fitness = jnp.where(failed, jnp.nan, sphere(population))
        return strategy.tell(key_tell, population, fitness, asked), strategy.sigma(state, population)

    state = strategy.init(jax.random.key(0), jnp.zeros(DIM))
    state, sigma = jax.jit(lambda s: jax.lax.scan(generation, s, jax.random.split(jax.random.key(1), 120)))(state)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(state)), "NaN must not enter the state"
    assert float(jnp.linalg.norm(strategy.mean(state) - TARGET)) < 0.2, "what is exported must be near the optimum"
    assert float(sigma[0]) == pytest.approx(0.3, rel=0.25), "the first generation must have the sigma asked for"


@pytest.mark.parametrize("sigma", [0.1, 2.0])
@pytest.mark.parametrize("name", ["xnes", "iamalgamfull", "iamalgamunivariate"])
def test_the_first_candidates_are_as_far_apart_as_asked_for(name, sigma):
    strategy = by_name(STRATEGIES[name], sigma=sigma)
    state = strategy.init(jax.random.key(0), jnp.zeros(DIM))
    population, _ = strategy.ask(jax.random.key(1), state)
    assert float(jnp.std(population)) == pytest.approx(sigma, rel=0.15)
    assert float(strategy.sigma(state, population)) == pytest.approx(sigma)


def test_a_generation_of_nothing_but_nan_teaches_a_named_strategy_nothing():
    strategy = by_name(STRATEGIES["crfmnes"])
    state = strategy.init(jax.random.key(0), jnp.zeros(DIM))
    population, asked = strategy.ask(jax.random.key(1), state)
    after = strategy.tell(jax.random.key(2), population, jnp.full(POPULATION, jnp.nan), asked)
    assert np.array_equal(strategy.mean(after), strategy.mean(state))
    assert float(strategy.best_fitness(after)) == -np.inf, "and is no record"


costs = st.lists(st.sampled_from([1.0, 2.0, 3.0, 4.0, np.nan]), min_size=8, max_size=8)


@given(costs)
def test_every_rank_has_its_weight_once_whatever_is_equal(values):
    params = SimpleNamespace(weights=jnp.arange(8.0))
    cost = np.array(values, np.float32)
    found = np.asarray(weights_of_ranks(None, jnp.asarray(cost), None, params))
    if np.all(np.isnan(cost)):
        assert not np.any(found)
        return
    assert sorted(found) == list(range(8))
    ordered = np.where(np.isnan(cost), np.inf, cost)[np.argsort(found)]
    assert np.all(ordered[:-1] <= ordered[1:]), "a better candidate has a better rank"


@given(st.permutations(range(8)))
def test_where_nothing_is_equal_weights_are_those_of_evosax(values):
    params = SimpleNamespace(weights=jnp.arange(8.0) ** 2)
    cost = jnp.asarray(values, jnp.float32)
    assert np.array_equal(
        weights_of_ranks(None, cost, None, params), weights_fitness_shaping_fn(None, cost, None, params)
    )


@pytest.mark.parametrize("name", ["cmaes", "sepcmaes", "maes", "crfmnes", "snes", "xnes", "pgpe", "openes"])
def test_a_search_whose_candidates_all_solve_the_problem_stays_where_it_is(name):
    strategy = by_name(STRATEGIES[name])

    def generation(state, key):
        key_ask, key_tell = jax.random.split(key)
        population, asked = strategy.ask(key_ask, state)
        fitness = jnp.minimum(sphere(population), -1.0)  # as good as it gets anywhere within a distance of one
        return strategy.tell(key_tell, population, fitness, asked), jnp.std(fitness)

    state = strategy.init(jax.random.key(0), jnp.zeros(DIM))
    keys = jax.random.split(jax.random.key(1), 600)
    state, _ = jax.jit(lambda s: jax.lax.scan(generation, s, keys))(state)
    assert float(sphere(strategy.mean(state)[None])[0]) > -1.0, "what is exported solves it"
    assert float(jnp.mean(state.std)) > 1e-3, "the search does not collapse"
    assert float(strategy.best_fitness(state)) == -1.0


def test_of_a_generation_of_equals_nothing_but_the_best_and_the_count_is_remembered():
    strategy = by_name(STRATEGIES["cmaes"])
    state = strategy.init(jax.random.key(0), jnp.zeros(DIM))
    population, asked = strategy.ask(jax.random.key(1), state)
    after = strategy.tell(jax.random.key(2), population, jnp.full(POPULATION, 3.0), asked)
    assert (float(strategy.best_fitness(after)), int(after.generation_counter)) == (3.0, 1)
    records = {"best_fitness": 0.0, "best_solution": 0.0, "generation_counter": 0}
    pairs = (jax.tree.leaves(one.replace(**records)) for one in (after, asked))
    assert all(np.array_equal(left, right) for left, right in zip(*pairs, strict=True))


@pytest.mark.parametrize("name", ["openes", "snes", "cmaes"])
def test_ranks_tell_candidates_that_failed_from_others_that_are_all_equal(name):
    strategy = by_name(STRATEGIES[name])
    state = strategy.init(jax.random.key(0), jnp.zeros(DIM))
    population, asked = strategy.ask(jax.random.key(1), state)
    works = population[:, 0] > 0.0
    after = strategy.tell(jax.random.key(2), population, jnp.where(works, 500.0, jnp.nan), asked)
    assert float(strategy.mean(after)[0]) > 0.01, "the search goes where candidates do not fail"


@pytest.mark.parametrize("name", ["pso", "differentialevolution", "mr15ga", "simplega"])
def test_members_learn_also_where_every_return_is_far_below_zero(name):
    strategy = by_name(STRATEGIES[name])
    state = strategy.init(jax.random.key(0), jnp.zeros(DIM))
    population, asked = strategy.ask(jax.random.key(1), state)
    after = strategy.tell(jax.random.key(2), population, 1e3 * sphere(population) - 2e6, asked)
    assert np.array_equal(strategy.mean(after), after.best_solution), "the fittest of them is what is exported"
    assert float(jnp.min(after.fitness)) == -float(strategy.best_fitness(after))


def test_a_step_that_is_not_finite_is_not_taken():
    strategy = by_name(STRATEGIES["cmaes"])
    state = strategy.init(jax.random.key(0), jnp.ones(DIM))
    population, asked = strategy.ask(jax.random.key(1), state)
    broken = asked.replace(std=jnp.float32(0.0))
    after = strategy.tell(jax.random.key(2), population, jnp.arange(float(POPULATION)), broken)
    assert np.array_equal(strategy.mean(after), jnp.ones(DIM))


@pytest.mark.parametrize("name", ["openes", "pgpe", "esmc"])
def test_one_huge_return_does_not_stop_a_search_for_good(name):
    """Its square is no number in the optimiser's second moment, while the mean stays finite."""
    strategy = by_name(STRATEGIES[name], shaping="raw")
    state = strategy.init(jax.random.key(0), jnp.zeros(DIM))
    means = [strategy.mean(state)]
    for g, extra in enumerate((0.0, 1e25, 0.0)):
        population, asked = strategy.ask(jax.random.key(g), state)
        state = strategy.tell(jax.random.key(g), population, sphere(population).at[3].add(extra), asked)
        means.append(strategy.mean(state))
    assert np.array_equal(means[1], means[2]), "nothing is learned from it"
    assert float(jnp.max(jnp.abs(means[3] - means[2]))) > 1e-3, "and everything from the next generation"


def test_parameters_reach_evosax():
    strategy = by_name(STRATEGIES["sepcmaes"], parameters={"c_mean": 0.25})
    assert float(strategy.params.c_mean) == 0.25


def test_the_learning_rate_decays_to_its_floor():
    moved = []
    for decay, floor in ((1.0, 0.0), (0.5, 0.0), (0.5, 0.05)):
        strategy = by_name(STRATEGIES["openes"], learning_rate_decay=decay, learning_rate_floor=floor)
        moved.append(float(jnp.linalg.norm(strategy.mean(evolve(strategy, 12, sphere)))))
    assert moved[1] < moved[2] <= moved[0] + 1e-6, "a decaying rate goes less far; a floor stops the decay"


def test_weight_decay_keeps_the_mean_from_wandering_where_fitness_says_nothing():
    """Half of the entries do not matter: Adam's steps walk away with them."""

    def half(population):
        return sphere(population.at[:, DIM // 2 :].set(TARGET[DIM // 2 :]))

    lengths = {}
    for decay in (0.0, 0.3):
        strategy = by_name(STRATEGIES["openes"], weight_decay=decay)
        mean = strategy.mean(evolve(strategy, 1000, half))
        lengths[decay] = float(jnp.linalg.norm(mean[DIM // 2 :]))
        assert float(jnp.linalg.norm((mean - TARGET)[: DIM // 2])) < 0.1, "what matters is found all the same"
    assert lengths[0.3] < 0.5 * lengths[0.0]


@pytest.mark.parametrize("name", ["openes", "snes", "pgpe", "simplees"])
def test_a_generation_takes_its_share_off_the_mean(name):
    start, rate, decay = jnp.full(DIM, 3.0), 0.05, 0.5
    moved = {}
    for weight_decay in (0.0, decay):
        strategy = by_name(STRATEGIES[name], learning_rate=rate, weight_decay=weight_decay)
        state = strategy.init(jax.random.key(0), start)
        population, state = strategy.ask(jax.random.key(1), state)
        moved[weight_decay] = strategy.mean(strategy.tell(jax.random.key(2), population, sphere(population), state))
    assert np.allclose(moved[0.0] - moved[decay], rate * decay * start, rtol=1e-4)


SET_BY_US = {"self", "population_size", "solution", "optimizer", "std_schedule", "fitness_shaping_fn"}
IRRELEVANT = {"metrics_fn"}
"""Arguments that decide no result: metrics_fn only reports."""


@pytest.mark.parametrize("entry", STRATEGIES.values(), ids=lambda entry: entry.name)
def test_no_default_of_evosax_decides_results_unseen(entry):
    defaults, cls = DEFAULTS[entry.name], getattr(evosax.algorithms, entry.name)
    arguments = inspect.signature(cls.__init__).parameters
    algorithm = cls(POPULATION, jnp.zeros(DIM))
    params = vars(algorithm.default_params)
    written = SET_BY_US | IRRELEVANT | defaults.shipped | set(defaults.options)
    assert set(arguments) <= written, "evosax has an argument that nobody decided on"
    known = {"std_init", *defaults.params, *defaults.derived, *defaults.shipped}
    assert set(params) <= known, "evosax has a parameter that nobody decided on"
    attributes = {key for key, value in vars(algorithm).items() if isinstance(value, bool | int | float)}
    sizes = {"population_size", "num_dims", "max_num_dims_sq", *CMA_ANCHORED_FORMULAS}
    plain = {key for key in attributes if not (key == "elite_ratio" and algorithm.elite_ratio == 1.0)}
    assert plain <= sizes | set(defaults.attributes) | set(defaults.options) | defaults.derived | {"num_network_params"}
    # What is written out is what the published runs had: evosax's own defaults of this version.
    assert {key: arguments[key].default for key in defaults.options} == defaults.options
    assert {key: getattr(algorithm, key) for key in defaults.attributes} == defaults.attributes
    assert {key: params[key] for key in defaults.params} == defaults.params
    assert (defaults.shaping is None) == entry.shaped
    own = {weights_fitness_shaping_fn: weights_of_ranks}
    default = arguments["fitness_shaping_fn"].default
    assert entry.shaped or own.get(default, default) is defaults.shaping


CMA_ANCHORED_FORMULAS = {"c_sigma", "d_sigma", "c_c", "c_1", "c_mu", "chi_d", "stall_patience", "_pair_base"}
CMA_ANCHORED_FORMULAS |= {"_pair_count", "ams_population_size"}
"""Numbers that two constructors compute from population size and dimensions."""


def test_what_is_written_out_reaches_the_algorithm():
    openes = by_name(STRATEGIES["openes"]).algorithm
    assert openes.use_antithetic_sampling is True
    cma = by_name(STRATEGIES["cmaes"])
    assert cma.params.c_mean == 1.0
    bounds = (float(cma.params.std_min), float(cma.params.std_max))
    assert bounds == pytest.approx((LEAST_STD * 0.3, MOST_STD * 0.3))
    assert cma.algorithm.use_negative_weights is True


def test_the_constants_of_cma_es_are_those_of_hansens_tutorial():
    """Hansen 2016 (arXiv:1604.00772), table 1."""
    params, n = by_name(STRATEGIES["cmaes"]).params, DIM
    prime = np.log((POPULATION + 1) / 2) - np.log(np.arange(1, POPULATION + 1))
    best = prime[: POPULATION // 2]
    mu_eff = best.sum() ** 2 / (best**2).sum()
    c_1 = 2 / ((n + 1.3) ** 2 + mu_eff)
    c_std = (mu_eff + 2) / (n + mu_eff + 5)
    assert float(params.mu_eff) == pytest.approx(mu_eff, rel=1e-5)
    assert float(params.c_c) == pytest.approx((4 + mu_eff / n) / (n + 4 + 2 * mu_eff / n), rel=1e-5)
    assert float(params.c_1) == pytest.approx(c_1, rel=1e-5)
    c_mu = min(1 - c_1, 2 * (mu_eff + 1 / mu_eff - 2) / ((n + 2) ** 2 + mu_eff))
    assert float(params.c_mu) == pytest.approx(c_mu, rel=1e-5)
    assert float(params.c_std) == pytest.approx(c_std, rel=1e-5)
    assert float(params.d_std) == pytest.approx(1 + 2 * max(0, ((mu_eff - 1) / (n + 1)) ** 0.5 - 1) + c_std, rel=1e-5)
    assert float(params.chi_n) == pytest.approx(n**0.5 * (1 - 1 / (4 * n) + 1 / (21 * n**2)), rel=1e-5)
    assert params.weights[: POPULATION // 2] == pytest.approx(best / best.sum(), rel=1e-5)
    assert np.all(params.weights[POPULATION // 2 :] <= 0), "the worse half has negative weights"
