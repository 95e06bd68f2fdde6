"""Environment by name, in the form that its steps are to be computed in."""

import jax

from hadesd.distill.environments import compiled
from hadesd.distill.environments.base import Environment


def make_environment(
    name: str, backend: str, physics: str = "vmap", sizes: tuple[tuple[int, ...], int] | None = None
) -> Environment:
    """The environment of a catalogue name; `backend` is the Brax backend, or "auto" where there is none.

    physics: auto, native, xla or vmap; `form` of the environment says what it came to. sizes: shape of an observation
    and number of actions, where they are known: Brax is then imported only when it is needed.

    Imports one of Brax and gymnax only: each takes about a second.

    Raises:
        FormError: the form that was asked for by name cannot be had; the text says why.
    """
    return in_form(_named(name, backend, sizes), physics)


def in_form(env: Environment, physics: str) -> Environment:
    """An environment with its steps in a form: auto, native, xla or vmap; `form` says what it came to.

    Raises:
        FormError: the form that was asked for by name cannot be had; the text says why.
    """
    wanted = physics
    if physics == "auto":
        wanted = "native" if jax.default_backend() == "cpu" else "vmap"
    if wanted == "vmap":
        return env
    try:
        return compiled.in_form(env, wanted)
    except compiled.FormError as error:
        if physics != "auto":
            raise
        env.form = compiled.fallback(str(error))
        return env


def _named(name: str, backend: str, sizes: tuple[tuple[int, ...], int] | None) -> Environment:
    if backend == "auto":
        from hadesd.distill.environments.gymnax import GymnaxEnvironment

        return GymnaxEnvironment(name)
    from hadesd.distill.environments.brax import BraxEnvironment

    return BraxEnvironment(name, backend, sizes)
