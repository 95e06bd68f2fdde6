"""RunSpec: what a run is. Frozen, typed, and validated once.

Every field carries its range and its meaning as `msgspec.Meta`, which is what `--set` checks, what
`hadesd settings` prints and what an error message quotes. Sources of values: Lupu et al., "Behaviour
Distillation", ICLR 2024, and the hyper-parameters its authors published.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hades_protocol.errors import UsageError
from hades_protocol.settings import explain, leaves, nearest

Method = Literal["hades-f", "hades-r", "es"]

PositiveInt = Annotated[int, Meta(ge=1, le=2**31 - 1)]
PositiveFloat = Annotated[float, Meta(gt=0.0, le=1e6)]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Dataset(_Section, frozen=True):
    """The synthetic dataset that evolves."""

    pairs: Annotated[int, Meta(ge=1, le=100_000, description="state-action pairs in the dataset (D)")] = 64
    labels: Annotated[
        Literal["fixed", "learned"],
        Meta(description="discrete actions: one-hot labels in action order, or softmax of evolved logits"),
    ] = "fixed"
    initial_scale: Annotated[
        float, Meta(ge=0.0, le=100.0, description="standard deviation of the initial mean (0: zeros, as published)")
    ] = 0.0


class Evolution(_Section, frozen=True):
    """The outer loop: an evolution strategy over the flattened dataset."""

    strategy: Annotated[Literal["openes", "snes"], Meta(description="evolution strategy (evosax)")] = "openes"
    population: Annotated[int, Meta(ge=2, le=1_000_000, description="candidates a generation (P)")] = 2048
    generations: Annotated[int, Meta(ge=1, le=1_000_000_000, description="generations until the run is finished")] = (
        2000
    )
    sigma: Annotated[float, Meta(gt=0.0, le=100.0, description="standard deviation of the search (SNES: initial)")] = (
        0.03
    )
    sigma_decay: Annotated[float, Meta(gt=0.0, le=1.0, description="OpenES: sigma's factor a generation")] = 1.0
    sigma_floor: Annotated[float, Meta(ge=0.0, le=100.0, description="OpenES: sigma decays no further than this")] = 0.0
    learning_rate: Annotated[
        float, Meta(gt=0.0, le=100.0, description="OpenES: Adam's step on the mean; SNES: step of the mean")
    ] = 0.05
    momentum: Annotated[float, Meta(ge=0.0, lt=1.0, description="OpenES: Adam's beta1")] = 0.99
    shaping: Annotated[
        Literal["raw", "ranks", "zscore"], Meta(description="OpenES: what the gradient sees of the fitness")
    ] = "raw"
    temperature: Annotated[
        float, Meta(gt=0.0, le=1000.0, description="SNES: sharpness of the recombination weights")
    ] = 20.0


class Cloning(_Section, frozen=True):
    """The inner loop: behaviour cloning, full batch."""

    epochs: Annotated[int, Meta(ge=1, le=1_000_000, description="gradient steps of behaviour cloning")] = 400
    learning_rate: Annotated[float, Meta(gt=0.0, le=100.0, description="step size of behaviour cloning")] = 5e-3
    clip_norm: (
        Annotated[
            float, Meta(ge=0.0, le=1e6, description="clip the gradient to this global norm (0 or null: no clipping)")
        ]
        | None
    ) = 0.5
    optimizer: Annotated[Literal["adam", "sgd"], Meta(description="Adam (eps 1e-5) or plain SGD")] = "adam"


class Policy(_Section, frozen=True):
    """The policy that is trained on the dataset."""

    width: Annotated[int, Meta(ge=1, le=65_536, description="units of a hidden layer")] = 512
    depth: Annotated[int, Meta(ge=1, le=16, description="hidden layers")] = 2
    activation: Annotated[Literal["tanh", "relu"], Meta(description="activation of the hidden layers")] = "tanh"
    init_seed: (
        Annotated[int, Meta(ge=0, le=2**32 - 1, description="hades-f: seed of its initialisation (null: the seed)")]
        | None
    ) = None
    inits: (
        Annotated[
            int, Meta(ge=1, le=4096, description="initialisations per candidate, k (null: 2 for hades-r, else 1)")
        ]
        | None
    ) = None


class Evaluation(_Section, frozen=True):
    """How a policy's fitness is measured."""

    environments: Annotated[int, Meta(ge=1, le=65_536, description="environments per policy (E)")] = 4
    steps: Annotated[int, Meta(ge=1, le=1_000_000, description="steps per environment (T), with auto-reset")] = 1024
    normalisation: Annotated[Literal["running", "fixed", "none"], Meta(description="observation normalisation")] = (
        "running"
    )
    action: Annotated[
        Literal["sample", "greedy"], Meta(description="draw actions from the policy, or take its mode")
    ] = "sample"


class Checkpoints(_Section, frozen=True):
    """Which of the checkpoints (one a generation) are kept."""

    keep_newest: Annotated[int, Meta(ge=2, le=1_000_000, description="newest checkpoints that are kept")] = 3
    keep_every: Annotated[
        int, Meta(ge=0, le=1_000_000_000, description="also keep every K-th generation (0: none)")
    ] = 50
    keep_best: Annotated[bool, Meta(description="also keep the generation of the highest mean fitness")] = True


class Resources(_Section, frozen=True):
    """What of the machine a run uses."""

    devices: Annotated[int, Meta(ge=0, le=1024, description="devices that share the population (0: all there are)")] = 0
    chunk: Annotated[
        int, Meta(ge=0, le=1_000_000, description="candidates evaluated at once per device (0: chosen for you)")
    ] = 0


class RunSpec(_Section, frozen=True):
    """What a run is: everything that decides its result, and where it runs."""

    env: Annotated[str, Meta(min_length=1, max_length=64, description="environment, e.g. hopper or CartPole-v1")]
    backend: Annotated[
        Literal["auto", "positional", "generalized", "spring", "mjx"],
        Meta(description="Brax physics (auto: positional where supported)"),
    ] = "auto"
    method: Annotated[Method, Meta(description="hades-f, hades-r, or es (direct neuroevolution)")] = "hades-r"
    seed: Annotated[int, Meta(ge=0, le=2**32 - 1, description="root of all random numbers of the run")] = 0
    preset: Annotated[str, Meta(max_length=64, description="the preset these settings started from")] = ""
    dataset: Dataset = Dataset()
    evolution: Evolution = Evolution()
    cloning: Cloning = Cloning()
    policy: Policy = Policy()
    evaluation: Evaluation = Evaluation()
    checkpoints: Checkpoints = Checkpoints()
    resources: Resources = Resources()

    @property
    def inits(self) -> int:
        """k, the policy initialisations a candidate is judged on; where unset: 2 for hades-r, else 1."""
        if self.policy.inits is not None:
            return self.policy.inits
        return 2 if self.method == "hades-r" else 1

    @property
    def init_seed(self) -> int:
        """Seed of the one initialisation of hades-f; where unset: the run's seed."""
        return self.seed if self.policy.init_seed is None else self.policy.init_seed


def build_spec(values: dict[str, Any]) -> RunSpec:
    """Validate nested settings and return the RunSpec.

    Raises:
        UsageError: an unknown key (the nearest valid ones are named), a value of the wrong type or out
            of range (the range is named), or settings that contradict each other.
    """
    known = leaves(RunSpec)
    for key in _flatten(values):
        if key not in known:
            raise UsageError(f"unknown setting '{key}'; {nearest(key, known)}")
    try:
        spec = msgspec.convert(values, RunSpec, strict=True)
    except msgspec.ValidationError as error:
        raise UsageError(explain(error, known, values)) from None
    _check_together(spec)
    return spec


def spec_to_dict(spec: RunSpec) -> dict[str, Any]:
    """Plain nested dict of every setting, as written to run.json."""
    out = msgspec.to_builtins(spec)
    assert isinstance(out, dict)
    return out


def _flatten(values: dict[str, Any], prefix: str = "") -> list[str]:
    out: list[str] = []
    for key, value in values.items():
        if isinstance(value, dict):
            out.extend(_flatten(value, f"{prefix}{key}."))
        else:
            out.append(f"{prefix}{key}")
    return out


def _check_together(spec: RunSpec) -> None:
    evolution = spec.evolution
    if evolution.strategy == "openes" and evolution.population % 2:
        raise UsageError(
            f"evolution.population is {evolution.population}, but OpenES samples antithetic pairs: "
            f"use an even number, e.g. {evolution.population + 1}"
        )
    if spec.method == "hades-r" and spec.inits < 2:
        raise UsageError("method hades-r judges a dataset on several initialisations: policy.inits must be at least 2")
    if spec.method != "hades-r" and spec.inits != 1:
        raise UsageError(
            f"method {spec.method} uses one policy initialisation: policy.inits must be 1, not {spec.inits} "
            "(several: --method hades-r)"
        )
    if evolution.sigma_floor > evolution.sigma:
        raise UsageError(
            f"evolution.sigma_floor ({evolution.sigma_floor:g}) is above evolution.sigma ({evolution.sigma:g})"
        )
