"""An environment's reset and step become machine code: what of its state is kept, and the object file.

A state is a pytree; here it is a list of scalars, its flat elements. Only elements that a later observation, reward
or end of an episode depends on are kept (what goes into metrics is not), and those that a step never changes (the
first state of an episode, say) are kept apart from those that move.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hadesd.native import machine_code
from hadesd.native.ir import PTR, Function, Module
from hadesd.native.rollout import StepFunction
from hadesd.physics.binary import observes_bits
from hadesd.physics.emit_llvm import ROW, Output, add_program
from hadesd.physics.graph import BOOL, FLOAT, Node, Operand
from hadesd.physics.program import EnvironmentProgram
from hadesd.physics.scalarise import Scalarised, flat, scalarise


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
    before, after = flat(step.inputs[1:-1]), flat(step.outputs[:-3])
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


def _kept(step: Scalarised, before: list[Operand], after: list[Operand]) -> list[int]:
    """Which elements of the state what is observed depends on, now or later: a fixed point."""
    places = {node.index: i for i, node in enumerate(before)}
    kept: set[int] = set()
    while True:
        seen = step.graph.reachable([*flat(step.outputs[-3:]), *[after[i] for i in kept]])
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
    return EnvironmentProgram(
        step=StepFunction(
            name=f"{step}_{unique}",
            moving=len(scalar.moving),
            constant=len(scalar.constant),
            observation=_observation_size(scalar),
            actions=actions,
            discrete=scalar.discrete,
            keyed=_keyed(scalar),
            scratch=step_scratch,
            bits=observes_bits(scalar.reset, scalar.step),
        ),
        reset=f"{reset}_{unique}",
        reset_scratch=reset_scratch,
        objects=(machine_code.obtain_object(text, optimise=False),),
    )


def _observation_size(scalar: ScalarEnvironment) -> int:
    """Elements of an observation."""
    return int(scalar.step.outputs[-3].size)


def _keyed(scalar: ScalarEnvironment) -> bool:
    seen = scalar.step.graph.reachable(flat(scalar.step.outputs[-3:]) + _moved(scalar))
    return any(node.index in seen for node in scalar.step.inputs[0])


def _moved(scalar: ScalarEnvironment) -> list[Operand]:
    after = flat(scalar.step.outputs[:-3])
    return [after[i] for i in scalar.moving]


STEP_POINTERS = ("moving", "constant", "action", "key", "moving_out", "observation", "reward", "done")


def _add_step(module: Module, name: str, scalar: ScalarEnvironment) -> tuple[str, int]:
    step = scalar.step
    before, after = flat(step.inputs[1:-1]), flat(step.outputs[:-3])
    inputs: dict[int, tuple[str, int]] = {}
    inputs |= {before[i].index: ("moving", row) for row, i in enumerate(scalar.moving)}
    inputs |= {before[i].index: ("constant", row) for row, i in enumerate(scalar.constant)}
    inputs |= {node.index: ("action", row) for row, node in enumerate(step.inputs[-1].reshape(-1))}
    inputs |= {node.index: ("key", row) for row, node in enumerate(step.inputs[0])}
    observation, reward, done = (flat([array]) for array in step.outputs[-3:])
    outputs = [Output("moving_out", row, after[i], before[i].kind) for row, i in enumerate(scalar.moving)]
    outputs += [Output("observation", row, value, FLOAT) for row, value in enumerate(observation)]
    outputs += [Output("reward", 0, reward[0], FLOAT), Output("done", 0, done[0], BOOL)]
    return name, add_program(module, name, step.graph, STEP_POINTERS, inputs, outputs, linkage="")


def _add_reset(module: Module, name: str, scalar: ScalarEnvironment) -> tuple[str, int]:
    """The reset of one block, and an FFI entry that calls it for n blocks."""
    reset = scalar.reset
    state = flat(reset.outputs[:-1])
    kinds = {i: node.kind for i, node in enumerate(flat(scalar.step.inputs[1:-1])) if isinstance(node, Node)}
    inputs = {node.index: ("key", row) for row, node in enumerate(reset.inputs[0])}
    outputs = [Output("moving", row, state[i], kinds[i]) for row, i in enumerate(scalar.moving)]
    outputs += [Output("constant", row, state[i], kinds[i]) for row, i in enumerate(scalar.constant)]
    outputs += [Output("observation", row, v, FLOAT) for row, v in enumerate(flat(reset.outputs[-1:]))]
    scratch = add_program(
        module, f"{name}_block", reset.graph, ("key", "moving", "constant", "observation"), inputs, outputs
    )
    pointers = ["key", "moving", "constant", "observation", "memory"]
    f = Function(module, name, [*[(PTR, p) for p in pointers], ("i64", "n")], linkage="")
    aligned = f.aligned("%memory")
    sizes = [2, len(scalar.moving), len(scalar.constant), len(flat(reset.outputs[-1:]))]

    def block(index: str, carried: list[str]) -> list[str]:
        places = [f.offset(f"%{p}", index, max(rows, 1) * ROW) for p, rows in zip(pointers, sizes, strict=False)]
        f.call("void", f"{name}_block", [*[(PTR, place) for place in places], (PTR, aligned)])
        return []

    f.loop("%n", block)
    f.finish()
    return name, scratch
