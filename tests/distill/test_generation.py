import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hadesd.compute.build import build
from hadesd.distill import visited
from hadesd.distill.fitness import draw_shared_inputs, evaluate_candidate
from hadesd.distill.generation import (
    GenerationStep,
    MeanEvaluation,
    ask_and_evaluate,
    generation_step,
    init_state,
)
from hadesd.distill.problem import generation_key
from hadesd.distill.sharding import make_mesh
from tests.helpers.runs.specs import tiny


def run(spec, devices=2, chunk=2, generations=3):
    problem, mean = build(spec)
    step = GenerationStep(problem, make_mesh(devices), chunk)
    state, lines = init_state(problem, mean), []
    for _ in range(generations):
        state, metrics = step(state)
        lines.append(jax.device_get(metrics))
    return jax.device_get(state), lines


def same(a, b):
    return all(
        np.array_equal(x, y, equal_nan=True) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    )


@pytest.mark.optimised
def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    first = run(tiny())
    assert same(first, run(tiny()))
    assert not same(first[0], run(tiny(seed=4))[0])


@pytest.mark.optimised
def test_results_do_not_depend_on_the_number_of_devices():
    two, one = run(tiny(), devices=2), run(tiny(), devices=1)
    for a, b in zip(jax.tree.leaves(two), jax.tree.leaves(one), strict=True):
        assert np.allclose(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)


def test_a_population_that_does_not_divide_is_padded_and_the_padding_does_not_count():
    even = run(tiny(evolution={"population": 6}), devices=2, chunk=3)
    odd = run(tiny(evolution={"population": 6}), devices=2, chunk=2)
    for a, b in zip(jax.tree.leaves(even), jax.tree.leaves(odd), strict=True):
        assert np.allclose(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)


@pytest.mark.parametrize("method", ["hades-f", "hades-r", "es"])
def test_every_method_advances_and_reports_finite_numbers(method):
    spec = tiny(method=method, policy={"inits": 2 if method == "hades-r" else 1})
    state, lines = run(spec)
    assert int(state.generation) == 3
    for line in lines:
        assert all(np.all(np.isfinite(value)) for value in line)
        assert line.fitness_worst <= line.fitness_mean <= line.fitness_best <= line.best_so_far


@pytest.mark.parametrize("method", ["hades-r", "es"])
def test_a_candidate_whose_policies_are_not_finite_has_no_fitness(method):
    """CartPole's actions are discrete: the first one, which argmax makes of NaN, brings a return like any other."""
    problem, mean = build(tiny(method=method, policy={"inits": 2 if method == "hades-r" else 1}))
    keys = jax.random.split(jax.random.key(0))
    shared = draw_shared_inputs(problem, init_state(problem, mean), problem.task_data, *keys)
    fitness = jax.jit(lambda candidate: evaluate_candidate(problem, shared, candidate).fitness)
    assert np.isfinite(fitness(mean))
    assert np.isnan(fitness(mean.at[0].set(jnp.nan)))


@pytest.mark.parametrize("normalisation", ["running", "fixed", "none"])
def test_every_normalisation_runs_for_continuous_actions(normalisation):
    spec = tiny(env="Pendulum-v1", evaluation={"normalisation": normalisation}, dataset={"pairs": 3})
    state, lines = run(spec, generations=2)
    assert np.isfinite(lines[-1].fitness_mean)
    measured = not np.all(state.constants.mean == 0)
    assert measured == (normalisation == "fixed")


def test_snes_runs_on_a_grid_with_learned_labels():
    spec = tiny(
        env="Breakout-MinAtar", dataset={"pairs": 4, "labels": "learned"}, evolution={"strategy": "snes", "sigma": 0.5}
    )
    state, lines = run(spec, generations=2)
    assert state.strategy.mean.shape == (4 * (400 + 3),)
    assert np.isfinite(lines[-1].fitness_mean)


@pytest.mark.optimised
def test_devices_do_not_wait_for_each_other_while_they_evaluate():
    """A device that runs out of memory would leave the others in a collective for ever."""
    problem, mean = build(tiny())
    mesh = make_mesh(2)
    evaluate = jax.jit(lambda state: ask_and_evaluate(problem, mesh, 2, state, problem.task_data))
    program = evaluate.lower(init_state(problem, mean)).compile().as_text()
    assert "while" in program, "this is the program that is meant"
    for collective in ("all-to-all", "all-gather", "all-reduce", "collective-permute", "reduce-scatter"):
        assert collective not in program, f"the evaluation of a population must not contain {collective}"


@pytest.mark.optimised
def test_the_compiled_step_is_the_pure_function():
    problem, mean = build(tiny())
    mesh = make_mesh(2)
    state = init_state(problem, mean)
    pure = jax.jit(lambda state: generation_step(problem, mesh, 2, state))(state)
    for a, b in zip(jax.tree.leaves(pure), jax.tree.leaves(GenerationStep(problem, mesh, 2)(state)), strict=True):
        assert np.allclose(a, b, rtol=1e-6, atol=1e-6, equal_nan=True)


def test_keys_of_generations_differ():
    keys = {tuple(jax.random.key_data(generation_key(0, g)).tolist()) for g in range(100)}
    assert len(keys) == 100


@pytest.mark.parametrize(("method", "inits"), [("hades-r", 3), ("hades-f", 1), ("es", 1)])
def test_the_mean_is_evaluated_on_fresh_inits_and_always_the_same_way(method, inits):
    spec = tiny(
        method=method,
        policy={"inits": 2 if method == "hades-r" else 1},
        evaluation={"mean_every": 1, "mean_inits": 3, "mean_environments": 4},
    )
    problem, mean = build(spec)
    evaluate = MeanEvaluation(problem, make_mesh(2))
    returns = evaluate(init_state(problem, mean))
    assert returns.shape == (inits, 2), "fresh inits x groups of evaluation.environments"
    assert np.all((returns >= 1) & (returns <= 24)), "CartPole gives 1 a step, for 24 steps at most"
    assert np.array_equal(returns, evaluate(init_state(problem, mean)))


def test_noise_that_lasts_is_for_candidates_and_not_for_what_a_user_gets():
    means, candidates = [], []
    for noise_every in (1, 8):
        problem, mean = build(tiny(evaluation={"mean_every": 1, "action": "sample", "noise_every": noise_every}))
        state = init_state(problem, mean)
        means.append(MeanEvaluation(problem, make_mesh(1))(state))
        candidates.append(GenerationStep(problem, make_mesh(1), 2)(state)[1].fitness_mean)
    assert np.array_equal(*means)
    assert candidates[0] != candidates[1]


def test_candidates_draw_their_actions_for_as_many_generations_as_they_are_told_to():
    def fitness(generation, **evaluation):
        problem, mean = build(tiny(evaluation=evaluation))
        state = init_state(problem, mean)._replace(generation=jnp.int32(generation))
        return GenerationStep(problem, make_mesh(1), 2)(state)[1].fitness_mean

    both = {"action": "greedy", "noise_generations": 3}
    drawn, mode = (fitness(2, action=action) for action in ("sample", "greedy"))
    assert drawn != mode
    assert fitness(2, **both) == drawn
    assert fitness(3, **both) == fitness(3, action="greedy")


def test_constants_are_of_what_policies_see_that_act_as_candidates_do():
    def measured(generation, **evaluation):
        problem, mean = build(tiny(evaluation=evaluation | {"normalisation": "fixed", "remeasure": True}))
        state = init_state(problem, mean)._replace(generation=jnp.int32(generation))
        found = jax.jit(lambda state: visited.measure(problem, make_mesh(1), 1, state, problem.task_data))(state)
        return np.asarray(found.mean)

    both = {"action": "greedy", "noise_generations": 20}
    drawn, mode = (measured(10, action=action) for action in ("sample", "greedy"))
    assert not np.array_equal(drawn, mode)
    assert np.array_equal(measured(10, **both), drawn)
    assert np.array_equal(measured(20, **both), measured(20, action="greedy"))


def test_policies_of_the_mean_act_by_their_mode_while_candidates_draw():
    means = []
    for noise_generations in (0, 10):
        settings = {"mean_every": 1, "action": "greedy", "noise_generations": noise_generations}
        problem, mean = build(tiny(evaluation=settings))
        means.append(MeanEvaluation(problem, make_mesh(1))(init_state(problem, mean)))
    assert np.array_equal(*means)


def test_digits_are_scored_by_the_loss_of_a_classifier_and_evaluated_by_its_accuracy():
    spec = tiny(
        env="digits",
        dataset={"pairs": 10, "initial": "class-means"},
        images={"batch": 64},
        cloning={"epochs": 30, "learning_rate": 0.01},
        policy={"kind": "cnn", "features": 4, "activation": "relu"},
        evaluation={"mean_every": 1, "mean_inits": 2},
    )
    state, lines = run(spec, generations=2)
    assert all(-5 < line.fitness_mean < 0 for line in lines), "fitness is minus a cross-entropy"
    problem, _ = build(spec)
    accuracy = MeanEvaluation(problem, make_mesh(2))(state)
    assert accuracy.shape == (2, 1)
    assert 0.25 < accuracy.mean() <= 1.0, "class means teach more than chance (0.1)"


def test_varied_policies_differ_in_learning_rate_and_activation():
    over = {"cloning": {"learning_rate_spread": 4.0}, "policy": {"inits": 4, "vary_activation": True}}
    problem, _ = build(tiny(**over))
    assert np.allclose(problem.variation.rate_factor, [0.25, 4 ** (-1 / 3), 4 ** (1 / 3), 4.0])
    assert problem.variation.activation.tolist() == [0, 1, 0, 1]
    varied, same = run(tiny(**over), generations=1)[1], run(tiny(policy={"inits": 4}), generations=1)[1]
    assert np.isfinite(varied[0].fitness_mean)
    assert varied[0].fitness_mean != same[0].fitness_mean, "the candidates are evaluated on other policies"
