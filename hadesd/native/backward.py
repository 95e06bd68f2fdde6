"""The way back through dense layers in machine code: a loss's gradient at the head, then each layer's deltas.

Activations and deltas of D pairs are rows of `row_bytes`.
"""

from collections.abc import Sequence

from hadesd.native import products, vector_math
from hadesd.native.dense import Layer, NetworkShape
from hadesd.native.ir import F32, LANES, VB, VF, Function, Module, constant
from hadesd.native.products import VECTOR, Product, RowProduct, padded, sweep


def row_bytes(entries: int) -> int:
    """From one pair's activations to the next one's: an odd number of cache lines, so that columns do not collide.

    There is room for a 1 after the entries, whose weight is the bias.
    """
    return VECTOR * (padded(entries + 1) // LANES | 1)


def _lanes_below(count: int, column: int) -> str:
    """A constant mask: the lanes of a vector of outputs that are among the first `count`."""
    lanes = ", ".join(f"i1 {'true' if column * LANES + i < count else 'false'}" for i in range(LANES))
    return f"<{lanes}>"


def vectors_at(f: Function, place: str, count: int) -> list[str]:
    """Read vectors that lie side by side."""
    return [f.load(VF, f.offset(place, str(c), VECTOR)) for c in range(count)]


def add_gaussian(module: Module, network: NetworkShape, pairs: int, name: str) -> None:
    """void name(ptr log_std, ptr head, ptr targets, ptr weights, ptr delta, ptr gradient).

    delta: the loss's gradient by the head; gradient: by log_std.
    """
    actions, columns = network.sizes[-1], network.layers[-1].columns
    f = Function(module, name, [("ptr", p) for p in ("log_std", "head", "targets", "weights", "delta", "gradient")])
    minus = [f.let(f"fneg {VF} {v}") for v in vectors_at(f, "%log_std", columns)]
    precision = [vector_math.emit(f, "exp", v) for v in minus]

    def pair(d: str, before: list[str]) -> list[str]:
        sums = list(before)
        weight = f.splat(f.load(F32, f.offset("%weights", d, 4)))
        heads = vectors_at(f, f.offset("%head", d, row_bytes(actions)), columns)
        targets = vectors_at(f, f.offset("%targets", d, columns * VECTOR), columns)
        place = f.offset("%delta", d, row_bytes(actions))
        for c in range(columns):
            z = f.binary("fmul", VF, f.binary("fsub", VF, targets[c], heads[c]), precision[c])
            factor = f.binary("fmul", VF, weight, precision[c])
            value = f.binary("fmul", VF, z, f.let(f"fneg {VF} {factor}"))
            f.store(VF, value, f.offset(place, str(c), VECTOR))
            rest = f.fma(VF, z, f.let(f"fneg {VF} {z}"), constant(VF, 1.0))
            sums[c] = f.fma(VF, weight, rest, sums[c])
        return sums

    for c, total in enumerate(f.loop(str(pairs), pair, [(VF, constant(VF, 0.0))] * columns)):
        total = f.select(VB, _lanes_below(actions, c), VF, total, constant(VF, 0.0))
        f.store(VF, total, f.offset("%gradient", str(c), VECTOR))
    f.finish()


def _largest_lane(f: Function, value: str) -> str:
    """The largest lane of a vector, in all lanes; NaN may be passed over."""
    for distance in (8, 4, 2, 1):
        lanes = ", ".join(f"i32 {i ^ distance}" for i in range(LANES))
        other = f.let(f"shufflevector {VF} {value}, {VF} poison, <{LANES} x i32> <{lanes}>")
        value = f.select(VB, f.compare("ogt", VF, other, value), VF, other, value)
    return value


def add_categorical(module: Module, network: NetworkShape, pairs: int, name: str) -> None:
    """void name(ptr head, ptr targets, ptr weights, ptr delta); delta: the loss's gradient by the head."""
    actions, columns = network.sizes[-1], network.layers[-1].columns
    f = Function(module, name, [("ptr", p) for p in ("head", "targets", "weights", "delta")])

    def over_columns(values: Sequence[str]) -> str:
        total = values[0]
        for value in values[1:]:
            total = f.binary("fadd", VF, total, value)
        return f.splat(f.sum_lanes(total))

    def pair(d: str, _: list[str]) -> list[str]:
        weight = f.splat(f.load(F32, f.offset("%weights", d, 4)))
        weight = f.binary("fmul", VF, weight, constant(VF, 1.0 / actions))
        logits = vectors_at(f, f.offset("%head", d, row_bytes(actions)), columns)
        masks = [_lanes_below(actions, c) for c in range(columns)]
        logits = [f.select(VB, m, VF, x, constant(VF, -float("inf"))) for m, x in zip(masks, logits, strict=True)]
        largest = logits[0]
        for x in logits[1:]:
            largest = f.select(VB, f.compare("ogt", VF, x, largest), VF, x, largest)
        largest = _largest_lane(f, largest)
        # A NaN that was passed over is still among the exponentials, and so in their sum.
        powers = [vector_math.emit(f, "exp", f.binary("fsub", VF, x, largest)) for x in logits]
        targets = vectors_at(f, f.offset("%targets", d, columns * VECTOR), columns)
        share = f.binary("fdiv", VF, over_columns(targets), over_columns(powers))
        place = f.offset("%delta", d, row_bytes(actions))
        for c in range(columns):
            value = f.fma(VF, powers[c], share, f.let(f"fneg {VF} {targets[c]}"))
            f.store(VF, f.binary("fmul", VF, value, weight), f.offset(place, str(c), VECTOR))
        return []

    f.loop(str(pairs), pair)
    f.finish()


def _transposed(f: Function, rows: Sequence[str]) -> list[str]:
    """The 16 columns of 16 vectors."""
    values = list(rows)
    for step in (8, 4, 2, 1):
        low = [lane if not lane & step else LANES + lane - step for lane in range(LANES)]
        texts = [", ".join(f"i32 {lane + shift}" for lane in low) for shift in (0, step)]
        for i in range(LANES):
            if not i & step:
                x, y = values[i], values[i + step]
                values[i], values[i + step] = (
                    f.let(f"shufflevector {VF} {x}, {VF} {y}, <{LANES} x i32> <{text}>") for text in texts
                )
    return values


def _by_columns(layer: Layer, pairs: int) -> bool:
    """Whether deltas are formed from a transposed copy of a kernel, which pays where many pairs share a small one."""
    return not layer.transposed and pairs > 3 * layer.columns


def room_bytes(layer: Layer, pairs: int) -> int:
    """Bytes that `add_backward`'s function needs at its pointer `room`."""
    return layer.outputs * row_bytes(layer.inputs) if _by_columns(layer, pairs) else 0


def _write_transposed(f: Function, layer: Layer, kernel: str, place: str) -> None:
    """Copy a kernel [inputs, outputs] to rows of inputs, filled up with zeros."""

    def block(k: str, height: int) -> None:
        source = f.offset(kernel, k, layer.row)

        def square(j: str, width: int) -> None:
            start = f.offset(source, j, 4)
            rows = [f.load(VF, f.offset(start, str(r), layer.row)) for r in range(height)]
            columns = _transposed(f, [*rows, *[constant(VF, 0.0)] * (LANES - height)])
            target = f.offset(f.offset(place, j, row_bytes(layer.inputs)), k, 4)
            for c in range(width):
                f.store(VF, columns[c], f.offset(target, str(c), row_bytes(layer.inputs)))

        sweep(f, layer.outputs, LANES, square)

    sweep(f, layer.inputs, LANES, block)


def _write_sums_by_columns(f: Function, layer: Layer, pairs: int) -> None:
    """%result = %delta times %kernel transposed: as it lies, or by way of a copy in %room."""
    row = row_bytes(layer.inputs)
    if layer.transposed:
        kernel, kernel_row = "%kernel", layer.row
    else:
        _write_transposed(f, layer, "%kernel", "%room")
        kernel, kernel_row = "%room", row
    p = Product(pairs, layer.outputs, padded(layer.inputs) // LANES, row_bytes(layer.outputs), 4, kernel_row)
    products.write_product(f, p, "%delta", kernel, "%result", row)
    if layer.transposed and layer.inputs % LANES:
        _clear_beyond(f, pairs, layer.inputs)


def _clear_beyond(f: Function, pairs: int, entries: int) -> None:
    """Zeros after the entries of %result: the bias lies after a transposed kernel's rows."""
    last = entries // LANES

    def pair(d: str, _: list[str]) -> list[str]:
        place = f.offset(f.offset("%result", d, row_bytes(entries)), str(last), VECTOR)
        kept = f.select(VB, _lanes_below(entries, last), VF, f.load(VF, place), constant(VF, 0.0))
        f.store(VF, kept, place)
        return []

    f.loop(str(pairs), pair)


def add_backward(module: Module, layer: Layer, pairs: int, activation: str) -> str:
    """Add `void name(ptr kernel, ptr delta, ptr activations, ptr result, ptr room)`: the deltas before a layer.

    result[d, k] = activation'(activations[d, k]) * sum over j of kernel[k, j] delta[d, j].
    """
    name = f"backward_{pairs}x{layer.name}{activation}"
    if name in module:
        return name
    f = Function(module, name, [("ptr", p) for p in ("kernel", "delta", "activations", "result", "room")])
    if layer.transposed or _by_columns(layer, pairs):
        _write_sums_by_columns(f, layer, pairs)
    else:
        rows = layer.row, row_bytes(layer.outputs), row_bytes(layer.inputs)
        p = RowProduct(layer.inputs, pairs, layer.columns, *rows)
        products.write_row_product(f, p, "%kernel", "%delta", "%result")
    _write_derivative(f, activation, pairs, layer.inputs)
    f.finish()
    return name


def _write_derivative(f: Function, activation: str, pairs: int, entries: int) -> None:
    """Multiply %result by the activation's derivative, from its values in %activations."""

    def pair(d: str, _: list[str]) -> list[str]:
        places = [f.offset(p, d, row_bytes(entries)) for p in ("%activations", "%result")]

        def vector(c: str, _: list[str]) -> list[str]:
            h, delta = (f.load(VF, f.offset(p, c, VECTOR)) for p in places)
            if activation == "tanh":
                slope = f.fma(VF, f.let(f"fneg {VF} {h}"), h, constant(VF, 1.0))
                value = f.binary("fmul", VF, delta, slope)
            else:
                zero = constant(VF, 0.0)
                value = f.select(VB, f.compare("ole", VF, h, zero), VF, zero, delta)
            f.store(VF, value, f.offset(places[1], c, VECTOR))
            return []

        f.loop(str(padded(entries) // LANES), vector)
        return []

    f.loop(str(pairs), pair)
