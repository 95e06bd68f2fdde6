"""Candidates over devices: a map that is sharded over a mesh and chunked on each device."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, Mesh, PartitionSpec

AXIS = "population"


def make_mesh(devices: int) -> Mesh:
    """A mesh over the first `devices` local devices (0: all of them).

    Raises:
        ValueError: there are fewer.
    """
    present = jax.local_devices()
    if devices > len(present):
        raise ValueError(f"{devices} devices are asked for and {len(present)} are present")
    count = devices or len(present)
    return jax.make_mesh((count,), (AXIS,), axis_types=(AxisType.Auto,), devices=present[:count])


def map_over_mesh(mesh: Mesh, chunk: int, function: Callable[[Any, Any], Any], common: Any, items: Any) -> Any:
    """`function(common, item)` for every item: leaves of `items` and of the result are [N, ...].

    Each device gets an equal share and works on `chunk` items at a time (`lax.map` over `vmap`), so that memory
    is bounded, and results do not depend on the number of devices. The last item is repeated up to a multiple
    of devices x chunk, so that there is one shape to compile.
    """
    count = jax.tree.leaves(items)[0].shape[0]
    per_round = mesh.shape[AXIS] * chunk
    missing = -count % per_round

    def pad(leaf: jax.Array) -> jax.Array:
        return jnp.concatenate([leaf, jnp.broadcast_to(leaf[-1:], (missing, *leaf.shape[1:]))])

    def local(common: Any, share: Any) -> Any:
        return jax.lax.map(lambda item: function(common, item), share, batch_size=chunk)

    sharded = jax.shard_map(
        local,
        mesh=mesh,
        in_specs=(PartitionSpec(), PartitionSpec(AXIS)),
        out_specs=PartitionSpec(AXIS),
        check_vma=False,  # the layers' scans carry values that start out replicated
    )
    return jax.tree.map(lambda leaf: leaf[:count], sharded(common, jax.tree.map(pad, items)))
