"""What the primitives of random numbers do: threefry, as jax.random computes it with jax_threefry_partitionable."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from hadesd.physics.graph import UINT, Operand
from hadesd.physics.primitives import Context, as_operands, rule
from hadesd.physics.program import Unsupported

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def _threefry(c: Context, key: Any, x: Sequence[Operand]) -> tuple[Operand, Operand]:
    """Threefry-2x32 with 20 rounds (Salmon et al. 2011)."""
    f = c.graph.operation
    words = [*key, f("xor", UINT, f("xor", UINT, key[0], key[1]), np.uint32(0x1BD11BDA))]
    a, b = f("add", UINT, x[0], words[0]), f("add", UINT, x[1], words[1])
    for i in range(5):
        for rotation in _ROTATIONS[i % 2]:
            a = f("add", UINT, a, b)
            left = f("shift_left", UINT, b, np.uint32(rotation))
            right = f("shift_right_logical", UINT, b, np.uint32(32 - rotation))
            b = f("xor", UINT, a, f("or", UINT, left, right))
        a = f("add", UINT, a, words[(i + 1) % 3])
        b = f("add", UINT, f("add", UINT, b, words[(i + 2) % 3]), np.uint32(i + 1))
    return a, b


@rule("threefry2x32")
def _threefry2x32(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    arrays = np.broadcast_arrays(*[as_operands(v) for v in values])
    first, second = np.empty(arrays[0].shape, object), np.empty(arrays[0].shape, object)
    for place in np.ndindex(first.shape):
        k1, k2, x1, x2 = (a[place] for a in arrays)
        first[place], second[place] = _threefry(c, (k1, k2), (x1, x2))
    return [first, second]


def _keys(value: Any) -> np.ndarray:
    keys = as_operands(value)
    if keys.shape[-1:] != (2,):
        raise Unsupported("random keys that are not threefry's")
    return keys


@rule("random_split")
def _random_split(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    keys, shape = _keys(values[0]), tuple(p["shape"])
    out = np.empty((*keys.shape[:-1], *shape, 2), object)
    for place in np.ndindex(keys.shape[:-1]):
        for i, at in enumerate(np.ndindex(shape)):
            out[(*place, *at)] = _threefry(c, keys[place], (np.uint32(0), np.uint32(i)))
    return out


@rule("random_fold_in")
def _random_fold_in(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    keys, data = _keys(values[0]), as_operands(values[1])
    out = np.empty(keys.shape, object)
    for place in np.ndindex(keys.shape[:-1]):
        word = c.graph.convert(UINT, np.broadcast_to(data, keys.shape[:-1])[place])
        out[place] = _threefry(c, keys[place], (np.uint32(0), word))
    return out


@rule("random_bits")
def _random_bits(c: Context, values: list[Any], p: dict[str, Any], e: Any) -> Any:
    keys, shape = _keys(values[0]), tuple(p["shape"])
    if p["bit_width"] != 32:
        raise Unsupported(f"random bits of width {p['bit_width']}")
    out = np.empty((*keys.shape[:-1], *shape), object)
    for place in np.ndindex(keys.shape[:-1]):
        for i, at in enumerate(np.ndindex(shape)):
            a, b = _threefry(c, keys[place], (np.uint32(0), np.uint32(i)))
            out[(*place, *at)] = c.graph.operation("xor", UINT, a, b)
    return out
