import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hadesd.distill import strategies

DIM, POPULATION = 6, 64
TARGET = jnp.linspace(-1.0, 1.0, DIM)


def make(name, shaping="ranks"):
    if name == "snes":
        return strategies.snes(POPULATION, DIM, sigma=0.5, learning_rate=1.0, temperature=20.0)
    schedule = strategies.exponential_sigma(0.1, 1.0, 0.0)
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
    schedule = strategies.exponential_sigma(0.5, 0.5, 0.1)
    strategy = strategies.open_es(POPULATION, DIM, schedule, learning_rate=0.01, momentum=0.9, shaping="ranks")
    state = strategy.init(jax.random.key(0), jnp.zeros(DIM))
    seen = []
    for g in range(5):
        seen.append(float(strategy.sigma(state)))
        population, state = strategy.ask(jax.random.key(g), state)
        state = strategy.tell(jax.random.key(g), population, sphere(population), state)
    assert seen == pytest.approx([0.5, 0.25, 0.125, 0.1, 0.1])


def test_snes_weights_are_the_published_ones():
    weights = np.asarray(make("snes").params.weights)
    rank = np.arange(POPULATION) / (POPULATION - 1) - 0.5
    logits = -20 / (1 + np.exp(-20 * rank))
    expected = np.exp(logits) / np.exp(logits).sum()
    assert np.allclose(weights, expected, atol=1e-6)
    assert weights[0] > weights[-1], "rank 0 is the best"
