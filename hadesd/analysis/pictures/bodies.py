"""Which body, if any, an environment's observations can be drawn as."""

import functools

import numpy as np

from hadesd.analysis.pictures import brax_bodies, classic
from hadesd.analysis.pictures.classic import Body
from hadesd.spec import environments


def body_of(entry: environments.EnvironmentInfo, backend: str, states: np.ndarray | None = None) -> Body | None:
    """The body of an environment; None where its observations do not say what it looks like.

    backend: the Brax backend, or auto; states: natural units [N, obs], which a picture has to have room for.
    """
    if entry.family == "classic":
        return classic.body_of(entry.name, states)
    if entry.family == "brax" and brax_bodies.can_pose(entry.name):
        return brax_body(entry, backend)
    return None


def body_of_pairs(entry: environments.EnvironmentInfo, backend: str, states: np.ndarray) -> Body | None:
    """The body for pictures of pairs, natural units [N, obs]."""
    if entry.family == "classic":
        return classic.body_of_pairs(entry.name, states)
    return body_of(entry, backend, states)


@functools.cache
def brax_body(entry: environments.EnvironmentInfo, backend: str) -> brax_bodies.BraxBody:
    """The sticks of a Brax environment; those of `pusher` can be drawn from links' places, not from observations."""
    from hadesd.distill.environments.brax import BraxEnvironment

    environment = BraxEnvironment(entry.name, environments.backend_for(entry, backend))
    return brax_bodies.BraxBody(entry.name, environment.system, environment.step_seconds)
