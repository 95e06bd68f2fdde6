"""Dense layers in machine code: products of small matrices in tiles of registers, and a network's forward pass.

Parameters of a network lie in one vector of floats: of each layer the kernel [inputs, outputs], rows one after the
other, then the bias [outputs]; after the last layer log_std [actions], for continuous policies. Outputs are filled up
with zeros to multiples of 16.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hadesd.native import machine_code, vector_math
from hadesd.native.ir import F32, LANES, VB, VF, Function, Module, constant

VECTOR = 4 * LANES
"""Bytes of a vector."""

_UNROLLED = 8
"""Sums of up to so many products are written without a loop."""


def padded(count: int) -> int:
    """The next multiple of 16."""
    return -(-count // LANES) * LANES


@dataclass(frozen=True)
class Layer:
    """A dense layer; offset: of its kernel in the network's parameters, in floats."""

    inputs: int
    outputs: int
    offset: int

    @property
    def columns(self) -> int:
        """Outputs in vectors of 16."""
        return padded(self.outputs) // LANES

    @property
    def row(self) -> int:
        """Bytes of one row of the kernel, and of the bias."""
        return VECTOR * self.columns

    @property
    def parameters(self) -> int:
        """Kernel and bias, in floats."""
        return (self.inputs + 1) * self.columns * LANES


@dataclass(frozen=True)
class NetworkShape:
    """sizes: (observation, width, ..., width, actions). activation: "tanh" or "relu", after all layers but the last."""

    sizes: tuple[int, ...]
    activation: str
    discrete: bool

    @property
    def layers(self) -> tuple[Layer, ...]:
        """From the observation to the head."""
        found: list[Layer] = []
        offset = 0
        for inputs, outputs in zip(self.sizes[:-1], self.sizes[1:], strict=True):
            found.append(Layer(inputs, outputs, offset))
            offset += found[-1].parameters
        return tuple(found)

    @property
    def log_std(self) -> int:
        """Where log_std begins, in floats."""
        last = self.layers[-1]
        return last.offset + last.parameters

    @property
    def parameters(self) -> int:
        """All of them with their zeros, in floats."""
        return self.log_std + (0 if self.discrete else padded(self.sizes[-1]))


@functools.cache
def accumulators() -> int:
    """How many vectors of sums this CPU's registers hold beside their operands. No result depends on it."""
    return 24 if "+avx512f" in machine_code.target() else 6


@dataclass(frozen=True)
class Product:
    """c[r, j] = start[r, j] + sum over i of a[r, i] * b[i, j], with columns j in vectors of 16. Strides in bytes."""

    rows: int
    inner: int
    columns: int
    a_row: int
    a_inner: int
    b_inner: int

    @property
    def phases(self) -> int:
        """Into how many sums the products are dealt: where columns are few, one sum would wait for itself."""
        return min(max(8 // self.columns, 1), self.inner)

    def tile(self, most: int) -> tuple[int, int]:
        """Rows and columns whose sums are held in registers at a time."""

        def cost(rows: int, columns: int) -> float:
            """Cycles per step over i: two products or two loads in each, four until a sum is ready.

            Of the loads something shows even where products hide them; b comes in pairs of cache lines from afar.
            """
            hidden = 0.1 * rows + 0.4 * (columns + columns % 2) / 2
            return max(rows * columns / 2, (rows + columns) / 2, 4 / self.phases) + hidden

        def total(size: tuple[int, int]) -> float:
            rows, columns = (_blocks(n, s) for n, s in zip((self.rows, self.columns), size, strict=True))
            kinds = len(rows) + len(columns)  # fewer are less code, and as good a choice as any between equals
            return sum(r[1] * c[1] * cost(r[0], c[0]) for r in rows for c in columns) + 0.5 * kinds

        if self.phases > 1:
            most = most * 5 // 6  # measured: the last few registers slow such sums down
        sizes = [
            (rows, columns)
            for rows in range(1, min(self.rows, most) + 1)
            for columns in range(1, min(self.columns, most) + 1)
            if rows * columns * self.phases <= most or rows * columns == 1
        ]
        return min(sizes, key=total)


def _blocks(count: int, size: int) -> list[tuple[int, int]]:
    """Sizes of the blocks that make up a count, and how many there are of each."""
    return [(s, n) for s, n in ((size, count // size), (count % size, 1)) if s * n]


def sweep(f: Function, count: int, size: int, body: Callable[[str, int], None]) -> None:
    """Call body(start, length) for blocks of `size` that make up range(count), the last of which may be shorter."""
    whole = count - count % size
    if whole > size:

        def inside(index: str, _: list[str]) -> list[str]:
            body(index, size)
            return []

        f.loop(str(whole), inside, step=size)
    elif whole:
        body("0", size)
    if whole < count:
        body(str(whole), count - whole)


Tile = list[list[str]]
"""Vectors [rows][columns]."""


def _step(f: Function, p: Product, sums: list[Tile], a: str, b: str, steps: Sequence[int]) -> list[Tile]:
    """Add the products of a few i: steps, counted from where a and b point."""
    sums = list(sums)
    rows, columns = len(sums[0]), len(sums[0][0])
    for step in steps:
        b_i = f.offset(b, str(step), p.b_inner)
        right = [f.load(VF, f.offset(b_i, str(c), VECTOR)) for c in range(columns)]
        a_i = f.offset(a, str(step), p.a_inner)
        left = [f.splat(f.load(F32, f.offset(a_i, str(r), p.a_row))) for r in range(rows)]
        phase = step % p.phases
        sums[phase] = [[f.fma(VF, x, y, s) for y, s in zip(right, row, strict=True)]
                       for x, row in zip(left, sums[phase], strict=True)]  # fmt: skip
    return sums


def write_tile(f: Function, p: Product, a: str, b: str, start: Tile) -> Tile:
    """The sums of one tile; a and b point to its first row and column."""
    rows, columns = len(start), len(start[0])
    zero = [[constant(VF, 0.0)] * columns for _ in range(rows)]
    sums = [start, *[zero] * (p.phases - 1)]
    stride = p.phases * max(1, 4 // p.phases)
    if p.inner <= _UNROLLED:
        stride = p.inner
    whole = p.inner - p.inner % stride

    def flat(tiles: list[Tile]) -> list[str]:
        return [value for tile in tiles for row in tile for value in row]

    def folded(values: Sequence[str]) -> list[Tile]:
        rest = iter(values)
        return [[[next(rest) for _ in range(columns)] for _ in range(rows)] for _ in range(p.phases)]

    def body(i: str, carried: list[str]) -> list[str]:
        a_i, b_i = f.offset(a, i, p.a_inner), f.offset(b, i, p.b_inner)
        return flat(_step(f, p, folded(carried), a_i, b_i, range(stride)))

    if whole == stride:
        sums = _step(f, p, sums, a, b, range(stride))
    else:
        sums = folded(f.loop(str(whole), body, [(VF, value) for value in flat(sums)], step=stride))
    sums = _step(f, p, sums, a, b, range(whole, p.inner))
    while len(sums) > 1:
        pairs = zip(sums[0::2], sums[1::2], strict=False)
        added = [[[f.binary("fadd", VF, x, y) for x, y in zip(*rows, strict=True)] for rows in zip(*pair, strict=True)]
                 for pair in pairs]  # fmt: skip
        sums = added + sums[2 * len(added) :]
    return sums[0]


def write_product(
    f: Function,
    p: Product,
    a: str,
    b: str,
    start: Callable[[str, str, int, int], Tile],
    finish: Callable[[str, str, Tile], None],
) -> None:
    """A whole product: start(row, column, rows, columns) is a tile's first values, finish(row, column, tile) ends one.

    Columns outside, rows inside: the columns of b that a tile needs are at hand for the next one.
    """
    height, width = p.tile(accumulators())

    def panel(column: str, columns: int) -> None:
        b_panel = f.offset(b, column, VECTOR)

        def block(row: str, rows: int) -> None:
            finish(row, column, write_tile(f, p, f.offset(a, row, p.a_row), b_panel, start(row, column, rows, columns)))

        sweep(f, p.rows, height, block)

    sweep(f, p.columns, width, panel)


def write_activation(f: Function, activation: str, values: str, rows: int, columns: int, row: int) -> None:
    """Apply an activation in place to rows of vectors; `row`: bytes from one row to the next."""

    def each(r: str, _: list[str]) -> list[str]:
        start = f.offset(values, r, row)

        def vector(c: str, _: list[str]) -> list[str]:
            place = f.offset(start, c, VECTOR)
            f.store(VF, _activated(f, activation, f.load(VF, place)), place)
            return []

        f.loop(str(columns), vector)
        return []

    f.loop(str(rows), each)


def _activated(f: Function, activation: str, x: str) -> str:
    if activation == "tanh":
        return vector_math.emit(f, "tanh", x)
    zero = constant(VF, 0.0)
    return f.select(VB, f.compare("olt", VF, x, zero), VF, zero, x)


def add_layer(module: Module, layer: Layer, rows: int, x_row: int, y_row: int, activation: str) -> str:
    """Add `void name(ptr layer's parameters, ptr x, ptr y)`, unless it is there: y = activation(x kernel + bias).

    x_row, y_row: bytes from one row to the next. activation: "" for none.
    """
    name = f"dense_{rows}x{layer.inputs}x{layer.outputs}_{x_row}_{y_row}{activation}"
    if name in module:
        return name
    f = Function(module, name, [("ptr", "w"), ("ptr", "x"), ("ptr", "y")])
    bias = f.offset("%w", str(layer.inputs), layer.row)

    def start(row: str, column: str, height: int, width: int) -> Tile:
        place = f.offset(bias, column, VECTOR)
        return [[f.load(VF, f.offset(place, str(c), VECTOR)) for c in range(width)]] * height

    def finish(row: str, column: str, tile: Tile) -> None:
        place = f.offset(f.offset("%y", row, y_row), column, VECTOR)
        store_tile(f, tile, place, y_row)

    p = Product(rows, layer.inputs, layer.columns, x_row, 4, layer.row)
    write_product(f, p, "%x", "%w", start, finish)
    if activation:
        write_activation(f, activation, "%y", rows, layer.columns, y_row)
    f.finish()
    return name


def store_tile(f: Function, tile: Tile, place: str, row: int) -> None:
    """Write a tile's vectors; `row`: bytes from one row to the next."""
    for r, vectors in enumerate(tile):
        for c, value in enumerate(vectors):
            f.store(VF, value, f.offset(place, str(r * row + c * VECTOR), 1))


def forward_scratch(shape: NetworkShape, rows: int) -> int:
    """Bytes that `add_forward`'s function needs at its scratch pointer."""
    return 2 * rows * 4 * padded(max(shape.sizes[1:]))


def add_forward(module: Module, name: str, shape: NetworkShape, rows: int, first: int = 0) -> str:
    """Add `void name(ptr params, ptr x, ptr head, ptr scratch)`: the head's values for `rows` observations.

    params: as the module's docstring says. x: float32 [rows, observation] with rows of padded(observation) floats;
    head: float32 [rows, padded(actions)], zeros beyond the actions. scratch: `forward_scratch` bytes. first: the layer
    to begin with, whose inputs x then holds. A row's bits do not depend on how many rows there are.
    """
    f = Function(module, name, [("ptr", p) for p in ("params", "x", "head", "scratch")])
    half = forward_scratch(shape, rows) // 2
    x, x_row = "%x", 4 * padded(shape.sizes[first])
    for i, layer in list(enumerate(shape.layers))[first:]:
        last = i == len(shape.layers) - 1
        y = "%head" if last else f.offset("%scratch", str(half * (i % 2)), 1)
        called = add_layer(module, layer, rows, x_row, layer.row, "" if last else shape.activation)
        f.call("void", called, [("ptr", f.offset("%params", str(layer.offset), 4)), ("ptr", x), ("ptr", y)])
        x, x_row = y, layer.row
    f.finish()
    return name
