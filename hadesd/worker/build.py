"""RunSpec -> problem, mesh and starting mean: the one place that translates settings into the algorithm's terms."""

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import RunSpec
from hadesd import catalogue
from hadesd.distill import cloning, policies, strategies
from hadesd.distill.dataset import Layout
from hadesd.distill.environments.base import Environment
from hadesd.distill.environments.make import make_environment
from hadesd.distill.generation import START_STREAM, Problem, generation_key
from hadesd.distill.policies import MLP
from hadesd.distill.rollout import Evaluation
from hadesd.distill.strategies import Strategy

CPU_CHUNK = 32
"""Candidates at a time per CPU device: enough to fill vector units, small enough for the cache."""

GPU_CHUNK = 2048


def environment_of(spec: RunSpec) -> Environment:
    """The environment that a spec names.

    Raises:
        UsageError: unknown name, or a backend it does not run on.
    """
    entry = catalogue.find(spec.env)
    return make_environment(entry.name, catalogue.backend_for(entry, spec.backend))


def policy_of(spec: RunSpec, env: Environment) -> MLP:
    """The policy that a spec describes, for an environment."""
    p = spec.policy
    return MLP(actions=env.actions, discrete=env.discrete, width=p.width, depth=p.depth, activation=p.activation)


def evaluation_of(spec: RunSpec) -> Evaluation:
    """How a spec has a policy evaluated."""
    e = spec.evaluation
    return Evaluation(
        environments=e.environments, steps=e.steps, normalisation=e.normalisation, greedy=e.action == "greedy"
    )


def layout_of(spec: RunSpec, env: Environment) -> Layout:
    """How a spec's dataset lies in a vector.

    Raises:
        UsageError: fewer pairs than actions with fixed labels: some action could never be taught.
    """
    if env.discrete and spec.dataset.labels == "fixed" and spec.dataset.pairs < env.actions:
        raise UsageError(
            f"dataset.pairs is {spec.dataset.pairs}, but {env.name} has {env.actions} actions and fixed labels give "
            f"each at least one pair: use {env.actions} or more, or --set dataset.labels=learned"
        )
    return Layout(spec.dataset.pairs, env.observation, env.actions, env.discrete, spec.dataset.labels)


def build(spec: RunSpec) -> tuple[Problem, jax.Array]:
    """The problem, and the mean float32 [dim] that evolution starts from.

    Raises:
        UsageError: settings that the environment does not admit.
    """
    env = environment_of(spec)
    policy = policy_of(spec, env)
    _, key = jax.random.split(generation_key(spec.seed, START_STREAM))
    layout, unflatten, optimizer, fixed_init = None, None, None, None
    if spec.method == "es":
        # Zeros would give every unit the same weights: direct neuroevolution starts from a fresh initialisation.
        mean, unflatten = ravel_pytree(policies.init(policy, key, env.observation))
    else:
        layout = layout_of(spec, env)
        mean = spec.dataset.initial_scale * jax.random.normal(key, (layout.size,))
        c = spec.cloning
        optimizer = cloning.make_optimizer(c.optimizer, c.learning_rate, c.clip_norm)
        if spec.method == "hades-f":
            fixed_init = policies.init_fixed(policy, spec.init_seed, env.observation)
    problem = Problem(
        env=env,
        policy=policy,
        evaluation=evaluation_of(spec),
        strategy=_strategy_of(spec, mean.size),
        population=spec.evolution.population,
        inits=spec.inits,
        seed=spec.seed,
        layout=layout,
        optimizer=optimizer,
        epochs=spec.cloning.epochs,
        fixed_init=fixed_init,
        unflatten=unflatten,
    )
    return problem, jnp.asarray(mean, jnp.float32)


def _strategy_of(spec: RunSpec, dim: int) -> Strategy:
    e = spec.evolution
    if e.strategy == "snes":
        return strategies.snes(e.population, dim, e.sigma, e.learning_rate, e.temperature)
    schedule = strategies.exponential_sigma(e.sigma, e.sigma_decay, e.sigma_floor)
    return strategies.open_es(e.population, dim, schedule, e.learning_rate, e.momentum, e.shaping)


def initial_chunk(spec: RunSpec, devices: int, platform: str) -> int:
    """Candidates evaluated at once per device, before any memory was found too small."""
    share = -(-spec.evolution.population // devices)
    return min(share, spec.resources.chunk or (CPU_CHUNK if platform == "cpu" else GPU_CHUNK))
