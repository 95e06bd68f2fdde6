"""Gradients of dense layers in machine code, from activations and deltas; their norm, and the optimiser's step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hadesd.native import products, vector_math
from hadesd.native.backward import row_bytes, vectors_at
from hadesd.native.dense import Layer
from hadesd.native.ir import F32, LANES, VF, Function, Module, constant
from hadesd.native.products import VECTOR, Product, RowProduct, padded

BETA_1, BETA_2 = 0.9, 0.999
"""Adam's, as optax has them."""

_PANEL_BYTES = 2**12
"""Of the gradients that are formed before the parameters beneath them take their step."""

NORM_SUMS = 4
"""Vectors of sums side by side in the norm of gradients. The order of its sums follows: the same on all CPUs."""

RATE, ROOT, SCALE, KEPT = 0, 4, 8, 12
"""Byte offsets of a step's numbers: rate (over Adam's first correction), factor of the second moment's root, factor of
the gradient, factor of the parameters (of the decay)."""


@dataclass(frozen=True)
class StepRule:
    """Adam with its epsilon, or plain gradient descent.

    clipped, decayed: whether gradients have a factor, and parameters.
    """

    adam: bool
    clipped: bool
    epsilon: float
    decayed: bool = False

    @property
    def name(self) -> str:
        """Of what a network's layers differ in, in names of functions."""
        return "decayed" if self.decayed else "step"


def _gradient_product(layer: Layer, pairs: int) -> tuple[Product, str, str]:
    """Gradients of a layer's kernel and bias as they lie: activations^T delta, or its transpose; and the factors."""
    rows, entries = layer.shape
    names, strides = ("%activations", "%delta"), (row_bytes(layer.inputs), row_bytes(layer.outputs))
    if layer.transposed:
        names, strides = names[::-1], strides[::-1]
    return Product(rows, pairs, padded(entries) // LANES, 4, *strides), *names


def _add(module: Module, name: str, parameters: Sequence[str], write: Callable[[Function], None]) -> str:
    """Add a function of pointers with these names, where the module has none of its name; returns the name."""
    if name not in module:
        f = Function(module, name, [("ptr", p) for p in parameters])
        write(f)
        f.finish()
    return name


def add_gram(module: Module, pairs: int, entries: int) -> str:
    """Add `void name(ptr rows, ptr gram)`: products of all pairs' rows of `entries`, float32 [D, D]."""

    def write(f: Function) -> None:
        row = row_bytes(entries)
        p = RowProduct(pairs, pairs, padded(entries) // LANES, row, row, 4 * pairs)
        products.write_row_product(f, p, "%rows", "%rows", "%gram")

    return _add(module, f"gram_{pairs}x{entries}", ("rows", "gram"), write)


def add_flat_products(module: Module, count: int) -> str:
    """Add `void name(ptr a, ptr b, ptr sums)`: add the products of `count` vectors to 4 vectors, in turn."""

    def write(f: Function) -> None:
        places = [f.offset("%sums", str(i), VECTOR) for i in range(NORM_SUMS)]

        def add(start: str, sums: list[str], length: int) -> list[str]:
            left, right = (vectors_at(f, f.offset(p, start, VECTOR), length) for p in ("%a", "%b"))
            return [f.fma(VF, x, y, t) for x, y, t in zip(left, right, sums, strict=False)] + sums[length:]

        whole = count - count % NORM_SUMS
        begin = [(VF, f.load(VF, p)) for p in places]
        sums = f.loop(str(whole), lambda i, c: add(i, c, NORM_SUMS), begin, step=NORM_SUMS)
        for value, place in zip(add(str(whole), sums, count - whole), places, strict=True):
            f.store(VF, value, place)

    return _add(module, f"products_{count}", ("a", "b", "sums"), write)


class _Step:
    """The step's numbers in all lanes, and one step of 16 parameters."""

    def __init__(self, f: Function, rule: StepRule) -> None:
        self.f, self.rule = f, rule
        self.rate, self.root, self.scale, self.kept = (
            f.splat(f.load(F32, f.offset("%scalars", str(place), 1))) for place in (RATE, ROOT, SCALE, KEPT)
        )

    def write(self, gradient: str, at: Callable[[str], str]) -> None:
        """Move the parameters at("%params"), and the moments at("%first") and at("%second")."""
        f = self.f
        if self.rule.clipped:
            gradient = f.binary("fmul", VF, gradient, self.scale)
        params = f.load(VF, at("%params"))
        step = self._adam(gradient, at) if self.rule.adam else f.binary("fmul", VF, gradient, self.rate)
        if self.rule.decayed:
            params = f.binary("fmul", VF, params, self.kept)
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
    """Add `void name(ptr params, ptr first, ptr second, ptr scalars, ptr activations, ptr delta, ptr panel)`: a layer's
    step, from gradients of a few rows at a time (`panel_bytes` at panel), which stay in the first cache."""

    def write(f: Function) -> None:
        step = _Step(f, rule)
        p, a, b = _gradient_product(layer, pairs)

        def rows(first: str, count: int) -> None:
            a_rows = f.offset(a, first, p.a_row)
            products.write_product(f, replace(p, rows=count), a_rows, b, "%panel", layer.row)

            def vector(i: str, _: list[str]) -> list[str]:
                gradient = f.load(VF, f.offset("%panel", i, VECTOR))
                step.write(gradient, lambda p: f.offset(f.offset(p, first, layer.row), i, VECTOR))
                return []

            f.loop(str(count * p.columns), vector)

        products.sweep(f, p.rows, _panel_rows(layer), rows)

    return _add(module, f"{rule.name}_{layer.name}", (*_STEP_PARAMETERS, "activations", "delta", "panel"), write)


def _panel_rows(layer: Layer) -> int:
    return min(max(_PANEL_BYTES // layer.row, 1), layer.shape[0])


def panel_bytes(layer: Layer) -> int:
    """Bytes that `add_layer_step`'s function needs at its pointer `panel`."""
    return _panel_rows(layer) * layer.row


def add_flat_step(module: Module, rule: StepRule, count: int) -> str:
    """Add `void name(ptr params, ptr first, ptr second, ptr scalars, ptr gradient)`: a step of `count` vectors."""

    def write(f: Function) -> None:
        step = _Step(f, rule)

        def vector(i: str, _: list[str]) -> list[str]:
            step.write(f.load(VF, f.offset("%gradient", i, VECTOR)), lambda p: f.offset(p, i, VECTOR))
            return []

        f.loop(str(count), vector)

    return _add(module, f"{rule.name}_{count}", (*_STEP_PARAMETERS, "gradient"), write)


def add_gradient(module: Module, layer: Layer, pairs: int) -> str:
    """Add `void name(ptr activations, ptr delta, ptr gradient)`: write a layer's gradient down."""

    def write(f: Function) -> None:
        products.write_product(f, *_gradient_product(layer, pairs), "%gradient", layer.row)

    return _add(module, f"gradient_{pairs}x{layer.name}", ("activations", "delta", "gradient"), write)
