"""From the state in a checkpoint to the state that the settings ask for, where they changed since: resize and fork."""

from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from msgspec.structs import replace

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import RunSpec, build_spec
from hadesd.compute import build
from hadesd.distill import resizing
from hadesd.distill.generation import init_state
from hadesd.distill.problem import EvolutionState, Problem

SIZES = (
    ("population", lambda spec: spec.evolution.population),
    ("pairs", lambda spec: spec.dataset.pairs),
    ("inits", lambda spec: spec.inits),
    ("environments", lambda spec: spec.evaluation.environments),
)
"""What a resize changes that matters to the state or to the cost of a generation."""


def saved_spec(manifest: dict[str, Any], spec: RunSpec) -> RunSpec:
    """The settings that a checkpoint was written with; `spec` for an empty manifest, of a damaged checkpoint."""
    return build_spec(manifest["settings"]) if manifest else spec


def shape_of(spec: RunSpec, saved: RunSpec, problem: Problem, mean: jax.Array) -> EvolutionState:
    """The abstract state in a checkpoint that was written with the settings `saved`."""
    if _form(saved) != _form(spec):
        problem, mean = build.build(_with_saved_form(spec, saved))
    return jax.eval_shape(lambda: init_state(problem, mean))


def migrate_state(
    spec: RunSpec, saved: RunSpec, problem: Problem, mesh: Mesh, chunk: int, state: EvolutionState
) -> tuple[EvolutionState, str]:
    """The state (numpy leaves) for the settings of now, and in words what had to be done; empty: nothing.

    Raises:
        UsageError: the strategy's state cannot follow.
    """
    if _form(saved) != _form(spec):
        state = _resize(spec, saved, problem, mesh, chunk, state)
    if saved.evolution.sigma != spec.evolution.sigma:
        state = _rescale(state, spec.evolution.sigma / saved.evolution.sigma)
    if saved.evolution.parameters != spec.evolution.parameters:
        state = _with_rate_of_std(problem, state)
    changed = [f"{name} {of(saved)} → {of(spec)}" for name, of in SIZES if of(saved) != of(spec)]
    return state, ", ".join(changed)


def _resize(
    spec: RunSpec, saved: RunSpec, problem: Problem, mesh: Mesh, chunk: int, state: EvolutionState
) -> EvolutionState:
    before, _ = build.build(_with_saved_form(spec, saved))
    try:
        if saved.dataset.pairs == spec.dataset.pairs:
            return resizing.resize_population(before, problem, state)
        sources = _sources(before, spec.dataset.pairs, mesh, chunk, state)
        return resizing.resize_pairs(before, problem, sources, state)
    except resizing.CannotResize as error:
        raise UsageError(
            f"cannot go on with {_describe_form(_form(spec))} after {_describe_form(_form(saved))}: {error}; "
            f"go back with 'hadesd resize RUN --pairs {saved.dataset.pairs} "
            f"--population {saved.evolution.population}', "
            "then resume"
        ) from None


def _sources(before: Problem, pairs: int, mesh: Mesh, chunk: int, state: EvolutionState) -> np.ndarray:
    """For each pair that there will be, the pair of now that it continues."""
    if before.layout is None:
        raise resizing.CannotResize("method es evolves the policy's own parameters: there are no pairs")
    if pairs >= before.layout.pairs:
        return resizing.sources_to_grow(before.layout, pairs)
    everywhere = jax.device_put(state, NamedSharding(mesh, PartitionSpec()))
    costs = resizing.leave_one_out(before, mesh, chunk, everywhere)
    return resizing.sources_to_keep(before.layout, np.asarray(costs), pairs)


def _form(spec: RunSpec) -> tuple[int, int]:
    """What the form of the state depends on and a resize can change: pairs and population."""
    return spec.dataset.pairs, spec.evolution.population


def _describe_form(form: tuple[int, int]) -> str:
    return f"{form[0]} pairs and a population of {form[1]}"


def _with_saved_form(spec: RunSpec, saved: RunSpec) -> RunSpec:
    """Today's settings with the form of the saved ones."""
    pairs, population = _form(saved)
    return replace(
        spec,
        dataset=replace(spec.dataset, pairs=pairs),
        evolution=replace(spec.evolution, population=population),
    )


def _with_rate_of_std(problem: Problem, state: EvolutionState) -> EvolutionState:
    """SNES and xNES keep one of their parameters, a constant, in the state: it becomes that of the settings of now."""
    now = getattr(problem.strategy.params, "lr_std_init", None)
    stored = getattr(state.strategy, "lr_std", None)
    if now is None or stored is None:
        return state
    return state._replace(strategy=state.strategy.replace(lr_std=np.asarray(now, stored.dtype)))


def _rescale(state: EvolutionState, factor: float) -> EvolutionState:
    """Multiply the standard deviation of the search, where the strategy has one."""
    std = getattr(state.strategy, "std", None)
    if std is None:
        return state
    scaled = np.asarray(std * np.asarray(factor, std.dtype), std.dtype)
    return state._replace(strategy=state.strategy.replace(std=scaled))
