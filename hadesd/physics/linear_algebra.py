"""What the primitives of linear algebra do to arrays of operands: small matrices only (see `primitives`)."""

from typing import Any

import numpy as np

from hadesd.physics.graph import FLOAT
from hadesd.physics.primitives import Context, as_operands, rule


@rule("cholesky")
def _cholesky(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    """Lower triangular, column by column (Cholesky-Crout)."""
    array = as_operands(values[0])
    size = array.shape[-1]
    out = as_operands(np.zeros(array.shape, np.float32))
    f = c.graph.operation
    for batch in np.ndindex(array.shape[:-2]):
        a, low = array[batch], out[batch]
        for j in range(size):
            for i in range(j, size):
                rest = a[i, j]
                for k in range(j):
                    rest = f("sub", FLOAT, rest, f("mul", FLOAT, low[i, k], low[j, k]))
                low[i, j] = f("sqrt", FLOAT, rest) if i == j else f("div", FLOAT, rest, low[j, j])
    return out


@rule("triangular_solve")
def _triangular_solve(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    """op(A) X = B (left side) or X op(A) = B, by substitution."""
    a, b, f = as_operands(values[0]), as_operands(values[1]), c.graph.operation
    if not p["left_side"]:
        a, b = np.swapaxes(a, -1, -2), np.swapaxes(b, -1, -2)
    lower = p["lower"] != (not p["left_side"])
    if p["transpose_a"]:
        a, lower = np.swapaxes(a, -1, -2), not lower
    out = b.copy()
    size = a.shape[-1]
    order = range(size) if lower else range(size - 1, -1, -1)
    for batch in np.ndindex(a.shape[:-2]):
        for column in range(b.shape[-1]):
            x = out[batch][:, column]
            for i in order:
                rest = x[i]
                for k in range(i) if lower else range(size - 1, i, -1):
                    rest = f("sub", FLOAT, rest, f("mul", FLOAT, a[batch][i, k], x[k]))
                x[i] = rest if p["unit_diagonal"] else f("div", FLOAT, rest, a[batch][i, i])
    return out if p["left_side"] else np.swapaxes(out, -1, -2)
