"""Brax: continuous control, with the time limit and the auto-reset that Brax's own training wrappers apply."""

import contextlib
import functools
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from hadesd.distill.environments.base import VMAP

log = logging.getLogger(__name__)

EPISODE_STEPS = 1000


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Silence standard output and error, also of C code, for the time of an import or a model's compilation.

    What Brax and MuJoCo say then (a missing optional `warp`, a note on maintenance, deprecated attributes in
    Brax's own models) concerns their developers, and would land on a user's screen. Exceptions still pass.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os.dup2(saved[0], 1)
        os.dup2(saved[1], 2)
        for fd in (*saved, nowhere):
            os.close(fd)


class _OldNumpy:
    """jax.numpy with the `clip` that brax 0.14.2's fluid forces (swimmer) call: jax 0.10 dropped `a_min`."""

    def __getattr__(self, name: str) -> Any:
        return getattr(jnp, name)

    @staticmethod
    def clip(x: Any, a_min: Any = None, a_max: Any = None) -> jax.Array:
        """As jax.numpy.clip, by the argument names that it had."""
        return jnp.clip(x, min=a_min, max=a_max)


class BraxEnvironment:
    """A Brax environment on a physics backend.

    An episode ends where Brax says so or after 1000 steps. The next one starts, as in Brax's AutoResetWrapper,
    from the first state of this rollout: a full reset inside the step would cost as much as the step.

    Brax is imported when it is first needed: never, where the steps are machine code that lies on the disk.
    """

    discrete = False

    def __init__(self, name: str, backend: str, sizes: tuple[tuple[int, ...], int] | None = None) -> None:
        """sizes: shape of an observation and number of actions, where they are known; else Brax is asked."""
        self.name = name
        self.backend = backend
        self.form = VMAP
        if sizes is None:
            sizes = (int(self._env.observation_size),), int(self._env.action_size)
        self.observation, self.actions = sizes

    @functools.cached_property
    def _env(self) -> Any:
        # It may be first needed while a program is traced: its arrays are constants there too.
        with _quietly(), jax.ensure_compile_time_eval():
            import mujoco
            from brax import envs, fluid

            fluid.jp = _OldNumpy()

            # Without a handler MuJoCo writes its warnings to MUJOCO_LOG.TXT in the current directory.
            mujoco.set_mju_user_warning(log.info)
            return envs.get_environment(self.name, backend=self.backend)

    @property
    def system(self) -> Any:
        """The bodies, joints and actuators (brax.base.System)."""
        return self._env.sys

    @property
    def step_seconds(self) -> float:
        """Simulated time of one step."""
        return float(self._env.dt)

    def reset(self, key: jax.Array) -> tuple[Any, jax.Array]:
        state = self._env.reset(key)
        first = (state.pipeline_state, state.obs)
        return (state, first, jnp.zeros((), jnp.int32)), state.obs

    def step(self, key: jax.Array, state: Any, action: jax.Array) -> tuple[Any, jax.Array, jax.Array, jax.Array]:
        del key  # Brax steps are deterministic
        before, first, steps = state
        after = self._env.step(before, action)
        steps = steps + 1
        done = (after.done > 0) | (steps >= EPISODE_STEPS)
        physics, observation = jax.tree.map(
            lambda start, now: jnp.where(done, start, now), first, (after.pipeline_state, after.obs)
        )
        following = after.replace(pipeline_state=physics, obs=observation, done=jnp.zeros_like(after.done))
        return (following, first, jnp.where(done, 0, steps)), observation, after.reward, done
