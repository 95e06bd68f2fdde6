"""A per-example JAX function -> a graph of scalar operations.

The function's jaxpr is interpreted once, on arrays whose elements are operands of the graph. What is known (constants,
structure, indices) is computed in numpy and leaves no trace. A scan of fixed length stays a loop; shorter control flow
is unrolled. What depends on data only through an index becomes a chain of selects. A while-loop that ends by data stays
a loop until no example goes on. What is not supported is named by `Unsupported`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from hadesd.physics import linear_algebra, random_bits  # noqa: F401 — they enter their rules
from hadesd.physics.graph import BOOL, KINDS, UNTIL_DONE, Graph, Node, Operand
from hadesd.physics.primitives import RULES, Context, as_operands, settle
from hadesd.physics.program import Unsupported

MAX_NODES = 300_000
"""Beyond this a program is too large to be worth compiling."""

MIN_LOOP = 2
"""A scan of at least so many steps stays a loop."""


@dataclass(frozen=True)
class Scalarised:
    """A function as scalar operations.

    inputs: one array of nodes per leaf of the arguments. outputs: one array of operands per leaf of the result.
    structure: of the result (a PyTreeDef).
    """

    graph: Graph
    inputs: list[np.ndarray]
    outputs: list[np.ndarray]
    structure: Any


def scalarise(function: Callable[..., Any], *examples: Any) -> Scalarised:
    """Explode a function of pytrees of arrays. examples: pytrees of arrays or ShapeDtypeStructs; no typed keys.

    Raises:
        Unsupported: the function does something that has no scalar form here; the text names it.
    """
    leaves, structure = jax.tree.flatten(examples)
    closed, shape = jax.make_jaxpr(lambda *flat: function(*jax.tree.unflatten(structure, flat)), return_shape=True)(
        *leaves
    )
    graph = Graph()
    inputs = [graph.inputs(leaf.shape, _kind(leaf.dtype)) for leaf in leaves]
    outputs = _Interpreter(graph).run(closed.jaxpr, closed.consts, inputs)
    return Scalarised(graph, inputs, [as_operands(o) for o in outputs], jax.tree.structure(shape))


def flat(arrays: Sequence[np.ndarray]) -> list[Operand]:
    """The elements of several arrays, one after the other."""
    return [item for array in arrays for item in array.reshape(-1)]


def _kind(dtype: Any) -> str:
    kind = KINDS.get(str(dtype))
    if kind is None:
        raise Unsupported(f"values of type {dtype}")
    return kind


_INLINE = {
    "jit": "jaxpr", "pjit": "jaxpr", "closed_call": "call_jaxpr", "core_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr", "custom_vjp_call": "call_jaxpr", "remat": "jaxpr", "checkpoint": "jaxpr",
    "custom_vjp_call_jaxpr": "fun_jaxpr",
}  # fmt: skip


class _Interpreter(Context):
    """Runs a jaxpr on arrays of operands; arrays that are known are plain numpy arrays."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def run(self, jaxpr: Any, consts: Sequence[Any], arguments: Sequence[Any]) -> list[Any]:
        """The values of a jaxpr's outputs."""
        values: dict[Any, Any] = {}
        for variable, constant in zip(jaxpr.constvars, consts, strict=True):
            values[variable] = self._constant(constant, variable.aval.dtype)
        values.update(zip(jaxpr.invars, arguments, strict=True))

        def read(atom: Any) -> Any:
            literal: Any = atom
            return np.asarray(literal.val, literal.aval.dtype) if isinstance(atom, core.Literal) else values[atom]

        for equation in jaxpr.eqns:
            results = self._equation(equation, [read(atom) for atom in equation.invars])
            for variable, result in zip(equation.outvars, results, strict=True):
                values[variable] = settle(result)
        return [read(atom) for atom in jaxpr.outvars]

    def _constant(self, constant: Any, dtype: Any) -> Any:
        if isinstance(constant, jax.Array) and jnp.issubdtype(constant.dtype, jax.dtypes.prng_key):
            return np.asarray(jax.random.key_data(constant))
        return np.asarray(constant, dtype)

    def _equation(self, equation: Any, values: list[Any]) -> list[Any]:
        name, parameters = equation.primitive.name, equation.params
        if name in _INLINE:
            return self.run(*_opened(parameters[_INLINE[name]]), values)
        if name == "custom_linear_solve":
            return self._linear_solve(parameters, values)
        if name == "cond":
            return self._cond(parameters, values)
        if name == "scan":
            return self._scan(parameters, values)
        if name == "while":
            return self._while(parameters, values)
        if name == "platform_index":
            return [np.int32(len(parameters["platforms"]) - 1)]  # the default's
        rule = RULES.get(name)
        if rule is None:
            raise Unsupported(f"the primitive {name}")
        if self.graph.count > MAX_NODES:
            raise Unsupported(f"more than {MAX_NODES} scalar operations")
        result = rule(self, values, parameters, equation)
        return result if equation.primitive.multiple_results else [result]

    def _linear_solve(self, parameters: Any, values: list[Any]) -> list[Any]:
        """The solver of custom_linear_solve, called with its constants and the right-hand sides."""
        counts, solve = parameters["const_lengths"], parameters["jaxprs"].solve
        before = counts.matvec + counts.vecmat
        total = sum(counts)
        constants = values[before : before + counts.solve]
        return self.run(*_opened(solve), [*constants, *values[total:]])

    def _cond(self, parameters: Any, values: list[Any]) -> list[Any]:
        """One branch where the index is known, else all of them and a select."""
        branches, index = parameters["branches"], values[0]
        if not _symbolic(index):
            chosen = int(np.clip(int(index), 0, len(branches) - 1))
            return self.run(*_opened(branches[chosen]), values[1:])
        results = [[as_operands(v) for v in self.run(*_opened(b), values[1:])] for b in branches]
        which: Any = np.asarray(index, object)[()]
        chosen_values = results[-1]
        for number in range(len(branches) - 2, -1, -1):
            mask = self._is_branch(which, number)
            chosen_values = [
                self.elementwise(lambda a, b, m=mask: self.graph.select(_kind_of(a, b), m, a, b), here, rest)
                for here, rest in zip(results[number], chosen_values, strict=True)
            ]
        return chosen_values

    def _is_branch(self, which: Node, number: int) -> Operand:
        if which.kind == BOOL:
            return self.graph.operation("not", BOOL, which) if number == 0 else which
        op = "le" if number == 0 else "eq"
        return self.graph.operation(op, BOOL, which, np.dtype(which.kind).type(number))

    def _scan(self, parameters: Any, values: list[Any]) -> list[Any]:
        constants, carries = parameters["num_consts"], parameters["num_carry"]
        body, length = _opened(parameters["jaxpr"]), parameters["length"]
        consts, carry, xs = values[:constants], values[constants : constants + carries], values[constants + carries :]
        plain = not xs and len(body[0].outvars) == carries
        symbolic = any(_symbolic(v) for v in values)
        if plain and symbolic and length >= MIN_LOOP and not self.graph.in_loop:
            return self._loop(body, length, consts, carry)
        order = range(length - 1, -1, -1) if parameters["reverse"] else range(length)
        stacked: list[list[Any]] = [[] for _ in range(len(body[0].outvars) - carries)]
        for i in order:
            out = self.run(*body, [*consts, *carry, *[x[i] for x in xs]])
            carry = [settle(o) for o in out[:carries]]
            for column, value in zip(stacked, out[carries:], strict=True):
                column.append(as_operands(value))
        if parameters["reverse"]:
            stacked = [column[::-1] for column in stacked]
        return [*carry, *[np.stack(column) for column in stacked]]

    def _loop(self, body: tuple[Any, Any], length: int, consts: list[Any], carry: list[Any]) -> list[Any]:
        graph = self.graph
        initial = [as_operands(v) for v in carry]
        loop = graph.begin_loop(length)
        carried = [self._carries(value, loop) for value in initial]
        results = [as_operands(v) for v in self.run(*body, [*consts, *carried])]
        triples = [
            triple
            for c, i, r in zip(carried, initial, results, strict=True)
            for triple in zip(c.reshape(-1), i.reshape(-1), r.reshape(-1), strict=True)
        ]
        return _like(carried, graph.end_loop(triples))

    def _while(self, parameters: Any, values: list[Any]) -> list[Any]:
        """A while-loop: unrolled as long as its end does not depend on data (a fori_loop), else a loop that stays."""
        before, inside = parameters["cond_nconsts"], parameters["body_nconsts"]
        test, body = _opened(parameters["cond_jaxpr"]), _opened(parameters["body_jaxpr"])
        carry = values[before + inside :]
        while True:
            (going,) = self.run(*test, [*values[:before], *carry])
            if _symbolic(settle(going)):
                return self._until_done(test, values[:before], body, values[before : before + inside], carry)
            if not bool(settle(going)):
                return carry
            carry = [settle(v) for v in self.run(*body, [*values[before : before + inside], *carry])]

    def _until_done(
        self, test: tuple[Any, Any], test_consts: list[Any], body: tuple[Any, Any], consts: list[Any], carry: list[Any]
    ) -> list[Any]:
        """A loop that ends when no example goes on; those that have ended keep what they have."""
        graph = self.graph
        if graph.in_loop:
            raise Unsupported("a while-loop that ends by data inside a loop")
        initial = [as_operands(v) for v in carry]
        loop = graph.begin_loop(UNTIL_DONE)
        carried = [self._carries(value, loop) for value in initial]
        going = as_operands(self.run(*test, [*test_consts, *carried])[0])[()]
        results = [as_operands(v) for v in self.run(*body, [*consts, *carried])]
        triples = [
            (c, i, graph.select(c.kind, going, r, c))
            for array, start, result in zip(carried, initial, results, strict=True)
            for c, i, r in zip(array.reshape(-1), start.reshape(-1), result.reshape(-1), strict=True)
        ]
        return _like(carried, graph.end_loop(triples, going))

    def _carries(self, value: np.ndarray, loop: int) -> np.ndarray:
        """Nodes for what a loop carries, one for each element."""
        out = np.empty(value.shape, object)
        for place in np.ndindex(value.shape):
            out[place] = self.graph.fresh("carry", _kind_of(value[place]), loop)
        return out


def _opened(jaxpr: Any) -> tuple[Any, Any]:
    return (jaxpr.jaxpr, jaxpr.consts) if hasattr(jaxpr, "consts") else (jaxpr, ())


def _like(arrays: list[np.ndarray], items: list[Operand]) -> list[Any]:
    """Operands in the shapes of arrays."""
    rest, out = iter(items), []
    for array in arrays:
        filled = np.empty(array.shape, object)
        for place in np.ndindex(array.shape):
            filled[place] = next(rest)
        out.append(filled)
    return out


def _symbolic(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == object


def _kind_of(*operands: Operand) -> str:
    for operand in operands:
        if isinstance(operand, Node):
            return operand.kind
    return str(operands[0].dtype.char)
