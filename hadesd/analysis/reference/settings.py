"""PPO's settings and their defaults. No jax is needed to read or check them."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hades_protocol.errors import UsageError
from hades_protocol.settings import explain, leaves, merge
from hadesd.spec.environments import EnvironmentInfo

MIN_POINTS, MAX_POINTS = 10, 20
"""Measurements along a training, beside the one before it begins."""


class PPO(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of Brax's PPO. A trajectory is `unroll` steps of one environment; the default networks are Brax's."""

    steps: Annotated[int, Meta(ge=1, le=10**12, description="environment steps of training (rounded up)")]
    environments: Annotated[int, Meta(ge=1, le=1_000_000, description="environments that run side by side")]
    unroll: Annotated[int, Meta(ge=1, le=100_000, description="steps of a trajectory")]
    batch: Annotated[int, Meta(ge=1, le=1_000_000, description="trajectories of a minibatch")]
    minibatches: Annotated[int, Meta(ge=1, le=100_000, description="minibatches of a pass over what was collected")]
    passes: Annotated[int, Meta(ge=1, le=1000, description="passes over what was collected")]
    learning_rate: Annotated[float, Meta(gt=0.0, le=1.0, description="Adam's step size")] = 3e-4
    entropy: Annotated[float, Meta(ge=0.0, le=100.0, description="weight of the entropy bonus")] = 1e-2
    discount: Annotated[float, Meta(ge=0.0, le=1.0, description="discount of later rewards (gamma)")] = 0.97
    gae_lambda: Annotated[float, Meta(ge=0.0, le=1.0, description="lambda of the advantage estimate")] = 0.95
    clip: Annotated[float, Meta(gt=0.0, le=10.0, description="clipping of the probability ratio")] = 0.3
    clip_norm: Annotated[float, Meta(ge=0.0, le=1e6, description="clip the gradient to this norm (0: no clipping)")] = 0
    reward_scale: Annotated[float, Meta(gt=0.0, le=1e6, description="factor on rewards while training")] = 1.0
    normalise: Annotated[bool, Meta(description="normalise observations with running statistics")] = True
    policy_width: Annotated[int, Meta(ge=1, le=65_536, description="units of a hidden layer of the policy")] = 32
    policy_depth: Annotated[int, Meta(ge=1, le=16, description="hidden layers of the policy")] = 4
    value_width: Annotated[int, Meta(ge=1, le=65_536, description="units of a hidden layer of the value network")] = 256
    value_depth: Annotated[int, Meta(ge=1, le=16, description="hidden layers of the value network")] = 5
    activation: Annotated[Literal["swish", "tanh", "relu"], Meta(description="activation of the hidden layers")] = (
        "swish"
    )


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So that messages and --set say ppo.steps."""

    ppo: PPO


KNOWN = leaves(_Settings)
"""The settings by dotted name."""

# notebooks/training.ipynb of google/brax: what Brax's authors found for their environments, on accelerators.
# Not taken over: reacher's action_repeat of 4 (a policy is evaluated acting at every step, so it is trained like that).
_BRAX: dict[str, Any] = {
    "environments": 2048, "unroll": 5, "batch": 1024, "minibatches": 32, "passes": 4, "reward_scale": 10.0,
    "steps": 50_000_000,
}  # fmt: skip
_BRAX_BY_NAME: dict[str, dict[str, Any]] = {
    "ant": {"environments": 4096, "batch": 2048},
    "halfcheetah": {
        "unroll": 20, "batch": 512, "passes": 8, "discount": 0.95, "entropy": 1e-3, "reward_scale": 1.0,
    },
    "humanoid": {"unroll": 10, "passes": 8, "entropy": 1e-3, "reward_scale": 0.1},
    "humanoidstandup": {
        "unroll": 15, "passes": 8, "learning_rate": 6e-4, "reward_scale": 0.1, "steps": 100_000_000,
    },
    "inverted_double_pendulum": {"steps": 20_000_000},
    "inverted_pendulum": {"steps": 2_000_000},
    "pusher": {
        "unroll": 30, "batch": 512, "minibatches": 16, "passes": 8, "discount": 0.95, "reward_scale": 5.0,
    },
    "reacher": {
        "unroll": 50, "batch": 256, "passes": 8, "discount": 0.95, "entropy": 1e-3, "reward_scale": 5.0,
    },
}  # fmt: skip
# The notebook trains these with SAC (swimmer with nothing): PPO with our own choice, near halfcheetah's.
_WALKER = {"unroll": 20, "batch": 512, "passes": 8, "discount": 0.97, "entropy": 1e-3, "reward_scale": 1.0}
_OURS = {"hopper": _WALKER, "walker2d": _WALKER, "swimmer": _WALKER | {"discount": 0.99}}

# Two cores: an eighth of the environments and of the batch, as many steps as fit into minutes, and a smaller value
# network (not much smaller: with 2 x 64 inverted_pendulum stays at 60, with 4 x 128 it reaches 1000).
_CPU_SHARE = 8
_CPU_BRAX: dict[str, Any] = {"value_width": 128, "value_depth": 4}
_CPU_STEPS = {"inverted_pendulum": 500_000, "inverted_double_pendulum": 1_000_000}
_CPU_STEPS_DEFAULT = 2_000_000

_SMALL_NETWORKS = {"policy_width": 64, "policy_depth": 2, "value_width": 64, "value_depth": 2}
_CLASSIC: dict[str, Any] = _SMALL_NETWORKS | {
    "steps": 500_000, "environments": 64, "unroll": 32, "batch": 16, "minibatches": 4, "passes": 4,
    "learning_rate": 1e-3, "entropy": 1e-3, "discount": 0.99, "clip": 0.2, "clip_norm": 0.5, "reward_scale": 0.1,
    "activation": "tanh",
}  # fmt: skip
_CLASSIC_BY_NAME: dict[str, dict[str, Any]] = {
    "CartPole-v1": {"steps": 200_000},
    "Pendulum-v1": {"steps": 1_000_000, "discount": 0.95},
}
_GAMES: dict[str, Any] = _SMALL_NETWORKS | {
    "steps": 2_000_000, "environments": 64, "unroll": 128, "batch": 8, "minibatches": 8, "passes": 4,
    "learning_rate": 2.5e-3, "entropy": 0.02, "discount": 0.99, "clip": 0.2, "clip_norm": 0.5, "normalise": False,
    "policy_width": 128, "value_width": 128, "activation": "relu",
}  # fmt: skip


def defaults(entry: EnvironmentInfo, preset: str) -> tuple[dict[str, Any], str]:
    """PPO's settings for an environment, and where they are from, in words.

    preset: published (made for accelerators) or cpu; the settings for gymnax are our own and the same for both.
    """
    if entry.family == "classic" or (entry.family == "own" and not entry.is_grid):
        return _CLASSIC | _CLASSIC_BY_NAME.get(entry.name, {}), "our settings"
    if entry.family != "brax":
        return dict(_GAMES), "our settings"
    published = entry.name in _BRAX_BY_NAME
    values = _BRAX | (_BRAX_BY_NAME[entry.name] if published else _OURS[entry.name])
    origin = "Brax's published settings" if published else "our settings (Brax publishes none for PPO here)"
    if preset == "published":
        return values, origin
    small = {
        "environments": values["environments"] // _CPU_SHARE,
        "batch": values["batch"] // _CPU_SHARE,
        "steps": _CPU_STEPS.get(entry.name, _CPU_STEPS_DEFAULT),
    }
    return values | _CPU_BRAX | small, f"{origin}, scaled down for a CPU"


def plan(settings: PPO) -> tuple[int, int]:
    """How many measurements a training is divided by, and its environment steps: those asked for, rounded up.

    Brax trains equally long between measurements; of 10 to 20 the number that rounds up least is taken.
    """
    collected = settings.batch * settings.minibatches * settings.unroll
    iterations = -(-settings.steps // collected)
    points = range(min(MIN_POINTS, iterations), min(MAX_POINTS, iterations) + 1)
    chosen = min(points, key=lambda p: (p * -(-iterations // p), -p))
    return chosen, chosen * -(-iterations // chosen) * collected


def build(base: dict[str, Any], asked: dict[str, Any]) -> PPO:
    """Validate settings laid over the defaults.

    base, asked: values by field name, e.g. {"learning_rate": 1e-3}.

    Raises:
        UsageError: an unknown setting, a value out of range, or sizes that do not divide each other.
    """
    for name in asked:
        if f"ppo.{name}" not in KNOWN:
            raise UsageError(f"unknown setting 'ppo.{name}'; there are: {', '.join(KNOWN)}")
    values = {"ppo": merge(base, asked)}
    try:
        settings = msgspec.convert(values, _Settings, strict=True).ppo
    except msgspec.ValidationError as error:
        raise UsageError(explain(error, KNOWN, values)) from None
    if settings.batch * settings.minibatches % settings.environments:
        raise UsageError(
            f"ppo.batch x ppo.minibatches is {settings.batch} x {settings.minibatches}: "
            f"it must be a multiple of ppo.environments ({settings.environments})"
        )
    return settings
