"""Products of small matrices in machine code, in tiles of registers: of rows by columns, and of rows by rows."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hadesd.native import machine_code
from hadesd.native.ir import F32, LANES, VF, Function, constant

VECTOR = 4 * LANES
"""Bytes of a vector."""

_UNROLLED = 8
"""Sums of up to so many products are written without a loop."""


def padded(count: int) -> int:
    """The next multiple of 16."""
    return -(-count // LANES) * LANES


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


def _write_tile(f: Function, p: Product, a: str, b: str, start: Tile) -> Tile:
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
    c: str,
    c_row: int,
    start: Callable[[str, int, int], Tile] | None = None,
) -> None:
    """A whole product. start(column, rows, columns): a tile's first values; None: zeros. c_row: a stride in bytes.

    Columns outside, rows inside: the columns of b that a tile needs are at hand for the next one.
    """
    height, width = p.tile(accumulators())

    def panel(column: str, columns: int) -> None:
        b_panel = f.offset(b, column, VECTOR)

        def block(row: str, rows: int) -> None:
            a_row = f.offset(a, row, p.a_row)
            first = start(column, rows, columns) if start else [[constant(VF, 0.0)] * columns for _ in range(rows)]
            tile = _write_tile(f, p, a_row, b_panel, first)
            _store_tile(f, tile, f.offset(f.offset(c, row, c_row), column, VECTOR), c_row)

        sweep(f, p.rows, height, block)

    sweep(f, p.columns, width, panel)


def _store_tile(f: Function, tile: Tile, place: str, row: int) -> None:
    """Write a tile's vectors; `row`: bytes from one row to the next."""
    for r, vectors in enumerate(tile):
        for c, value in enumerate(vectors):
            f.store(VF, value, f.offset(place, str(r * row + c * VECTOR), 1))


def _transposed_sums(f: Function, vectors: Sequence[str]) -> tuple[str, int]:
    """The sums of up to 16 vectors' lanes as one vector, and its length, a power of two.

    The order of each sum is that of `Function.sum_lanes`.
    """
    length = 1 << (len(vectors) - 1).bit_length()
    values = [*vectors, *[constant(VF, 0.0)] * (length - len(vectors))]
    width = LANES
    while width > length:
        values = [_halved(f, v, width) for v in values]
        width //= 2
    kind = f"<{width} x float>"
    while len(values) > 1:
        half, step = len(values) // 2, len(values) // 2
        low = [i for start in range(0, width, 2 * step) for o in (0, width) for i in range(start + o, start + o + step)]
        texts = [", ".join(f"i32 {i + shift}" for i in low) for shift in (0, step)]
        pairs = zip(values[:half], values[half:], strict=True)
        values = [
            f.binary("fadd", kind, *(f.let(f"shufflevector {kind} {x}, {kind} {y}, <{width} x i32> <{t}>")
                                     for t in texts)) for x, y in pairs
        ]  # fmt: skip
    return values[0], width


def _halved(f: Function, value: str, width: int) -> str:
    """Lower lanes plus upper lanes."""
    half = width // 2
    kind = f"<{width} x float>"
    parts = []
    for start in (0, half):
        lanes = ", ".join(f"i32 {i}" for i in range(start, start + half))
        parts.append(f.let(f"shufflevector {kind} {value}, {kind} poison, <{half} x i32> <{lanes}>"))
    return f.binary("fadd", f"<{half} x float>", *parts)


@dataclass(frozen=True)
class RowProduct:
    """c[r, k] = start[k] + sum over j of a[k, j] * b[r, j], with j in vectors of 16. Strides in bytes.

    a_rows: entries of k; b_rows: of r; columns: vectors of a row.
    """

    a_rows: int
    b_rows: int
    columns: int
    a_row: int
    b_row: int
    c_row: int

    @property
    def tile(self) -> tuple[int, int]:
        """Rows of a and of b whose sums are in registers at a time: 16, or fewer on small CPUs."""
        sums = 16 if accumulators() >= 16 else 4
        height = min(self.b_rows, 4 if sums == 16 else 2)
        return sums // height, height


def write_row_product(
    f: Function, p: RowProduct, a: str, b: str, c: str, start: Callable[[str, int], list[str]] | None = None
) -> None:
    """A whole product of rows. start(k, height): vectors whose lanes add up to first values; None: zeros."""
    rows, many = p.tile

    def block(k: str, height: int) -> None:
        a_k = f.offset(a, k, p.a_row)
        first = start(k, height) if start else [constant(VF, 0.0)] * height

        def some_rows(r: str, count: int) -> None:
            b_r = f.offset(b, r, p.b_row)
            sums, _ = _transposed_sums(f, _dot_products(f, p, a_k, b_r, height, first * count))
            _store_parts(f, sums, height, count, f.offset(f.offset(c, r, p.c_row), k, 4), p.c_row)

        sweep(f, p.b_rows, many, some_rows)

    sweep(f, p.a_rows, rows, block)


def _dot_products(f: Function, p: RowProduct, a: str, b: str, height: int, start: list[str]) -> list[str]:
    """Vectors whose lanes add up to the products, for rows of b outside and `height` rows of a inside."""

    def add(c: str, sums: list[str]) -> list[str]:
        a_c, b_c = f.offset(a, c, VECTOR), f.offset(b, c, VECTOR)
        left = [f.load(VF, f.offset(a_c, str(k), p.a_row)) for k in range(height)]
        right = [f.load(VF, f.offset(b_c, str(r), p.b_row)) for r in range(len(start) // height)]
        products = [(x, y) for y in right for x in left]
        return [f.fma(VF, x, y, s) for (x, y), s in zip(products, sums, strict=True)]

    if p.columns <= 4:
        for c in range(p.columns):
            start = add(str(c), start)
        return start
    return f.loop(str(p.columns), add, [(VF, value) for value in start])


def _store_parts(f: Function, sums: str, size: int, count: int, place: str, row: int) -> None:
    """Write parts of `size` lanes of a vector, each to a row of its own."""
    length = 1 << (size * count - 1).bit_length()
    for part in range(count):
        lanes = ", ".join(f"i32 {i}" for i in range(part * size, (part + 1) * size))
        kind = f"<{length} x float>"
        value = f.let(f"shufflevector {kind} {sums}, {kind} poison, <{size} x i32> <{lanes}>")
        f.store(f"<{size} x float>", value, f.offset(place, str(part), row))
