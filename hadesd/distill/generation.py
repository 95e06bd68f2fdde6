"""One generation of HaDES: ask, evaluate the population over a device mesh, tell (paper, algorithm 1).

`generation_step` is a pure function of the state. Its random numbers come from
fold_in(root key, generation) and nothing else, so that a run that was interrupted ends like one that was not.
"""

import functools
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from hadesd.distill import averaging, normalise, visited
from hadesd.distill.fitness import SharedInputs, draw_shared_inputs, evaluate_candidate, evaluate_mean
from hadesd.distill.images import ImageTask
from hadesd.distill.problem import (
    CONSTANTS_STREAM,
    START_STREAM,
    EvolutionState,
    Problem,
    TaskData,
    generation_key,
)
from hadesd.distill.rollout import RolloutResult
from hadesd.distill.sharding import AXIS, map_over_mesh, own_part, trim
from hadesd.distill.share import Share


class Metrics(NamedTuple):
    """Of one generation. fitness_*: float32 [], over finite candidates; NaN where there is none."""

    fitness_mean: jax.Array
    fitness_best: jax.Array
    fitness_worst: jax.Array
    fitness_std: jax.Array
    best_so_far: jax.Array
    sigma: jax.Array
    episodes: jax.Array
    unfinished: jax.Array
    nan: jax.Array


def init_state(problem: Problem, mean: jax.Array) -> EvolutionState:
    """The state before the first generation, around a mean float32 [dim]."""
    key_start, _ = jax.random.split(generation_key(problem.seed, START_STREAM))
    env, visited_states = problem.env, None
    fixed = problem.evaluation.normalisation == "fixed"
    if visited.is_measured(problem) and not isinstance(env, ImageTask):
        observe = jax.jit(lambda key: normalise.observe(env, key))
        visited_states = observe(generation_key(problem.seed, CONSTANTS_STREAM))
        constants = normalise.usable(visited_states) if fixed else normalise.unit(env.observation)
    elif fixed and not isinstance(env, ImageTask):
        measure = jax.jit(lambda key: normalise.measure(env, key))
        constants = measure(generation_key(problem.seed, CONSTANTS_STREAM))
    else:
        constants = normalise.unit(env.observation)
    return EvolutionState(
        strategy=problem.strategy.init(key_start, mean),
        generation=jnp.int32(0),
        constants=constants,
        visited=visited_states,
        averaged=jnp.asarray(mean, jnp.float32) if problem.averaging else None,
    )


class EvaluatedPopulation(NamedTuple):
    """A population float32 [P, dim] with its results [at least P], and the strategy's state that it came from."""

    population: jax.Array
    results: RolloutResult
    asked: Any


class Exchange(Protocol):
    """How the processes that share a population hand each other their results."""

    share: Share

    def all_gather(self, results: RolloutResult) -> RolloutResult:
        """Results [n] of this process's part; [size x n] of all, on the host."""
        ...


def ask_and_evaluate(
    problem: Problem,
    mesh: Mesh,
    chunk: int,
    state: EvolutionState,
    task_data: TaskData,
    share: Share = Share(),  # noqa: B008 — it cannot be changed
) -> EvaluatedPopulation:
    """The first half of a generation: no communication between devices (see map_over_mesh).

    `task_data` are problem.task_data, handed in as an argument. share: of the population, which is whole in the result;
    the results are those of the share.
    """
    key_ask, key_init, key_evaluate, _ = _keys(problem, state)
    population, asked = problem.strategy.ask(key_ask, state.strategy)
    shared = draw_shared_inputs(problem, state, task_data, key_init, key_evaluate)

    def evaluate(shared: SharedInputs, candidate: jax.Array) -> RolloutResult:
        return evaluate_candidate(problem, shared, candidate)

    mine = own_part(population, share, mesh.devices.size * chunk)
    return EvaluatedPopulation(population, map_over_mesh(mesh, chunk, evaluate, shared, mine), asked)


def tell(problem: Problem, state: EvolutionState, evaluated: EvaluatedPopulation) -> tuple[EvolutionState, Metrics]:
    """The second half of a generation: the strategy learns from the fitness, and constants follow what is visited."""
    *_, key_tell = _keys(problem, state)
    results: RolloutResult = trim(evaluated.results, problem.population)
    fitness = jnp.where(jnp.isfinite(results.fitness), results.fitness, jnp.nan)
    told = problem.strategy.tell(key_tell, evaluated.population, fitness, evaluated.asked)
    after = state._replace(strategy=told, generation=state.generation + 1)
    if state.averaged is not None:
        newest = problem.strategy.mean(told)
        average = averaging.averaged(problem.averaging, state.averaged, newest, after.generation)
        after = after._replace(averaged=average)
    after = after._replace(constants=visited.followed(problem, after))
    return after, _metrics(problem, results, fitness, after, state, evaluated.population)


def generation_step(problem: Problem, mesh: Mesh, chunk: int, state: EvolutionState) -> tuple[EvolutionState, Metrics]:
    """Advance by one generation: a pure function of the state. A measure of visited states, where due, came before."""
    return tell(problem, state, ask_and_evaluate(problem, mesh, chunk, state, problem.task_data))


def _keys(problem: Problem, state: EvolutionState) -> jax.Array:
    return jax.random.split(generation_key(problem.seed, state.generation), 4)


def _metrics(
    problem: Problem,
    results: RolloutResult,
    fitness: jax.Array,
    after: EvolutionState,
    before: EvolutionState,
    population: jax.Array,
) -> Metrics:
    return Metrics(
        fitness_mean=jnp.nanmean(fitness),
        fitness_best=jnp.nanmax(fitness),
        fitness_worst=jnp.nanmin(fitness),
        fitness_std=jnp.nanstd(fitness),
        best_so_far=problem.strategy.best_fitness(after.strategy),
        sigma=problem.strategy.sigma(before.strategy, population),
        episodes=jnp.sum(results.episodes),
        unfinished=jnp.sum(results.unfinished),
        nan=jnp.sum(jnp.isnan(fitness)).astype(jnp.int32),
    )


class LaterProgram:
    """A program of a state that is first needed in the middle of a run: compiled on a thread of its own before that.

    Its results are sharded over the mesh, and come as numpy arrays.
    """

    def __init__(
        self, name: str, program: Callable[[EvolutionState, TaskData], Any], mesh: Mesh, task_data: TaskData
    ) -> None:
        everywhere = NamedSharding(mesh, PartitionSpec())
        self._name = name
        self._program = jax.jit(
            lambda state, task_data: program(state, task_data),
            in_shardings=everywhere,
            out_shardings=NamedSharding(mesh, PartitionSpec(AXIS)),
        )
        self._task_data = jax.device_put(task_data, everywhere)
        self._compiled: Future[Callable[[EvolutionState, TaskData], Any]] | None = None

    def prepare(self, state: EvolutionState) -> None:
        """Begin to compile it for states like this one."""
        if self._compiled is not None:
            return
        like = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), state)
        executor = ThreadPoolExecutor(1, f"compile {self._name}")
        self._compiled = executor.submit(lambda: self._program.lower(like, self._task_data).compile())
        executor.shutdown(wait=False)

    @property
    def compiling(self) -> bool:
        """Whether a call now would have to wait for the program."""
        return self._compiled is None or not self._compiled.done()

    def __call__(self, state: EvolutionState) -> Any:
        """Compute, as soon as the program is there.

        Raises:
            JaxRuntimeError: the device's memory cannot hold it.
        """
        self.prepare(state)
        assert self._compiled is not None
        return jax.device_get(self._compiled.result()(state, self._task_data))


class GenerationStep:
    """`generation_step` for a mesh and a chunk, with the measures of visited states. States and metrics are replicated.

    Two programs, with the host in between: only when every device has evaluated its share do they communicate.
    exchange: with the other processes that share the population; None: there are none. All of them take the same steps.
    """

    def __init__(self, problem: Problem, mesh: Mesh, chunk: int, exchange: Exchange | None = None) -> None:
        self._exchange = exchange
        share = Share() if exchange is None else exchange.share
        self._everywhere = NamedSharding(mesh, PartitionSpec())
        shared = NamedSharding(mesh, PartitionSpec(AXIS))
        self._evaluate: Any = jax.jit(
            lambda state, task_data: ask_and_evaluate(problem, mesh, chunk, state, task_data, share),
            in_shardings=self._everywhere,
            out_shardings=EvaluatedPopulation._make((self._everywhere, shared, self._everywhere)),
        )
        self._tell: Any = jax.jit(
            lambda state, evaluated: tell(problem, state, evaluated),
            in_shardings=self._everywhere,
            out_shardings=self._everywhere,
        )
        self._task_data = jax.device_put(problem.task_data, self._everywhere)
        self._problem = problem
        self._visited: LaterProgram | None = None
        if visited.is_measured(problem):
            measure = functools.partial(visited.measure, problem, mesh, share.size * mesh.devices.size)
            self._visited = LaterProgram("visited states", measure, mesh, problem.task_data)
        self._hosts = share.size
        self._visiting = 1 if problem.has_one_policy else visited.POLICIES
        self.compiled = False

    def compile(self, state: EvolutionState) -> None:
        """Compile it for states like this one, which takes seconds to minutes; a step does it otherwise.

        Raises:
            JaxRuntimeError: RESOURCE_EXHAUSTED where a device's memory cannot hold a chunk.
        """
        evaluated = jax.eval_shape(self._evaluate, state, self._task_data)
        results = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct((self._hosts * leaf.shape[0], *leaf.shape[1:]), leaf.dtype),
            evaluated.results,
        )
        evaluated = evaluated._replace(results=results)
        replicated = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=self._everywhere), evaluated
        )
        self._evaluate = self._evaluate.lower(state, self._task_data).compile()
        self._tell = self._tell.lower(state, replicated).compile()
        self.compiled = True

    def __call__(self, state: EvolutionState) -> tuple[EvolutionState, Metrics]:
        """One generation, and before it a measure of the visited states where one is due.

        Raises:
            JaxRuntimeError: RESOURCE_EXHAUSTED where a device's memory cannot hold a chunk.
        """
        state = self._measured(state)
        evaluated = jax.block_until_ready(self._evaluate(state, self._task_data))
        found = evaluated.results
        if self._exchange is not None:
            found = self._exchange.all_gather(jax.device_get(found))
        results = jax.device_put(found, self._everywhere)
        after: tuple[EvolutionState, Metrics] = self._tell(state, evaluated._replace(results=results))
        return after

    def prepare(self, state: EvolutionState) -> None:
        """Begin to compile what later generations need, for states like this one."""
        if self._visited is not None:
            self._visited.prepare(state)

    def _measured(self, state: EvolutionState) -> EvolutionState:
        """The state with the region of visited states as of now, and the constants that take it over at once."""
        if self._visited is None or not visited.is_due(int(state.generation)):
            return state
        found = trim(self._visited(state), self._visiting)
        return jax.device_put(visited.remeasured(self._problem, state, found), self._everywhere)


class MeanEvaluation:
    """`evaluate_mean`, compiled for a mesh: state -> float32 [inits, groups], padding cut off.

    devices: of all processes that share the run, which decides how many policies are side by side; 0: the mesh's.
    """

    def __init__(self, problem: Problem, mesh: Mesh, devices: int = 0) -> None:
        program = functools.partial(evaluate_mean, problem, mesh, devices or mesh.devices.size)
        self._program = LaterProgram("mean evaluation", program, mesh, problem.task_data)
        self._count = 1 if problem.has_one_policy else problem.mean_inits

    def prepare(self, state: EvolutionState) -> None:
        """Begin to compile it for states like this one."""
        self._program.prepare(state)

    @property
    def compiling(self) -> bool:
        """Whether an evaluation now would have to wait for the program."""
        return self._program.compiling

    def __call__(self, state: EvolutionState) -> jax.Array:
        """Evaluate, as soon as the program is there.

        Raises:
            JaxRuntimeError: the device's memory cannot hold it.
        """
        found: jax.Array = self._program(state)[: self._count]
        return found
