"""Whether an environment's steps in another form are as right as `jax.vmap`'s.

    python -m benchmarks.physics_gate [ENV ...] [--physics native|xla] [--seeds 16]

For states that random actions lead to, one step is computed three ways: in the form that is examined, by vmap, and in
float64 (a process of its own with JAX_ENABLE_X64). What counts is the root mean square of the error against float64,
per component of observation and reward: the form's must not be larger than vmap's own (1.25 times, for the noise of
the estimate, plus an eighth of a unit in the last place). Ends of episodes must be the same. A NaN in the state must
reach the reward. Returns of policies over several seeds must agree within two standard errors of their difference.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hadesd.distill import normalise, policies, rollout
from hadesd.distill.environments import compiled
from hadesd.distill.environments.base import Environment
from hadesd.distill.environments.make import make_environment
from hadesd.distill.policies import MLP
from hadesd.native import kernel
from hadesd.native.ir import LANES, PTR, Function, Module
from hadesd.physics.compiler import ScalarEnvironment, explode
from hadesd.physics.program import EnvironmentProgram
from hadesd.spec import environments

LANES_EACH, STEPS = 64, 24
SLACK = 1.25
MINATAR_STEPS = 200


@dataclass(frozen=True)
class Verdict:
    """What an environment's form came to. *_ratio: the largest quotient of root mean square errors, form / vmap.

    nan_kept: share of moving components whose NaN reached reward or observation where vmap's did. z: difference of
    mean returns in standard errors.
    """

    env: str
    physics: str
    observation_ratio: float
    reward_ratio: float
    done_differs: int
    nan_lost: int
    z: float

    @property
    def passed(self) -> bool:
        """Whether every bound holds."""
        return (
            max(self.observation_ratio, self.reward_ratio) <= SLACK
            and self.done_differs == 0
            and self.nan_lost == 0
            and abs(self.z) <= 2.0
        )


def environment(name: str, physics: str) -> Environment:
    """An environment of the catalogue in a form."""
    entry = environments.find(name)
    return make_environment(entry.name, environments.backend_for(entry, "auto"), physics)


# -- one step, three ways


def sample(env: Environment, seed: int = 0) -> tuple[Any, jax.Array, jax.Array]:
    """States, raw keys and actions [N, ...] along rollouts with random actions."""

    def actions_of(key: jax.Array) -> jax.Array:
        if env.discrete:
            return jax.random.randint(key, (LANES_EACH,), 0, env.actions)
        return jax.random.uniform(key, (LANES_EACH, env.actions), minval=-1.0, maxval=1.0)

    @jax.jit
    def run(key: jax.Array) -> Any:
        states, _ = jax.vmap(env.reset)(jax.random.split(key, LANES_EACH))

        def step(states: Any, key: jax.Array) -> Any:
            key_action, key_env = jax.random.split(key)
            keys, actions = jax.random.split(key_env, LANES_EACH), actions_of(key_action)
            after, *_ = jax.vmap(env.step)(keys, states, actions)
            return after, (states, jax.random.key_data(keys), actions)

        _, found = jax.lax.scan(step, states, jax.random.split(key, STEPS))
        return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), found)

    states, keys, actions = jax.device_get(run(jax.random.key(seed)))
    return states, keys, actions


def vmap_step(env: Environment, states: Any, keys: Any, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray]:
    """(states, observations, rewards, done) by vmap."""
    step = jax.jit(lambda s, k, a: jax.vmap(env.step)(jax.random.wrap_key_data(k), s, a))
    after, observation, reward, done = jax.device_get(step(states, jnp.asarray(keys), jnp.asarray(actions)))
    return after, observation.reshape(len(reward), -1), reward, done


def rows_of(scalar: ScalarEnvironment, states: Any) -> tuple[np.ndarray, np.ndarray]:
    """The rows of moving and of constant elements, int32 bits [N, rows]."""
    leaves = [np.asarray(leaf).reshape(len(leaf), -1) for leaf in jax.tree.leaves(states)]
    bits = [leaf.astype(np.int32) if leaf.dtype == bool else leaf.view(np.int32) for leaf in leaves]
    flat = np.concatenate(bits, axis=1)
    return flat[:, list(scalar.moving)], flat[:, list(scalar.constant)]


def native_step(
    program: EnvironmentProgram, moving: np.ndarray, constant: np.ndarray, keys: np.ndarray, actions: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(moving rows, observations, rewards, done) in machine code, for rows [N, rows]; N is a multiple of 16."""
    count = len(moving) // LANES
    entry = _step_kernel(program)

    def blocks(rows: np.ndarray, kind: Any) -> jax.Array:
        filled = rows.reshape(len(rows), -1) if rows.size else np.zeros((len(rows), 1))
        return jnp.asarray(filled.astype(kind).reshape(count, LANES, -1).transpose(0, 2, 1))

    shapes = [
        jax.ShapeDtypeStruct((count, max(rows, 1), LANES), kind)
        for rows, kind in (
            (program.step.moving, jnp.int32),
            (program.step.observation, jnp.float32),
            (1, jnp.float32),
            (1, jnp.int32),
        )
    ]
    shapes.append(jax.ShapeDtypeStruct((program.step.scratch + 64,), jnp.uint8))
    action = blocks(actions, np.int32 if program.step.discrete else np.float32)
    given = [blocks(moving, np.int32), blocks(constant, np.int32), action, blocks(keys, np.uint32)]
    out = jax.device_get(jax.jit(lambda *a: kernel.call(entry, shapes, *a))(*given))
    after, observation, reward, done = (np.asarray(a).transpose(0, 2, 1).reshape(count * LANES, -1) for a in out[:4])
    return after, observation, reward[:, 0], done[:, 0].astype(bool)


def _step_kernel(program: EnvironmentProgram) -> str:
    module = Module()
    module.declare(program.step.name, f"declare void @{program.step.name}({', '.join([PTR] * 9)})")
    names = ["moving", "constant", "action", "key", "after", "observation", "reward", "done"]
    actions = 1 if program.step.discrete else program.step.actions
    rows = [program.step.moving, program.step.constant, actions, 2, program.step.moving, program.step.observation, 1, 1]
    f = Function(module, "steps", [*[(PTR, n) for n in [*names, "memory"]], ("i64", "n")])
    scratch = f.aligned("%memory")

    def block(index: str, carried: list[str]) -> list[str]:
        places = [f.offset(f"%{n}", index, max(r, 1) * 4 * LANES) for n, r in zip(names, rows, strict=True)]
        f.call("void", program.step.name, [*[(PTR, p) for p in places], (PTR, scratch)])
        return []

    f.loop("%n", block)
    f.finish()
    return kernel.register(module, "steps", 4, 5, linked=program.objects)


def float64_step(name: str, states: Any, keys: Any, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(observations, rewards, done) in float64, by a process of its own."""
    leaves = jax.tree.leaves(states)
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "given.npz", Path(folder) / "made.npz"
        np.savez(given, keys=keys, actions=actions, **{f"leaf{i}": leaf for i, leaf in enumerate(leaves)})
        command = [sys.executable, "-m", "benchmarks.physics_gate", "--float64", name, str(given), str(made)]
        # In float64 it is of no matter in which order a sum is taken: what compiles sooner is as exact.
        environment = {**os.environ, "JAX_ENABLE_X64": "1", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
        subprocess.run(command, check=True, env=environment)
        with np.load(made) as found:
            return found["observation"], found["reward"], found["done"]


def _float64_process(name: str, given: str, made: str) -> None:
    env = environment(name, "vmap")
    with np.load(given) as found:
        like = jax.eval_shape(env.reset, jax.random.key(0))[0]
        leaves = [found[f"leaf{i}"] for i in range(len(jax.tree.leaves(like)))]
        wide = [leaf.astype(np.float64) if leaf.dtype == np.float32 else leaf for leaf in leaves]
        states = jax.tree.unflatten(jax.tree.structure(like), wide)
        actions = found["actions"]
        keys = found["keys"]
    actions = actions.astype(np.float64) if actions.dtype == np.float32 else actions
    _, observation, reward, done = vmap_step(env, states, keys, actions)
    np.savez(made, observation=observation, reward=reward, done=done)


# -- verdicts


def error_ratio(form: np.ndarray, vmap: np.ndarray, exact: np.ndarray) -> float:
    """The largest quotient over components of root mean square errors [N, C]; below an eighth of an ulp counts as 0."""
    floor = np.spacing(np.abs(exact).max(axis=0).astype(np.float32)).astype(np.float64) / 8
    mine, theirs = (np.sqrt(np.mean(np.square(x.astype(np.float64) - exact), axis=0)) for x in (form, vmap))
    return float(np.max(np.maximum(mine - floor, 0.0) / np.maximum(theirs, floor), initial=0.0))


def judge(name: str, physics: str = "native", seeds: int = 16) -> Verdict:
    """Examine one environment."""
    plain = environment(name, "vmap")
    scalar = explode(compiled.functions_of(plain))
    states, keys, actions = sample(plain)
    _, *by_vmap = vmap_step(plain, states, keys, actions)
    form = environment(name, physics)
    if physics == "native":
        assert form.form.program is not None, form.form.note
        program = form.form.program
        moving, constant = rows_of(scalar, states)
        _, *by_form = native_step(program, moving, constant, keys, actions)
        lost = _nan_lost(plain, program, scalar, states, keys, actions)
    else:
        flat = [np.asarray(leaf).reshape(len(leaf), -1) for leaf in jax.tree.leaves(states)]
        columns = [leaf[:, i] for leaf in flat for i in range(leaf.shape[1])]
        _, *by_form = vmap_step(form, tuple(columns[i] for i in (*scalar.moving, *scalar.constant)), keys, actions)
        lost = 0
    exact = float64_step(name, states, keys, actions)
    return Verdict(
        env=name,
        physics=physics,
        observation_ratio=error_ratio(by_form[0], by_vmap[0], exact[0]),
        reward_ratio=error_ratio(by_form[1][:, None], by_vmap[1][:, None], exact[1][:, None]),
        done_differs=int(np.sum(by_form[2] != by_vmap[2])),
        nan_lost=lost,
        z=returns_z(name, plain, form, seeds),
    )


def _nan_lost(
    env: Environment, program: EnvironmentProgram, scalar: Any, states: Any, keys: np.ndarray, actions: np.ndarray
) -> int:
    """How many moving components there are whose NaN shows after one step by vmap, and not after three in the form."""
    leaves, structure = jax.tree.flatten(states)
    owner = [(i, j) for i, leaf in enumerate(leaves) for j in range(leaf[0].size)]
    floats = [place for place in scalar.moving if leaves[owner[place][0]].dtype == np.float32]
    count = -(-len(floats) // LANES) * LANES
    broken = [np.repeat(leaf[:1], count, axis=0) for leaf in leaves]
    for lane, place in enumerate(floats):
        leaf, element = owner[place]
        broken[leaf].reshape(count, -1)[lane, element] = np.nan
    keys, actions = np.repeat(keys[:1], count, 0), np.repeat(actions[:1], count, 0)
    given = jax.tree.unflatten(structure, broken)
    _, observation, reward, _ = vmap_step(env, given, keys, actions)
    seen = np.isnan(reward) | np.isnan(observation).any(axis=1)
    moving, constant = rows_of(scalar, given)
    kept = np.zeros(count, bool)
    for _ in range(3):
        moving, observation, reward, _ = native_step(program, moving, constant, keys, actions)
        kept |= np.isnan(reward) | np.isnan(observation).any(axis=1)
    return int(np.sum((seen & ~kept)[: len(floats)]))


def returns_z(name: str, plain: Environment, form: Environment, seeds: int) -> float:
    """Difference of mean returns of fresh policies, one a seed, in standard errors of the difference."""
    policy = MLP(plain.actions, plain.discrete, width=16, depth=1, activation="tanh")
    setting = rollout.Evaluation(4, 200, "running", greedy=False)
    constants = normalise.unit(plain.observation)

    def returns(env: Environment) -> np.ndarray:
        def one(params: Any, key: jax.Array) -> jax.Array:
            return rollout.evaluate(env, policy, params, constants, key, setting).fitness

        params = policies.init_many(policy, jax.random.key(1), plain.observation, seeds)
        params = jax.tree.map(lambda leaf: leaf * 3.0, params)
        return np.asarray(jax.jit(jax.vmap(one))(params, jax.random.split(jax.random.key(2), seeds)), np.float64)

    a, b = returns(plain), returns(form)
    error = np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / seeds)
    return float((b.mean() - a.mean()) / error) if error else float(np.abs(b - a).max())


def main(arguments: list[str] | None = None) -> int:
    """The command: 1 where a verdict is negative."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["--float64"]:
        _float64_process(*given[1:])
        return 0
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("env", nargs="*", help="environments (default: all that have a scalar form)")
    parser.add_argument("--physics", default="native", choices=("native", "xla"))
    parser.add_argument("--seeds", type=int, default=16)
    args = parser.parse_args(given)
    names = args.env or [entry.name for entry in environments.ENVIRONMENTS.values() if entry.family != "images"]
    failed = 0
    for name in names:
        if args.physics == "native" and environment(name, "auto").form.physics != "native":
            print(json.dumps({"env": name, "form": "vmap", "why": environment(name, "auto").form.note}), flush=True)
            continue
        verdict = judge(name, args.physics, args.seeds)
        failed += not verdict.passed
        print(json.dumps(asdict(verdict) | {"passed": verdict.passed}), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
