"""Environments of one's own: objects made elsewhere, brought to the protocol of `base.Environment` and checked.

Three kinds are told apart by what they have:

- hades's protocol: `observation`, `discrete`, `actions`, `reset(key)`, `step(key, state, action)`;
- gymnax's: `observation_space(params)`, `action_space(params)`, `reset(key, params)`,
  `step(key, state, action, params)`;
- Brax's: `observation_size`, `action_size`, `reset(key)` and `step(state, action)`, which give a State.

All of them may say `observation_names`, `observation_units` and `action_names` (texts) and `episode_steps`.
"""

from collections.abc import Callable
from math import isfinite, prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hadesd.distill.environments.base import VMAP, Environment

BRAX_STEPS = 1000
"""Time limit of a Brax-style environment that says none, as Brax's own training has it."""

MOST_ENTRIES = 1_000_000
MOST_LETTERS = 64


class NotAnEnvironmentError(Exception):
    """What was given is no environment, or one that does not keep to its shapes; the text says what, why, what next."""


class _Own:
    """What the three kinds have in common. own: it is described by itself, not by the table."""

    backend = "auto"
    own = True

    def __init__(self, name: str, made: Any, observation: tuple[int, ...], discrete: bool, actions: int) -> None:
        self.name = name
        self.form = VMAP
        self.observation, self.discrete, self.actions = observation, discrete, actions
        self.made = made


class ProtocolEnvironment(_Own):
    """An environment of our own protocol. It resets itself, and knows its time limit."""

    def __init__(self, name: str, made: Any) -> None:
        super().__init__(name, made, _shape(made.observation), bool(made.discrete), int(made.actions))

    def reset(self, key: jax.Array) -> tuple[Any, jax.Array]:
        state, observation = _of(2, self.made.reset(key), "reset(key) returns (state, observation)")
        return state, _float(observation)

    def step(self, key: jax.Array, state: Any, action: jax.Array) -> tuple[Any, jax.Array, jax.Array, jax.Array]:
        returned = self.made.step(key, state, action)
        state, observation, reward, done = _of(
            4, returned, "step(key, state, action) returns (state, observation, reward, done)"
        )
        return state, _float(observation), _float(reward), jnp.asarray(done).astype(bool)


class GymnaxStyleEnvironment(_Own):
    """An environment with gymnax's functions. It resets itself; both of gymnax's ways to say `done` are understood."""

    def __init__(self, name: str, made: Any, params: Any) -> None:
        self.params = params
        space = made.action_space(params)
        discrete = hasattr(space, "n")
        shape = tuple(getattr(space, "shape", ()))
        actions = int(space.n) if discrete else prod(shape)
        if not discrete:
            self._shape = shape
            self._low, self._high = (_bound(space, side, shape) for side in ("low", "high"))
        super().__init__(name, made, _shape(made.observation_space(params).shape), discrete, actions)

    def reset(self, key: jax.Array) -> tuple[Any, jax.Array]:
        observation, state = _of(2, self.made.reset(key, self.params), "reset returns (observation, state)")
        return state, _float(observation)

    def step(self, key: jax.Array, state: Any, action: jax.Array) -> tuple[Any, jax.Array, jax.Array, jax.Array]:
        if not self.discrete:
            action = self._low + (action.reshape(self._shape) + 1.0) * 0.5 * (self._high - self._low)
        returned = self.made.step(key, state, action, self.params)
        if not isinstance(returned, tuple) or len(returned) not in (5, 6):
            raise NotAnEnvironmentError(
                f"its step returns {_said(returned)}; gymnax's returns observation, state, reward, done (or terminated "
                "and truncated) and info"
            )
        observation, state, reward, *done, _ = returned
        over = done[0] if len(done) == 1 else jnp.logical_or(*done)
        reward = _float(reward)
        return state, _float(observation), reward[0] if reward.shape == (1,) else reward, jnp.asarray(over).astype(bool)


class BraxStyleEnvironment(_Own):
    """An environment whose steps take a State and give one: `obs`, `reward` and `done` of it are read.

    An episode ends where it says so or after its time limit. The next one starts, as in Brax's own training, from the
    first state of this rollout.
    """

    def __init__(self, name: str, made: Any) -> None:
        self._limit = int(getattr(made, "episode_steps", 0)) or BRAX_STEPS
        size = made.observation_size
        if not isinstance(size, int | np.integer):
            raise NotAnEnvironmentError(f"its observation_size is {_said(size)}; hades takes one vector, so an integer")
        super().__init__(name, made, (int(size),), False, int(made.action_size))

    def reset(self, key: jax.Array) -> tuple[Any, jax.Array]:
        state = self.made.reset(key)
        return (state, state, jnp.zeros((), jnp.int32)), _float(state.obs)

    def step(self, key: jax.Array, state: Any, action: jax.Array) -> tuple[Any, jax.Array, jax.Array, jax.Array]:
        del key  # Brax's steps take none
        before, first, steps = state
        after = self.made.step(before, action)
        if (wrong := _difference(first, after)) is not None:
            raise NotAnEnvironmentError(f"its step changes the form of its State: {wrong}")
        steps = steps + 1
        done = (_float(after.done) > 0) | (steps >= self._limit)
        following = jax.tree.map(lambda start, now: jnp.where(done, start, now), first, after)
        return (following, first, jnp.where(done, 0, steps)), _float(following.obs), _float(after.reward), done


def adapt(name: str, made: Any) -> Environment:
    """An object as an environment, with its shapes checked (nothing is computed).

    made: an environment of one of the three kinds, or gymnax's pair of an environment and its parameters.

    Raises:
        NotAnEnvironmentError: it is of none of the kinds, or does not keep to its shapes.
    """
    env = _adapted(name, made)
    if not 1 <= env.actions <= MOST_ENTRIES or (env.discrete and env.actions < 2):
        least = "2 actions" if env.discrete else "1 entry in an action"
        raise NotAnEnvironmentError(f"it says {env.actions} actions: it takes at least {least}")
    _check_shapes(env)
    return env


def _adapted(name: str, made: Any) -> Environment:
    params = None
    if isinstance(made, tuple) and len(made) == 2:
        made, params = made
    has = {word for word in dir(made) if not word.startswith("_")}
    if {"observation_space", "action_space", "reset", "step"} <= has:
        return GymnaxStyleEnvironment(name, made, getattr(made, "default_params", None) if params is None else params)
    if {"observation", "discrete", "actions", "reset", "step"} <= has:
        return ProtocolEnvironment(name, made)
    if {"observation_size", "action_size", "reset", "step"} <= has:
        return BraxStyleEnvironment(name, made)
    raise NotAnEnvironmentError(
        f"it is {_said(made)}, which has neither observation, discrete and actions (hades's protocol), nor "
        "observation_space and action_space (gymnax), nor observation_size and action_size (Brax), each with reset and "
        "step: see docs/environments.md"
    )


def texts(env: Environment, word: str, counts: tuple[int, ...]) -> tuple[str, ...]:
    """The names or units that an environment says under a word; empty where it says none.

    counts: how many there may be.

    Raises:
        NotAnEnvironmentError: they are no texts, not so many, or a name is there twice.
    """
    given = getattr(getattr(env, "made", env), word, None)
    if given is None or (not isinstance(given, str) and len(given) == 0):
        return ()
    if isinstance(given, str) or not all(map(_is_short_text, given)):
        raise NotAnEnvironmentError(f"its {word} must be a list of printable texts of at most {MOST_LETTERS} letters")
    if len(given) not in counts:
        wanted = " or ".join(map(str, dict.fromkeys(counts)))
        raise NotAnEnvironmentError(f"its {word} are {len(given)}, but {wanted} are needed")
    low = [one.strip().lower() for one in given]
    if word.endswith("names") and (len(set(low)) < len(low) or "" in low):
        raise NotAnEnvironmentError(f"its {word} must differ, and none may be empty")
    if any(one != one.strip() for one in given):
        raise NotAnEnvironmentError(f"its {word} may not begin or end with a blank")
    return tuple(given)


def _is_short_text(one: Any) -> bool:
    return isinstance(one, str) and len(one) <= MOST_LETTERS and one.isprintable()


def episode_steps(env: Environment) -> int:
    """The time limit that an environment says, in steps; 0 where it says none."""
    made = getattr(env, "made", env)
    limit = getattr(made, "episode_steps", None)
    if limit is None and isinstance(env, GymnaxStyleEnvironment):
        limit = getattr(env.params, "max_steps_in_episode", None)
    if limit is None:
        return BRAX_STEPS if isinstance(env, BraxStyleEnvironment) else 0
    if not isinstance(limit, int | np.integer) or not 1 <= limit <= MOST_ENTRIES:
        raise NotAnEnvironmentError(f"its time limit is {_said(limit)}; it must be an integer, in steps")
    return int(limit)


def _check_shapes(env: Environment) -> None:
    """What reset and step return: the shapes and types that whole rollouts need."""
    key = jax.ShapeDtypeStruct((2,), jnp.uint32)
    shape: tuple[int, ...] = () if env.discrete else (env.actions,)
    action = jax.ShapeDtypeStruct(shape, jnp.int32 if env.discrete else jnp.float32)
    state, observation = _traced("reset", lambda k: env.reset(jax.random.wrap_key_data(k)), key)
    _check_observation(env, "reset", observation)

    def step(k: Any, s: Any, a: Any) -> Any:
        return env.step(jax.random.wrap_key_data(k), s, a)

    after, observation, reward, done = _traced("step", step, key, state, action)
    _check_observation(env, "step", observation)
    for word, value in (("reward", reward), ("done", done)):
        if value.shape != ():
            raise NotAnEnvironmentError(
                f"its step returns a {word} of shape {list(value.shape)}; it must be one number"
            )
    if (wrong := _difference(state, after)) is not None:
        raise NotAnEnvironmentError(f"its step returns a state of another form than it takes: {wrong}")


def _traced(what: str, function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return jax.eval_shape(function, *arguments)
    except NotAnEnvironmentError:
        raise
    except Exception as error:
        raise NotAnEnvironmentError(f"its {what} cannot be traced by JAX: {first_line(error)}") from error


def _check_observation(env: Environment, what: str, observation: Any) -> None:
    if tuple(observation.shape) != env.observation:
        raise NotAnEnvironmentError(
            f"its {what} returns an observation of shape {list(observation.shape)}, but it says {list(env.observation)}"
        )


def _difference(before: Any, after: Any) -> str | None:
    """How a state after a step differs in form from the one before; None where it does not."""
    old, now = (dict(jax.tree_util.tree_flatten_with_path(state)[0]) for state in (before, after))
    names = [jax.tree_util.keystr(path) or "it" for path in (*old, *now)]
    if old.keys() != now.keys():
        other = [name for path, name in zip((*old, *now), names, strict=True) if path not in old or path not in now]
        return f"{other[0]} is there before or after a step only"
    for path, name in zip(old, names, strict=False):
        was, is_ = (jnp.shape(leaf[path]) for leaf in (old, now))
        types = [jax.dtypes.result_type(leaf[path]) if not _is_key(leaf[path]) else None for leaf in (old, now)]
        if was != is_:
            return f"{name} has shape {list(was)} before and {list(is_)} after"
        if types[0] != types[1]:
            return f"{name} is {types[0]} before and {types[1]} after: convert it in reset or in step"
    return None


def _is_key(leaf: Any) -> bool:
    return jnp.issubdtype(getattr(leaf, "dtype", np.dtype(float)), jax.dtypes.prng_key)


def _shape(shape: Any) -> tuple[int, ...]:
    try:
        out = tuple(int(size) for size in shape)
    except (TypeError, ValueError):
        raise NotAnEnvironmentError(
            f"its observation's shape is {_said(shape)}; it must be a tuple of integers"
        ) from None
    if not out or min(out) < 1 or prod(out) > MOST_ENTRIES or len(out) > 8:
        raise NotAnEnvironmentError(
            f"its observation has shape {list(out)}; it must be a vector [n] or a grid [height, width, channels] of at "
            f"most {MOST_ENTRIES:,} entries"
        )
    return out


def _bound(space: Any, side: str, shape: tuple[int, ...]) -> jax.Array:
    bound = np.broadcast_to(np.asarray(getattr(space, side), np.float32), shape)
    if not all(isfinite(value) for value in bound.ravel()):
        raise NotAnEnvironmentError(
            f"its action space has an infinite {side}: hades scales [-1, 1] to the bounds, so they must be finite"
        )
    return jnp.asarray(bound)


def _of(count: int, returned: Any, rule: str) -> tuple[Any, ...]:
    if not isinstance(returned, tuple) or len(returned) != count:
        raise NotAnEnvironmentError(f"its {rule}, but it returned {_said(returned)}")
    return returned


def _float(value: Any) -> jax.Array:
    if isinstance(value, dict):
        raise NotAnEnvironmentError(f"an observation is {_said(value)}; hades takes one array")
    return jnp.asarray(value).astype(jnp.float32)


def _said(value: Any) -> str:
    if isinstance(value, tuple):
        return f"a tuple of {len(value)}"
    return f"a dict with {', '.join(map(str, list(value)[:4]))}" if isinstance(value, dict) else f"{value!r:.80}"


def first_line(error: BaseException) -> str:
    """An error's kind and the beginning of its text."""
    text = (str(error).strip().splitlines() or [""])[0][:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
