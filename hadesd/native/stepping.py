"""Gradients of dense layers in machine code, from activations and deltas; their squares, and the optimiser's step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hadesd.native import dense, vector_math
from hadesd.native.backward import row_bytes, vectors_at
from hadesd.native.dense import VECTOR, Layer, Product, Tile, sweep, write_tile
from hadesd.native.ir import F32, VF, Function, Module, constant

BETA_1, BETA_2 = 0.9, 0.999
"""Adam's, as optax has them."""

_STEP_ROWS, _STEP_COLUMNS = 1, 4
"""Rows and columns of the tiles in which gradients are formed for a step: there are registers for more, but a step
needs many constants."""

_NORM_ROWS, NORM_SUMS = 4, 4
"""Rows of a tile, and sums of squares side by side, in the norm of gradients that are not written down. The order of
its sums follows from them, and so they are the same on all CPUs."""

RATE, ROOT, SCALE = 0, 4, 8
"""Byte offsets of a step's numbers: rate (over Adam's first correction), factor of the second moment's root, factor of
the gradient."""


@dataclass(frozen=True)
class StepRule:
    """Adam with its epsilon, or plain gradient descent; clipped: whether gradients have a factor."""

    adam: bool
    clipped: bool
    epsilon: float


def _gradient_product(layer: Layer, pairs: int) -> Product:
    """activations^T delta: gradients of a layer's kernel and bias, [inputs + 1, outputs]."""
    rows = layer.inputs + 1
    return Product(rows, pairs, layer.columns, 4, row_bytes(layer.inputs), row_bytes(layer.outputs))


def _sweep_gradient(
    f: Function, layer: Layer, pairs: int, rows: int, columns: int, finish: Callable[[str, str, Tile], None]
) -> None:
    """Form a layer's gradient in tiles, rows outside: finish(row, column, tile). Of %activations and %delta."""
    p = _gradient_product(layer, pairs)

    def block(row: str, height: int) -> None:
        a = f.offset("%activations", row, p.a_row)

        def tile(column: str, width: int) -> None:
            zeros = [[constant(VF, 0.0)] * width for _ in range(height)]
            finish(row, column, write_tile(f, p, a, f.offset("%delta", column, VECTOR), zeros))

        sweep(f, p.columns, columns, tile)

    sweep(f, p.rows, rows, block)


def _add(module: Module, name: str, parameters: Sequence[str], write: Callable[[Function], None]) -> str:
    """Add a function of pointers with these names, where the module has none of its name; returns the name."""
    if name not in module:
        f = Function(module, name, [("ptr", p) for p in parameters])
        write(f)
        f.finish()
    return name


def add_squares(module: Module, layer: Layer, pairs: int) -> str:
    """Add `void name(ptr activations, ptr delta, ptr sums)`: add the squares of a layer's gradient to 4 vectors."""

    def write(f: Function) -> None:
        def finish(row: str, column: str, tile: Tile) -> None:
            places = [f.offset("%sums", str(i), VECTOR) for i in range(NORM_SUMS)]
            sums = [f.load(VF, p) for p in places]
            for c in range(len(tile[0])):
                for r in range(len(tile)):
                    i = (c + r) % NORM_SUMS
                    sums[i] = f.fma(VF, tile[r][c], tile[r][c], sums[i])
            for value, place in zip(sums, places, strict=True):
                f.store(VF, value, place)

        _sweep_gradient(f, layer, pairs, _NORM_ROWS, NORM_SUMS, finish)

    return _add(module, f"squares_{pairs}x{layer.inputs}x{layer.outputs}", ("activations", "delta", "sums"), write)


class _Step:
    """The step's numbers in all lanes, and one step of 16 parameters."""

    def __init__(self, f: Function, rule: StepRule) -> None:
        self.f, self.rule = f, rule
        self.rate, self.root, self.scale = (
            f.splat(f.load(F32, f.offset("%scalars", str(place), 1))) for place in (RATE, ROOT, SCALE)
        )

    def write(self, gradient: str, at: Callable[[str], str]) -> None:
        """Move the parameters at("%params"), and the moments at("%first") and at("%second")."""
        f = self.f
        if self.rule.clipped:
            gradient = f.binary("fmul", VF, gradient, self.scale)
        params = f.load(VF, at("%params"))
        step = self._adam(gradient, at) if self.rule.adam else f.binary("fmul", VF, gradient, self.rate)
        f.store(VF, f.binary("fsub", VF, params, step), at("%params"))

    def _adam(self, gradient: str, at: Callable[[str], str]) -> str:
        f = self.f
        first = f.binary("fmul", VF, f.load(VF, at("%first")), constant(VF, BETA_1))
        first = f.fma(VF, gradient, constant(VF, 1.0 - BETA_1), first)
        second = f.binary("fmul", VF, f.load(VF, at("%second")), constant(VF, BETA_2))
        second = f.fma(VF, f.binary("fmul", VF, gradient, gradient), constant(VF, 1.0 - BETA_2), second)
        f.store(VF, first, at("%first"))
        f.store(VF, second, at("%second"))
        below = f.fma(VF, f.call1("sqrt", VF, second), self.root, constant(VF, self.rule.epsilon))
        # Square root and division wait for the same unit of the CPU: only one of them is done there.
        return f.binary("fmul", VF, f.binary("fmul", VF, first, self.rate), vector_math.reciprocal(f, below))


_STEP_PARAMETERS = ("params", "first", "second", "scalars")


def add_layer_step(module: Module, rule: StepRule, layer: Layer, pairs: int) -> str:
    """Add `void name(ptr params, ptr first, ptr second, ptr scalars, ptr activations, ptr delta)`: a layer's step."""

    def write(f: Function) -> None:
        step = _Step(f, rule)

        def finish(row: str, column: str, tile: Tile) -> None:
            starts = {
                p: f.offset(f.offset(p, row, layer.row), column, VECTOR) for p in ("%params", "%first", "%second")
            }
            for r, vectors in enumerate(tile):
                for c, value in enumerate(vectors):
                    distance = str(r * layer.row + c * VECTOR)
                    step.write(value, lambda p, distance=distance: f.offset(starts[p], distance, 1))  # type: ignore[misc]

        _sweep_gradient(f, layer, pairs, _STEP_ROWS, _STEP_COLUMNS, finish)

    return _add(module, f"step_{layer.inputs}x{layer.outputs}", (*_STEP_PARAMETERS, "activations", "delta"), write)


def add_flat_step(module: Module, rule: StepRule, count: int) -> str:
    """Add `void name(ptr params, ptr first, ptr second, ptr scalars, ptr gradient)`: a step of `count` vectors."""

    def write(f: Function) -> None:
        step = _Step(f, rule)

        def vector(i: str, _: list[str]) -> list[str]:
            step.write(f.load(VF, f.offset("%gradient", i, VECTOR)), lambda p: f.offset(p, i, VECTOR))
            return []

        f.loop(str(count), vector)

    return _add(module, f"step_{count}", (*_STEP_PARAMETERS, "gradient"), write)


def add_gradient(module: Module, layer: Layer, pairs: int) -> str:
    """Add `void name(ptr activations, ptr delta, ptr gradient)`: write a layer's gradient down."""

    def write(f: Function) -> None:
        def start(row: str, column: str, height: int, width: int) -> Tile:
            return [[constant(VF, 0.0)] * width for _ in range(height)]

        def finish(row: str, column: str, tile: Tile) -> None:
            place = f.offset(f.offset("%gradient", row, layer.row), column, VECTOR)
            dense.store_tile(f, tile, place, layer.row)

        dense.write_product(f, _gradient_product(layer, pairs), "%activations", "%delta", start, finish)

    return _add(module, f"gradient_{pairs}x{layer.inputs}x{layer.outputs}", ("activations", "delta", "gradient"), write)


def add_flat_squares(module: Module, count: int) -> str:
    """Add `void name(ptr gradient, ptr sums)`: add the squares of `count` vectors to 4 vectors, in turn."""

    def write(f: Function) -> None:
        places = [f.offset("%sums", str(i), VECTOR) for i in range(NORM_SUMS)]

        def add(start: str, sums: list[str], length: int) -> list[str]:
            place = f.offset("%gradient", start, VECTOR)
            values = vectors_at(f, place, length)
            return [f.fma(VF, v, v, t) for v, t in zip(values, sums, strict=False)] + sums[length:]

        whole = count - count % NORM_SUMS
        begin = [(VF, f.load(VF, p)) for p in places]
        sums = f.loop(str(whole), lambda i, c: add(i, c, NORM_SUMS), begin, step=NORM_SUMS)
        for value, place in zip(add(str(whole), sums, count - whole), places, strict=True):
            f.store(VF, value, place)

    return _add(module, f"squares_{count}", ("gradient", "sums"), write)
