"""Candidates over devices: a map that is sharded over a mesh and chunked on each device."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, Mesh, PartitionSpec

from hadesd.distill.share import Share

AXIS = "population"


def own_part(items: Any, share: Share, at_once: int) -> Any:
    """The items of this process; beyond the end the last one again. leaves: [N, ...], then [n, ...].

    at_once: items that a process works on at a time, devices x chunk. Each process gets as many whole rounds as one
    with all the devices would give them, in the same order, so that the results are the same to the bit.
    """
    if share.size == 1:
        return items
    count = jax.tree.leaves(items)[0].shape[0]
    mine = -(-count // (share.size * at_once)) * at_once
    index = jnp.minimum(share.rank * mine + jnp.arange(mine), count - 1)
    return jax.tree.map(lambda leaf: leaf[index], items)


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
    """`function(common, item)` for every item: leaves of `items` are [N, ...], those of the result [N', ...].

    Each device gets an equal share and works on `chunk` items at a time (`lax.map` over `vmap`), so that memory
    is bounded, and results do not depend on the number of devices. N' is N rounded up to a multiple of
    devices x chunk, so that there is one shape to compile: take the first N (`trim`). The result is sharded.

    All inputs are replicated and each device cuts out its own share: there is no communication between devices,
    so a device that runs out of memory fails alone and at once, instead of leaving the others waiting for it.
    """
    count = jax.tree.leaves(items)[0].shape[0]
    rounds = -(-count // (mesh.shape[AXIS] * chunk))
    share = rounds * chunk

    def local(common: Any, items: Any) -> Any:
        # Beyond the end: the last item again.
        index = jnp.minimum(jax.lax.axis_index(AXIS) * share + jnp.arange(share), count - 1)
        mine = jax.tree.map(lambda leaf: leaf[index], items)
        return jax.lax.map(lambda item: function(common, item), mine, batch_size=chunk)

    sharded = jax.shard_map(
        local,
        mesh=mesh,
        in_specs=PartitionSpec(),
        out_specs=PartitionSpec(AXIS),
        check_vma=False,  # the layers' scans carry values that start out replicated
    )
    return sharded(common, items)


def trim(results: Any, count: int) -> Any:
    """The results of the first `count` items."""
    return jax.tree.map(lambda leaf: leaf[:count], results)
