"""What each pair of a dataset is worth: the fitness without it."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from hadesd.distill.judging import Shared, draw_shared, evaluate_candidate
from hadesd.distill.problem import LEAVE_ONE_OUT_STREAM, EvolutionState, Givens, Problem, generation_key
from hadesd.distill.sharding import AXIS, map_over_mesh
from hadesd.distill.strategies.following import CannotResize


def leave_one_out(problem: Problem, mesh: Mesh, chunk: int, state: EvolutionState) -> jax.Array:
    """How much fitness the mean dataset loses without each of its pairs, float32 [D]; NaN: a fitness was not finite.

    One evaluation of D + 1 candidates on the same initialisations and environments. A pair is left out by its weight
    in the cloning's loss: candidates of one shape are one program.

    Raises:
        CannotResize: the method evolves no pairs.
        JaxRuntimeError: RESOURCE_EXHAUSTED where a device's memory cannot hold a chunk.
    """
    if problem.layout is None:
        raise CannotResize("method es evolves the policy's own parameters: there are no pairs")
    pairs = problem.layout.pairs
    # The whole dataset, then the dataset without each of its pairs.
    weights = np.concatenate([np.ones((1, pairs)), 1.0 - np.eye(pairs)]).astype(np.float32)
    # Beyond a device's share there is only padding.
    chunk = min(chunk, -(-len(weights) // mesh.shape[AXIS]))
    everywhere = NamedSharding(mesh, PartitionSpec())

    def judge(state: EvolutionState, givens: Givens) -> jax.Array:
        root = jax.random.fold_in(generation_key(problem.seed, LEAVE_ONE_OUT_STREAM), state.generation)
        shared = draw_shared(problem, state.constants, givens, *jax.random.split(root))

        def one(common: tuple[Shared, jax.Array], weights: jax.Array) -> jax.Array:
            return evaluate_candidate(problem, *common, weights).fitness

        return map_over_mesh(mesh, chunk, one, (shared, problem.strategy.mean(state.strategy)), jnp.asarray(weights))

    program = jax.jit(judge, in_shardings=everywhere, out_shardings=NamedSharding(mesh, PartitionSpec(AXIS)))
    fitness = jax.device_get(program(*jax.device_put((state, problem.givens), everywhere)))[: len(weights)]
    fitness = np.where(np.isfinite(fitness), fitness, np.float32(np.nan))
    return jnp.asarray(fitness[0] - fitness[1:])
