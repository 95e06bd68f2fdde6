"""What each JAX primitive does to arrays of operands (see jax.lax for their meaning).

A rule takes (context, values, parameters, equation): values are numpy arrays of numbers where they are known, and
object arrays of operands where they are not. It returns an array, or several where the primitive has several results.
The rules of linear algebra and of random numbers are modules of their own.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from hadesd.physics.graph import BOOL, COMPARISONS, FLOAT, INT, KINDS, UINT, Graph, Node, Operand
from hadesd.physics.indexing import gather_places, is_clip, is_fill, scatter_places
from hadesd.physics.program import Unsupported


class Context:
    """What a rule needs: the graph that it adds to."""

    graph: Graph

    def operation(self, op: str, kind: str, *values: Any) -> np.ndarray:
        """An operation on every element of arrays that are broadcast against each other."""
        graph = self.graph
        return self.elementwise(lambda *a: graph.operation(op, kind, *a), *values)

    def elementwise(self, function: Callable[..., Operand], *values: Any) -> np.ndarray:
        """A function of operands on every element of arrays that are broadcast against each other."""
        arrays = np.broadcast_arrays(*[as_operands(v) for v in values])
        out = np.empty(arrays[0].shape, object)
        flat = out.reshape(-1)
        for i, items in enumerate(zip(*[a.reshape(-1) for a in arrays], strict=True)):
            flat[i] = function(*items)
        return flat.reshape(out.shape)


Rule = Callable[[Context, list[Any], dict[str, Any], Any], Any]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Enter a rule for the primitives of these names."""

    def enter(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return enter


def as_operands(value: Any) -> np.ndarray:
    """An array as an object array of operands (numbers stay numpy scalars)."""
    if isinstance(value, np.ndarray) and value.dtype == object:
        return value
    array = np.asarray(value)
    out = np.empty(array.size, object)
    flat = array.reshape(-1)
    for i in range(array.size):
        out[i] = flat[i]
    return out.reshape(array.shape)


def settle(value: Any) -> np.ndarray:
    """An array all of whose operands are numbers as an array of numbers; any other as it is."""
    array = np.asarray(value)
    if array.dtype != object or array.size == 0:
        return array if array.dtype != object else np.zeros(array.shape, np.float32)
    flat = array.reshape(-1)
    for item in flat:
        if isinstance(item, Node):
            return array
    return np.array([x.item() for x in flat], dtype=flat[0].dtype).reshape(array.shape)


def known(*values: Any) -> bool:
    """Whether arrays hold numbers only."""
    return all(not (isinstance(v, np.ndarray) and v.dtype == object) for v in values)


def _kind(equation: Any) -> str:
    dtype = str(equation.outvars[0].aval.dtype)
    if dtype not in KINDS:
        raise Unsupported(f"values of type {dtype}")
    return KINDS[dtype]


# -- elementwise

_PLAIN = [
    "add",
    "sub",
    "mul",
    "div",
    "max",
    "min",
    "neg",
    "abs",
    "lt",
    "le",
    "gt",
    "ge",
    "eq",
    "ne",
    "sqrt",
    "sin",
    "cos",
    "tan",
    "exp",
    "exp2",
    "log",
    "floor",
    "ceil",
    "pow",
    "atan2",
    "atan",
    "acos",
    "asin",
    "tanh",
    "sinh",
    "cosh",
    "expm1",
    "log1p",
    "is_finite",
    "rem",
    "sign",
    "and",
    "or",
    "xor",
    "not",
    "shift_left",
    "shift_right_logical",
    "shift_right_arithmetic",
    "logistic",
]


@rule(*_PLAIN)
def _plain(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    name, kind = e.primitive.name, _kind(e)
    if name in COMPARISONS:
        kind = BOOL
    return c.operation(name, kind, *values)


@rule("le_to", "lt_to", "eq_to")
def _total_order(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    """Comparisons in total order, of numbers that are not NaN (sorts and searches)."""
    return c.operation(e.primitive.name.removesuffix("_to"), BOOL, *values)


@rule("add_any")
def _add_any(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    return c.operation("add", _kind(e), *values)


@rule("square")
def _square(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    return c.operation("mul", _kind(e), values[0], values[0])


@rule("rsqrt")
def _rsqrt(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    return c.operation("div", FLOAT, np.float32(1), c.operation("sqrt", FLOAT, values[0]))


@rule("cbrt", "erf", "lgamma", "digamma", "asinh", "acosh", "atanh")
def _rare(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    raise Unsupported(f"the primitive {e.primitive.name}")


_ERF_INV_NEAR = (
    *(2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503),
    *(-0.00417768164, 0.246640727, 1.50140941),
)
_ERF_INV_FAR = (
    *(-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613),
    *(0.00943887047, 1.00167406, 2.83297682),
)


@rule("erf_inv")
def _erf_inv(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    """The polynomials of Giles (2012), "Approximating the erfinv function", which XLA uses too."""
    graph, number = c.graph, np.float32

    def f(op: str, *a: Operand) -> Operand:
        return graph.operation(op, FLOAT, *a)

    def inverse(x: Operand) -> Operand:
        w = f("neg", f("log1p", f("neg", f("mul", x, x))))
        near = graph.operation("lt", BOOL, w, number(5))
        shifted = graph.select(FLOAT, near, f("sub", w, number(2.5)), f("sub", f("sqrt", w), number(3)))
        total: Operand = graph.select(FLOAT, near, number(_ERF_INV_NEAR[0]), number(_ERF_INV_FAR[0]))
        for a, b in zip(_ERF_INV_NEAR[1:], _ERF_INV_FAR[1:], strict=True):
            total = f("add", graph.select(FLOAT, near, number(a), number(b)), f("mul", total, shifted))
        edge = graph.operation("eq", BOOL, f("abs", x), number(1))
        return graph.select(FLOAT, edge, f("mul", x, number(np.inf)), f("mul", total, x))

    return c.elementwise(inverse, values[0])


@rule("round")
def _round(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    to_even = "EVEN" in str(p["rounding_method"])
    return c.operation("round" if to_even else "floor_away", FLOAT, values[0])


@rule("integer_pow")
def _integer_pow(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    kind, exponent = _kind(e), int(p["y"])
    one = np.dtype(kind).type(1)

    def power(x: Operand) -> Operand:
        result, base, rest = None, x, abs(exponent)
        while rest:
            if rest & 1:
                result = base if result is None else c.graph.operation("mul", kind, result, base)
            rest >>= 1
            base = c.graph.operation("mul", kind, base, base) if rest else base
        result = one if result is None else result
        return c.graph.operation("div", kind, one, result) if exponent < 0 else result

    return c.elementwise(power, values[0])


@rule("copy", "copy_p", "stop_gradient", "reduce_precision", "optimization_barrier", "random_wrap", "random_unwrap",
       "device_put", "pvary", "sharding_constraint", "mesh_cast")  # fmt: skip
def _same(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    return list(values) if e.primitive.multiple_results else values[0]


@rule("convert_element_type")
def _convert(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    kind = _kind(e)
    if known(values[0]):
        with np.errstate(all="ignore"):
            return np.asarray(values[0]).astype(kind)
    return c.elementwise(lambda x: c.graph.convert(kind, x), values[0])


@rule("bitcast_convert_type")
def _bitcast(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    kind = _kind(e)
    return c.elementwise(lambda x: c.graph.bitcast(kind, x), values[0])


@rule("select_n")
def _select(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    kind, which, cases = _kind(e), values[0], values[1:]
    if len(cases) == 1:
        return cases[0]
    if len(cases) > 2:
        raise Unsupported("select_n of more than two cases")
    return c.elementwise(lambda m, a, b: c.graph.select(kind, m, b, a), which, *cases)


@rule("clamp")
def _clamp(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    kind, (low, x, high) = _kind(e), values
    return c.operation("min", kind, c.operation("max", kind, x, low), high)


# -- shape


@rule("reshape")
def _reshape(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    return np.asarray(values[0]).reshape(p["new_sizes"])


@rule("squeeze")
def _squeeze(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    return np.squeeze(values[0], tuple(int(d) for d in p["dimensions"]))


@rule("expand_dims")
def _expand(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    return np.expand_dims(values[0], p["dimensions"])


@rule("slice")
def _slice(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    steps = p["strides"] or (1,) * len(p["start_indices"])
    bounds = zip(p["start_indices"], p["limit_indices"], steps, strict=True)
    return np.asarray(values[0])[tuple(slice(*b) for b in bounds)]


@rule("transpose")
def _transpose(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    return np.transpose(values[0], p["permutation"])


@rule("rev")
def _rev(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    return np.flip(values[0], tuple(int(d) for d in p["dimensions"]))


@rule("tile")
def _tile(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    return np.tile(values[0], p["reps"])


@rule("broadcast_in_dim")
def _broadcast(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    array, shape = np.asarray(values[0]), [1] * len(p["shape"])
    for axis, size in zip(p["broadcast_dimensions"], array.shape, strict=True):
        shape[axis] = size
    return np.broadcast_to(array.reshape(shape), p["shape"])


@rule("concatenate")
def _concatenate(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    if known(*values):
        return np.concatenate(values, p["dimension"])
    return np.concatenate([as_operands(v) for v in values], p["dimension"])


@rule("stack")
def _stack(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    if known(*values):
        return np.stack(values, p["axis"])
    return np.stack([as_operands(v) for v in values], p["axis"])


@rule("unstack")
def _unstack(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    array = np.moveaxis(np.asarray(values[0]), p["axis"], 0)
    return [array[i] for i in range(len(array))]


@rule("split")
def _split(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    return np.split(np.asarray(values[0]), np.cumsum(p["sizes"])[:-1], p["axis"])


def _filled(shape: Sequence[int], value: Operand) -> np.ndarray:
    """An array of one operand. (numpy's own fill would make a Python number of a numpy one.)"""
    out = np.empty(prod(shape), object)
    for i in range(out.size):
        out[i] = value
    return out.reshape(shape)


@rule("pad")
def _pad(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    array, fill, config = as_operands(values[0]), as_operands(values[1])[()], p["padding_config"]
    shape = [low + high + size + max(size - 1, 0) * inner
             for (low, high, inner), size in zip(config, array.shape, strict=True)]  # fmt: skip
    wide = [max(0, low) + max(0, high) + size + max(size - 1, 0) * inner
            for (low, high, inner), size in zip(config, array.shape, strict=True)]  # fmt: skip
    out = _filled(wide, fill)
    out[tuple(slice(max(0, low), max(0, low) + max(size - 1, 0) * (inner + 1) + (size > 0), inner + 1)
              for (low, _, inner), size in zip(config, array.shape, strict=True))] = array  # fmt: skip
    return out[tuple(slice(max(0, -low), max(0, -low) + n) for (low, _, _), n in zip(config, shape, strict=True))]


@rule("iota")
def _iota(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    shape = [1] * len(p["shape"])
    shape[p["dimension"]] = p["shape"][p["dimension"]]
    line = np.arange(p["shape"][p["dimension"]], dtype=_kind(e)).reshape(shape)
    return np.broadcast_to(line, p["shape"])


# -- sums and products

_REDUCTIONS = {
    "reduce_sum": "add", "reduce_max": "max", "reduce_min": "min", "reduce_prod": "mul", "reduce_and": "and",
    "reduce_or": "or", "reduce_xor": "xor",
}  # fmt: skip


def _fold(c: Context, op: str, kind: str, items: Any) -> Operand:
    total = items[0]
    for item in items[1:]:
        total = c.graph.operation(op, kind, total, item)
    return total


@rule(*_REDUCTIONS)
def _reduce(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    array, axes = as_operands(values[0]), tuple(int(a) for a in p["axes"])
    kept = [i for i in range(array.ndim) if i not in axes]
    shape = [array.shape[i] for i in kept]
    rows = np.transpose(array, (*kept, *axes)).reshape(prod(shape), -1)
    if rows.shape[1] == 0:
        raise Unsupported("a reduction of nothing")
    out = np.empty(len(rows), object)
    for i, row in enumerate(rows):
        out[i] = _fold(c, _REDUCTIONS[e.primitive.name], _kind(e), row)
    return out.reshape(shape)


@rule("cumsum", "cumprod", "cummax", "cummin")
def _cumulate(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    op = {"cumsum": "add", "cumprod": "mul", "cummax": "max", "cummin": "min"}[e.primitive.name]
    array = np.moveaxis(as_operands(values[0]), p["axis"], 0)
    array = array[::-1] if p["reverse"] else array
    out = array.copy()
    for i in range(1, len(array)):
        out[i] = c.operation(op, _kind(e), out[i - 1], array[i])[()]
    return np.moveaxis(out[::-1] if p["reverse"] else out, 0, p["axis"])


@rule("argmax", "argmin")
def _arg(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    (axis,) = p["axes"]
    array = np.moveaxis(as_operands(values[0]), axis, -1)
    kind = KINDS[str(e.invars[0].aval.dtype)]
    better = "gt" if e.primitive.name == "argmax" else "lt"
    out = np.empty(array.shape[:-1], object)
    number = np.dtype(_kind(e)).type
    for place in np.ndindex(out.shape):
        best, where = array[place][0], number(0)
        for i, item in enumerate(array[place][1:], 1):
            mask = c.graph.operation(better, BOOL, item, best)
            if kind == FLOAT:  # the first NaN is the most extreme of all
                either = c.graph.operation("or", BOOL, mask, c.graph.operation("ne", BOOL, item, item))
                mask = c.graph.operation("and", BOOL, either, c.graph.operation("eq", BOOL, best, best))
            best, where = c.graph.select(kind, mask, item, best), c.graph.select(_kind(e), mask, number(i), where)
        out[place] = where
    return out


@rule("dot_general")
def _dot(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    (lc, rc), (lb, rb) = p["dimension_numbers"]
    left, right = as_operands(values[0]), as_operands(values[1])
    lf = [i for i in range(left.ndim) if i not in lc and i not in lb]
    rf = [i for i in range(right.ndim) if i not in rc and i not in rb]
    batch, ls, rs = ([left.shape[i] for i in lb], [left.shape[i] for i in lf], [right.shape[i] for i in rf])
    length, kind = prod(left.shape[i] for i in lc), _kind(e)
    a = np.transpose(left, (*lb, *lf, *lc)).reshape(prod(batch), prod(ls), length)
    b = np.transpose(right, (*rb, *rf, *rc)).reshape(prod(batch), prod(rs), length)
    out = np.empty((prod(batch), prod(ls), prod(rs)), object)
    for n, i, j in np.ndindex(out.shape):
        terms = [c.graph.operation("mul", kind, x, y) for x, y in zip(a[n, i], b[n, j], strict=True)]
        out[n, i, j] = _fold(c, "add", kind, terms)
    return out.reshape([*batch, *ls, *rs])


# -- indices


@rule("gather")
def _gather(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    operand, indices = values
    if known(indices):
        places, inside = gather_places(np.shape(operand), np.asarray(indices), p, e.outvars[0].aval.shape)
        flat = np.asarray(operand).reshape(-1)
        if inside.all():
            return flat[places]
        return np.where(inside, as_operands(flat[places]), _filled(places.shape, _fill(p, e)))
    return _gather_by_data(c, values, p, e)


def _gather_by_data(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    """One index vector for all of the result: a dynamic slice, with the dimensions that collapse taken out."""
    numbers, operand, indices = p["dimension_numbers"], as_operands(values[0]), as_operands(values[1])
    if prod(indices.shape[:-1]) != 1 or numbers.operand_batching_dims:
        return _gather_each(c, values, p, e)
    starts: list[Operand] = [np.int32(0)] * operand.ndim
    for axis, index in zip(numbers.start_index_map, indices.reshape(-1), strict=True):
        starts[axis] = index
    return _window_at(c, operand, starts, p, e).reshape(e.outvars[0].aval.shape)


def _window_at(c: Context, operand: np.ndarray, starts: Sequence[Operand], p: dict[str, Any], e: Any) -> np.ndarray:
    """A gather's window: clamped into the array or, where the mode says so, filled if it sticks out."""
    block = _slice_at(c, operand, starts, p["slice_sizes"], _kind(e))
    if not is_fill(p["mode"]):
        return block
    inside: Operand = np.bool_(True)
    for start, length, size in zip(starts, operand.shape, p["slice_sizes"], strict=True):
        number = np.dtype(start.kind if isinstance(start, Node) else start.dtype.char).type
        for op, limit in (("ge", 0), ("le", length - size)):
            inside = c.graph.operation("and", BOOL, inside, c.graph.operation(op, BOOL, start, number(limit)))
    fill = _fill(p, e)
    return c.elementwise(lambda a: c.graph.select(_kind(e), inside, a, fill), block)


def _fill(p: dict[str, Any], e: Any) -> Any:
    """What a gather gives outside the array; by default NaN, True, or the integer that is furthest from 0."""
    kind, value = _kind(e), p["fill_value"]
    if value is None:
        value = {FLOAT: np.nan, BOOL: True, INT: -(2**31), UINT: 2**32 - 1}[kind]
    return np.dtype(kind).type(value)


def _gather_each(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    """Several index vectors, each picking one element or slice of the leading axes: x[i], x[i, j] with arrays."""
    numbers, operand, indices = p["dimension_numbers"], as_operands(values[0]), as_operands(values[1])
    batch = indices.shape[:-1]
    offsets, shape = tuple(numbers.offset_dims), e.outvars[0].aval.shape
    if numbers.operand_batching_dims or offsets != tuple(range(len(batch), len(shape))):
        raise Unsupported("a gather by data of this form")
    out = np.empty(shape, object)
    for place in np.ndindex(batch):
        starts: list[Operand] = [np.int32(0)] * operand.ndim
        for axis, index in zip(numbers.start_index_map, indices[place], strict=True):
            starts[axis] = index
        out[place] = _window_at(c, operand, starts, p, e).reshape(shape[len(batch) :])[()]
    return out


@rule("dynamic_slice")
def _dynamic_slice(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    starts = [as_operands(v)[()] for v in values[1:]]
    return _slice_at(c, values[0], starts, p["slice_sizes"], _kind(e))


def _slice_at(c: Context, operand: Any, starts: Sequence[Operand], sizes: Sequence[int], kind: str) -> np.ndarray:
    """A slice whose start may depend on data, clamped into the array: one axis after the other."""
    array = np.asarray(operand)
    for axis, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        top = array.shape[axis] - size
        if not isinstance(start, Node):
            first = min(max(int(start), 0), top)
            array = np.take(array, range(first, first + size), axis)
            continue
        chosen = as_operands(np.take(array, range(size), axis))
        for first in range(1, top + 1):
            mask = c.graph.operation("ge", BOOL, start, np.dtype(start.kind).type(first))
            there = as_operands(np.take(array, range(first, first + size), axis))
            chosen = c.elementwise(lambda a, b, m=mask: c.graph.select(kind, m, a, b), there, chosen)
        array = chosen
    return array


@rule("dynamic_update_slice")
def _dynamic_update_slice(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    operand, update = as_operands(values[0]), as_operands(values[1])
    starts, kind = [as_operands(v)[()] for v in values[2:]], _kind(e)
    out = operand.copy()
    ranges = [range(n - m + 1) for n, m in zip(operand.shape, update.shape, strict=True)]
    for place in np.ndindex(tuple(len(r) for r in ranges)):
        mask = _is_at(c, starts, place, [len(r) - 1 for r in ranges])
        if not isinstance(mask, Node) and not mask:
            continue
        window = tuple(slice(a, a + n) for a, n in zip(place, update.shape, strict=True))
        out[window] = c.elementwise(lambda a, b, m=mask: c.graph.select(kind, m, a, b), update, out[window])
    return out


def _is_at(c: Context, starts: Sequence[Operand], place: Sequence[int], tops: Sequence[int]) -> Operand:
    """Whether clamped starts are a place."""
    mask: Operand = np.bool_(True)
    for start, at, top in zip(starts, place, tops, strict=True):
        number = np.dtype(start.kind if isinstance(start, Node) else start.dtype.char).type(at)
        op = "eq" if 0 < at < top else ("le" if at == 0 and top > 0 else "ge")
        part = np.bool_(True) if top == 0 else c.graph.operation(op, BOOL, start, number)
        mask = c.graph.operation("and", BOOL, mask, part)
    return mask


@rule("scatter", "scatter-add", "scatter_add", "scatter-mul", "scatter-min", "scatter-max")
def _scatter(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    operand, indices, updates = values
    kind, name = _kind(e), e.primitive.name.replace("_", "-")
    op = {"scatter": "", "scatter-add": "add", "scatter-mul": "mul", "scatter-min": "min", "scatter-max": "max"}[name]
    out, flat = as_operands(operand).reshape(-1).copy(), as_operands(updates).reshape(-1)
    if known(indices):
        places, inside = scatter_places(np.shape(operand), np.asarray(indices), np.shape(updates), p)
        for place, fits, item in zip(places.reshape(-1), inside.reshape(-1), flat, strict=True):
            if fits:
                out[place] = c.graph.operation(op, kind, out[place], item) if op else item
        return out.reshape(np.shape(operand))
    return _scatter_by_data(c, values, p, e, op)


def _scatter_by_data(c: Context, values: list[Any], p: dict[str, Any], e: Any, op: str) -> Any:
    """Updates of single elements or whole slices at places that depend on data; what lies outside is dropped."""
    numbers, kind = p["dimension_numbers"], _kind(e)
    operand, indices, updates = (as_operands(v) for v in values)
    if is_clip(p["mode"]):
        raise Unsupported("a scatter by data that clips")
    if numbers.operand_batching_dims or _window(numbers, updates.ndim) != tuple(numbers.update_window_dims):
        raise Unsupported("a scatter by data of this form")
    window = [n for axis, n in enumerate(operand.shape) if axis not in numbers.inserted_window_dims]
    if list(updates.shape[updates.ndim - len(window) :]) != window:
        raise Unsupported("a scatter by data of partial slices")
    out = operand.copy()
    axes = numbers.scatter_dims_to_operand_dims
    for place in np.ndindex(indices.shape[:-1]):
        update = updates[place]
        for at in np.ndindex(tuple(operand.shape[axis] for axis in axes)):
            mask: Operand = np.bool_(True)
            for index, value in zip(indices[place], at, strict=True):
                number = np.dtype(index.kind if isinstance(index, Node) else index.dtype.char).type(value)
                mask = c.graph.operation("and", BOOL, mask, c.graph.operation("eq", BOOL, index, number))
            if not isinstance(mask, Node) and not mask:
                continue
            where: list[Any] = [slice(None)] * operand.ndim
            for axis, value in zip(axes, at, strict=True):
                where[axis] = value
            old = out[tuple(where)]
            new = c.operation(op, kind, old, update) if op else as_operands(update)
            out[tuple(where)] = c.elementwise(lambda a, b, m=mask: c.graph.select(kind, m, a, b), new, old)[()]
    return out


def _window(numbers: Any, rank: int) -> tuple[int, ...]:
    return tuple(range(rank - len(numbers.update_window_dims), rank))


@rule("sort")
def _sort(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    """Stable, by the first operand: a network of neighbours that swap."""
    if p["num_keys"] != 1:
        raise Unsupported("a sort by several keys")
    kinds = [KINDS[str(v.aval.dtype)] for v in e.outvars]
    columns = [np.moveaxis(as_operands(v), p["dimension"], 0).copy() for v in values]
    length = len(columns[0])
    for end in range(length - 1, 0, -1):
        for i in range(end):
            mask = c.operation("lt", BOOL, columns[0][i + 1], columns[0][i])
            for column, kind in zip(columns, kinds, strict=True):
                a, b = column[i], column[i + 1]
                pick = lambda m, x, y, k=kind: c.graph.select(k, m, x, y)  # noqa: E731
                column[i], column[i + 1] = c.elementwise(pick, mask, b, a)[()], c.elementwise(pick, mask, a, b)[()]
    return [np.moveaxis(column, 0, p["dimension"]) for column in columns]
