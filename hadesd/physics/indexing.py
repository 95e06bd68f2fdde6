"""Where XLA's gather and scatter read and write, for indices that are known (see XLA's operation semantics)."""

from typing import Any

import numpy as np


def is_clip(mode: Any) -> bool:
    """Whether windows that stick out are moved inside."""
    return "CLIP" in str(mode).upper()


def is_fill(mode: Any) -> bool:
    """Whether windows that stick out are filled, of a gather, or dropped, of a scatter."""
    return "FILL" in str(mode).upper()


def _starts(shape: tuple[int, ...], indices: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """int [*batch, rank]: the start of every window, zero on the axes that no index names."""
    out = np.zeros((*indices.shape[:-1], len(shape)), np.int64)
    for column, axis in enumerate(axes):
        out[..., axis] = indices[..., column].astype(np.int64)
    return out


def _window_axes(rank: int, dropped: tuple[int, ...]) -> list[int]:
    return [axis for axis in range(rank) if axis not in dropped]


def _batched(starts: np.ndarray, operand_axes: tuple[int, ...], index_axes: tuple[int, ...]) -> None:
    """Batching dimensions: the operand's index on such an axis is the batch's own."""
    for axis, batch in zip(operand_axes, index_axes, strict=True):
        line = np.arange(starts.shape[batch]).reshape([-1 if i == batch else 1 for i in range(starts.ndim - 1)])
        starts[..., axis] = np.broadcast_to(line, starts.shape[:-1])


def gather_places(
    shape: tuple[int, ...], indices: np.ndarray, parameters: dict[str, Any], result: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """For every element of a gather's result: its flat place in the operand, and whether its window lies inside.

    indices: int [*batch, columns]. Windows that stick out are moved inside where the mode says so (clip).
    """
    numbers, sizes = parameters["dimension_numbers"], np.asarray(parameters["slice_sizes"])
    starts = _starts(shape, indices, numbers.start_index_map)
    _batched(starts, numbers.operand_batching_dims, numbers.start_indices_batching_dims)
    top = np.asarray(shape) - sizes
    inside = np.all((starts >= 0) & (starts <= top), axis=-1)
    starts = np.clip(starts, 0, top)
    if is_clip(parameters["mode"]):
        inside = np.ones_like(inside)
    dropped = (*numbers.collapsed_slice_dims, *numbers.operand_batching_dims)
    kept = _window_axes(len(shape), dropped)
    offsets = np.stack(np.meshgrid(*[np.arange(sizes[a]) for a in kept], indexing="ij"), -1) if kept else None
    window = [int(sizes[a]) for a in kept]
    full = np.zeros((*window, len(shape)), np.int64)
    if offsets is not None:
        full[..., kept] = offsets
    batch = indices.shape[:-1]
    places = starts.reshape(*batch, *[1] * len(window), len(shape)) + full
    flat = np.ravel_multi_index(tuple(np.moveaxis(places, -1, 0)), shape) if shape else np.zeros(batch, np.int64)
    whole = np.broadcast_to(inside.reshape(*batch, *[1] * len(window)), flat.shape)
    order = _result_order(len(batch), len(window), tuple(numbers.offset_dims), len(result))
    return np.transpose(flat, order), np.transpose(whole, order)


def _result_order(batch: int, window: int, offset_dims: tuple[int, ...], rank: int) -> list[int]:
    """Which axis of [*batch, *window] each axis of the result is."""
    windows, batches = iter(range(batch, batch + window)), iter(range(batch))
    return [next(windows) if axis in offset_dims else next(batches) for axis in range(rank)]


def scatter_places(
    shape: tuple[int, ...], indices: np.ndarray, updates: tuple[int, ...], parameters: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """For every element of a scatter's updates: its flat place in the operand, and whether its window lies inside."""
    numbers = parameters["dimension_numbers"]
    windows = tuple(numbers.update_window_dims)
    kept = _window_axes(len(shape), (*numbers.inserted_window_dims, *numbers.operand_batching_dims))
    sizes = np.ones(len(shape), np.int64)
    for axis, at in zip(kept, windows, strict=True):
        sizes[axis] = updates[at]
    starts = _starts(shape, indices, numbers.scatter_dims_to_operand_dims)
    _batched(starts, numbers.operand_batching_dims, numbers.scatter_indices_batching_dims)
    top = np.asarray(shape) - sizes
    inside = np.all((starts >= 0) & (starts <= top), axis=-1)
    starts = np.clip(starts, 0, np.maximum(top, 0))
    if is_clip(parameters["mode"]):
        inside = np.ones_like(inside)
    batch_axes = [axis for axis in range(len(updates)) if axis not in windows]
    grid = np.indices(updates) if updates else np.zeros((0,), np.int64)
    batch_at = tuple(grid[axis] for axis in batch_axes)
    full = starts[batch_at] if batch_axes else np.broadcast_to(starts.reshape(len(shape)), (*updates, len(shape)))
    full = np.array(full)
    for axis, at in zip(kept, windows, strict=True):
        full[..., axis] += grid[at]
    flat = np.ravel_multi_index(tuple(np.moveaxis(full, -1, 0)), shape) if shape else np.zeros(updates, np.int64)
    fits = inside[batch_at] if batch_axes else np.broadcast_to(inside.reshape(()), updates)
    return flat, fits
