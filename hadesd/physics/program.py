"""The machine code of an environment's reset and step: kept on disk, and called from a JAX program.

`physics.compiler` makes it. A process that finds it on disk needs nothing of the compiler.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from hadesd.native import kernel, machine_code
from hadesd.native.ir import LANES, PTR, Module
from hadesd.native.rollout import StepFunction


class Unsupported(Exception):
    """A function does something that has no scalar form here; the text names it."""


@dataclass(frozen=True)
class EnvironmentProgram:
    """Machine code of one environment.

    reset: name of an FFI entry, see `reset_rows`; reset_scratch: bytes of memory that it needs. objects: object files
    that hold both.
    """

    step: StepFunction
    reset: str
    reset_scratch: int
    objects: tuple[bytes, ...] = ()


# -- keeping a program on disk


def save(key: str, program: EnvironmentProgram | str) -> None:
    """Keep a program under a key that says what it was made from; or the reason why there is none."""
    if isinstance(program, str):
        header: dict[str, Any] = {"unsupported": program}
        bodies: tuple[bytes, ...] = ()
    else:
        header = asdict(program) | {"objects": [len(body) for body in program.objects]}
        bodies = program.objects
    text = json.dumps(header).encode()
    machine_code.keep(f"{key}.env", len(text).to_bytes(8, "little") + text + b"".join(bodies))


def find(key: str) -> EnvironmentProgram | str | None:
    """The program that was kept under a key, or the reason why there is none; None: nothing was kept."""
    data = machine_code.read_kept(f"{key}.env")
    if data is None:
        return None
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    if "unsupported" in header:
        return str(header["unsupported"])
    bodies, at = [], 8 + size
    for length in header["objects"]:
        bodies.append(data[at : at + length])
        at += length
    return EnvironmentProgram(**header | {"step": StepFunction(**header["step"]), "objects": tuple(bodies)})


# -- reset in a JAX program


def reset_rows(program: EnvironmentProgram, keys: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Start episodes from raw keys uint32 [R, 2]; under `jax.vmap` one call for all.

    Returns the rows of the state that move, int32 bits [R, moving], those that do not, int32 bits [R, constant], and
    the observations, float32 [R, observation].
    """

    @custom_vmap
    def reset(keys: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        return _reset_all(program, keys)

    @reset.def_vmap
    def over_batches(size: int, batched: list[bool], keys: jax.Array) -> tuple[Any, Any]:
        rows = reset(keys.reshape(-1, 2))
        return tuple(leaf.reshape(size, -1, leaf.shape[-1]) for leaf in rows), (True, True, True)

    return reset(keys)


def _reset_all(program: EnvironmentProgram, keys: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    module = Module()
    module.declare(program.reset, f"declare void @{program.reset}({', '.join([PTR] * 5)}, i64)")
    name = kernel.register(module, program.reset, 1, 4, linked=program.objects)
    count = keys.shape[0]
    blocks = -(-count // LANES)
    fill = jnp.broadcast_to(keys[-1:], (blocks * LANES - count, 2))
    lanes = jnp.concatenate([keys, fill]).reshape(blocks, LANES, 2).transpose(0, 2, 1)
    shapes = [
        jax.ShapeDtypeStruct((blocks, max(rows, 1), LANES), kind)
        for rows, kind in (
            (program.step.moving, jnp.int32),
            (program.step.constant, jnp.int32),
            (program.step.observation, jnp.float32),
        )
    ]
    scratch = jax.ShapeDtypeStruct((program.reset_scratch + 64,), jnp.uint8)
    *out, _ = kernel.call(name, [*shapes, scratch], lanes)
    moving, constant, observation = (a.transpose(0, 2, 1).reshape(blocks * LANES, -1)[:count] for a in out)
    return moving, constant, observation
