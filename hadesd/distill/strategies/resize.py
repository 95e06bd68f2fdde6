"""Resize a strategy's state: dimensions of the search are copied or dropped, or the population changes.

Every leaf of evosax's states, by what it means:

| what it is | what becomes of it |
| --- | --- |
| one number a dimension: mean, std, moments, paths, members, best solution | follows its dimension |
| covariance: CMA_ES C, iAMaLGaM_Full C, xNES B (always diagonal) | its block; copies are independent of each other |
| factors of a covariance: CMA_ES B and D, MA_ES M | computed anew from the covariance that follows |
| low rank: CR_FM_NES v, ASEBO grad_subspace | follow their dimensions; CR_FM_NES's determinant moves into std |
| LM_MA_ES M, a row a memory, more rows in more dimensions | rows follow their dimensions; additional ones start empty |
| what ask overwrites: z, y, ASEBO UUT and UUT_ort | empty, in the new shape |
| constants: lr_std of xNES and SNES, DiffusionEvolution latent_projection | those of the new dimensions |
| fitness that decides (best_fitness_shaped, a member's) | forgotten, unless every pair was copied equally often |
| best_fitness, a record for people; counters; anything else without dimensions | stays |

Population-based strategies and EvoTF_ES (features of every member) keep the population itself: its size cannot change.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from evosax.algorithms.distribution_based.cma_es import eigen_decomposition
from evosax.algorithms.population_based.base import PopulationBasedAlgorithm

from hadesd.distill.strategies.base import State, Strategy
from hadesd.distill.strategies.evosax import UNKNOWN_COST


class CannotResize(ValueError):
    """The state of a search cannot be resized; the text says why in one line."""


@dataclass(frozen=True)
class Dimensions:
    """Which dimensions of a search go on.

    before: how many there were. elements: int [new], the old dimension that each new one continues. copies: int [new],
    which of its copies this is, 0 the first. even: every old dimension has equally many copies, so that every
    candidate's fitness is what it was.
    """

    before: int
    source_dimensions: np.ndarray
    copies: np.ndarray
    even: bool

    @staticmethod
    def unchanged(count: int) -> "Dimensions":
        """All of them, once."""
        return Dimensions(count, np.arange(count), np.zeros(count, int), even=True)


def check_population(strategy: Strategy, before: int, after: int) -> None:
    """Whether a state can serve a population of another size.

    Raises:
        CannotResize: the state holds the population.
    """
    name = type(strategy.algorithm).__name__
    if before != after and (isinstance(strategy.algorithm, PopulationBasedAlgorithm) or name == "EvoTF_ES"):
        raise CannotResize(f"{name} keeps its whole population in its state: {before} members cannot become {after}")


def resize_state(old: Strategy, new: Strategy, state: State, dimensions: Dimensions) -> State:
    """The state (numpy leaves) in the dimensions, and for the population, of the strategy `new`.

    Raises:
        CannotResize: it is another strategy, or its state has a part of which nothing is known.
    """
    name = type(old.algorithm).__name__
    start = jax.ShapeDtypeStruct(dimensions.source_dimensions.shape, jnp.float32)
    template = jax.eval_shape(lambda mean: new.init(jax.random.key(0), mean), start)
    form: Any = jax.tree.structure(template)
    if type(new.algorithm) is not type(old.algorithm) or form != jax.tree.structure(state):
        raise CannotResize(f"the state of {name} has another form with the new settings")
    moved = not np.array_equal(dimensions.source_dimensions, np.arange(dimensions.before))
    if moved and name in _BEFORE:
        state = _BEFORE[name](state)

    def leaf(path: tuple[Any, ...], value: np.ndarray, wanted: jax.ShapeDtypeStruct) -> np.ndarray:
        names = tuple(str(getattr(key, "name", key)) for key in path)
        change = _Change(np.asarray(value), wanted.shape, dimensions, new)
        rule = _RULES.get((name, names[0])) or (_forgotten if _is_compared(names) else _by_dimension)
        found = rule(change)
        if found.shape != wanted.shape:
            raise CannotResize(f"what '{'.'.join(names)}' in the state of {name} means is not known")
        return np.asarray(found, wanted.dtype)

    after = jax.tree_util.tree_map_with_path(leaf, state, template)
    return _AFTER[name](after) if moved and name in _AFTER else after


@dataclass(frozen=True)
class _Change:
    value: np.ndarray
    shape: tuple[int, ...]
    dimensions: Dimensions
    new: Strategy


def _by_dimension(change: _Change) -> np.ndarray:
    """Along the one axis whose length is another one now: which axis it is cannot be told from a length alone."""
    value = change.value
    if value.ndim != len(change.shape):
        return value
    axes = [axis for axis, length in enumerate(change.shape) if length != value.shape[axis]]
    if len(axes) != 1 or value.shape[axes[0]] != change.dimensions.before:
        return value
    return np.take(value, change.dimensions.source_dimensions, axes[0])


def _blocks(change: _Change) -> np.ndarray:
    """A principal submatrix for each copy, on the diagonal: it stays positive semi-definite."""
    source_dimensions, copies = change.dimensions.source_dimensions, change.dimensions.copies
    return np.where(copies[:, None] == copies[None], change.value[np.ix_(source_dimensions, source_dimensions)], 0)


def _empty(change: _Change) -> np.ndarray:
    return np.zeros(change.shape)


def _identity(change: _Change) -> np.ndarray:
    return np.eye(change.shape[0])


def _rate_of_std(change: _Change) -> np.ndarray:
    return np.asarray(change.new.params.lr_std_init)


def _memories(change: _Change) -> np.ndarray:
    rows = min(change.value.shape[0], change.shape[0])
    out = np.zeros(change.shape)
    out[:rows] = change.value[:rows, change.dimensions.source_dimensions]
    return out


def _forgotten(change: _Change) -> np.ndarray:
    """Forget the fitness of the dataset before the resize: an elitist search that cannot beat it would never move.

    Members keep their order, so that the fittest is still the one that is exported.
    """
    if change.dimensions.even:
        return change.value
    if change.value.ndim == 0:
        return np.asarray(np.inf)
    order = np.argsort(np.argsort(change.value, kind="stable"))
    return UNKNOWN_COST * (1.0 + order / order.size)


def _is_compared(names: tuple[str, ...]) -> bool:
    """Whether a leaf is a fitness that decides something; best_fitness does in the features of EvoTF_ES."""
    compared = ("best_fitness_shaped", "epoch_best_fitness", "fitness", "fitness_best")
    return names[-1] in compared or (len(names) > 1 and names[-1] == "best_fitness")


_RULES: dict[tuple[str, str], Callable[[_Change], np.ndarray]] = {
    ("CMA_ES", "C"): _blocks,
    ("CMA_ES", "B"): _blocks,  # until the decomposition
    ("MA_ES", "M"): _blocks,
    ("MA_ES", "z"): _empty,
    ("LM_MA_ES", "M"): _memories,
    ("LM_MA_ES", "z"): _empty,
    ("xNES", "B"): _blocks,
    ("xNES", "z"): _empty,
    ("xNES", "lr_std"): _rate_of_std,
    ("SNES", "lr_std"): _rate_of_std,
    ("CR_FM_NES", "z"): _empty,
    ("CR_FM_NES", "y"): _empty,
    ("ASEBO", "UUT"): _empty,
    ("ASEBO", "UUT_ort"): _empty,
    ("iAMaLGaM_Full", "C"): _blocks,
    ("DiffusionEvolution", "latent_projection"): _identity,
}
"""(class, field) -> what becomes of it, where neither _by_dimension nor _forgotten is right."""


def _factors_to_covariance(state: State) -> State:
    """MA_ES: M = S R with S symmetric (polar decomposition) and S S the covariance. Its path turns with R."""
    left, scale, right = np.linalg.svd(np.asarray(state.M, np.float64))
    return state.replace(M=(left * scale**2) @ left.T, p_std=left @ right @ state.p_std)


def _covariance_to_root(state: State) -> State:
    scale, vectors = np.linalg.eigh(np.asarray(state.M, np.float64))
    root = (vectors * np.sqrt(np.maximum(scale, 0.0))) @ vectors.T
    return state.replace(M=np.asarray(root, np.float32))


def _decompose(state: State) -> State:
    _, vectors, scale = jax.device_get(eigen_decomposition(jnp.asarray(state.C)))
    return state.replace(B=vectors, D=scale)


def _normalise_determinant(state: State) -> State:
    """CR_FM_NES scales D so that its determinant is 1 in every generation.

    Other dimensions have another determinant: were std not to take it up, the search's width std * D would change.
    """
    d, v = np.asarray(state.D, np.float64), np.asarray(state.v, np.float64)
    factor = np.exp(np.mean(np.log(d)) + np.log1p(v @ v) / (2 * d.size))
    scaled = {"D": d / factor, "p_c": state.p_c / factor, "std": state.std * factor}
    return state.replace(**{key: np.asarray(value, np.float32) for key, value in scaled.items()})


_BEFORE: dict[str, Callable[[State], State]] = {"MA_ES": _factors_to_covariance}
_AFTER: dict[str, Callable[[State], State]] = {
    "CMA_ES": _decompose,
    "MA_ES": _covariance_to_root,
    "CR_FM_NES": _normalise_determinant,
}
