"""From the state in a checkpoint to the state that the settings ask for, where they changed since: resize and fork."""

from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from msgspec.structs import replace

from hades_protocol.errors import HadesError, UsageError
from hades_protocol.run_spec import RunSpec, build_spec
from hadesd.distill.generation import init_state
from hadesd.distill.problem import EvolutionState, Problem
from hadesd.worker import build

SIZES = (
    ("population", lambda spec: spec.evolution.population),
    ("pairs", lambda spec: spec.dataset.pairs),
    ("inits", lambda spec: spec.inits),
    ("environments", lambda spec: spec.evaluation.environments),
)
"""What a resize changes that matters to the state or to the cost of a generation."""


def settings_then(manifest: dict[str, Any], spec: RunSpec) -> RunSpec:
    """The settings that a checkpoint was written with.

    Checkpoints of versions before 0.2 do not say: theirs are the run's, as it could not be resized then.
    """
    values = manifest.get("settings")
    if not isinstance(values, dict):
        return spec
    try:
        return build_spec(values)
    except HadesError:
        return spec  # of a newer version: if its state has another form, loading it says so


def shape_of(spec: RunSpec, then: RunSpec, problem: Problem, mean: jax.Array) -> EvolutionState:
    """The abstract state in a checkpoint that was written with the settings `then`."""
    if then.dataset.pairs != spec.dataset.pairs:
        problem, mean = build.build(_as_then(spec, then))
    return jax.eval_shape(lambda: init_state(problem, mean))


def carry(
    spec: RunSpec, then: RunSpec, problem: Problem, mesh: Mesh, chunk: int, state: EvolutionState
) -> tuple[EvolutionState, str]:
    """The state (numpy leaves) for the settings of now, and in words what had to be done; empty: nothing.

    Raises:
        UsageError: the strategy's state cannot follow.
    """
    if then.dataset.pairs != spec.dataset.pairs:
        state = _resize_pairs(spec, then, problem, mesh, chunk, state)
    if then.evolution.sigma != spec.evolution.sigma:
        state = _rescale(state, spec.evolution.sigma / then.evolution.sigma)
    changed = [f"{name} {of(then)} → {of(spec)}" for name, of in SIZES if of(then) != of(spec)]
    return state, ", ".join(changed)


def _resize_pairs(
    spec: RunSpec, then: RunSpec, problem: Problem, mesh: Mesh, chunk: int, state: EvolutionState
) -> EvolutionState:
    from hadesd.distill import resizing

    before, _ = build.build(_as_then(spec, then))
    if before.layout is None:
        raise UsageError("method es has no pairs to resize")
    try:
        if spec.dataset.pairs > then.dataset.pairs:
            sources = resizing.sources_to_grow(before.layout, spec.dataset.pairs)
        else:
            everywhere = NamedSharding(mesh, PartitionSpec())
            costs = resizing.leave_one_out(before, mesh, chunk, jax.device_put(state, everywhere))
            sources = resizing.sources_to_keep(before.layout, np.asarray(costs), spec.dataset.pairs)
        return resizing.resize_pairs(before, problem, sources, state)
    except resizing.CannotResize as error:
        raise UsageError(
            f"dataset.pairs cannot change from {then.dataset.pairs} to {spec.dataset.pairs}: {error}; "
            f"go on with 'hadesd resize RUN --pairs {then.dataset.pairs}', then resume"
        ) from None


def _as_then(spec: RunSpec, then: RunSpec) -> RunSpec:
    """Today's settings with the pairs of then: what the state's form depends on."""
    return replace(spec, dataset=replace(spec.dataset, pairs=then.dataset.pairs))


def _rescale(state: EvolutionState, factor: float) -> EvolutionState:
    """Multiply the standard deviation of the search, where the strategy has one."""
    std = getattr(state.strategy, "std", None)
    if std is None:
        return state
    scaled = np.asarray(std * np.asarray(factor, std.dtype), std.dtype)
    return state._replace(strategy=state.strategy.replace(std=scaled))
