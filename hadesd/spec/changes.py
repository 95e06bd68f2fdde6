"""What a fork or a resize makes of a run's settings, and what it must not change. Pure."""

import copy
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from hades_protocol.errors import UsageError
from hades_protocol.replies import SettingChange
from hades_protocol.run_spec import RESIZABLE, RunSpec, build_spec, spec_to_dict
from hades_protocol.settings import merge, set_dotted
from hadesd.spec import environments, strategies, validation
from hadesd.spec.cost import env_steps_per_generation
from hadesd.spec.differences import difference, flat, format_value
from hadesd.spec.presets.layers import asked_strategy, preset_values
from hadesd.spec.without_effect import without_effect

NOT_CARRIED = {
    "env": "a checkpoint holds pairs of one environment",
    "own_environment.observation": "a checkpoint holds pairs of one environment",
    "own_environment.discrete": "a checkpoint holds pairs of one environment",
    "own_environment.actions": "a checkpoint holds pairs of one environment",
    "dataset.bound": "the pairs evolved in coordinates of their own bound",
    "dataset.frequencies": "the pairs evolved as so many coefficients",
    "dataset.labels": "the checkpoint evolves labels, or it does not",
    "evolution.strategy": "the checkpoint holds the state of its own strategy",
    "evaluation.normalisation": "the pairs are in the units of the normalisation that they evolved with",
    "evaluation.remeasure": "the checkpoint holds what trained policies visit, or it does not",
    "policy.init_seed": "the pairs of hades-f evolved for one initialisation",
}
"""Settings that a checkpoint cannot carry over, with the reason."""

OF_INITIALISATION = ("policy.kind", "policy.width", "policy.depth", "policy.features")
"""What shapes a policy's parameters. For direct neuroevolution those are the checkpoint, which cannot carry another
shape; the pairs of hades-f evolved for one initialisation, and another shape has another."""

OF_EVERY_METHOD = (
    *("env", "own_environment", "backend", "physics", "seed", "preset", "checkpoints", "resources"),
    *("policy.kind", "evolution.generations", "evolution.target", "evaluation.steps"),
)
"""What a fork that makes pairs of a policy keeps of the settings; the rest is as its preset has it for the method."""

ONLY_AT_THE_START = ("dataset.initial", "dataset.initial_scale")


def resized(spec: RunSpec, values: Mapping[str, Any]) -> tuple[RunSpec, tuple[SettingChange, ...], tuple[str, ...]]:
    """The settings after a resize, what changed, and notes on what it brings along.

    Raises:
        UsageError: it names a setting that is no size, changes nothing, or the sizes do not fit the run.
    """
    for name in flat(values):
        if name not in RESIZABLE:
            raise UsageError(f"'{name}' is no size: resize takes {', '.join(RESIZABLE)}; for the rest: hadesd fork")
    after = _laid_over(spec, values)
    changes = difference(spec, after)
    if not changes:
        raise UsageError("that is its size already: nothing to change")
    _check_sizes(spec, after)
    return after, changes, tuple(_size_notes(spec, after))


def forked(
    spec: RunSpec, values: Mapping[str, Any], generation: int
) -> tuple[RunSpec, tuple[SettingChange, ...], tuple[str, ...]]:
    """The settings of a fork after that generation, what differs from the parent's, and notes.

    Raises:
        UsageError: the checkpoint cannot carry a change, or nothing would be left to compute.
    """
    if (method := values.get("method", spec.method)) != spec.method:
        if spec.method != "es":
            raise _refusal("method", spec.method, method, "pairs are made of the policy of method es alone")
        return _distilled(spec, values, generation)
    after = _laid_over(spec, values)
    if spec.method == "hades-f" and after.seed != spec.seed and after.policy.init_seed == spec.policy.init_seed:
        # Unset it is the seed: another seed must not take the initialisation away that the pairs evolved for.
        after = replace(after, policy=replace(after.policy, init_seed=spec.init_seed))
    changes = difference(spec, after)
    _check_carried(spec, after, changes)
    _check_sizes(spec, after)
    _check_length(after, generation)
    notes = _size_notes(spec, after)
    names = {change.name for change in changes}
    notes += [f"{name} is of no effect: it decides how a run begins" for name in ONLY_AT_THE_START if name in names]
    if "seed" in names:
        notes.append(f"seed: other random numbers from generation {generation + 1} on")
    if "evolution.sigma" in names:
        factor = after.evolution.sigma / spec.evolution.sigma
        notes.append(f"evolution.sigma: the search's present standard deviation is multiplied by {factor:.3g}")
    shaped = [name for name in OF_INITIALISATION if name in names]
    if spec.method == "hades-f" and shaped:
        notes.append(f"{', '.join(shaped)}: the pairs evolved for an initialisation of another shape")
    notes += without_effect(after, names)
    return after, changes, tuple(notes)


def _distilled(
    spec: RunSpec, values: Mapping[str, Any], generation: int
) -> tuple[RunSpec, tuple[SettingChange, ...], tuple[str, ...]]:
    """Likewise where the policy that a run of method es has evolved becomes pairs, around which a search begins.

    All that the checkpoint holds is made anew, so only the environment has to be the same.
    """
    entry = environments.of_spec(spec)
    if entry.family == "images":
        raise UsageError(f"{spec.env} is a set of images, whose pairs begin as images: hadesd start, dataset.initial")
    asked = copy.deepcopy(dict(values))
    if asked.get("env", spec.env) != spec.env or "own_environment" in asked:
        raise UsageError(f"a fork cannot change env: the policy was evolved for {spec.env}")
    below = preset_values(spec.preset or "published", entry, str(asked["method"]), asked_strategy(asked))
    kept: dict[str, Any] = {}
    for name, value in flat(spec_to_dict(spec)).items():
        if f"{name}.".startswith(tuple(f"{one}." for one in OF_EVERY_METHOD)):
            set_dotted(kept, name, value)
    after = build_spec(merge(merge(below, kept), asked))
    validation.check(after)
    changes = difference(spec, after)
    _check_length(after, generation)
    notes = [
        f"method es → {after.method}: {after.dataset.pairs} pairs are drawn from what the policy sees and does, many "
        "times, and a search begins around the best draw"
    ]
    names = {change.name for change in changes}
    return after, changes, (*notes, *_cost_notes(spec, after), *without_effect(after, names))


def _check_length(after: RunSpec, generation: int) -> None:
    if after.evolution.generations <= generation:
        raise UsageError(
            f"nothing is left to compute: evolution.generations is {after.evolution.generations} and the checkpoint "
            f"is of generation {generation}; raise it, e.g. --set evolution.generations={2 * generation}"
        )


def _laid_over(spec: RunSpec, values: Mapping[str, Any]) -> RunSpec:
    after = build_spec(merge(spec_to_dict(spec), values))
    validation.check(after)
    return after


def _check_carried(before: RunSpec, after: RunSpec, changes: tuple[SettingChange, ...]) -> None:
    strategy = strategies.find(before.evolution.strategy)
    for change in changes:
        if change.name == "policy.init_seed" and after.init_seed == before.init_seed:
            continue
        reason = NOT_CARRIED.get(change.name)
        if before.method == "es" and change.name in OF_INITIALISATION:
            reason = "the checkpoint holds a policy of that shape"
        if change.name == "evolution.sigma" and not strategy.scaled:
            reason = f"the state of {strategy.key} has no standard deviation that could be another one"
        if reason is not None and (change.name != "policy.init_seed" or before.method == "hades-f"):
            raise _refusal(change.name, change.before, change.after, reason)
    decays = [spec.evolution.learning_rate_decay < 1.0 for spec in (before, after)]
    if decays[0] != decays[1]:
        raise UsageError(
            "a fork cannot begin or end a decay of the learning rate (evolution.learning_rate_decay): the optimiser's "
            "state has another form with it; another factor below 1 is possible only where there is one already"
        )


def _refusal(name: str, before: Any, after: Any, reason: str) -> UsageError:
    values = f"{format_value(before)} → {format_value(after)}"
    return UsageError(f"a fork cannot change {name} ({values}): {reason}; start a new run instead: hadesd start")


def _check_sizes(before: RunSpec, after: RunSpec) -> None:
    if before.method == "es" and before.dataset.pairs != after.dataset.pairs:
        raise UsageError("method es has no pairs to resize: it evolves a policy directly")
    strategy = strategies.find(before.evolution.strategy)
    if strategy.population_based and before.evolution.population != after.evolution.population:
        raise UsageError(
            f"evolution.population cannot change: {strategy.key} keeps its whole population in the checkpoint, "
            "evaluated member by member; start a new run instead"
        )


def _size_notes(before: RunSpec, after: RunSpec) -> list[str]:
    notes = []
    then, now = before.dataset.pairs, after.dataset.pairs
    if now > then:
        notes.append(f"dataset.pairs {then} → {now}: pairs are duplicated, with their moments and sigma")
    elif now < then:
        dropped = then - now
        which = (
            "pair whose absence costs least is" if dropped == 1 else f"{dropped} pairs whose absence costs least are"
        )
        notes.append(f"dataset.pairs {then} → {now}: the {which} dropped")
    return notes + _cost_notes(before, after)


def _cost_notes(before: RunSpec, after: RunSpec) -> list[str]:
    cost = env_steps_per_generation(after) / env_steps_per_generation(before)
    return [] if cost == 1.0 else [f"a generation takes about {cost:.3g} times as many environment steps"]
