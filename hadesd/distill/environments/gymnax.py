"""gymnax: classic control, MinAtar and Pong."""

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp

from hadesd.distill.environments.base import VMAP

DEFERRED = ("seaborn", "matplotlib", "matplotlib.pyplot", "matplotlib.colors")
"""Plotting libraries that gymnax imports for its drawings, and with them pandas and scipy.stats; packages first."""


class _Deferred(ModuleType):
    """A module that is loaded when one of its names is first asked for.

    (importlib.util.LazyLoader would do, but up to Python 3.12 it already loads at the second import statement.)
    """

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def _import_gymnax() -> ModuleType:
    """gymnax without its plotting libraries: they take most of its four seconds, at every start of every run."""
    deferred: dict[str, _Deferred] = {}
    for name in DEFERRED:
        package, _, last = name.rpartition(".")
        # What lies in a deferred package is not looked for: that would load the package.
        spec = None if package in deferred else importlib.util.find_spec(name)
        if name in sys.modules or (spec is None and package not in deferred):
            continue
        deferred[name] = module = _Deferred(name)
        module.__spec__ = spec
        if spec is not None and spec.submodule_search_locations:
            module.__path__ = spec.submodule_search_locations  # `from matplotlib import colors` asks for it
        sys.modules[name] = module
        if package in deferred:
            setattr(deferred[package], last, module)
    import gymnax

    for name, module in deferred.items():  # whoever imports them from here on gets the real ones
        if sys.modules.get(name) is module:
            del sys.modules[name]
    return gymnax


gymnax = _import_gymnax()


class GymnaxEnvironment:
    """A gymnax environment; it resets itself, and truncation at its time limit ends an episode.

    Continuous actions arrive in [-1, 1] and are scaled to the action space's bounds, so that every dataset's
    actions have the same unit.
    """

    def __init__(self, name: str) -> None:
        self._env, self._params = gymnax.make(name)
        self.form = VMAP
        self.backend = "auto"
        space = self._env.action_space(self._params)
        self.name = name
        self.observation: tuple[int, ...] = tuple(self._env.observation_space(self._params).shape)
        self.discrete = hasattr(space, "n")
        self.actions = int(space.n) if self.discrete else int(space.shape[0] if space.shape else 1)
        if not self.discrete:
            self._low, self._high = jnp.asarray(space.low, jnp.float32), jnp.asarray(space.high, jnp.float32)

    def reset(self, key: jax.Array) -> tuple[Any, jax.Array]:
        observation, state = self._env.reset(key, self._params)
        return state, observation.astype(jnp.float32)

    def step(self, key: jax.Array, state: Any, action: jax.Array) -> tuple[Any, jax.Array, jax.Array, jax.Array]:
        if not self.discrete:
            action = self._low + (action + 1.0) * 0.5 * (self._high - self._low)
        observation, state, reward, terminated, truncated, _ = self._env.step(key, state, action, self._params)
        reward = jnp.asarray(reward, jnp.float32).reshape(())
        return state, observation.astype(jnp.float32), reward, jnp.logical_or(terminated, truncated)
