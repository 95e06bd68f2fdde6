"""Adapt a checkpoint's state to settings that changed since it was written (resize and fork)."""

from dataclasses import replace
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from msgspec import structs

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import RunSpec
from hadesd.compute import build
from hadesd.distill import policy_pairs, resizing
from hadesd.distill.generation import init_state
from hadesd.distill.problem import EvolutionState, Problem
from hadesd.spec import strategies

SIZES = (
    ("population", lambda spec: spec.evolution.population),
    ("pairs", lambda spec: spec.dataset.pairs),
    ("inits", lambda spec: spec.inits),
    ("environments", lambda spec: spec.evaluation.environments),
)
"""The sizes that a resize may change, by the name that its text gives them."""


def shape_of(spec: RunSpec, saved_spec: RunSpec, problem: Problem, mean: jax.Array) -> EvolutionState:
    """The abstract state in a checkpoint that was written with `saved_spec`."""
    if saved_spec.method != spec.method:
        problem, mean = build.build(saved_spec)
    elif _form(saved_spec) != _form(spec):
        problem, mean = build.build(_with_saved_sizes(spec, saved_spec))
    problem = replace(problem, averaging=build.averaging_of(saved_spec))
    return jax.eval_shape(lambda: init_state(problem, mean))


def migrate_state(
    spec: RunSpec, saved_spec: RunSpec, problem: Problem, mesh: Mesh, chunk: int, state: EvolutionState
) -> tuple[EvolutionState, str]:
    """The state (numpy leaves) for the current settings, and a text that lists the sizes that changed (empty: none).

    Another method begins anew, around pairs of the policy that the checkpoint holds; the text says so.

    Raises:
        UsageError: the strategy's state cannot be resized.
    """
    if saved_spec.method != spec.method:
        before, _ = build.build(saved_spec)
        drawn = policy_pairs.begin(before, problem, mesh, chunk, state)
        return drawn, f"method {saved_spec.method} → {spec.method}: {spec.dataset.pairs} pairs of what the policy does"
    if _form(saved_spec) != _form(spec):
        state = _resize(spec, saved_spec, problem, mesh, chunk, state)
    state = _with_average(problem, state)
    strategy = strategies.find(spec.evolution.strategy)
    if saved_spec.evolution.sigma != spec.evolution.sigma and strategy.scaled:
        state = _rescale(state, strategy.name, spec.evolution.sigma / saved_spec.evolution.sigma)
    if saved_spec.evolution.parameters != spec.evolution.parameters:
        state = _with_rate_of_std(problem, state)
    if saved_spec.evolution.sigma_share != spec.evolution.sigma_share:
        state = state._replace(strategy=jax.device_get(problem.strategy.widened(state.strategy)))
    changed = [f"{name} {of(saved_spec)} → {of(spec)}" for name, of in SIZES if of(saved_spec) != of(spec)]
    return state, ", ".join(changed)


def _resize(
    spec: RunSpec, saved_spec: RunSpec, problem: Problem, mesh: Mesh, chunk: int, state: EvolutionState
) -> EvolutionState:
    before, _ = build.build(_with_saved_sizes(spec, saved_spec))
    try:
        if saved_spec.dataset.pairs == spec.dataset.pairs:
            return resizing.resize_population(before, problem, state)
        sources = _sources(before, spec.dataset.pairs, mesh, chunk, state)
        return resizing.resize_pairs(before, problem, sources, state)
    except resizing.CannotResize as error:
        sizes = f"--pairs {saved_spec.dataset.pairs} --population {saved_spec.evolution.population}"
        raise UsageError(
            f"cannot go on with {_describe_form(_form(spec))} after {_describe_form(_form(saved_spec))}: {error}; "
            f"go back with 'hadesd resize RUN {sizes}', then resume"
        ) from None


def _sources(before: Problem, pairs: int, mesh: Mesh, chunk: int, state: EvolutionState) -> np.ndarray:
    """int [pairs]: for each pair of the resized dataset, the pair of the saved one that it continues."""
    if before.layout is None:
        raise resizing.CannotResize("method es evolves the policy's own parameters: there are no pairs")
    if pairs >= before.layout.pairs:
        return resizing.sources_to_grow(before.layout, pairs)
    everywhere = jax.device_put(state, NamedSharding(mesh, PartitionSpec()))
    costs = resizing.leave_one_out(before, mesh, chunk, everywhere)
    return resizing.sources_to_keep(before.layout, np.asarray(costs), pairs)


def _form(spec: RunSpec) -> tuple[int, int]:
    """Pairs and population: the sizes of the state that a resize can change."""
    return spec.dataset.pairs, spec.evolution.population


def _describe_form(form: tuple[int, int]) -> str:
    return f"{form[0]} pairs and a population of {form[1]}"


def _with_saved_sizes(spec: RunSpec, saved_spec: RunSpec) -> RunSpec:
    """The current settings with the pairs and the population of the saved ones."""
    pairs, population = _form(saved_spec)
    return structs.replace(
        spec,
        dataset=structs.replace(spec.dataset, pairs=pairs),
        evolution=structs.replace(spec.evolution, population=population),
    )


def _with_average(problem: Problem, state: EvolutionState) -> EvolutionState:
    """An average of means that begins here, or none any more, where the current settings ask for it."""
    if bool(problem.averaging) == (state.averaged is not None):
        return state
    mean: Any = np.asarray(problem.strategy.mean(state.strategy), np.float32)
    return state._replace(averaged=mean if problem.averaging else None)


def _with_rate_of_std(problem: Problem, state: EvolutionState) -> EvolutionState:
    """SNES and xNES keep one of their parameters in the state: it takes the value of the current settings."""
    now = getattr(problem.strategy.params, "lr_std_init", None)
    saved = getattr(state.strategy, "lr_std", None)
    if now is None or saved is None:
        return state
    return state._replace(strategy=state.strategy.replace(lr_std=np.asarray(now, saved.dtype)))


def _rescale(state: EvolutionState, strategy: str, factor: float) -> EvolutionState:
    """Multiply the standard deviation of the search. strategy: its class in evosax."""
    powers = _POWERS.get(strategy, {"std": 1})
    leaves = {name: np.asarray(getattr(state.strategy, name)) for name in powers}
    scaled = {
        name: np.asarray(leaf * np.asarray(factor ** powers[name], leaf.dtype), leaf.dtype)
        for name, leaf in leaves.items()
    }
    return state._replace(strategy=state.strategy.replace(**scaled))


_POWERS = {
    "CMAAnchoredLES": {"sigma": 1, "std": 1},
    "iAMaLGaM_Full": {"std": 1, "C": 2},
    "iAMaLGaM_Univariate": {"std": 1, "C": 2},
}
"""Class -> fields of its state that hold the standard deviation, and to which power, where `std` alone does not."""
