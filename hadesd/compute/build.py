"""RunSpec -> problem and starting mean. What other computations need too is in `components`."""

from dataclasses import replace
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import Evaluation, RunSpec
from hadesd.compute import image_files
from hadesd.compute.components import environment_of, evaluation_of, policy_of, training_of
from hadesd.compute.execution import Execution
from hadesd.distill import images, native_cloning, native_rollout, policies, strategies
from hadesd.distill.dataset import DatasetLayout, label_counts
from hadesd.distill.environments.base import Environment
from hadesd.distill.images import ImageTask, LabelledImages
from hadesd.distill.policies import ACTIVATIONS
from hadesd.distill.problem import START_STREAM, ActionNoise, Problem, TaskData, Variation, generation_key
from hadesd.distill.sharding import make_mesh
from hadesd.distill.strategies import Strategy
from hadesd.native import machine_code
from hadesd.native.dense import NetworkShape
from hadesd.spec import environments, validation
from hadesd.spec.strategies import check as check_strategy
from hadesd.spec.strategies import find as find_strategy
from hadesd.storage.checkpoints import Description

CPU_CHUNK = 32
"""Candidates at a time per CPU device: enough to fill vector units, small enough for the cache."""

GPU_CHUNK = 2048

NATIVE_POLICIES, NATIVE_BYTES = 512, 2**28
"""Policies at a time per CPU device where machine code computes, and what their parameters may take together."""


def variation_of(spec: RunSpec) -> Variation | None:
    """How the k policies of a generation differ beyond their initialisation; None where they do not.

    Learning rates are spread evenly on a log scale. Neighbours in rate have different activations.
    """
    spread, both = spec.cloning.learning_rate_spread, spec.policy.vary_activation
    if spread == 1.0 and not both:
        return None
    k = spec.inits
    names = list(ACTIVATIONS)
    own = names.index(spec.policy.activation)
    activation = (own + np.arange(k)) % len(names) if both else np.full(k, own)
    return Variation(np.geomspace(1.0 / spread, spread, k).astype(np.float32), activation)


def averaging_of(spec: RunSpec) -> float:
    """The share of the generations that the mean dataset averages; 0 where the strategy has no mean."""
    return 0.0 if find_strategy(spec.evolution.strategy).population_based else spec.evolution.averaging


def action_noise_of(evaluation: Evaluation) -> ActionNoise:
    """How the actions of candidates differ from those of the mean dataset's policies."""
    greedy = evaluation.action == "greedy"
    return ActionNoise(evaluation.noise_every, evaluation.noise_generations if greedy else 0)


def layout_of(spec: RunSpec, env: Environment | ImageTask) -> DatasetLayout:
    """How a spec's dataset lies in a vector."""
    d = spec.dataset
    return DatasetLayout(d.pairs, env.observation, env.actions, env.discrete, d.labels, d.bound, d.frequencies)


def build(spec: RunSpec, physics: str | None = None, cloning_form: str | None = None) -> tuple[Problem, jax.Array]:
    """The problem, and the mean float32 [dim] that evolution starts from.

    physics, cloning_form: instead of what the spec leads to here: those that a checkpoint was computed with.

    Raises:
        UsageError: settings that do not fit each other; image files that are missing.
    """
    entry = validation.check(spec)
    env: Environment | ImageTask
    task_data = TaskData()
    if entry.family == "images":
        env = ImageTask(entry.name, entry.observation, entry.actions, spec.images.batch)
        train, test = image_files.load(entry.name, spec.images.directory)
        task_data = TaskData(train=train, test=test)
    else:
        env = environment_of(spec, physics)
    policy = policy_of(spec, env)
    _, key = jax.random.split(generation_key(spec.seed, START_STREAM))
    layout, unflatten, training = None, None, None
    if spec.method == "es":
        # Zeros would give every unit the same weights: direct neuroevolution starts from a fresh initialisation.
        mean, unflatten = ravel_pytree(policies.init(policy, key, env.observation))
    else:
        layout = layout_of(spec, env)
        mean = spec.dataset.initial_scale * jax.random.normal(key, (layout.size,))
        if task_data.train is not None:
            mean = mean + _initial_images(spec, env, task_data.train, layout, jax.random.fold_in(key, 1))
        training = training_of(spec, cloning_form)
        if spec.method == "hades-f":
            task_data = task_data._replace(fixed_init=policies.init_fixed(policy, spec.init_seed, env.observation))
    problem = Problem(
        env=env,
        policy=policy,
        evaluation=evaluation_of(spec),
        strategy=_strategy_of(spec, mean.size),
        population=spec.evolution.population,
        inits=spec.inits,
        seed=spec.seed,
        layout=layout,
        training=training,
        task_data=task_data,
        unflatten=unflatten,
        mean_inits=spec.evaluation.mean_inits,
        variation=variation_of(spec),
        alternatives=tuple(policy.clone(activation=name) for name in ACTIVATIONS),
        remeasure=spec.evaluation.remeasure,
        averaging=averaging_of(spec),
        action_noise=action_noise_of(spec.evaluation),
        mean_groups=-(-spec.evaluation.mean_environments // spec.evaluation.environments),
    )
    return problem, jnp.asarray(mean, jnp.float32)


def _initial_images(
    spec: RunSpec, env: Environment | ImageTask, train: LabelledImages, layout: DatasetLayout, key: jax.Array
) -> jax.Array:
    """The starting mean float32 [dim] of supervised distillation: zeros, class means, or real images."""
    per_class = -(-layout.pairs // env.actions)
    if spec.dataset.initial == "zeros":
        return jnp.zeros(layout.size)
    if spec.dataset.initial == "class-means":
        classes = jnp.repeat(images.class_means(train, env.actions)[:, None], per_class, axis=1)
    else:
        classes = images.draw_per_class(train, env.actions, per_class, key)
    counts = label_counts(layout.pairs, env.actions)
    states = jnp.concatenate([classes[c, :count].reshape(-1) for c, count in enumerate(counts)])
    return jnp.concatenate([states, jnp.zeros(layout.size - states.size)])


def _strategy_of(spec: RunSpec, dim: int) -> Strategy:
    e = spec.evolution
    entry = find_strategy(e.strategy)
    check_strategy(entry, e.population, e.parameters, dim)
    sigma = strategies.exponential(e.sigma, e.sigma_decay, e.sigma_floor)
    rate: Any = e.learning_rate
    if e.learning_rate_decay < 1.0:
        rate = strategies.exponential(e.learning_rate, e.learning_rate_decay, e.learning_rate_floor)
    if entry.key == "openes":
        return strategies.open_es(e.population, dim, sigma, rate, e.momentum, e.shaping, e.weight_decay, e.sigma_share)
    if entry.key == "snes":
        return strategies.snes(e.population, dim, e.sigma, rate, e.temperature, e.parameters, e.weight_decay)
    optimizers = {
        "adam": strategies.adam(rate, e.momentum, e.weight_decay),
        "sgd": strategies.descent(rate, e.weight_decay),
        "": None,
    }
    return strategies.named(
        entry.name,
        e.population,
        dim,
        sigma=e.sigma,
        schedule=sigma,
        sigma_share=e.sigma_share,
        optimizer=optimizers[entry.optimizer],
        shaping=e.shaping if entry.shaped else None,
        parameters=e.parameters,
    )


def placed(spec: RunSpec, problem: Problem) -> tuple[Mesh, Execution]:
    """The devices that share a problem's population on this host, and how those of all hosts compute it.

    Raises:
        UsageError: there are fewer devices than resources.devices asks for.
    """
    try:
        mesh = make_mesh(spec.resources.devices)
    except ValueError as error:
        raise UsageError(f"resources.devices: {error}; 0 takes all that are there") from None
    devices = list(mesh.devices.flat)
    physics, cloning = forms_of(problem)
    count = len(devices) * spec.resources.hosts
    chunk = initial_chunk(spec, count, devices[0].platform, physics)
    return mesh, replace(Execution.current(devices, chunk, physics, cloning), devices=count)


def forms_to_go_on_with(spec: RunSpec, manifest: Description | None) -> tuple[str | None, str | None]:
    """Physics and cloning for a run with a newest checkpoint: with physics=auto what the checkpoint was computed with.

    So a run that was interrupted ends like one that was not, also on a machine where auto would choose otherwise.
    manifest: of the newest checkpoint; None where there is none; one of another method says nothing. The result None:
    what the spec leads to.
    """
    if spec.physics != "auto" or manifest is None or manifest.method != spec.method:
        return None, None
    physics, cloning = manifest.physics, manifest.cloning
    if "native" in (physics, cloning) and (machine_code.unavailable() or jax.default_backend() != "cpu"):
        return None, None
    return physics, cloning


def forms_of(problem: Problem) -> tuple[str, str]:
    """Physics and cloning that a problem is computed with."""
    physics = "none" if isinstance(problem.env, ImageTask) else problem.env.form.physics
    if physics == "native" and not native_rollout.supports(problem.policy):
        physics = "vmap"
    native = problem.training is not None and native_cloning.supported(problem.policy, problem.training)
    return physics, "native" if native else "xla"


def form_note(problem: Problem) -> str:
    """Why the physics is not what could be expected; empty where it is."""
    if isinstance(problem.env, ImageTask):
        return ""
    why = problem.env.form.note
    if problem.env.form.physics == "native" and not native_rollout.supports(problem.policy):
        why = "machine code knows mlp policies alone"
    return f"environment steps are computed by vmap, which is slower: {why}" if why else ""


def _native_policies(spec: RunSpec) -> int:
    """How many policies machine code takes in one call.

    It computes one of them, or a few, after another: more cost memory only. Whole vectors of 16 leave no lane idle.
    """
    entry, p = environments.of_spec(spec), spec.policy
    sizes = (prod(entry.observation), *[p.width] * p.depth, entry.actions)
    parameters = NetworkShape(sizes, p.activation, entry.discrete).parameters
    fit = max(1, min(NATIVE_POLICIES, NATIVE_BYTES // (4 * parameters)))
    return fit - fit % 16 if fit > 16 else fit


def initial_chunk(spec: RunSpec, devices: int, platform: str, physics: str) -> int:
    """Candidates evaluated at once per device, before any memory was found too small."""
    share = -(-spec.evolution.population // devices)
    if spec.resources.chunk:
        return min(share, spec.resources.chunk)
    if physics == "native":
        return min(share, max(1, _native_policies(spec) // spec.inits))
    return min(share, CPU_CHUNK if platform == "cpu" else GPU_CHUNK)
