"""A per-example function in the forms that hadesd.physics gives it, for comparison with `jax.vmap`."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hadesd.native import kernel
from hadesd.native.ir import LANES, PTR, Function, Module
from hadesd.physics import emit_xla
from hadesd.physics.emit_llvm import ROW, Output, add_program
from hadesd.physics.scalarise import Scalarised, scalarise

DTYPES = {"f": jnp.float32, "i": jnp.int32, "I": jnp.uint32, "?": jnp.int32}


def examples(batched: tuple[Any, ...]) -> list[jax.ShapeDtypeStruct]:
    """What one example looks like."""
    return [jax.ShapeDtypeStruct(a.shape[1:], a.dtype) for a in map(jnp.asarray, batched)]


def native(function: Callable[..., Any], *batched: Any) -> list[np.ndarray]:
    """The leaves of the results [B, ...] in machine code; B is a multiple of 16."""
    scalar = scalarise(function, *examples(batched))
    kinds = [str(np.dtype(jnp.asarray(a).dtype).char) for a in batched]
    inputs, rows = {}, 0
    for nodes in scalar.inputs:
        for node in nodes.reshape(-1):
            inputs[node.index] = ("given", rows)
            rows += 1
    flat = [item for array in scalar.outputs for item in array.reshape(-1)]
    shapes = jax.tree.leaves(jax.eval_shape(function, *examples(batched)))
    out_kinds = [np.dtype(s.dtype).char for s in shapes for _ in range(int(np.prod(s.shape, dtype=int)))]
    outputs = [Output("made", i, value, kind) for i, (value, kind) in enumerate(zip(flat, out_kinds, strict=True))]
    made = _run(scalar, inputs, outputs, [np.asarray(a) for a in batched], kinds)
    found, at = [], 0
    for shape in shapes:
        size = int(np.prod(shape.shape, dtype=int))
        leaf = np.ascontiguousarray(made[:, at : at + size]).reshape(-1, *shape.shape)
        is_truth = shape.dtype == jnp.bool_
        found.append(leaf.astype(bool) if is_truth else leaf.view(np.dtype(shape.dtype)))
        at += size
    return found


def _run(
    scalar: Scalarised,
    inputs: dict[int, tuple[str, int]],
    outputs: list[Output],
    batched: list[np.ndarray],
    kinds: list[str],
) -> np.ndarray:
    module = Module()
    scratch = add_program(module, "block", scalar.graph, ("given", "made"), inputs, outputs)
    f = Function(module, "all", [(PTR, p) for p in ("given", "made", "memory")] + [("i64", "n")], linkage="")
    aligned = f.aligned("%memory")

    def block(i: str, carried: list[str]) -> list[str]:
        places = [f.offset("%given", i, max(len(inputs), 1) * ROW), f.offset("%made", i, len(outputs) * ROW), aligned]
        f.call("void", "block", [(PTR, p) for p in places])
        return []

    f.loop("%n", block)
    f.finish()
    name = kernel.register(module, "all", 1, 2)
    columns = [
        a.reshape(len(a), -1).astype(np.int32 if k == "?" else a.dtype) for a, k in zip(batched, kinds, strict=True)
    ]
    bits = np.concatenate([np.ascontiguousarray(c).view(np.int32) for c in columns], axis=1)
    blocks = len(bits) // LANES
    given = jnp.asarray(bits.reshape(blocks, LANES, -1).transpose(0, 2, 1))
    shapes = [
        jax.ShapeDtypeStruct((blocks, len(outputs), LANES), jnp.int32),
        jax.ShapeDtypeStruct((scratch + 64,), jnp.uint8),
    ]
    made, _ = jax.jit(lambda x: kernel.call(name, shapes, x))(given)
    return np.asarray(made).transpose(0, 2, 1).reshape(blocks * LANES, -1)


def xla(function: Callable[..., Any], *batched: Any) -> list[np.ndarray]:
    """The leaves of the results [B, ...] as scalar XLA operations."""
    scalar = scalarise(function, *examples(batched))
    flat = [item for array in scalar.outputs for item in array.reshape(-1)]
    shapes = jax.tree.leaves(jax.eval_shape(function, *examples(batched)))

    def one(*arguments: jax.Array) -> list[jax.Array]:
        values = emit_xla.evaluate(scalar, [list(a.reshape(-1)) for a in arguments], flat)
        leaves, at = [], 0
        for shape in shapes:
            size = int(np.prod(shape.shape, dtype=int))
            leaves.append(jnp.stack(values[at : at + size]).astype(shape.dtype).reshape(shape.shape))
            at += size
        return leaves

    return [np.asarray(leaf) for leaf in jax.jit(jax.vmap(one))(*map(jnp.asarray, batched))]
