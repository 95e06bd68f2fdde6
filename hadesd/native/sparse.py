"""The first layer of a network on observations of zeros and ones, of which few are not as usual.

With usual entries u of 0 or 1, a layer of normalised observations is

    bias + sum_i (x_i - mean_i) scale_i kernel_i = rest + sum over i with x_i != u_i of (x_i - u_i) scale_i kernel_i
    rest = bias + sum_i (u_i - mean_i) scale_i kernel_i

where `rest` is one sum for a whole rollout, and the other has some twenty terms of 400 to 1000 in a game on a grid.
True for any observation; faster for such ones only.
"""

from hadesd.native import dense
from hadesd.native.dense import Layer
from hadesd.native.ir import F32, I32, I64, LANES, PTR, VB, VF, Function, Module
from hadesd.native.products import VECTOR, sweep

_ROWS = 64 // LANES
"""Rows whose differences are the bits of one number."""

_PANEL = 8
"""Vectors of sums that are held in registers at a time. No result depends on it."""


def add_find(module: Module, wide: int) -> str:
    """Add `void find(ptr observation, ptr usual, ptr lists, ptr counts)`: which entries of a block are not as usual.

    observation: float32 [wide, 16]; usual: float32 [wide]. lists: int32 [16, wide], of each lane the entries that
    differ, ascending; counts: int64 [16], how many. A NaN differs. wide: a multiple of 16.
    """
    for base, more in (("ctpop", ""), ("cttz", ", i1 immarg")):
        module.declare(f"llvm.{base}.i64", f"declare i64 @llvm.{base}.i64(i64{more})")
    f = Function(module, "find", [(PTR, p) for p in ("observation", "usual", "lists", "counts")])
    for lane in range(LANES):
        f.store(I64, "0", f.offset("%counts", str(lane), 8), 8)

    def rows(first: str, carried: list[str]) -> list[str]:
        bits = "0"
        for row in range(_ROWS):
            index = f.binary("add", I64, first, str(row))
            usual = f.splat(f.load(F32, f.offset("%usual", index, 4)))
            differs = f.compare("une", VF, f.load(VF, f.offset("%observation", index, VECTOR), 64), usual)
            mask = f.let(f"zext i{LANES} {f.let(f'bitcast {VB} {differs} to i{LANES}')} to i64")
            bits = f.binary("or", I64, bits, f.binary("shl", I64, mask, str(LANES * row)))
        count = f.let(f"call i64 @llvm.ctpop.i64(i64 {bits})")

        def each(_: str, left: list[str]) -> list[str]:
            bit = f.let(f"call i64 @llvm.cttz.i64(i64 {left[0]}, i1 true)")
            entry = f.binary("add", I64, first, f.binary("lshr", I64, bit, str(LANES.bit_length() - 1)))
            lane = f.binary("and", I64, bit, str(LANES - 1))
            place = f.offset("%counts", lane, 8)
            found = f.load(I64, place, 8)
            list_ = f.offset("%lists", lane, 4 * wide)
            f.store(I32, f.let(f"trunc i64 {entry} to i32"), f.offset(list_, found, 4))
            f.store(I64, f.binary("add", I64, found, "1"), place, 8)
            return [f.binary("and", I64, left[0], f.binary("sub", I64, left[0], "1"))]

        f.loop(count, each, [(I64, bits)])
        return []

    f.loop(str(wide), rows, step=_ROWS)
    f.finish()
    return "find"


FIRST_LAYER = ("w", "rest", "observation", "list", "usual", "scale", "y")


def add_first_layer(module: Module, layer: Layer, activation: str) -> str:
    """Add `void first_layer(ptr * FIRST_LAYER, i64 count)`: a layer's values for the observation of one lane.

    w: the layer's parameters; rest: float32 [padded(outputs)], as the module's docstring says; observation: the lane's
    first entry in a block [wide, 16]; list: int32 [count], what `find` found; usual, scale: float32 [wide]; y: float32
    [padded(outputs)]. activation: "" for none.
    """
    f = Function(module, "first_layer", [*[(PTR, p) for p in FIRST_LAYER], (I64, "count")])

    def panel(column: str, columns: int) -> None:
        places = [f.offset(f.offset("%rest", column, VECTOR), str(c), VECTOR) for c in range(columns)]

        def entry(k: str, sums: list[str]) -> list[str]:
            index = f.let(f"sext i32 {f.load(I32, f.offset('%list', k, 4))} to i64")
            x = f.load(F32, f.offset("%observation", index, VECTOR))
            usual, scale = (f.load(F32, f.offset(p, index, 4)) for p in ("%usual", "%scale"))
            value = f.splat(f.binary("fmul", F32, f.binary("fsub", F32, x, usual), scale))
            row = f.offset(f.offset("%w", index, layer.row), column, VECTOR)
            kernel = [f.load(VF, f.offset(row, str(c), VECTOR)) for c in range(columns)]
            return [f.fma(VF, value, k, s) for k, s in zip(kernel, sums, strict=True)]

        sums = f.loop("%count", entry, [(VF, f.load(VF, place)) for place in places])
        for c, value in enumerate(sums):
            f.store(VF, value, f.offset(f.offset("%y", column, VECTOR), str(c), VECTOR))

    sweep(f, layer.columns, _PANEL, panel)
    if activation:
        dense.write_activation(f, activation, "%y", 1, layer.columns, layer.row)
    f.finish()
    return "first_layer"
