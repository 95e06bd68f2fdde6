"""A graph of scalar operations as LLVM IR: every scalar of one example is a vector over 16 examples (lanes).

Memory is in blocks of lanes: a pointer of rows points to [rows, 16] values of four bytes (truth values are 0 or 1).
Straight-line code is cut into functions of a bounded length, because LLVM's register allocation takes more than
linear time; what one of them hands to another lies in scratch memory.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from hadesd.native import vector_math
from hadesd.native.ir import LANES, PTR, VB, VF, VI, Function, Module, constant
from hadesd.physics.graph import BOOL, FLOAT, INT, UINT, Graph, Node, Operand, is_constant
from hadesd.physics.program import Unsupported

ROW = 4 * LANES
"""Bytes of a row."""

LONGEST = 3000
"""Nodes in one function."""

VECTOR = {FLOAT: VF, INT: VI, UINT: VI, BOOL: VB}


@dataclass(frozen=True)
class Output:
    """Where a value goes: a row of one of the function's pointers."""

    pointer: str
    row: int
    value: Operand
    kind: str


def add_program(
    module: Module, name: str, graph: Graph, pointers: Sequence[str], inputs: dict[int, tuple[str, int]],
    outputs: Sequence[Output], linkage: str = "internal",
) -> int:  # fmt: skip
    """Add a function `void name(ptr * pointers, ptr scratch)`; how many bytes of scratch it needs.

    inputs: index of an input node -> (pointer, row). Nothing may overlap: outputs are written while inputs are read.
    """
    return _Emitter(module, name, graph, pointers, inputs, outputs).run(linkage)


class _Emitter:
    def __init__(
        self, module: Module, name: str, graph: Graph, pointers: Sequence[str], inputs: dict[int, tuple[str, int]],
        outputs: Sequence[Output],
    ) -> None:  # fmt: skip
        self.module, self.name, self.graph, self.inputs, self.outputs = module, name, graph, inputs, outputs
        self.parameters = [(PTR, p) for p in (*pointers, "scratch")]
        self.needed = graph.reachable([o.value for o in outputs])
        self.slots: dict[int, int] = {}
        self.home: dict[int, tuple[int, int]] = {}  # node -> (block, piece) that computes it
        self.pieces = [self._cut(i) for i in range(len(graph.blocks))]
        self.fused = self._fused()
        self.inside = {product.index for product in self.fused.values()}
        self.crossing = self._crossing()

    def _cut(self, block: int) -> list[list[Node]]:
        """A block's needed nodes that are computed (inputs and carried values lie in memory), in pieces."""
        nodes = [
            node
            for node in self.graph.blocks[block].nodes
            if node.index in self.needed and node.op not in ("input", "carry", "result")
        ]
        count = -(-len(nodes) // LONGEST)
        size = -(-len(nodes) // max(count, 1))
        pieces = [nodes[i * size : (i + 1) * size] for i in range(count)]
        for number, piece in enumerate(pieces):
            for node in piece:
                self.home[node.index] = (block, number)
        return pieces

    def _fused(self) -> dict[int, Node]:
        """Sums and differences that are rounded once with a product: index of the sum -> the product.

        Of products that nothing else reads, and that the same function computes: a quarter of a body's operations.
        """
        users = Counter(
            id_ for pieces in self.pieces for piece in pieces for n in piece for id_ in _indices(n.arguments)
        )
        users.update(_indices([o.value for o in self.outputs]))
        for block in range(len(self.pieces)):
            users.update(_indices([a for _, *values in self._carried(block) for a in values]))
        found: dict[int, Node] = {}
        for piece in (piece for pieces in self.pieces for piece in pieces):
            for node in (n for n in piece if n.op in ("add", "sub") and n.kind == FLOAT):
                products = [a for a in node.arguments if isinstance(a, Node) and a.op == "mul"]
                alone = [a for a in products if users[a.index] == 1 and self.home[a.index] == self.home[node.index]]
                if alone:
                    found[node.index] = alone[0]
        return found

    def _carried(self, block: int) -> list[tuple[Node, Operand, Operand]]:
        return [triple for triple in self.graph.blocks[block].carried if triple[0].index in self.needed]

    def _crossing(self) -> set[int]:
        """Nodes whose value another function reads."""
        found: set[int] = set()
        for block, pieces in enumerate(self.pieces):
            for number, piece in enumerate(pieces):
                for node in piece:
                    found |= {
                        a.index
                        for a in node.arguments
                        if isinstance(a, Node) and self.home.get(a.index, (block, number)) != (block, number)
                    }
            for _, initial, following in self._carried(block):
                found |= {a.index for a in (initial, following) if isinstance(a, Node)}
            going = self.graph.blocks[block].going
            found |= {going.index} if isinstance(going, Node) else set()
        last = self._last()
        found |= {
            o.value.index for o in self.outputs if isinstance(o.value, Node) and self.home.get(o.value.index) != last
        }
        return found & self.home.keys()

    def _last(self) -> tuple[int, int] | None:
        """The piece that writes the outputs: the last one there is."""
        for block in range(len(self.pieces) - 1, -1, -1):
            if self.pieces[block] and self.graph.blocks[block].trips == 1:
                return block, len(self.pieces[block]) - 1
            if self.pieces[block] or self._carried(block):
                return None
        return None

    def run(self, linkage: str) -> int:
        main = Function(self.module, self.name, self.parameters, linkage=linkage)
        arguments = [(kind, f"%{p}") for kind, p in self.parameters]
        written = False
        for block, content in enumerate(self.graph.blocks):
            names = []
            for number, piece in enumerate(self.pieces[block]):
                writes = (block, number) == self._last()
                names.append(self._piece(block, number, piece, writes))
                written = written or writes
            if content.trips == 1:
                for name in names:
                    main.call("void", name, arguments)
                continue
            if not self._carried(block):
                continue
            main.call("void", self._copies(block, "begin", [(c, i) for c, i, _ in self._carried(block)]), arguments)
            names.append(self._copies(block, "next", [(c, n) for c, _, n in self._carried(block) if n is not c]))

            def body(index: str, values: list[str], names: list[str] = names) -> list[str]:
                for name in names:
                    main.call("void", name, arguments)
                return []

            if content.going is None:
                main.loop(str(content.trips), body)
            else:
                body_of = lambda: body("", [])  # noqa: E731
                _Code(self, main, (block, -1)).repeat_while(content.going, body_of)
        if not written:
            main.call("void", self._piece(len(self.pieces), 0, [], True), arguments)
        main.finish()
        return ROW * len(self.slots)

    def _piece(self, block: int, number: int, nodes: list[Node], writes: bool) -> str:
        """One function: its nodes in order, stores of what others read, and the outputs where it is the last."""
        name = f"{self.name}_{block}_{number}"
        code = _Code(self, Function(self.module, name, self.parameters), (block, number))
        for node in (n for n in nodes if n.index not in self.inside):
            code.compute(node)
        if writes:
            # All values first: an output may be an input's row.
            values = [code.value(o.value, o.kind) for o in self.outputs]
            for output, value in zip(self.outputs, values, strict=True):
                code.write(output, value)
        code.f.finish()
        return name

    def _copies(self, block: int, what: str, pairs: list[tuple[Node, Operand]]) -> str:
        name = f"{self.name}_{block}_{what}"
        code = _Code(self, Function(self.module, name, self.parameters), (block, -1))
        values = [code.value(value, carry.kind) for carry, value in pairs]
        for (carry, _), value in zip(pairs, values, strict=True):
            code.store_slot(carry, value)
        code.f.finish()
        return name

    def slot(self, node: Node) -> int:
        """Where a node's value lies in scratch memory, in bytes; a carry and what it is in the end share one."""
        key = node.arguments[0].index if node.op == "result" else node.index
        return ROW * self.slots.setdefault(key, len(self.slots))


def _indices(operands: Iterable[Operand]) -> list[int]:
    return [a.index for a in operands if isinstance(a, Node)]


class _Code:
    """The code of one function: operands by name, loaded from memory when they are first read."""

    def __init__(self, emitter: _Emitter, f: Function, place: tuple[int, int]) -> None:
        self.emitter, self.f, self.place = emitter, f, place
        self.names: dict[int, str] = {}

    def value(self, operand: Operand, kind: str) -> str:
        """An operand as LLVM writes it."""
        if is_constant(operand):
            return constant(VECTOR[kind], operand)
        if operand.index not in self.names:
            self.names[operand.index] = self._load(operand)
        return self.names[operand.index]

    def _load(self, node: Node) -> str:
        if node.op == "input":
            pointer, row = self.emitter.inputs[node.index]
            place = self.f.offset(f"%{pointer}", str(row), ROW)
        else:
            place = self.f.offset("%scratch", str(self.emitter.slot(node)), 1)
        if node.kind != BOOL:
            return self.f.load(VECTOR[node.kind], place, 64)
        return self.f.compare("ne", VI, self.f.load(VI, place, 64), "zeroinitializer")

    def _store(self, kind: str, value: str, place: str) -> None:
        if kind == BOOL:
            self.f.store(VI, self.f.let(f"zext {VB} {value} to {VI}"), place, 64)
        else:
            self.f.store(VECTOR[kind], value, place, 64)

    def store_slot(self, node: Node, value: str) -> None:
        """Keep a value for other functions."""
        self._store(node.kind, value, self.f.offset("%scratch", str(self.emitter.slot(node)), 1))

    def write(self, output: Output, value: str) -> None:
        """Store a value in the row of an output."""
        self._store(output.kind, value, self.f.offset(f"%{output.pointer}", str(output.row), ROW))

    def repeat_while(self, going: Node, body: Callable[[], object]) -> None:
        """Run the body until `going`, which it leaves in scratch memory, is false in all lanes."""
        f = self.f
        head, after = f.fresh("W")[1:], f.fresh("W")[1:]
        f.emit(f"br label %{head}")
        f.label(head)
        body()
        mask = self._load(going)
        bits = f.let(f"bitcast {VB} {mask} to i{LANES}")
        more = f.compare("ne", f"i{LANES}", bits, "0")
        f.emit(f"br i1 {more}, label %{head}, label %{after}")
        f.label(after)

    def compute(self, node: Node) -> None:
        """The value of a node, and its place in memory where another function reads it."""
        product = self.emitter.fused.get(node.index)
        value = self._operation(node) if product is None else self._sum_with(product, node)
        self.names[node.index] = value
        if node.index in self.emitter.crossing:
            self.store_slot(node, value)

    def _operation(self, node: Node) -> str:
        """The instructions of a node on its own."""
        of = next((a.kind for a in node.arguments if isinstance(a, Node)), node.kind)
        kinds = [BOOL, node.kind, node.kind] if node.op == "select" else [of] * len(node.arguments)
        values = [self.value(a, kind) for a, kind in zip(node.arguments, kinds, strict=True)]
        return self._instructions(node, of, values)

    def _sum_with(self, product: Node, node: Node) -> str:
        """A sum or a difference with a product, rounded once."""
        f, first = self.f, node.arguments[0] is product
        a, b = (self.value(factor, FLOAT) for factor in product.arguments)
        other = self.value(node.arguments[1 if first else 0], FLOAT)
        if node.op == "sub" and first:
            other = f.let(f"fneg {VF} {other}")
        elif node.op == "sub":
            a = f.let(f"fneg {VF} {a}")
        return f.fma(VF, a, b, other)

    def _instructions(self, node: Node, of: str, v: list[str]) -> str:
        op, kind, f = node.op, VECTOR[node.kind], self.f
        if (name := _BINARY.get((op, of))) is not None:
            return f.binary(name, kind, *v)
        if op in ("div", "rem") and of in (INT, UINT):
            return _division(f, node, of, v)
        if op in _CONDITIONS:
            condition = _CONDITIONS[op][FLOAT if of == FLOAT else "unsigned" if of in (UINT, BOOL) else INT]
            return f.compare(condition, VECTOR[of], *v)
        if op == "select":
            return f.select(VB, v[0], kind, v[1], v[2])
        if op in ("max", "min"):
            return self._extreme(op, node, v)
        if op in _INTRINSICS and of == FLOAT:
            return f.call1(_INTRINSICS[op], VF, *v)
        if op in vector_math.ARGUMENTS and of == FLOAT:
            return f.call(VF, vector_math.add(self.emitter.module, op), [(VF, x) for x in v])
        if op in _SPECIAL:
            return _SPECIAL[op](f, node, of, v)
        raise Unsupported(f"{op} of {of}")

    def _extreme(self, op: str, node: Node, v: list[str]) -> str:
        """max or min; a NaN on either side is the result."""
        f, kind = self.f, VECTOR[node.kind]
        if node.kind != FLOAT:
            signed = "s" if node.kind == INT else "u"
            mask = f.compare(f"{signed}{'gt' if op == 'max' else 'lt'}", kind, *v)
            return f.select(VB, mask, kind, v[0], v[1])
        # The second operand wins where they cannot be compared; constants come first and are no NaN.
        chosen = f.select(VB, f.compare("ogt" if op == "max" else "olt", kind, *v), kind, v[0], v[1])
        if is_constant(node.arguments[0]):
            return chosen
        return f.select(VB, f.compare("uno", kind, v[0], v[0]), kind, v[0], chosen)


_BINARY = {
    **{(op, FLOAT): f"f{op}" for op in ("add", "sub", "mul", "div")},
    **{(op, kind): op for op in ("add", "sub", "mul") for kind in (INT, UINT)},
    **{(op, kind): op for op in ("and", "or", "xor") for kind in (INT, UINT, BOOL)},
    **{("shift_left", kind): "shl" for kind in (INT, UINT)},
    **{("shift_right_logical", kind): "lshr" for kind in (INT, UINT)},
    **{("shift_right_arithmetic", kind): "ashr" for kind in (INT, UINT)},
}  # fmt: skip

_CONDITIONS = {
    op: {FLOAT: ("une" if op == "ne" else f"o{op}"), INT: f"s{op}" if op[0] in "lg" else op,
         "unsigned": f"u{op}" if op[0] in "lg" else op}
    for op in ("lt", "le", "gt", "ge", "eq", "ne")
}  # fmt: skip

_INTRINSICS = {"sqrt": "sqrt", "floor": "floor", "ceil": "ceil", "abs": "fabs", "round": "roundeven",
               "floor_away": "round"}  # fmt: skip


def _division(f: Function, node: Node, of: str, v: list[str]) -> str:
    """div or rem of integers as XLA has them, where the machine's own instruction would end the process.

    A division by 0 gives -1, with the dividend as remainder; that of the lowest number by -1 itself, and 0.
    """
    name, kind, divisor = f"{'s' if of == INT else 'u'}{node.op}", VECTOR[of], node.arguments[1]
    if is_constant(divisor) and divisor not in (0, -1):
        return f.binary(name, kind, *v)
    by_zero = unsafe = f.compare("eq", kind, v[1], "zeroinitializer")
    if of == INT:
        lowest, minus_one = (f.compare("eq", kind, v[i], constant(kind, c)) for i, c in ((0, -(2**31)), (1, -1)))
        unsafe = f.binary("or", VB, by_zero, f.binary("and", VB, lowest, minus_one))
    found = f.binary(name, kind, v[0], f.select(VB, unsafe, kind, constant(kind, 1), v[1]))
    return f.select(VB, by_zero, kind, constant(kind, -1) if node.op == "div" else v[0], found)


def _neg(f: Function, node: Node, of: str, v: list[str]) -> str:
    return f.let(f"fneg {VF} {v[0]}") if of == FLOAT else f.binary("sub", VI, "zeroinitializer", v[0])


def _not(f: Function, node: Node, of: str, v: list[str]) -> str:
    kind = VECTOR[node.kind]
    return f.binary("xor", kind, v[0], constant(kind, True if node.kind == BOOL else -1))


def _abs(f: Function, node: Node, of: str, v: list[str]) -> str:
    negative = f.compare("slt", VI, v[0], "zeroinitializer")
    return f.select(VB, negative, VI, f.binary("sub", VI, "zeroinitializer", v[0]), v[0])


def _sign(f: Function, node: Node, of: str, v: list[str]) -> str:
    kind = VECTOR[node.kind]
    greater, less = ("ogt", "olt") if of == FLOAT else ("sgt", "slt")
    low = f.select(VB, f.compare(less, kind, v[0], "zeroinitializer"), kind, constant(kind, -1), v[0])
    return f.select(VB, f.compare(greater, kind, v[0], "zeroinitializer"), kind, constant(kind, 1), low)


def _is_finite(f: Function, node: Node, of: str, v: list[str]) -> str:
    return f.compare("olt", VF, f.call1("fabs", VF, v[0]), constant(VF, np.inf))


def _bitcast(f: Function, node: Node, of: str, v: list[str]) -> str:
    if {of, node.kind} == {INT, UINT}:
        return v[0]
    return f.let(f"bitcast {VECTOR[of]} {v[0]} to {VECTOR[node.kind]}")


def _convert(f: Function, node: Node, of: str, v: list[str]) -> str:
    if node.kind == FLOAT:
        return f.let(f"{'sitofp' if of == INT else 'uitofp'} {VI} {v[0]} to {VF}")
    if of != FLOAT:
        raise Unsupported(f"a conversion of {of} to {node.kind}")
    # Saturating, and 0 for NaN, as XLA does it.
    name = f"llvm.fpto{'si' if node.kind == INT else 'ui'}.sat.v{LANES}i32.v{LANES}f32"
    f.module.declare(name, f"declare {VI} @{name}({VF})")
    return f.call(VI, name, [(VF, v[0])])


def _remainder(f: Function, node: Node, of: str, v: list[str]) -> str:
    """C's fmod: x - trunc(x / y) * y, corrected where the quotient was rounded up; exact below 2^24 multiples."""
    a, b = f.call1("fabs", VF, v[0]), f.call1("fabs", VF, v[1])
    quotient = f.call1("floor", VF, f.binary("fdiv", VF, a, b))
    rest = f.fma(VF, f.let(f"fneg {VF} {quotient}"), b, a)
    low = f.select(VB, f.compare("olt", VF, rest, "zeroinitializer"), VF, f.binary("fadd", VF, rest, b), rest)
    high = f.select(VB, f.compare("oge", VF, low, b), VF, f.binary("fsub", VF, low, b), low)
    return f.call1("copysign", VF, high, v[0])


def _zero_if_finite(f: Function, node: Node, of: str, v: list[str]) -> str:
    return f.binary("fsub", VF, v[0], v[0])


_SPECIAL = {
    "zero_if_finite": _zero_if_finite,
    "neg": _neg, "not": _not, "abs": _abs, "sign": _sign, "is_finite": _is_finite, "bitcast": _bitcast,
    "convert": _convert, "rem": _remainder,
}  # fmt: skip
