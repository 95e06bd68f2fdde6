"""Training PPO and measuring what came of it.

The library is Brax, for every environment. Why:

- It is a dependency already, and its PPO is the one that Brax's authors tuned for Brax's environments.
- It takes any object with the interface of `brax.envs.Env`, so it trains on this program's own environment
  objects (`environment`): the same dynamics, action scaling, time limits and resets that datasets are evaluated on.
- Its advantage estimate tells a time limit from a failure: a truncated step is left out instead of being taught
  as an end. It trains on all devices of the machine.
- It has no distribution over discrete actions, but an interface for one (`networks`: 40 lines).

What was looked at instead: rejax 0.1.3 is made for gymnax, but expects the five values of gymnax 0.0's `step` (1.0
returns six), counts a truncation as a termination, and needs distrax, which needs a nightly build of TensorFlow
Probability. sbx-rl needs PyTorch.

The policy is measured by `hadesd.distill.rollout`, with the run's E environments x T steps: the line is comparable
with the run's fitness.
"""

import functools
import math
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import jax
import numpy as np

from hades_protocol.errors import HadesError
from hades_protocol.messages import Reference
from hades_protocol.run_spec import RunSpec
from hadesd.analysis.reference.documents import Library, Trained
from hadesd.analysis.reference.environment import BatchedEnvironment
from hadesd.analysis.reference.library import ppo, with_replication
from hadesd.analysis.reference.measuring import MakePolicy, Meter, standard_error
from hadesd.analysis.reference.networks import network_factory
from hadesd.analysis.reference.settings import PPO, plan
from hadesd.compute import components
from hadesd.spec.environments import of_spec

CURVE_ENVIRONMENTS = 16
MEASURE_STREAM = 7
"""Keeps the random numbers of measurements apart from those of training, which start from the same seed."""

LIBRARY = "brax"

Progress = Callable[[int, int, float, float], None]
"""Called with seed, environment steps so far, the return, seconds since this seed's training began."""


def train(spec: RunSpec, settings: PPO, seed: int, environments: int, progress: Progress) -> Trained:
    """Train PPO once in a spec's environment, and measure it as the spec's `evaluation` says.

    environments: how many the final measurement takes, rounded up to whole groups of evaluation.environments.

    Raises:
        HadesError: the policy diverged to NaN.
    """
    entry = of_spec(spec)
    env = components.environment_of(spec, "vmap")
    meter = Meter(env, components.evaluation_of(spec))
    root = jax.random.fold_in(jax.random.key(seed), MEASURE_STREAM)
    key_curve, key_final = jax.random.split(root)
    began = time.monotonic()
    curve: list[tuple[int, float]] = []

    def follow(steps: int, make_policy: MakePolicy, params: Any) -> None:
        found = meter.measure(make_policy, params, jax.random.fold_in(key_curve, steps), CURVE_ENVIRONMENTS)
        curve.append((int(steps), float(found.returns.mean())))
        progress(seed, int(steps), curve[-1][1], time.monotonic() - began)

    with with_replication():
        make_policy, params, _ = ppo.train(
            BatchedEnvironment(env, entry.episode_steps or spec.evaluation.steps),
            policy_params_fn=follow,
            seed=seed,
            episode_length=entry.episode_steps,
            network_factory=network_factory(settings, env.discrete),
            **_arguments(settings),
        )
    found = meter.measure(make_policy, params, key_final, environments)
    value = float(found.returns.mean())
    if not math.isfinite(value):
        raise HadesError(f"PPO diverged with seed {seed} (its return is {value}): lower ppo.learning_rate")
    return Trained(
        seed=seed,
        value=value,
        sem=standard_error(found.returns),
        episodes=found.episodes,
        unfinished=found.unfinished,
        env_steps=curve[-1][0],
        seconds=time.monotonic() - began,
        curve=tuple(curve),
    )


def _arguments(s: PPO) -> dict[str, Any]:
    """Our settings under Brax's names."""
    return {
        "num_timesteps": s.steps,
        "num_evals": 1 + plan(s)[0],
        "num_envs": s.environments,
        "unroll_length": s.unroll,
        "batch_size": s.batch,
        "num_minibatches": s.minibatches,
        "num_updates_per_batch": s.passes,
        "learning_rate": s.learning_rate,
        "entropy_cost": s.entropy,
        "discounting": s.discount,
        "gae_lambda": s.gae_lambda,
        "clipping_epsilon": s.clip,
        "max_grad_norm": s.clip_norm or None,
        "reward_scaling": s.reward_scale,
        "normalize_observations": s.normalise,
        "max_devices_per_host": _devices(s),
        "wrap_env": False,  # the environment limits and resets its episodes itself
        "run_evals": False,  # the measurements are ours
        "num_eval_envs": 1,
        "progress_fn": lambda *_: None,
    }


def _devices(s: PPO) -> int:
    """The most devices that share environments and minibatches evenly."""
    return math.gcd(math.gcd(s.environments, s.batch), jax.local_device_count())


def reference_of(name: str, trained: list[Trained], settings_from: str) -> Reference:
    """The line that seeds come to: the mean of their returns.

    sem: over seeds; of a single seed over its groups of environments.
    """
    if len(trained) > 1:
        value, sem = float(np.mean([t.value for t in trained])), standard_error(np.array([t.value for t in trained]))
        variance_note = f"{len(trained)} seeds, ± standard error over seeds"
    else:
        value, sem = trained[0].value, trained[0].sem
        variance_note = "1 seed, ± standard error over groups of environments" if sem is not None else "1 seed"
    seconds = sum(t.seconds for t in trained)
    return Reference(
        name=name,
        value=_short(value),
        sem=None if sem is None else _short(sem),
        source=(
            f"PPO of {LIBRARY} {library_version()}, {settings_from}; {variance_note}; "
            f"{trained[0].episodes} completed episodes a seed; {seconds:.0f} s"
        ),
        env_steps=trained[0].env_steps,
    )


@functools.cache
def library_version() -> str:
    """Version of the library that PPO is from."""
    return version(LIBRARY)


def library() -> Library:
    """The library that PPO is from."""
    return Library(name=LIBRARY, version=library_version())


def _short(value: float) -> float:
    return float(f"{value:.6g}")
