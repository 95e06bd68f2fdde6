"""What a dataset says of the settings that it was found with, in a file's `meta` and to clients. No numpy."""

from collections.abc import Sequence
from typing import Any

from hades_protocol.run_spec import RunSpec, spec_to_dict
from hadesd.spec import environments


def settings_meta(
    spec: RunSpec,
    generation: int,
    *,
    normalisation: str,
    discrete: bool,
    observation_names: Sequence[str],
    action_names: Sequence[str],
) -> dict[str, Any]:
    """How the mean dataset after a generation was made, and how to use it.

    normalisation: the dataset's. discrete and the names are the environment's, which need not be known here.
    """
    entry = environments.ENVIRONMENTS.get(spec.env)
    settings = spec_to_dict(spec)
    inits = {"inits": spec.inits, "init_seed": spec.init_seed if spec.method == "hades-f" else None}
    return {
        "environment": spec.env,
        "backend": environments.backend_for(entry, spec.backend) if entry else spec.backend,
        "method": spec.method,
        "generation": generation,
        "generations": spec.evolution.generations,
        "normalisation": normalisation,
        "units": "natural" if normalisation == "none" else "normalised",
        "discrete": discrete,
        "observation_names": list(observation_names),
        "action_names": list(action_names),
        "policy": settings["policy"] | inits,
        "cloning": settings["cloning"],
        "evaluation": settings["evaluation"],
        "seed": spec.seed,
    }


def sources_meta(spec: RunSpec) -> dict[str, Any]:
    """What it takes to find the environment again: one of one's own, or a directory of images."""
    settings, entry = spec_to_dict(spec), environments.ENVIRONMENTS.get(spec.env)
    out: dict[str, Any] = {}
    if spec.own_environment.observation:
        out["own_environment"] = settings["own_environment"]
    if entry is not None and entry.family == "images":
        out["images"] = settings["images"]
    return out
