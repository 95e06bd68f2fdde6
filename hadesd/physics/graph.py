"""A graph of scalar operations: what is left of a per-example function when no array is left.

Every array of the function is an object array of operands; an operand is a `Node` or a numpy scalar (a constant).
Nodes are made by `Graph.operation`, which folds constants, drops what has no effect and makes no node twice.

Folding keeps NaN and infinity where an operand decides the result; only x * 0 = 0 and x - x = 0 are taken as exact,
as the structural zeros of a physics engine's small matrices are. What a state's NaN does to the reward is tested.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

FLOAT, INT, UINT, BOOL = "f", "i", "I", "?"
KINDS = {"float32": FLOAT, "int32": INT, "uint32": UINT, "bool": BOOL}


class Node:
    """One scalar value that is not a constant.

    kind: numpy's character of its type: f, i, I or ?. block: index of the block of the graph that computes it.
    """

    __slots__ = ("arguments", "block", "index", "kind", "op")

    def __init__(self, op: str, arguments: tuple[Any, ...], kind: str, index: int, block: int) -> None:
        self.op, self.arguments, self.kind, self.index, self.block = op, arguments, kind, index, block


Operand = Any
"""A Node or a numpy scalar."""


UNTIL_DONE = 2**31
"""Trips of a loop that ends by data."""


@dataclass
class Block:
    """Nodes that are computed once (trips 1), or `trips` times with values carried from one time to the next.

    carried: (carry, initial, next): a node `carry` that holds `initial` at first, and after each time `next`.
    going: of a loop that ends by data (trips UNTIL_DONE): it ends where this is false for all examples.
    """

    trips: int = 1
    going: Operand = None
    nodes: list[Node] = field(default_factory=list)
    carried: list[tuple[Node, Operand, Operand]] = field(default_factory=list)


def is_constant(value: Operand) -> bool:
    """Whether an operand is a number that is known."""
    return not isinstance(value, Node)


NUMPY: dict[str, Callable[..., Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "max": np.maximum, "min": np.minimum,
    "neg": np.negative, "abs": np.abs, "lt": np.less, "le": np.less_equal, "gt": np.greater,
    "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos,
    "tan": np.tan, "exp": np.exp, "log": np.log, "floor": np.floor, "ceil": np.ceil, "pow": np.power,
    "atan2": np.arctan2, "atan": np.arctan, "acos": np.arccos, "asin": np.arcsin, "tanh": np.tanh,
    "sinh": np.sinh, "cosh": np.cosh, "expm1": np.expm1, "log1p": np.log1p, "exp2": np.exp2,
    "is_finite": np.isfinite, "rem": np.fmod, "sign": np.sign, "and": np.bitwise_and, "or": np.bitwise_or,
    "xor": np.bitwise_xor, "shift_right_arithmetic": np.right_shift,
}  # fmt: skip
"""Operations as numpy computes them, for constants (of one type: floats stay float32)."""

COMPARISONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "is_finite"})
_COMMUTATIVE = frozenset({"add", "mul", "max", "min", "and", "or", "xor", "eq", "ne"})


class Graph:
    """Blocks of nodes, in the order in which they are computed."""

    def __init__(self) -> None:
        self.blocks = [Block()]
        self.count = 0
        self._known: dict[Any, Node] = {}

    # -- making nodes

    def fresh(self, op: str, kind: str, block: int, arguments: tuple[Any, ...] = ()) -> Node:
        """A node that is like no other: an input, a carried value."""
        node = Node(op, arguments, kind, self.count, block)
        self.count += 1
        self.blocks[block].nodes.append(node)
        return node

    def inputs(self, shape: tuple[int, ...], kind: str) -> np.ndarray:
        """An array of inputs."""
        out = np.empty(shape, object)
        for place in np.ndindex(shape):
            out[place] = self.fresh("input", kind, 0)
        return out

    def operation(self, op: str, kind: str, *arguments: Operand) -> Operand:
        """The value of an operation of operands; `kind` is the type of the result."""
        if all(is_constant(a) for a in arguments) and (folded := _fold(op, kind, arguments)) is not None:
            return folded
        if op in _COMMUTATIVE and _after(arguments[0], arguments[1]):
            arguments = (arguments[1], arguments[0])
        simpler = _SIMPLIFY.get(op)
        if simpler is not None and (found := simpler(self, kind, *arguments)) is not None:
            return found
        return self._node(op, kind, arguments)

    def _node(self, op: str, kind: str, arguments: tuple[Operand, ...]) -> Node:
        key = (op, kind, *[a.index if isinstance(a, Node) else (a.dtype.char, a.tobytes()) for a in arguments])
        found = self._known.get(key)
        if found is None:
            # The innermost block that an argument needs: what does not change in a loop is computed before it.
            last = len(self.blocks) - 1
            block = max((a.block for a in arguments if isinstance(a, Node)), default=0)
            if self.blocks[block].trips > 1 and block != last:
                block = last
            found = self._known[key] = Node(op, arguments, kind, self.count, block)
            self.count += 1
            self.blocks[block].nodes.append(found)
        return found

    def select(self, kind: str, mask: Operand, then: Operand, otherwise: Operand) -> Operand:
        """`then` where the mask is set."""
        if is_constant(mask):
            return then if mask else otherwise
        if same(then, otherwise):
            return then
        if kind == BOOL:
            return self._select_bool(mask, then, otherwise)
        return self._node("select", kind, (mask, then, otherwise))

    def _select_bool(self, mask: Node, then: Operand, otherwise: Operand) -> Operand:
        if is_constant(then):
            rest = mask if then else self.operation("not", BOOL, mask)
            return self.operation("or" if then else "and", BOOL, rest, otherwise)
        if is_constant(otherwise):
            rest = self.operation("not", BOOL, mask) if otherwise else mask
            return self.operation("or" if otherwise else "and", BOOL, rest, then)
        return self._node("select", BOOL, (mask, then, otherwise))

    def convert(self, kind: str, value: Operand) -> Operand:
        """A value in another type, as XLA converts it."""
        if is_constant(value):
            with np.errstate(all="ignore"):
                return np.dtype(kind).type(value)
        if value.kind == kind:
            return value
        if value.kind == BOOL:
            one = np.dtype(kind).type(1)
            return self.select(kind, value, one, np.dtype(kind).type(0))
        if {value.kind, kind} == {INT, UINT}:
            return self._node("bitcast", kind, (value,))
        if kind == BOOL:
            return self.operation("ne", BOOL, value, np.dtype(value.kind).type(0))
        return self._node("convert", kind, (value,))

    def bitcast(self, kind: str, value: Operand) -> Operand:
        """The same 32 bits as another type."""
        if is_constant(value):
            return np.asarray(value).reshape(1).view(kind)[0]
        return value if value.kind == kind else self._node("bitcast", kind, (value,))

    # -- loops

    @property
    def in_loop(self) -> bool:
        """Whether nodes are being added to a loop."""
        return self.blocks[-1].trips > 1

    def begin_loop(self, trips: int) -> int:
        """Nodes that depend on what is carried are computed `trips` times from here on; the loop's block."""
        self.blocks.append(Block(trips))
        return len(self.blocks) - 1

    def end_loop(self, carried: Sequence[tuple[Node, Operand, Operand]], going: Operand = None) -> list[Operand]:
        """Close the loop: what its carried values are in the end. going: see Block."""
        loop = len(self.blocks) - 1
        self.blocks[loop].carried = list(carried)
        self.blocks[loop].going = going
        self.blocks.append(Block())
        return [self.fresh("result", carry.kind, loop + 1, (carry,)) for carry, _, _ in carried]

    # -- what is needed

    def reachable(self, roots: Sequence[Operand]) -> set[int]:
        """Indices of the nodes that some operands depend on."""
        updates = {c.index: (i, n, block.going) for block in self.blocks for c, i, n in block.carried}
        seen: set[int] = set()
        stack = [r for r in roots if isinstance(r, Node)]
        while stack:
            node = stack.pop()
            if node.index in seen:
                continue
            seen.add(node.index)
            stack += [a for a in node.arguments if isinstance(a, Node)]
            stack += [a for a in updates.get(node.index, ()) if isinstance(a, Node)]
        return seen


def same(a: Operand, b: Operand) -> bool:
    """Whether two operands are one node, or the same bits."""
    if a is b:
        return True
    return is_constant(a) and is_constant(b) and a.dtype == b.dtype and bool(a.tobytes() == b.tobytes())


def _after(a: Operand, b: Operand) -> bool:
    """Whether a comes behind b in the order of operands that commute: constants first, then by index."""
    if is_constant(b):
        return not is_constant(a)
    return not is_constant(a) and a.index > b.index


def _fold(op: str, kind: str, a: tuple[Any, ...]) -> Any:
    """The value of an operation of constants; None where it has to be left to the machine."""
    number = np.dtype(kind).type
    if op in ("div", "rem") and kind != FLOAT and a[1] in (0, -1):
        return None
    with np.errstate(all="ignore"):
        if op in NUMPY and not (op == "pow" and kind != FLOAT):
            return number(NUMPY[op](*a))
        if op == "div":
            return number(a[0] / a[1]) if kind == FLOAT else number(int(a[0] / a[1]))
        if op == "not":
            return number(not a[0]) if kind == BOOL else number(~a[0])
        if op in ("shift_left", "shift_right_logical"):
            return _shift(op, kind, *a)
        if op == "round":
            return number(np.rint(a[0]))
        if op == "floor_away":
            return number(np.copysign(np.floor(np.abs(a[0]) + number(0.5)), a[0]))
    return None


def _shift(op: str, kind: str, a: Any, b: Any) -> Any:
    if int(b) >= 32 or int(b) < 0:
        return np.dtype(kind).type(0)
    bits = int(np.asarray(a).reshape(1).view(np.uint32)[0])
    moved = (bits << int(b)) & 0xFFFFFFFF if op == "shift_left" else bits >> int(b)
    return np.uint32(moved).reshape(1).view(kind)[0]


# Each takes (graph, kind, arguments), a constant first where the operation commutes; None: nothing simpler.


def _mul(g: Graph, kind: str, a: Operand, b: Operand) -> Operand | None:
    if is_constant(a):
        if a == 0:
            return a
        if a == 1:
            return b
        if a == -1:
            return g.operation("neg", kind, b)
    return None


def _add(g: Graph, kind: str, a: Operand, b: Operand) -> Operand | None:
    if is_constant(a) and a == 0:
        return b
    if isinstance(b, Node) and b.op == "neg" and kind == FLOAT:
        return g.operation("sub", kind, a, b.arguments[0])
    if isinstance(a, Node) and a.op == "neg" and kind == FLOAT:
        return g.operation("sub", kind, b, a.arguments[0])
    return None


def _sub(g: Graph, kind: str, a: Operand, b: Operand) -> Operand | None:
    if is_constant(b) and b == 0:
        return a
    if is_constant(a) and a == 0:
        return g.operation("neg", kind, b)
    if a is b:
        return np.dtype(kind).type(0)
    if isinstance(b, Node) and b.op == "neg" and kind == FLOAT:
        return g.operation("add", kind, a, b.arguments[0])
    return None


def _div(g: Graph, kind: str, a: Operand, b: Operand) -> Operand | None:
    if is_constant(b) and b == 1:
        return a
    if is_constant(a) and a == 0 and kind == FLOAT:
        return a
    if is_constant(b) and kind == FLOAT and np.isfinite(b) and np.frexp(b)[0] in (0.5, -0.5):
        inverse = np.float32(1) / b
        if np.isfinite(inverse):  # a power of two: the same bits
            return g.operation("mul", kind, inverse, a)
    return None


def _neg(g: Graph, kind: str, a: Operand) -> Operand | None:
    if not isinstance(a, Node):
        return None
    if a.op == "neg":
        return a.arguments[0]
    if a.op == "sub" and kind == FLOAT:
        return g.operation("sub", kind, a.arguments[1], a.arguments[0])
    return None


def _and(g: Graph, kind: str, a: Operand, b: Operand) -> Operand | None:
    if a is b:
        return a
    if is_constant(a):
        if a == 0:
            return a
        if kind == BOOL:
            return b
    return None


def _or(g: Graph, kind: str, a: Operand, b: Operand) -> Operand | None:
    if a is b:
        return a
    if is_constant(a):
        if a == 0:
            return b
        if kind == BOOL:
            return a
    return None


def _not(g: Graph, kind: str, a: Operand) -> Operand | None:
    return a.arguments[0] if isinstance(a, Node) and a.op == "not" else None


def _same_argument(g: Graph, kind: str, a: Operand, b: Operand) -> Operand | None:
    return a if a is b else None


def _equal(g: Graph, kind: str, a: Operand, b: Operand) -> Operand | None:
    return np.bool_(True) if a is b and isinstance(a, Node) and a.kind != FLOAT else None


def _nothing(g: Graph, kind: str, a: Operand, b: Operand) -> Operand | None:
    return a if is_constant(b) and b == 0 else None


_SIMPLIFY: dict[str, Callable[..., Operand | None]] = {
    "mul": _mul, "add": _add, "sub": _sub, "div": _div, "neg": _neg, "and": _and, "or": _or, "not": _not,
    "max": _same_argument, "min": _same_argument, "eq": _equal, "shift_left": _nothing,
    "shift_right_logical": _nothing, "shift_right_arithmetic": _nothing,
}  # fmt: skip
