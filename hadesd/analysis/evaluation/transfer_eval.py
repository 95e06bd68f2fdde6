"""Policies trained on a dataset at many settings, and their returns: what `hadesd transfer` computes.

A compilation costs more than training a small policy, so what can be an argument of the compiled program is one:
activation, optimiser, learning rate and number of epochs. Only another width or depth compiles anew.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh

from hades_protocol.run_spec import RunSpec, build_spec, spec_to_dict
from hades_protocol.settings import merge
from hadesd.analysis.datasets import shapes
from hadesd.analysis.datasets.reader import DatasetFile
from hadesd.analysis.evaluation.evaluate import EVALUATION_STREAM, INIT_STREAM, task_of
from hadesd.compute import components
from hadesd.distill import policies
from hadesd.distill.dataset import StateActionPairs
from hadesd.distill.normalise import Statistics
from hadesd.distill.optimizer import Optimizer, TrainingSettings
from hadesd.distill.policies import Network, Params, SwitchPolicy
from hadesd.distill.sharding import make_mesh, map_over_mesh, trim
from hadesd.distill.training import ActingInputs, InitData, InnerLoopData, Learner, train_and_evaluate

ACTIVATIONS = ("tanh", "relu")
OPTIMIZERS = ("adam", "sgd")

LARGE_WIDTH = 256
"""From this width on one policy at a time per CPU core: its weights fill the cache alone."""

CHUNK = 8


@dataclass(frozen=True)
class Setting:
    """How one policy is built and trained. learning_rate: of that optimiser; epochs: gradient steps."""

    width: int
    depth: int
    activation: str
    optimizer: str
    learning_rate: float
    epochs: int


@dataclass(frozen=True)
class SwitchedOptimizer:
    """An optimiser that is one of several; `choice` int32 [] says which. The states of the others do not change."""

    alternatives: Sequence[Optimizer]
    choice: jax.Array

    @property
    def transformation(self) -> optax.GradientTransformation:
        """The optimiser as optax has it."""
        alternatives = [one.transformation for one in self.alternatives]

        def init(params: Params) -> Any:
            return tuple(one.init(params) for one in alternatives)

        def update(gradient: Params, state: Any, params: Params | None = None) -> tuple[Params, Any]:
            def branch(index: int) -> Callable[[], tuple[Params, Any]]:
                def step() -> tuple[Params, Any]:
                    updates, after = alternatives[index].update(gradient, state[index], params)
                    return updates, (*state[:index], after, *state[index + 1 :])

                return step

            return jax.lax.switch(self.choice, [branch(i) for i in range(len(alternatives))])

        return optax.GradientTransformation(init, update)


class TransferArguments(NamedTuple):
    """The part of a setting that a compiled program takes as arguments; activation and optimizer: indices, int32 []."""

    activation: jax.Array
    optimizer: jax.Array
    learning_rate: jax.Array
    epochs: jax.Array


@dataclass(frozen=True)
class TransferLearner:
    """Policies and training of one width and depth. policies: one for each of ACTIVATIONS. optimizers: names."""

    policies: tuple[Network, ...]
    optimizers: tuple[str, ...]
    clip_norm: float | None
    weight_decay: float

    def with_arguments(self, arguments: TransferArguments) -> Learner:
        """The policy and the training that the arguments ask for."""
        rate = arguments.learning_rate
        chosen = [Optimizer(name, rate, self.clip_norm, self.weight_decay) for name in self.optimizers]
        optimizer = SwitchedOptimizer(chosen, arguments.optimizer) if len(chosen) > 1 else chosen[0]
        return Learner(SwitchPolicy(self.policies, arguments.activation), TrainingSettings(optimizer, arguments.epochs))


class TransferEvaluator:
    """Trains and evaluates policies on one dataset. The inits, resets and action noise are common to all settings.

    With the setting that `hadesd evaluate` would use and the same seed, it gives the same policies.
    """

    def __init__(self, dataset: DatasetFile, spec: RunSpec, inits: int, episodes: int, seed: int) -> None:
        """Raises UsageError where the file does not fit the environment that the spec names."""
        self._spec = spec
        self._env = components.environment_of(spec)
        self._pairs = StateActionPairs(*map(jnp.asarray, shapes.fit(dataset, spec, self._env)))
        self._constants = shapes.constants(dataset, spec, self._env)
        self._task = task_of(spec, self._env, episodes)
        self._inits = inits
        self._root = jax.random.key(seed)
        self._mesh = make_mesh(0)
        self._compiled: dict[tuple[int, int, tuple[str, ...]], Callable[..., Any]] = {}

    def returns(self, setting: Setting, optimizers: Sequence[str]) -> np.ndarray:
        """Mean return of each init, float32 [N]; NaN where a return was not finite. optimizers: as in compile."""
        self.compile(setting, optimizers)
        run = self._compiled[setting.width, setting.depth, tuple(optimizers)]
        return np.asarray(jax.device_get(run(_arguments(setting, optimizers))))

    def compile(self, setting: Setting, optimizers: Sequence[str]) -> None:
        """Compile the program of a setting's width and depth, which may take minutes; where it is there, do nothing.

        optimizers: those that the caller will ask for at this width and depth, so that they share a program.
        """
        shape = (setting.width, setting.depth, tuple(optimizers))
        if shape not in self._compiled:
            self._compiled.clear()  # initialisations of wide policies are large, and callers go shape by shape
            self._compiled[shape] = self._prepare(setting, tuple(optimizers))

    def _policies(self, width: int, depth: int) -> tuple[Network, ...]:
        out = []
        for activation in ACTIVATIONS:
            over = {"policy": {"width": width, "depth": depth, "activation": activation}}
            out.append(components.policy_of(build_spec(merge(spec_to_dict(self._spec), over)), self._env))
        return tuple(out)

    def _prepare(self, setting: Setting, optimizers: tuple[str, ...]) -> Callable[..., Any]:
        """The program of a setting's width and depth, with its initialisations drawn."""
        alternatives = self._policies(setting.width, setting.depth)
        key_init, key_evaluate = (jax.random.fold_in(self._root, s) for s in (INIT_STREAM, EVALUATION_STREAM))
        draw = jax.jit(lambda key: policies.init_many(alternatives[0], key, self._env.observation, self._inits))
        inits = InitData(draw(key_init), jax.random.split(key_evaluate, self._inits))
        cloning = self._spec.cloning
        learner = TransferLearner(alternatives, optimizers, cloning.clip_norm, cloning.weight_decay)
        over_mesh = functools.partial(map_over_mesh, self._mesh, _chunk(self._mesh, setting.width, self._inits))

        @jax.jit
        def run(inits: InitData, pairs: StateActionPairs, constants: Statistics, arguments: TransferArguments) -> Any:
            common = InnerLoopData(pairs, ActingInputs(constants), arguments=arguments)
            return jnp.mean(train_and_evaluate(learner, self._task, common, inits, over_mesh).fitness, axis=1)

        compiled = run.lower(inits, self._pairs, self._constants, _arguments(setting, optimizers)).compile()
        return lambda arguments: trim(compiled(inits, self._pairs, self._constants, arguments), self._inits)


def _arguments(setting: Setting, optimizers: Sequence[str]) -> TransferArguments:
    return TransferArguments(
        jnp.int32(ACTIVATIONS.index(setting.activation)),
        jnp.int32(list(optimizers).index(setting.optimizer)),
        jnp.float32(setting.learning_rate),
        jnp.int32(setting.epochs),
    )


def _chunk(mesh: Mesh, width: int, inits: int) -> int:
    share = -(-inits // mesh.devices.size)
    if mesh.devices.flat[0].platform == "cpu":
        return 1 if width >= LARGE_WIDTH else min(share, CHUNK)
    return share
