"""An environment's reset and step as machine code: what of its state is kept, and the object file.

A state is a pytree; here it is a list of scalars, its flat elements. Only elements that a later observation, reward
or end of an episode depends on are kept (what goes into metrics is not), and those that a step never changes (the
first state of an episode, say) are kept apart from those that move.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import custom_vmap

from hadesd.native import kernel, machine_code
from hadesd.native.ir import LANES, PTR, Function, Module
from hadesd.physics.emit_llvm import ROW, Output, add_program
from hadesd.physics.graph import BOOL, FLOAT, Node, Operand
from hadesd.physics.scalarise import Scalarised, scalarise


@dataclass(frozen=True)
class EnvironmentProgram:
    """Machine code of one environment, in blocks of 16 lanes: rows [rows, 16] of four bytes.

    step: name of `void (moving, constant, action, key, moving out, observation, reward, done, scratch)`: pointers to
        rows; moving and moving out must not overlap. reset: name of an FFI entry, see `reset_rows`.
    moving, constant, observation, actions: how many rows; an action is float32 rows, or one row of int32 (discrete).
    keyed: whether a step reads its random key.
    """

    step: str
    reset: str
    moving: int
    constant: int
    observation: int
    actions: int
    discrete: bool
    keyed: bool
    step_scratch: int
    reset_scratch: int
    objects: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class EnvironmentFunctions:
    """What is compiled: reset(key) -> (state, observation), step(key, state, action) -> (state, observation, reward,
    done), as hadesd.distill.environments.base.Environment has them; keys are raw, uint32 [2]."""

    reset: Callable[[Any], Any]
    step: Callable[[Any, Any, Any], Any]
    action: jax.ShapeDtypeStruct


@dataclass(frozen=True)
class ScalarEnvironment:
    """An environment as two graphs, and which flat elements of its state are kept: those that move, those that do
    not."""

    reset: Scalarised
    step: Scalarised
    moving: tuple[int, ...]
    constant: tuple[int, ...]
    discrete: bool


def explode(functions: EnvironmentFunctions) -> ScalarEnvironment:
    """The graphs of an environment.

    Raises:
        Unsupported: it does something that has no scalar form.
    """
    key = jax.ShapeDtypeStruct((2,), jnp.uint32)
    state, _ = jax.eval_shape(functions.reset, key)
    reset = scalarise(functions.reset, key)
    step = scalarise(functions.step, key, state, functions.action)
    before, after = _flat(step.inputs[1:-1]), _flat(step.outputs[:-3])
    kept = _kept(step, before, after)
    moving = tuple(i for i in kept if after[i] is not before[i])
    constant = tuple(i for i in kept if after[i] is before[i])
    _show_nan(step, [before[i] for i in moving])
    return ScalarEnvironment(reset, step, moving, constant, functions.action.dtype == jnp.int32)


def _show_nan(step: Scalarised, moving: Sequence[Node]) -> None:
    """Make the reward NaN where a number that moves, or the action, is not finite.

    `jax.vmap` spreads a NaN through products with structural zeros, which are folded here; fitness relies on NaN
    showing.
    """
    rewards = step.outputs[-2]
    total = rewards.reshape(-1)[0]
    for node in [*moving, *step.inputs[-1].reshape(-1)]:
        if node.kind == FLOAT:
            total = step.graph.operation("add", FLOAT, total, step.graph.operation("zero_if_finite", FLOAT, node))
    made = np.empty(1, object)
    made[0] = total
    step.outputs[-2] = made.reshape(rewards.shape)


def _flat(arrays: Sequence[np.ndarray]) -> list[Operand]:
    return [item for array in arrays for item in array.reshape(-1)]


def _kept(step: Scalarised, before: list[Operand], after: list[Operand]) -> list[int]:
    """Which elements of the state what is observed depends on, now or later: a fixed point."""
    places = {node.index: i for i, node in enumerate(before)}
    kept: set[int] = set()
    while True:
        seen = step.graph.reachable([*_flat(step.outputs[-3:]), *[after[i] for i in kept]])
        found = {places[index] for index in seen if index in places}
        if found <= kept:
            return sorted(kept)
        kept |= found


def compile_environment(name: str, functions: EnvironmentFunctions, actions: int) -> EnvironmentProgram:
    """Trace, explode and compile an environment. `name` is for people who read the code's symbols.

    actions: number of actions (discrete), or of action dimensions.

    Raises:
        Unsupported: it does something that has no scalar form.
        NativeError: no machine code can be made here.
    """
    scalar = explode(functions)
    module = Module()
    symbol = "".join(c if c.isalnum() else "_" for c in name)
    step, step_scratch = _add_step(module, f"step_{symbol}", scalar)
    reset, reset_scratch = _add_reset(module, f"reset_{symbol}", scalar)
    text = module.text()
    unique = machine_code.digest(text)
    for symbol in (step, reset):  # objects of several environments may meet in one process
        text = text.replace(f"@{symbol}(", f"@{symbol}_{unique}(")
    observation = step_observation(scalar)
    return EnvironmentProgram(
        step=f"{step}_{unique}",
        reset=f"{reset}_{unique}",
        moving=len(scalar.moving),
        constant=len(scalar.constant),
        observation=observation,
        actions=actions,
        discrete=scalar.discrete,
        keyed=_keyed(scalar),
        step_scratch=step_scratch,
        reset_scratch=reset_scratch,
        objects=(machine_code.obtain_object(text, optimise=False),),
    )


def step_observation(scalar: ScalarEnvironment) -> int:
    """Elements of an observation."""
    return int(scalar.step.outputs[-3].size)


def _keyed(scalar: ScalarEnvironment) -> bool:
    seen = scalar.step.graph.reachable(_flat(scalar.step.outputs[-3:]) + _moved(scalar))
    return any(node.index in seen for node in scalar.step.inputs[0])


def _moved(scalar: ScalarEnvironment) -> list[Operand]:
    after = _flat(scalar.step.outputs[:-3])
    return [after[i] for i in scalar.moving]


STEP_POINTERS = ("moving", "constant", "action", "key", "moving_out", "observation", "reward", "done")


def _add_step(module: Module, name: str, scalar: ScalarEnvironment) -> tuple[str, int]:
    step = scalar.step
    before, after = _flat(step.inputs[1:-1]), _flat(step.outputs[:-3])
    inputs: dict[int, tuple[str, int]] = {}
    inputs |= {before[i].index: ("moving", row) for row, i in enumerate(scalar.moving)}
    inputs |= {before[i].index: ("constant", row) for row, i in enumerate(scalar.constant)}
    inputs |= {node.index: ("action", row) for row, node in enumerate(step.inputs[-1].reshape(-1))}
    inputs |= {node.index: ("key", row) for row, node in enumerate(step.inputs[0])}
    observation, reward, done = (_flat([array]) for array in step.outputs[-3:])
    outputs = [Output("moving_out", row, after[i], before[i].kind) for row, i in enumerate(scalar.moving)]
    outputs += [Output("observation", row, value, FLOAT) for row, value in enumerate(observation)]
    outputs += [Output("reward", 0, reward[0], FLOAT), Output("done", 0, done[0], BOOL)]
    return name, add_program(module, name, step.graph, STEP_POINTERS, inputs, outputs, linkage="")


def _add_reset(module: Module, name: str, scalar: ScalarEnvironment) -> tuple[str, int]:
    """The reset of one block, and an FFI entry that calls it for n blocks."""
    reset = scalar.reset
    state = _flat(reset.outputs[:-1])
    kinds = {i: node.kind for i, node in enumerate(_flat(scalar.step.inputs[1:-1])) if isinstance(node, Node)}
    inputs = {node.index: ("key", row) for row, node in enumerate(reset.inputs[0])}
    outputs = [Output("moving", row, state[i], kinds[i]) for row, i in enumerate(scalar.moving)]
    outputs += [Output("constant", row, state[i], kinds[i]) for row, i in enumerate(scalar.constant)]
    outputs += [Output("observation", row, v, FLOAT) for row, v in enumerate(_flat(reset.outputs[-1:]))]
    scratch = add_program(
        module, f"{name}_block", reset.graph, ("key", "moving", "constant", "observation"), inputs, outputs
    )
    pointers = ["key", "moving", "constant", "observation", "memory"]
    f = Function(module, name, [*[(PTR, p) for p in pointers], ("i64", "n")], linkage="")
    aligned = f.aligned("%memory")
    sizes = [2, len(scalar.moving), len(scalar.constant), len(_flat(reset.outputs[-1:]))]

    def block(index: str, carried: list[str]) -> list[str]:
        places = [f.offset(f"%{p}", index, max(rows, 1) * ROW) for p, rows in zip(pointers, sizes, strict=False)]
        f.call("void", f"{name}_block", [*[(PTR, place) for place in places], (PTR, aligned)])
        return []

    f.loop("%n", block)
    f.finish()
    return name, scratch


# -- keeping a program on disk


def save(key: str, program: EnvironmentProgram | str) -> None:
    """Keep a program under a key that says what it was made from; or the reason why there is none."""
    if isinstance(program, str):
        header: dict[str, Any] = {"unsupported": program}
        bodies: tuple[bytes, ...] = ()
    else:
        header = asdict(program) | {"objects": [len(body) for body in program.objects]}
        bodies = program.objects
    text = json.dumps(header).encode()
    machine_code.keep(f"{key}.env", len(text).to_bytes(8, "little") + text + b"".join(bodies))


def find(key: str) -> EnvironmentProgram | str | None:
    """The program that was kept under a key, or the reason why there is none; None: nothing was kept."""
    data = machine_code.read_kept(f"{key}.env")
    if data is None:
        return None
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    if "unsupported" in header:
        return str(header["unsupported"])
    bodies, at = [], 8 + size
    for length in header["objects"]:
        bodies.append(data[at : at + length])
        at += length
    return EnvironmentProgram(**header | {"objects": tuple(bodies)})


# -- reset in a JAX program


def reset_rows(program: EnvironmentProgram, keys: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Start episodes from raw keys uint32 [R, 2]; under `jax.vmap` one call for all.

    Returns the rows of the state that move, int32 bits [R, moving], those that do not, int32 bits [R, constant], and
    the observations, float32 [R, observation].
    """

    @custom_vmap
    def reset(keys: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        return _reset_all(program, keys)

    @reset.def_vmap
    def over_batches(size: int, batched: list[bool], keys: jax.Array) -> tuple[Any, Any]:
        rows = reset(keys.reshape(-1, 2))
        return tuple(leaf.reshape(size, -1, leaf.shape[-1]) for leaf in rows), (True, True, True)

    return reset(keys)


def _reset_all(program: EnvironmentProgram, keys: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    module = Module()
    module.declare(program.reset, f"declare void @{program.reset}({', '.join([PTR] * 5)}, i64)")
    name = kernel.register(module, program.reset, 1, 4, linked=program.objects)
    count = keys.shape[0]
    blocks = -(-count // LANES)
    fill = jnp.broadcast_to(keys[-1:], (blocks * LANES - count, 2))
    lanes = jnp.concatenate([keys, fill]).reshape(blocks, LANES, 2).transpose(0, 2, 1)
    shapes = [
        jax.ShapeDtypeStruct((blocks, max(rows, 1), LANES), kind)
        for rows, kind in (
            (program.moving, jnp.int32),
            (program.constant, jnp.int32),
            (program.observation, jnp.float32),
        )
    ]
    scratch = jax.ShapeDtypeStruct((program.reset_scratch + 64,), jnp.uint8)
    *out, _ = kernel.call(name, [*shapes, scratch], lanes)
    moving, constant, observation = (a.transpose(0, 2, 1).reshape(blocks * LANES, -1)[:count] for a in out)
    return moving, constant, observation
