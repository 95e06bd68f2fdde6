"""A graph of scalar operations as JAX operations on scalars, which `jax.vmap` turns into operations on whole batches.

An environment in this form has a tuple of scalars for a state: batched, each is an array over the batch, and no array
is left inside the step. On a GPU a step is then a few large kernels instead of thousands of small ones.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from hadesd.physics.compiler import ScalarEnvironment
from hadesd.physics.graph import BOOL, FLOAT, INT, UINT, Graph, Node, Operand, is_constant
from hadesd.physics.scalarise import Scalarised, flat

DTYPES = {FLOAT: jnp.float32, INT: jnp.int32, UINT: jnp.uint32, BOOL: jnp.bool_}

_OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": lax.add, "sub": lax.sub, "mul": lax.mul, "div": lax.div, "rem": lax.rem, "max": lax.max, "min": lax.min,
    "neg": lax.neg, "abs": lax.abs, "sign": lax.sign, "lt": lax.lt, "le": lax.le, "gt": lax.gt, "ge": lax.ge,
    "eq": lax.eq, "ne": lax.ne, "sqrt": lax.sqrt, "sin": lax.sin, "cos": lax.cos, "tan": lax.tan, "exp": lax.exp,
    "exp2": lax.exp2, "log": lax.log, "log1p": lax.log1p, "expm1": lax.expm1, "tanh": lax.tanh, "sinh": lax.sinh,
    "cosh": lax.cosh, "logistic": lax.logistic, "floor": lax.floor, "ceil": lax.ceil, "pow": lax.pow,
    "atan2": lax.atan2, "atan": lax.atan, "acos": lax.acos, "asin": lax.asin, "is_finite": lax.is_finite,
    "and": lax.bitwise_and, "or": lax.bitwise_or, "xor": lax.bitwise_xor, "not": lax.bitwise_not,
    "shift_left": lax.shift_left, "shift_right_logical": lax.shift_right_logical,
    "shift_right_arithmetic": lax.shift_right_arithmetic,
    "round": lambda x: lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN),
    "floor_away": lambda x: lax.round(x, lax.RoundingMethod.AWAY_FROM_ZERO),
    "zero_if_finite": lambda x: lax.sub(x, x),
    "select": lambda mask, then, otherwise: lax.select(mask, then, otherwise),
}  # fmt: skip


def evaluate(scalarised: Scalarised, arguments: Sequence[Any], wanted: Sequence[Operand]) -> list[Any]:
    """The values of some operands, for arguments that are lists of scalars, one list per input array."""
    graph = scalarised.graph
    values = {
        node.index: value
        for nodes, given in zip(scalarised.inputs, arguments, strict=True)
        for node, value in zip(nodes.reshape(-1), given, strict=True)
        if value is not None
    }
    needed = graph.reachable(wanted)
    for block in range(len(graph.blocks)):
        _block(graph, block, needed, values)
    return [_value(values, operand) for operand in wanted]


def _value(values: dict[int, Any], operand: Operand) -> Any:
    return jnp.asarray(operand) if is_constant(operand) else values[operand.index]


def _block(graph: Graph, number: int, needed: set[int], values: dict[int, Any]) -> None:
    block = graph.blocks[number]
    if block.trips == 1:
        _compute(block.nodes, needed, values)
        return
    carried = [triple for triple in block.carried if triple[0].index in needed]

    def once(_: Any, carry: list[Any]) -> list[Any]:
        inside = values | {node.index: value for (node, _, _), value in zip(carried, carry, strict=True)}
        _compute(block.nodes, needed, inside)
        return [_value(inside, following) for _, _, following in carried]

    def going(carry: list[Any]) -> Any:
        inside = values | {node.index: value for (node, _, _), value in zip(carried, carry, strict=True)}
        _compute(block.nodes, graph.reachable([block.going]), inside)
        return _value(inside, block.going)

    start = [_value(values, initial) for _, initial, _ in carried]
    if block.going is None:
        end = lax.fori_loop(0, block.trips, once, start)
    else:
        end = lax.while_loop(going, lambda carry: once(None, carry), start)
    values.update({node.index: value for (node, _, _), value in zip(carried, end, strict=True)})


def _compute(nodes: Sequence[Node], needed: set[int], values: dict[int, Any]) -> None:
    for node in nodes:
        if node.index not in needed or node.op in ("input", "carry"):
            continue
        given = [_value(values, a) for a in node.arguments]
        if node.op == "result":  # what is carried, after its loop
            values[node.index] = given[0]
        elif node.op == "convert":
            values[node.index] = lax.convert_element_type(given[0], DTYPES[node.kind])
        elif node.op == "bitcast":
            values[node.index] = lax.bitcast_convert_type(given[0], DTYPES[node.kind])
        else:
            values[node.index] = _OPERATIONS[node.op](*given)


class XlaEnvironment:
    """An environment whose state is a tuple of scalars and whose step is a graph of scalar operations.

    inner: the environment that it was made from, for whoever needs its bodies or its own states.
    """

    def __init__(self, inner: Any, scalar: ScalarEnvironment, form: Any) -> None:
        self.inner, self.form, self._scalar = inner, form, scalar
        self.name, self.discrete, self.actions = inner.name, inner.discrete, inner.actions
        self.observation: tuple[int, ...] = inner.observation

    def reset(self, key: jax.Array) -> tuple[Any, jax.Array]:
        """Start an episode: (state, observation), as the protocol Environment says."""
        state, observation = self.inner.reset(key)
        flat = [leaf.reshape(-1) for leaf in jax.tree.leaves(state)]
        elements = [leaf[i] for leaf in flat for i in range(leaf.size)]
        kept = [*self._scalar.moving, *self._scalar.constant]
        return tuple(elements[i] for i in kept), observation

    def step(self, key: jax.Array, state: Any, action: jax.Array) -> tuple[Any, jax.Array, jax.Array, jax.Array]:
        """Advance one step: (state, observation, reward, done), as the protocol Environment says."""
        scalar, step = self._scalar, self._scalar.step
        given: list[Any] = [None] * sum(array.size for array in step.inputs[1:-1])
        for place, value in zip([*scalar.moving, *scalar.constant], state, strict=True):
            given[place] = value
        lists, at = [], 0
        for array in step.inputs[1:-1]:
            lists.append(given[at : at + array.size])
            at += array.size
        raw = jax.random.key_data(key)
        arguments = [[raw[0], raw[1]], *lists, list(action.reshape(-1))]
        after = flat(step.outputs[:-3])
        observation, reward, done = (array.reshape(-1) for array in step.outputs[-3:])
        wanted = [*[after[i] for i in scalar.moving], *observation, reward[0], done[0]]
        values = evaluate(step, arguments, wanted)
        moving, rest = values[: len(scalar.moving)], values[len(scalar.moving) :]
        seen = jnp.stack([v.astype(jnp.float32) for v in rest[:-2]]).reshape(self.observation)
        return (*moving, *state[len(scalar.moving) :]), seen, rest[-2], rest[-1]
