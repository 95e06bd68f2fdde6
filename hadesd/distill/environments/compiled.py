"""Environments whose steps are scalar operations: as machine code, or as XLA compiles them."""

import functools
import hashlib
import os
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp

from hadesd.distill.environments.base import Environment, StepForm
from hadesd.native import machine_code, xla_ffi
from hadesd.native.machine_code import NativeError
from hadesd.physics import program
from hadesd.physics.program import EnvironmentProgram, Unsupported
from hadesd.spec import jax_variables

if TYPE_CHECKING:
    from hadesd.physics.compiler import EnvironmentFunctions

SOURCES = ("native", "physics", "distill/environments")
"""Folders of the package whose code decides what a program is."""

PACKAGES = ("jax", "jaxlib", "numpy", "brax", "mujoco", "gymnax")


class FormError(Exception):
    """An environment's steps cannot be computed in the form that was asked for; the text says why."""


def fallback(reason: str) -> StepForm:
    """The form that is left where another cannot be had."""
    return StepForm("vmap", note=reason)


def in_form(env: Environment, physics: str) -> Environment:
    """The environment with steps as machine code ("native") or as scalar XLA operations ("xla").

    Raises:
        FormError: that cannot be had here, or not for this environment.
    """
    try:
        if physics == "native":
            if jax.default_backend() != "cpu":
                raise FormError(f"machine code is for CPUs, and this process computes on {jax.default_backend()}")
            env.form = StepForm("native", program_of(env))
            return env
        from hadesd.physics.compiler import explode
        from hadesd.physics.emit_xla import XlaEnvironment

        return XlaEnvironment(env, explode(functions_of(env)), StepForm("xla"))
    except Unsupported as error:
        raise FormError(f"{env.name} has no scalar form: {error}") from error
    except NativeError as error:
        raise FormError(str(error)) from error


def functions_of(env: Environment) -> "EnvironmentFunctions":
    """An environment as the compiler takes it."""
    from hadesd.physics.compiler import EnvironmentFunctions

    action = jax.ShapeDtypeStruct((), jnp.int32) if env.discrete else jax.ShapeDtypeStruct((env.actions,), jnp.float32)
    return EnvironmentFunctions(
        lambda key: env.reset(jax.random.wrap_key_data(key)),
        lambda key, state, action: env.step(jax.random.wrap_key_data(key), state, action),
        action,
    )


def program_of(env: Environment) -> EnvironmentProgram:
    """The machine code of an environment: from the disk, or compiled and kept there.

    Raises:
        Unsupported, NativeError: see compile_environment.
    """
    if reason := machine_code.unavailable():
        raise NativeError(reason)
    xla_ffi.api_version()
    return _program(env.name, str(getattr(env, "backend", "")), _Argument(env))


class _Argument:
    """An environment as an argument that does not count: its name and backend say which one it is."""

    def __init__(self, env: Environment) -> None:
        self.env = env

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Argument)

    def __hash__(self) -> int:
        return 0


@functools.cache
def _program(name: str, backend: str, argument: _Argument) -> EnvironmentProgram:
    versions = [f"{package} {version(package)}" for package in PACKAGES]
    # What JAX is told may change what it makes of an environment's Python.
    key = machine_code.digest("environment", name, backend, sources(), *versions, *jax_variables.recorded(os.environ))
    own = getattr(argument.env, "own", False)  # its code may be another one by now, under the same name
    found = None if own else program.find(key)
    if found is None:
        from hadesd.physics.compiler import compile_environment  # a process that finds the program needs none

        try:
            found = compile_environment(name, functions_of(argument.env), argument.env.actions)
        except Unsupported as error:
            found = str(error)
        if not own:
            program.save(key, found)
    if isinstance(found, str):
        raise Unsupported(found)
    return found


@functools.cache
def sources() -> str:
    """Digest of the code that makes programs."""
    root = Path(__file__).parents[2]
    text = [path.read_bytes() for folder in SOURCES for path in sorted((root / folder).glob("*.py"))]
    return hashlib.sha256(b"".join(text)).hexdigest()
