"""Environment by name."""

from hadesd.distill.environments.base import Environment


def make_environment(name: str, backend: str) -> Environment:
    """The environment of a catalogue name; `backend` is the Brax backend, or "auto" where there is none.

    Imports one of Brax and gymnax only: each takes about a second.
    """
    if backend == "auto":
        from hadesd.distill.environments.gymnax import GymnaxEnvironment

        return GymnaxEnvironment(name)
    from hadesd.distill.environments.brax import BraxEnvironment

    return BraxEnvironment(name, backend)
