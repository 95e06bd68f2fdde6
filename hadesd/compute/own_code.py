"""Environments and policies of one's own: imported, made, checked. By processes that compute, and to describe them.

`python -m hadesd.compute.own_code` reads a question as JSON from stdin and prints the answer: what an environment says
of itself, or whether a policy fits one (hadesd.spec.own_code asks).
"""

import functools
import hashlib
import importlib
import importlib.util
import json
import os
import sys
from math import prod
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import msgspec

from hades_protocol.errors import HadesError, UsageError
from hades_protocol.run_spec import OwnEnvironment, Policy, RunSpec
from hadesd.distill import policies
from hadesd.distill.environments import own
from hadesd.distill.environments.base import Environment
from hadesd.spec import own_code


def environment_of(spec: RunSpec) -> Environment:
    """The environment of one's own that a run names.

    Raises:
        UsageError: it cannot be imported, is no environment, or has other sizes than the run was made for.
    """
    env, now = _described(spec.env, own_code.target_of(spec.env), spec.own_environment)
    then = spec.own_environment
    for word in ("observation", "discrete", "actions"):
        if getattr(now, word) != getattr(then, word):
            package = f" ({now.distribution} {now.version}, then {then.version})" if now.distribution else ""
            raise UsageError(
                f"{spec.env} is another environment than the one this was made for{package}: own_environment.{word} is "
                f"{_plain(getattr(now, word))} by now, not {_plain(getattr(then, word))}; install the one it was"
            )
    return env


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _described(name: str, target: str, recorded: OwnEnvironment | None) -> tuple[Environment, OwnEnvironment]:
    """An environment of one's own, and what it says of itself.

    target: package.module:name of it. recorded: what a run's settings say of it; tells what to install.

    Raises:
        UsageError: it cannot be imported, or is no environment that hades can use.
    """
    made = _made(name, target, recorded)
    try:
        env = own.adapt(name, made)
        entries = prod(env.observation)
        channels = env.observation[-1] if len(env.observation) == 3 else entries
        said = OwnEnvironment(
            observation=env.observation,
            discrete=env.discrete,
            actions=env.actions,
            steps=own.episode_steps(env),
            observation_names=own.texts(env, "observation_names", (channels, entries)),
            observation_units=own.texts(env, "observation_units", (entries,)),
            action_names=own.texts(env, "action_names", (env.actions,)),
        )
    except own.NotAnEnvironmentError as error:
        raise UsageError(f"{name} cannot be used as an environment: {error}") from None
    except Exception as error:  # code of the user's, of which nothing is known
        raise UsageError(f"{name} cannot be used as an environment: {own.first_line(error)}") from error
    distribution, version = own_code.package_of(target.partition(":")[0])
    return env, msgspec.structs.replace(said, distribution=distribution, version=version)


def _made(name: str, target: str, recorded: OwnEnvironment | None) -> Any:
    """What stands under a name, called without arguments where it is a class or a function."""
    found = imported(name, target, recorded)
    if isinstance(found, type) or (callable(found) and not hasattr(found, "step")):
        try:
            return found()
        except Exception as error:  # code of the user's, of which nothing is known
            raise UsageError(f"{target}() cannot make the environment: {own.first_line(error)}") from error
    return found


def imported(name: str, target: str, recorded: OwnEnvironment | None = None) -> Any:
    """What stands under package.module:name. name: what a person calls it.

    Raises:
        UsageError: it cannot be imported; says why, and what to install.
    """
    module, _, attribute = target.partition(":")
    try:
        content = importlib.import_module(module)
    except Exception as error:  # code of the user's, of which nothing is known
        raise UsageError(
            f"{name} cannot be imported: {own.first_line(error)}; {_cure(module, error, recorded)}"
        ) from error
    if not hasattr(content, attribute):
        raise UsageError(f"{name} cannot be imported: the module {module} has no '{attribute}'")
    return getattr(content, attribute)


def _cure(module: str, error: Exception, recorded: OwnEnvironment | None) -> str:
    if not isinstance(error, ModuleNotFoundError):
        return "mend that, or install the version that works"
    package = module.partition(".")[0]
    if error.name not in (module, package):
        return f"install what {package} needs"
    if recorded is not None and recorded.distribution:
        return f"install {recorded.distribution} ({recorded.version} made this)"
    return f"install its package into hades's own environment, e.g. {Path(sys.executable).parent}/pip install -e ."


def version_of(spec: RunSpec) -> dict[str, str]:
    """Package -> version and a digest of its Python code, for each that a run takes code of.

    A package that is worked on keeps its version while its code changes: the digest tells.
    """
    targets = [spec.policy.kind] if own_code.is_code(spec.policy.kind) else []
    if spec.own_environment.actions and (own_code.is_code(spec.env) or spec.env in own_code.entry_points()):
        targets.append(own_code.target_of(spec.env))
    out = {}
    for target in targets:
        module = target.partition(":")[0]
        distribution, version = own_code.package_of(module)
        package = module.partition(".")[0]
        out[distribution or package] = f"{version or 'no version'}, code {_digest(package)}"
    return out


@functools.cache  # every generation's dataset says it; what was imported stays as it is
def _digest(package: str) -> str:
    """Eight hexadecimal digits of the Python files of an imported package, or of a module."""
    spec = importlib.util.find_spec(package)
    files: list[Path] = []
    if spec is not None and spec.submodule_search_locations:
        files = [path for root in spec.submodule_search_locations for path in sorted(Path(root).rglob("*.py"))]
    elif spec is not None and spec.origin:
        files = [Path(spec.origin)]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:8]


def policy_of(kind: str, settings: Policy, actions: int, discrete: bool, observation: tuple[int, ...]) -> Any:
    """A policy of one's own, checked against an environment's sizes.

    kind: package.module:name of a flax module's class, or of a function that makes one; it is called with actions,
    discrete, width, depth and activation, by name.

    Raises:
        UsageError: it cannot be imported or made, or returns something else than MLP does.
    """
    make = imported(f"policy.kind {kind}", kind)
    try:
        module = make(
            actions=actions,
            discrete=discrete,
            width=settings.width,
            depth=settings.depth,
            activation=settings.activation,
        )
        policy = policies.OwnPolicy(module, actions, discrete)
        params = jax.eval_shape(lambda key: policies.init(policy, jax.random.wrap_key_data(key), observation), _key())
        head, log_std = jax.eval_shape(policy.apply, params, jax.ShapeDtypeStruct(observation, "float32"))
    except Exception as error:  # code of the user's, of which nothing is known
        raise UsageError(f"policy.kind {kind} cannot be used: {own.first_line(error)}; {CONTRACT}") from error
    good = head.shape == (actions,) and (log_std is None if discrete else getattr(log_std, "shape", None) == (actions,))
    if not good:
        raise UsageError(
            f"policy.kind {kind} cannot be used: it returns a head of shape {list(head.shape)} and "
            f"{'no log_std' if log_std is None else f'a log_std of shape {list(log_std.shape)}'}; {CONTRACT}"
        )
    if settings.vary_activation and policy.clone(activation="relu") is policy:
        raise UsageError(f"policy.vary_activation needs a policy with a field 'activation', and {kind} has none")
    return policy


CONTRACT = (
    "a flax module of (actions, discrete, width, depth, activation), called with one observation, returns (logits "
    "[actions], None), or (mean [actions], log_std [actions]) for continuous actions"
)


def _key() -> Any:
    return jax.ShapeDtypeStruct((2,), "uint32")


def random_episode(env: Environment, limit: int) -> dict[str, Any]:
    """One episode of random actions, of at most `limit` steps: its return, its steps, and whether it ended."""

    def step(carry: Any, key: jax.Array) -> Any:
        state, over = carry
        key_action, key_env = jax.random.split(key)
        if env.discrete:
            action = jax.random.randint(key_action, (), 0, env.actions)
        else:
            action = jax.random.uniform(key_action, (env.actions,), minval=-1.0, maxval=1.0)
        state, observation, reward, done = env.step(key_env, state, action)
        good = jnp.isfinite(reward) & jnp.all(jnp.isfinite(observation))
        return (state, over | done), (jnp.where(over, 0.0, reward), ~over, over | good)

    @jax.jit
    def run(key: jax.Array) -> Any:
        state, observation = env.reset(key)
        start = (state, jnp.zeros((), bool))
        (_, over), (rewards, counted, good) = jax.lax.scan(step, start, jax.random.split(key, limit))
        return over, jnp.sum(rewards), jnp.sum(counted), jnp.all(good) & jnp.all(jnp.isfinite(observation))

    over, total, steps, good = jax.device_get(run(jax.random.key(0)))
    return {"ended": bool(over), "return": float(total), "steps": int(steps), "finite": bool(good)}


def _answer(question: dict[str, Any]) -> Any:
    if "environment" in question:
        env, said = _described(question["environment"], question["target"], None)
        if "episode" not in question:
            return msgspec.to_builtins(said)
        return {
            "described": msgspec.to_builtins(said),
            "episode": random_episode(env, said.steps or question["episode"]),
        }
    policy_of(
        question["policy"],
        Policy(**question["settings"]),
        question["actions"],
        question["discrete"],
        tuple(question["observation"]),
    )
    return None


def main() -> int:
    """Answer one question. What the user's code prints goes to stderr."""
    answers = os.dup(1)
    os.dup2(2, 1)
    question = json.load(sys.stdin)
    try:
        answer: dict[str, Any] = {"found": _answer(question)}
    except HadesError as error:
        answer = {"error": str(error)}
    with os.fdopen(answers, "w") as file:
        json.dump(answer, file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
