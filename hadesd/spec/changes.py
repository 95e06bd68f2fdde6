"""What a fork or a resize makes of a run's settings, and what it must not change. Pure."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from hades_protocol.errors import UsageError
from hades_protocol.replies import SettingChange
from hades_protocol.run_spec import RESIZABLE, RunSpec, build_spec, spec_to_dict
from hades_protocol.settings import merge
from hadesd.spec import strategies, validation
from hadesd.spec.cost import env_steps_per_generation
from hadesd.spec.without_effect import without_effect

NOT_CARRIED = {
    "env": "a checkpoint holds pairs of one environment",
    "own_environment.observation": "a checkpoint holds pairs of one environment",
    "own_environment.discrete": "a checkpoint holds pairs of one environment",
    "own_environment.actions": "a checkpoint holds pairs of one environment",
    "method": "another method searches for something else",
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

ONLY_AT_THE_START = ("dataset.initial", "dataset.initial_scale")


def difference(before: RunSpec, after: RunSpec) -> tuple[SettingChange, ...]:
    """The settings that differ, in the order of their definition."""
    return differing(spec_to_dict(before), spec_to_dict(after))


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[SettingChange, ...]:
    """The same of nested settings as they are on the wire, which may be those of another version; null where one has
    a setting not.
    """
    then, now = flat(before), flat(after)
    names = dict.fromkeys([*then, *now])
    return tuple(
        SettingChange(name=name, before=then.get(name), after=now.get(name))
        for name in names
        if then.get(name) != now.get(name)
    )


def describe(changes: tuple[SettingChange, ...]) -> str:
    """The changes on one line."""
    return ", ".join(
        f"{change.name} {_format_value(change.before)} → {_format_value(change.after)}" for change in changes
    )


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
    after = _laid_over(spec, values)
    if spec.method == "hades-f" and after.seed != spec.seed and after.policy.init_seed == spec.policy.init_seed:
        # Unset it is the seed: another seed must not take the initialisation away that the pairs evolved for.
        after = replace(after, policy=replace(after.policy, init_seed=spec.init_seed))
    changes = difference(spec, after)
    _check_carried(spec, after, changes)
    _check_sizes(spec, after)
    if after.evolution.generations <= generation:
        raise UsageError(
            f"nothing is left to compute: evolution.generations is {after.evolution.generations} and the checkpoint "
            f"is of generation {generation}; raise it, e.g. --set evolution.generations={2 * generation}"
        )
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
            raise UsageError(
                f"a fork cannot change {change.name} ({_format_value(change.before)} → {_format_value(change.after)}): "
                f"{reason}; start a new run instead: hadesd start"
            )
    decays = [spec.evolution.learning_rate_decay < 1.0 for spec in (before, after)]
    if decays[0] != decays[1]:
        raise UsageError(
            "a fork cannot begin or end a decay of the learning rate (evolution.learning_rate_decay): the optimiser's "
            "state has another form with it; another factor below 1 is possible only where there is one already"
        )


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
    cost = env_steps_per_generation(after) / env_steps_per_generation(before)
    if cost != 1.0:
        notes.append(f"a generation takes about {cost:.3g} times as many environment steps")
    return notes


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted name; an empty section, of parameters say, is a value."""
    out: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            out |= flat(value, f"{prefix}{key}.")
        else:
            out[f"{prefix}{key}"] = value
    return out


def _format_value(value: Any) -> str:
    return "unset" if value is None or value == {} else f"{value:g}" if isinstance(value, float) else str(value)
