"""Text of LLVM IR, written by functions: a module, its functions, loops with carried values, vectors of floats.

Vectors are always of 16 floats. Where a CPU's registers are narrower LLVM splits them, so that the order of every
sum, and with it the bits of every result, is the same on all CPUs.
"""

import struct
from collections.abc import Callable, Sequence

import numpy as np

LANES = 16
F32, I32, I1, I64, PTR = "float", "i32", "i1", "i64", "ptr"
VF, VI, VB = f"<{LANES} x float>", f"<{LANES} x i32>", f"<{LANES} x i1>"

ATTRIBUTES = '"prefer-vector-width"="512"'


def constant(kind: str, value: float) -> str:
    """An operand for a constant of a scalar or vector type; floats are rounded to float32 first."""
    scalar = kind.split(" x ")[-1].rstrip(">")
    if scalar == F32:
        bits = struct.unpack("<Q", struct.pack("<d", float(np.float32(value))))[0]
        text = f"0x{bits:016X}"
    elif scalar == I1:
        text = "true" if value else "false"
    else:
        text = str(int(value))
        if scalar == I32 and not -(2**31) <= int(value) < 2**31:
            text = str(int(value) - 2**32)
    return f"splat ({scalar} {text})" if kind.startswith("<") else text


class Module:
    """The text of a module: named functions, each added once, and the intrinsics that they call."""

    def __init__(self) -> None:
        self._functions: dict[str, str] = {}
        self._declarations: dict[str, str] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._functions

    def add(self, name: str, text: str) -> None:
        """Add a function's text under its name; a second one of that name is refused.

        Raises:
            ValueError: there is one of that name.
        """
        if name in self._functions:
            raise ValueError(f"function {name} is there already")
        self._functions[name] = text

    def intrinsic(self, base: str, kind: str) -> str:
        """The name of an LLVM intrinsic for a type: ("fma", VF) -> llvm.fma.v16f32."""
        arity = {"fma": 3, "copysign": 2}.get(base, 1)
        scalar = kind.split(" x ")[-1].rstrip(">")
        short = {F32: "f32", I32: "i32"}[scalar]
        name = f"llvm.{base}.{f'v{LANES}' if kind.startswith('<') else ''}{short}"
        self._declarations[name] = f"declare {kind} @{name}({', '.join([kind] * arity)})"
        return name

    def declare(self, name: str, text: str) -> None:
        """Declare a function that is defined elsewhere; `text` is the whole declaration."""
        self._declarations[name] = text

    def text(self) -> str:
        """The module as LLVM assembly."""
        return "\n".join([*self._declarations.values(), "", *self._functions.values()])


class Function:
    """The body of one function, written from top to bottom.

    parameters: (type, name) pairs; operands are strings as LLVM writes them ("%x", "0", "splat (float 0x...)").
    """

    def __init__(
        self,
        module: Module,
        name: str,
        parameters: Sequence[tuple[str, str]],
        returns: str = "void",
        linkage: str = "internal",
        inline: bool = False,
    ) -> None:
        self.module, self.name, self.returns = module, name, returns
        listed = ", ".join(f"{kind} %{p}" for kind, p in parameters)
        how = "alwaysinline" if inline else "noinline"
        self._head = f"define {linkage} {returns} @{name}({listed}) {how} nounwind {ATTRIBUTES} {{\nentry:\n"
        self._lines: list[str] = []
        self._count = 0
        self.block = "entry"

    # -- single instructions

    def fresh(self, prefix: str = "t") -> str:
        """A name that is new in this function, with its %."""
        self._count += 1
        return f"%{prefix}{self._count}"

    def emit(self, line: str) -> None:
        """A line as it stands."""
        self._lines.append(line)

    def let(self, expression: str) -> str:
        """Name the value of an instruction."""
        name = self.fresh()
        self._lines.append(f"{name} = {expression}")
        return name

    def binary(self, op: str, kind: str, a: str, b: str) -> str:
        """A two-operand instruction: fadd, fsub, fmul, fdiv, add, sub, mul, and, or, xor, shl, lshr ..."""
        return self.let(f"{op} {kind} {a}, {b}")

    def fma(self, kind: str, a: str, b: str, c: str) -> str:
        """a * b + c, rounded once."""
        return self.call1("fma", kind, a, b, c)

    def call1(self, intrinsic: str, kind: str, *arguments: str) -> str:
        """An LLVM intrinsic whose arguments and result are all of one type."""
        name = self.module.intrinsic(intrinsic, kind)
        return self.call(kind, name, [(kind, a) for a in arguments])

    def call(self, returns: str, name: str, arguments: Sequence[tuple[str, str]]) -> str:
        """Call a function; the name of its result ("" for void)."""
        text = f"call {returns} @{name}({', '.join(f'{kind} {value}' for kind, value in arguments)})"
        if returns == "void":
            self.emit(text)
            return ""
        return self.let(text)

    def compare(self, condition: str, kind: str, a: str, b: str) -> str:
        """A comparison: fcmp for float types (olt, oeq, uno ...), icmp for integers (slt, ult, eq ...)."""
        return self.let(f"{'fcmp' if 'float' in kind else 'icmp'} {condition} {kind} {a}, {b}")

    def select(self, mask_kind: str, mask: str, kind: str, then: str, otherwise: str) -> str:
        """`then` where the mask is set."""
        return self.let(f"select {mask_kind} {mask}, {kind} {then}, {kind} {otherwise}")

    def offset(self, pointer: str, index: str, size: int) -> str:
        """pointer + index * size bytes; `index` is an i64 operand."""
        if index == "0":
            return pointer
        if index.lstrip("-").isdigit():
            return self.let(f"getelementptr i8, ptr {pointer}, i64 {int(index) * size}")
        scaled = index if size == 1 else self.binary("mul", I64, index, str(size))
        return self.let(f"getelementptr i8, ptr {pointer}, i64 {scaled}")

    def aligned(self, pointer: str) -> str:
        """A pointer moved up to the next multiple of 64 bytes."""
        number = self.let(f"ptrtoint ptr {pointer} to i64")
        up = self.binary("and", I64, self.binary("add", I64, number, "63"), "-64")
        return self.let(f"inttoptr i64 {up} to ptr")

    def load(self, kind: str, pointer: str, align: int = 4) -> str:
        """Read a value of a type from memory; returns its operand."""
        return self.let(f"load {kind}, ptr {pointer}, align {align}")

    def store(self, kind: str, value: str, pointer: str, align: int = 4) -> None:
        """Write a value of a type to memory."""
        self.emit(f"store {kind} {value}, ptr {pointer}, align {align}")

    def splat(self, value: str) -> str:
        """A float operand in all lanes."""
        one = self.let(f"insertelement {VF} poison, float {value}, i64 0")
        return self.let(f"shufflevector {VF} {one}, {VF} poison, <{LANES} x i32> zeroinitializer")

    def sum_lanes(self, value: str) -> str:
        """The sum of a vector's lanes, by halves: lanes 0 to 7 plus lanes 8 to 15, and so on. float."""
        width = LANES
        kind = VF
        while width > 1:
            half = width // 2
            low = ", ".join(f"i32 {i}" for i in range(half))
            high = ", ".join(f"i32 {i + half}" for i in range(half))
            a = self.let(f"shufflevector {kind} {value}, {kind} poison, <{half} x i32> <{low}>")
            b = self.let(f"shufflevector {kind} {value}, {kind} poison, <{half} x i32> <{high}>")
            kind = f"<{half} x float>"
            value = self.binary("fadd", kind, a, b)
            width = half
        return self.let(f"extractelement {kind} {value}, i64 0")

    # -- control flow

    def label(self, name: str) -> None:
        """Begin a basic block; what is emitted from here on belongs to it."""
        self.emit(f"{name}:")
        self.block = name

    def loop(
        self,
        count: str,
        body: Callable[[str, list[str]], Sequence[str]],
        carried: Sequence[tuple[str, str]] = (),
        start: str = "0",
        step: int = 1,
    ) -> list[str]:
        """for i in range(start, count, step): carried = body(i, carried). Returns what is carried at the end.

        `count` is an i64 operand; a loop that is not entered returns the initial values. carried: (type, initial).
        """
        number = self.fresh("L")[1:]
        check, inside, after = f"{number}check", f"{number}body", f"{number}end"
        before = self.block
        self.emit(f"br label %{check}")
        self.label(check)
        index, following = self.fresh("i"), self.fresh("n")
        names = [self.fresh("c") for _ in carried]
        head = len(self._lines)
        more = self.compare("slt" if not count.isdigit() else "ult", I64, index, count)
        self.emit(f"br i1 {more}, label %{inside}, label %{after}")
        self.label(inside)
        results = list(body(index, names))
        self.emit(f"{following} = add i64 {index}, {step}")
        last = self.block
        self.emit(f"br label %{check}")
        phis = [f"{index} = phi i64 [ {start}, %{before} ], [ {following}, %{last} ]"]
        phis += [
            f"{name} = phi {kind} [ {initial}, %{before} ], [ {result}, %{last} ]"
            for name, (kind, initial), result in zip(names, carried, results, strict=True)
        ]
        self._lines[head:head] = phis
        self.label(after)
        return names

    def finish(self, value: str = "") -> None:
        """Return, and add the function to its module."""
        self.emit(f"ret {self.returns} {value}".rstrip())
        self.module.add(self.name, self._head + "\n".join(self._lines) + "\n}\n")
