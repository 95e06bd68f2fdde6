"""Dense layers in machine code: how a network's parameters lie, and its forward pass.

Parameters of a network lie in one vector of floats: of each layer the kernel [inputs, outputs], rows one after the
other, then the bias [outputs]; after the last layer log_std [actions], for continuous policies. Rows are filled up with
zeros to multiples of 16. A head of few outputs would be zeros for the most part: it lies transposed, a row for each
output, with the bias at its end.
"""

from dataclasses import dataclass, replace

from hadesd.native import products, vector_math
from hadesd.native.ir import F32, LANES, VB, VF, Function, Module, constant
from hadesd.native.products import VECTOR, Product, RowProduct, Tile, padded


@dataclass(frozen=True)
class Layer:
    """A dense layer.

    offset: of its kernel in the network's parameters, in floats. transposed: a row for each output.
    """

    inputs: int
    outputs: int
    offset: int
    transposed: bool = False

    @property
    def name(self) -> str:
        """Of its shape, in names of functions."""
        return f"{self.inputs}x{self.outputs}{'t' * self.transposed}"

    @property
    def shape(self) -> tuple[int, int]:
        """Rows of the parameters, and entries of each: [inputs + 1, outputs] or [outputs, inputs + 1]."""
        shape = self.inputs + 1, self.outputs
        return shape[::-1] if self.transposed else shape

    @property
    def columns(self) -> int:
        """Outputs in vectors of 16."""
        return padded(self.outputs) // LANES

    @property
    def row(self) -> int:
        """Bytes of one row of the parameters."""
        return 4 * padded(self.shape[1])

    @property
    def output_row(self) -> int:
        """Bytes of one row of outputs, filled up."""
        return VECTOR * self.columns

    @property
    def parameters(self) -> int:
        """Kernel and bias, in floats."""
        return self.shape[0] * self.row // 4


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
        if len(found) > 1:
            transposed = replace(found[-1], transposed=True)
            found[-1] = min(found[-1], transposed, key=lambda layer: layer.parameters)
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

    x_row, y_row: bytes from one row to the next. activation: "" for none. Where the layer is transposed, rows of x are
    filled up with zeros.
    """
    name = f"dense_{rows}x{layer.name}_{x_row}_{y_row}{activation}"
    if name in module:
        return name
    f = Function(module, name, [("ptr", "w"), ("ptr", "x"), ("ptr", "y")])
    write = _write_transposed_layer if layer.transposed else _write_layer
    write(f, layer, rows, x_row, y_row)
    if activation:
        write_activation(f, activation, "%y", rows, layer.columns, y_row)
    f.finish()
    return name


def _write_layer(f: Function, layer: Layer, rows: int, x_row: int, y_row: int) -> None:
    """%y = %x kernel + bias."""
    bias = f.offset("%w", str(layer.inputs), layer.row)

    def start(column: str, height: int, width: int) -> Tile:
        place = f.offset(bias, column, VECTOR)
        return [[f.load(VF, f.offset(place, str(c), VECTOR)) for c in range(width)]] * height

    p = Product(rows, layer.inputs, layer.columns, x_row, 4, layer.row)
    products.write_product(f, p, "%x", "%w", "%y", y_row, start)


def _write_transposed_layer(f: Function, layer: Layer, rows: int, x_row: int, y_row: int) -> None:
    """%y = %x kernel + bias, from a row of %w for each output. A row of x is zero where one of w has the bias."""
    bias = f.offset("%w", str(layer.inputs), 4)

    def clear(r: str, _: list[str]) -> list[str]:
        f.store(VF, constant(VF, 0.0), f.offset(f.offset("%y", r, y_row), str(layer.columns - 1), VECTOR))
        return []

    def start(k: str, height: int) -> list[str]:
        place = f.offset(bias, k, layer.row)
        values = [f.load(F32, f.offset(place, str(i), layer.row)) for i in range(height)]
        return [f.let(f"insertelement {VF} {constant(VF, 0.0)}, {F32} {value}, i32 0") for value in values]

    if layer.outputs % LANES:
        f.loop(str(rows), clear)
    p = RowProduct(layer.outputs, rows, padded(layer.inputs) // LANES, layer.row, x_row, y_row)
    products.write_row_product(f, p, "%w", "%x", "%y", start)


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
        called = add_layer(module, layer, rows, x_row, layer.output_row, "" if last else shape.activation)
        f.call("void", called, [("ptr", f.offset("%params", str(layer.offset), 4)), ("ptr", x), ("ptr", y)])
        x, x_row = y, layer.output_row
    f.finish()
    return name
