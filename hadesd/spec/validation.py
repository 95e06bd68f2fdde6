"""What a spec must satisfy beyond its own ranges: the environment, the strategy and the policy have to fit together.

One place for the command line, the daemon and the worker; without jax.
"""

import shlex
from math import prod

from hades_protocol.codec import MAX_MESSAGE
from hades_protocol.errors import UsageError
from hades_protocol.run_spec import RunSpec
from hadesd.spec import environments, strategies

ROOM = 1 << 20
"""Bytes of a message beside the dataset's arrays: metrics, names, the settings."""


def check(spec: RunSpec) -> environments.EnvironmentInfo:
    """The environment's entry.

    Raises:
        UsageError: unknown environment, backend or strategy, or settings that do not fit each other.
    """
    sbatch_options(spec.resources.slurm)
    entry = environments.of_spec(spec)
    environments.backend_for(entry, spec.backend)
    _check_labels(spec, entry)
    _check_policy(spec, entry)
    _check_images(spec, entry)
    _check_frequencies(spec, entry)
    _check_temperature(spec, entry)
    _check_size(spec, entry)
    strategy = strategies.find(spec.evolution.strategy)
    strategies.check(strategy, spec.evolution.population, spec.evolution.parameters, dimensions(spec, entry))
    return entry


def sbatch_options(text: str) -> tuple[str, ...]:
    """The options of sbatch in resources.slurm.

    Raises:
        UsageError: a quote is not closed, say.
    """
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"resources.slurm cannot be read as options of sbatch: {error}") from None


def dimensions(spec: RunSpec, entry: environments.EnvironmentInfo) -> int | None:
    """Dimensions of the search; None for direct neuroevolution, where only the policy itself knows."""
    if spec.method == "es":
        return None
    evolved_labels = 0 if entry.discrete and spec.dataset.labels == "fixed" else entry.actions
    frequencies = spec.dataset.frequencies
    state = frequencies**2 * entry.observation[2] if frequencies else prod(entry.observation)
    return spec.dataset.pairs * (state + evolved_labels)


def _check_size(spec: RunSpec, entry: environments.EnvironmentInfo) -> None:
    """A dataset has to fit into a message, with room for what else is said in it."""
    if spec.method == "es":
        return
    size, most = 4 * (prod(entry.observation) + entry.actions) * spec.dataset.pairs, MAX_MESSAGE - ROOM
    if size > most:
        raise UsageError(
            f"{spec.dataset.pairs} pairs of {entry.name} take {size / 2**20:.1f} MiB, and a dataset may have "
            f"{most / 2**20:.0f}: use --set dataset.pairs={most * spec.dataset.pairs // size} or fewer"
        )


def _check_temperature(spec: RunSpec, entry: environments.EnvironmentInfo) -> None:
    temperature = spec.evaluation.temperature
    if temperature != 1.0 and not entry.discrete:
        raise UsageError(
            f"evaluation.temperature is {temperature:g}, but actions of {entry.name} are not discrete: "
            "use --set evaluation.temperature=1"
        )


def _check_frequencies(spec: RunSpec, entry: environments.EnvironmentInfo) -> None:
    frequencies = spec.dataset.frequencies
    if not frequencies:
        return
    refusal = f"dataset.frequencies is {frequencies}, but "
    if not entry.is_grid:
        raise UsageError(f"{refusal}a state of {entry.name} is no image: use --set dataset.frequencies=0")
    if frequencies > (side := min(entry.observation[:2])):
        raise UsageError(f"{refusal}an image of {entry.name} has {side} pixels a side: use at most so many")
    if spec.dataset.bound:
        raise UsageError(
            f"{refusal}dataset.bound is {spec.dataset.bound:g}, which is about pixels: set one of them to 0"
        )
    if spec.dataset.initial != "zeros":
        raise UsageError(f"{refusal}dataset.initial is {spec.dataset.initial}: use --set dataset.initial=zeros")


def _check_labels(spec: RunSpec, entry: environments.EnvironmentInfo) -> None:
    if spec.method == "es" or not entry.discrete or spec.dataset.labels != "fixed":
        return
    if spec.dataset.pairs < entry.actions:
        raise UsageError(
            f"dataset.pairs is {spec.dataset.pairs}, but {entry.name} has {entry.actions} "
            f"{'classes' if entry.family == 'images' else 'actions'} and fixed labels give each at least one pair: "
            f"use {entry.actions} or more, or --set dataset.labels=learned"
        )


def _check_policy(spec: RunSpec, entry: environments.EnvironmentInfo) -> None:
    if spec.policy.kind == "cnn" and not entry.is_grid:
        raise UsageError(
            f"policy.kind is cnn, but {entry.name} has no grid or image to convolve: use --set policy.kind=mlp"
        )


def _check_images(spec: RunSpec, entry: environments.EnvironmentInfo) -> None:
    if entry.family != "images" and spec.dataset.initial != "zeros":
        raise UsageError(
            f"dataset.initial is {spec.dataset.initial}, but {entry.name} has no real images to start from: "
            "use --set dataset.initial=zeros"
        )
    if entry.family == "images" and spec.method == "es":
        raise UsageError(
            f"method es evolves a policy, and {entry.name} is a set of images: use --method hades-r or hades-f"
        )
    if entry.family == "images" and spec.dataset.bound:
        raise UsageError(
            f"dataset.bound is {spec.dataset.bound:g}, but no policy visits states of {entry.name}: "
            "use --set dataset.bound=0"
        )
    if entry.family == "images" and spec.evaluation.normalisation != "none":
        raise UsageError(f"{entry.name} needs no normalisation: use --set evaluation.normalisation=none")
