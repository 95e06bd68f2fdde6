"""Policies trained on a dataset at many settings, and their returns: what `hadesd transfer` computes.

A compilation costs more than training a small policy, so what can be an argument of the compiled program is one:
activation, optimiser, learning rate and number of epochs. Only another width or depth compiles anew.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh

from hades_protocol.run_spec import RunSpec, build_spec, spec_to_dict
from hades_protocol.settings import merge
from hadesd.analysis.datasets import shapes
from hadesd.analysis.datasets.reader import DatasetFile
from hadesd.analysis.evaluation.evaluate import EVALUATION_STREAM, INIT_STREAM
from hadesd.compute import build
from hadesd.distill import cloning, policies, rollout
from hadesd.distill.policies import Params, SwitchPolicy
from hadesd.distill.sharding import make_mesh, map_over_mesh, trim

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


def switched_optimizer(
    choice: jax.Array, alternatives: Sequence[optax.GradientTransformation]
) -> optax.GradientTransformation:
    """An optimiser that is one of several; `choice` int32 [] says which. The states of the others stand still."""

    def init(params: Params) -> Any:
        return tuple(one.init(params) for one in alternatives)

    def update(gradient: Params, state: Any, params: Params | None = None) -> tuple[Params, Any]:
        def branch(index: int) -> Callable[[], tuple[Params, Any]]:
            def step() -> tuple[Params, Any]:
                updates, after = alternatives[index].update(gradient, state[index], params)
                return updates, (*state[:index], after, *state[index + 1 :])

            return step

        return jax.lax.switch(choice, [branch(i) for i in range(len(alternatives))])

    return optax.GradientTransformation(init, update)


def clone(
    policy: Any,
    params: Params,
    states: jax.Array,
    targets: jax.Array,
    optimizer: optax.GradientTransformation,
    epochs: jax.Array,
) -> Params:
    """`cloning.clone` for a number of epochs (int32 []) that the compiled program does not know."""

    def loss(p: Params) -> jax.Array:
        return -policies.log_likelihood(policy, p, states, targets)

    def epoch(_: Any, carry: tuple[Params, Any]) -> tuple[Params, Any]:
        p, opt_state = carry
        updates, opt_state = optimizer.update(jax.grad(loss)(p), opt_state, p)
        return optax.apply_updates(p, updates), opt_state

    trained, _ = jax.lax.fori_loop(0, epochs, epoch, (params, optimizer.init(params)))
    return trained


class TransferEvaluator:
    """Trains and evaluates policies on one dataset. The inits, resets and action noise are common to all settings.

    With the setting that `hadesd evaluate` would use and the same seed, it gives the same policies.
    """

    def __init__(self, dataset: DatasetFile, spec: RunSpec, inits: int, episodes: int, seed: int) -> None:
        """Raises UsageError where the file does not fit the environment that the spec names."""
        self._spec = spec
        self._env = build.environment_of(spec)
        states, actions = shapes.fit(dataset, self._env)
        self._data = (jnp.asarray(states), jnp.asarray(actions), shapes.constants(dataset, spec, self._env))
        self._evaluation = build.evaluation_of(spec)
        self._groups = -(-episodes // spec.evaluation.environments)
        self._inits = inits
        self._root = jax.random.key(seed)
        self._mesh = make_mesh(0)
        self._compiled: dict[tuple[int, int, tuple[str, ...]], Callable[..., Any]] = {}

    def returns(self, setting: Setting, optimizers: Sequence[str]) -> np.ndarray:
        """Mean return of each init, float32 [N]; NaN where a return was not finite.

        optimizers: those that the caller will ask for at this width and depth, so that they share a program.
        """
        shape = (setting.width, setting.depth, tuple(optimizers))
        if shape not in self._compiled:
            self._compiled.clear()  # initialisations of wide policies are large, and callers go shape by shape
            self._compiled[shape] = self._prepare(*shape)
        outcome = self._compiled[shape](
            jnp.int32(ACTIVATIONS.index(setting.activation)),
            jnp.int32(list(optimizers).index(setting.optimizer)),
            jnp.float32(setting.learning_rate),
            jnp.int32(setting.epochs),
        )
        return np.asarray(jax.device_get(outcome))

    def _policies(self, width: int, depth: int) -> tuple[Any, ...]:
        out = []
        for activation in ACTIVATIONS:
            over = {"policy": {"width": width, "depth": depth, "activation": activation}}
            out.append(build.policy_of(build_spec(merge(spec_to_dict(self._spec), over)), self._env))
        return tuple(out)

    def _prepare(self, width: int, depth: int, optimizers: tuple[str, ...]) -> Callable[..., Any]:
        """The program of a width and a depth, with its initialisations drawn."""
        alternatives = self._policies(width, depth)
        key_init, key_evaluate = (jax.random.fold_in(self._root, s) for s in (INIT_STREAM, EVALUATION_STREAM))
        draw = jax.jit(lambda key: policies.init_many(alternatives[0], key, self._env.observation, self._inits))
        items = (draw(key_init), jax.random.split(key_evaluate, self._inits))
        mesh, chunk, clip = self._mesh, _chunk(self._mesh, width, self._inits), self._spec.cloning.clip_norm

        def one(common: Any, item: tuple[Params, jax.Array]) -> jax.Array:
            (states, actions, constants), activation, optimizer, rate, epochs = common
            params, key = item
            policy: Any = SwitchPolicy(alternatives, activation)
            chosen = [cloning.make_optimizer(name, rate, clip).transformation for name in optimizers]
            train = switched_optimizer(optimizer, chosen) if len(chosen) > 1 else chosen[0]
            trained = clone(policy, params, states, actions, train, epochs)
            judge = jax.vmap(lambda k: rollout.evaluate(self._env, policy, trained, constants, k, self._evaluation))
            return jnp.mean(judge(jax.random.split(key, self._groups)).fitness)

        @jax.jit
        def run(items: Any, data: Any, *hyper: jax.Array) -> jax.Array:
            return map_over_mesh(mesh, chunk, one, (data, *hyper), items)

        return lambda *hyper: trim(run(items, self._data, *hyper), self._inits)


def _chunk(mesh: Mesh, width: int, inits: int) -> int:
    share = -(-inits // mesh.devices.size)
    if mesh.devices.flat[0].platform == "cpu":
        return 1 if width >= LARGE_WIDTH else min(share, CHUNK)
    return share
