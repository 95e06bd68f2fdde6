"""RunSpec: what a run is. Frozen, typed, and validated once.

Every field carries its range, its meaning and the paper's word for it as `msgspec.Meta`, which is what `--set` checks,
what `hadesd settings` prints and what an error message quotes. Sources of values: Lupu et al., "Behaviour
Distillation", ICLR 2024, and the hyper-parameters its authors published.
"""

import functools
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hades_protocol.errors import UsageError
from hades_protocol.settings import Leaf, explain, leaves, nearest

Method = Literal["hades-f", "hades-r", "es"]

Physics = Literal["auto", "native", "xla", "vmap"]

CODE = r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*"
"""What names a thing in a package of one's own: package.module:name."""

ShortText = Annotated[str, Meta(max_length=64)]

OPEN = frozenset({"evolution.parameters"})
"""Settings that are tables of names which this package does not know; hadesd.spec.strategies checks them."""


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Dataset(_Section, frozen=True):
    """The synthetic dataset that evolves."""

    pairs: Annotated[
        int,
        Meta(
            ge=1,
            le=100_000,
            description="state-action pairs in the dataset (D)",
            extra={"paper": "D, size of the dataset"},
        ),
    ] = 64
    labels: Annotated[
        Literal["fixed", "learned"],
        Meta(description="discrete actions: one-hot labels in action order, or softmax of evolved logits"),
    ] = "fixed"
    bound: Annotated[
        float,
        Meta(
            ge=0.0,
            le=1000.0,
            description="keep states within so many standard deviations of those that trained policies visit; 0: free",
        ),
    ] = 0.0
    frequencies: Annotated[
        int,
        Meta(
            ge=0,
            le=1024,
            description="images: a state is the sum of so many cosines a side for each channel, and their coefficients "
            "evolve; 0: every pixel evolves",
        ),
    ] = 0
    initial: Annotated[
        Literal["zeros", "class-means", "real-images"],
        Meta(description="initial mean; class-means and real-images (drawn by the seed) for image classes only"),
    ] = "zeros"
    initial_scale: Annotated[
        float, Meta(ge=0.0, le=100.0, description="standard deviation of noise on the initial mean (published: 0)")
    ] = 0.0


class OwnEnvironment(_Section, frozen=True):
    """What an environment that is none of hades's says of itself; `hadesd start` asks it and fills this in.

    Nobody needs the environment's package to read it: names, sizes and units of pairs follow from here.
    """

    observation: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=1_000_000)], ...],
        Meta(max_length=8, description="an environment of one's own: shape of an observation (filled in)"),
    ] = ()
    discrete: Annotated[bool, Meta(description="whether its actions are numbered, not vectors (filled in)")] = False
    actions: Annotated[
        int, Meta(ge=0, le=1_000_000, description="its number of actions, or of entries of one (filled in)")
    ] = 0
    steps: Annotated[
        int, Meta(ge=0, le=1_000_000, description="its time limit in environment steps; 0: not known (filled in)")
    ] = 0
    observation_names: Annotated[
        tuple[ShortText, ...],
        Meta(max_length=4096, description="names of an observation's entries, or of a grid's channels (filled in)"),
    ] = ()
    observation_units: Annotated[
        tuple[ShortText, ...], Meta(max_length=4096, description="units of an observation's entries (filled in)")
    ] = ()
    action_names: Annotated[
        tuple[ShortText, ...], Meta(max_length=4096, description="names of its actions (filled in)")
    ] = ()
    distribution: Annotated[
        str, Meta(max_length=200, description="installed package that it comes from (filled in)")
    ] = ""
    version: Annotated[str, Meta(max_length=200, description="version of that package (filled in)")] = ""


class Evolution(_Section, frozen=True):
    """The outer loop: an evolution strategy over the flattened dataset."""

    strategy: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=64,
            description="evolution strategy of evosax: openes, snes, crfmnes, cmaes, sepcmaes, pgpe, xnes …",
            extra={"paper": "evolution strategy of the outer loop: OpenES, SNES"},
        ),
    ] = "openes"
    population: Annotated[
        int,
        Meta(ge=2, le=1_000_000, description="candidates a generation (P)", extra={"paper": "P, population size"}),
    ] = 2048
    generations: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000_000,
            description="generations until the run is finished",
            extra={"paper": "generations, outer-loop steps"},
        ),
    ] = 2000
    target: (
        Annotated[
            float,
            Meta(
                ge=-1e12,
                le=1e12,
                description="return that finishes the run before that: of the mean dataset's evaluation "
                "(evaluation.mean_every), of the population's mean where there is none; unset: none",
            ),
        ]
        | None
    ) = None
    sigma: Annotated[
        float,
        Meta(
            gt=0.0,
            le=100.0,
            description="standard deviation of the search (SNES: initial)",
            extra={"paper": "σ, standard deviation of the search distribution"},
        ),
    ] = 0.03
    sigma_decay: Annotated[
        float,
        Meta(gt=0.0, le=1.0, description="sigma's factor a generation (strategies that do not adapt it)"),
    ] = 1.0
    sigma_floor: Annotated[float, Meta(ge=0.0, le=100.0, description="sigma decays no further than this")] = 0.0
    sigma_share: Annotated[
        float,
        Meta(
            ge=0.0,
            le=10.0,
            description="sigma is at least this share of the mean's root mean square, so that it keeps pace with pairs "
            "that grow (strategies that do not adapt sigma)",
        ),
    ] = 0.0
    learning_rate: Annotated[
        float,
        Meta(
            gt=0.0,
            le=100.0,
            description="OpenES, PGPE …: Adam's step on the mean; SNES, xNES …: its step",
            extra={"paper": "outer-loop learning rate"},
        ),
    ] = 0.05
    learning_rate_decay: Annotated[
        float, Meta(gt=0.0, le=1.0, description="the learning rate's factor a generation (strategies that have one)")
    ] = 1.0
    learning_rate_floor: Annotated[
        float, Meta(ge=0.0, le=100.0, description="the learning rate decays no further than this")
    ] = 0.0
    weight_decay: Annotated[
        float,
        Meta(
            ge=0.0,
            le=100.0,
            description="times the learning rate: the share of itself that the mean loses in a generation, so that it "
            "does not wander off (AdamW's; strategies that have a learning rate)",
        ),
    ] = 0.0
    momentum: Annotated[
        float,
        Meta(
            ge=0.0, lt=1.0, description="OpenES, PGPE …: Adam's beta1", extra={"paper": "β1 of the outer loop's Adam"}
        ),
    ] = 0.99
    shaping: Annotated[
        Literal["raw", "ranks", "zscore"],
        Meta(description="OpenES, PGPE …: what the gradient sees of the fitness", extra={"paper": "fitness shaping"}),
    ] = "raw"
    temperature: Annotated[
        float, Meta(gt=0.0, le=1000.0, description="SNES: sharpness of the recombination weights")
    ] = 20.0
    averaging: Annotated[
        float,
        Meta(
            ge=0.0,
            le=1.0,
            description="share of all generations, the newest, over which the mean dataset averages the search's "
            "means; 0: the newest mean alone",
        ),
    ] = 0.0
    parameters: Annotated[
        dict[str, Annotated[float, Meta(ge=-1e9, le=1e9)]],
        Meta(description="the strategy's own parameters by name, e.g. evolution.parameters.c_std=0.3"),
    ] = {}


class Cloning(_Section, frozen=True):
    """The inner loop: behaviour cloning, full batch."""

    epochs: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="gradient steps of behaviour cloning",
            extra={"paper": "epochs of behaviour cloning, inner-loop steps"},
        ),
    ] = 400
    learning_rate: Annotated[
        float,
        Meta(
            gt=0.0,
            le=100.0,
            description="step size of behaviour cloning",
            extra={"paper": "inner-loop learning rate"},
        ),
    ] = 5e-3
    learning_rate_spread: Annotated[
        float,
        Meta(
            ge=1.0,
            le=1000.0,
            description="hades-r: the inits' learning rates are spread over rate / spread … rate x spread",
        ),
    ] = 1.0
    clip_norm: (
        Annotated[
            float,
            Meta(
                ge=0.0,
                le=1e6,
                description="clip the gradient to this global norm (0 or null: no clipping)",
                extra={"paper": "gradient clipping of the inner loop"},
            ),
        ]
        | None
    ) = 0.5
    optimizer: Annotated[
        Literal["adam", "sgd"],
        Meta(description="Adam (eps 1e-5) or plain SGD", extra={"paper": "inner-loop optimiser"}),
    ] = "adam"
    weight_decay: Annotated[
        float,
        Meta(
            ge=0.0,
            le=1000.0,
            description="times the learning rate: the share of themselves that a policy's weights lose in a step, so "
            "that less is left of what its initialisation drew (decoupled, as of AdamW; published: 0)",
        ),
    ] = 0.0


class Policy(_Section, frozen=True):
    """The policy (or classifier) that is trained on the dataset."""

    kind: Annotated[
        str,
        Meta(
            max_length=200,
            pattern=rf"\A(mlp|cnn|{CODE})\Z",
            extra={"accepts": "one of mlp, cnn, or a flax module of your own as package.module:name"},
            description="dense layers, a 3x3 convolution before them (grids and images), or package.module:name",
        ),
    ] = "mlp"
    features: Annotated[int, Meta(ge=1, le=4096, description="cnn: features of the convolution")] = 16
    width: Annotated[
        int, Meta(ge=1, le=65_536, description="units of a hidden layer", extra={"paper": "policy width"})
    ] = 512
    depth: Annotated[int, Meta(ge=1, le=16, description="hidden layers", extra={"paper": "hidden layers"})] = 2
    activation: Annotated[Literal["tanh", "relu"], Meta(description="activation of the hidden layers")] = "tanh"
    vary_activation: Annotated[
        bool, Meta(description="hades-r: every other initialisation is trained with the other activation")
    ] = False
    init_seed: (
        Annotated[int, Meta(ge=0, le=2**32 - 1, description="hades-f: seed of its initialisation (null: the seed)")]
        | None
    ) = None
    inits: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=4096,
                description="initialisations per candidate, k (null: 2 for hades-r, else 1)",
                extra={"paper": "k, policy initialisations"},
            ),
        ]
        | None
    ) = None


class Evaluation(_Section, frozen=True):
    """How a policy's fitness is measured."""

    environments: Annotated[
        int,
        Meta(ge=1, le=65_536, description="environments per policy (E)", extra={"paper": "evaluation environments"}),
    ] = 4
    steps: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="steps per environment (T), with auto-reset",
            extra={"paper": "rollout length"},
        ),
    ] = 1024
    normalisation: Annotated[Literal["running", "fixed", "none"], Meta(description="observation normalisation")] = (
        "running"
    )
    remeasure: Annotated[
        bool, Meta(description="fixed: follow what trained policies see, measured after generations 10, 20, 40 …")
    ] = False
    action: Annotated[
        Literal["sample", "greedy"], Meta(description="draw actions from the policy, or take its mode")
    ] = "sample"
    temperature: Annotated[
        float,
        Meta(
            gt=0.0,
            le=100.0,
            description="sample: discrete actions are drawn from the softmax of the logits over this",
        ),
    ] = 1.0
    noise_every: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="sample: candidates draw the noise of their actions anew every so many steps, so that a detour "
            "is taken as a whole; policies of the mean dataset, and of whoever uses it, at every step",
        ),
    ] = 1
    noise_generations: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000_000,
            description="greedy: candidates draw their actions all the same in the first so many generations, so that "
            "the search does not settle on standing still",
        ),
    ] = 0
    mean_every: Annotated[
        int, Meta(ge=0, le=1_000_000_000, description="evaluate the mean dataset every so many generations (0: never)")
    ] = 0
    mean_inits: Annotated[
        int,
        Meta(ge=1, le=4096, description="fresh initialisations of that evaluation (hades-f, es: one)"),
    ] = 4
    mean_environments: Annotated[
        int, Meta(ge=1, le=65_536, description="environments for each of them, in groups of evaluation.environments")
    ] = 8


class Images(_Section, frozen=True):
    """Supervised distillation: the real images that a dataset is evaluated on (paper, section 5.4)."""

    directory: Annotated[
        str, Meta(max_length=4096, description="mnist, fashion-mnist: directory that holds the four IDX files")
    ] = ""
    batch: Annotated[
        int, Meta(ge=0, le=10_000_000, description="training images a generation is evaluated on (0: all)")
    ] = 0


class Retention(_Section, frozen=True):
    """Which of the checkpoints (one a generation) are kept."""

    keep_newest: Annotated[int, Meta(ge=2, le=1_000_000, description="newest checkpoints that are kept")] = 3
    keep_every: Annotated[
        int, Meta(ge=0, le=1_000_000_000, description="also keep every K-th generation (0: none)")
    ] = 50
    keep_best: Annotated[bool, Meta(description="also keep the generation of the highest mean fitness")] = True


class Resources(_Section, frozen=True):
    """Where a run computes, and what it uses there."""

    executor: Annotated[
        Literal["local", "slurm"], Meta(description="a process on the daemon's machine, or a Slurm job (--on)")
    ] = "local"
    slurm: Annotated[
        str, Meta(max_length=4096, description="options of sbatch for its job, after those of config.toml (--slurm)")
    ] = ""
    hosts: Annotated[
        int,
        Meta(
            ge=1, le=1024, description="processes that share the population, with --on slurm each on a node of its own"
        ),
    ] = 1
    devices: Annotated[
        int, Meta(ge=0, le=1024, description="devices of a host that share the population (0: all there are)")
    ] = 0
    chunk: Annotated[
        int, Meta(ge=0, le=1_000_000, description="candidates evaluated at once per device (0: chosen for you)")
    ] = 0
    gpus: Annotated[
        str,
        Meta(
            pattern=r"^(auto|[1-9][0-9]{0,3}|[0-9]{1,4},|[0-9]{1,4}(,[0-9]{1,4})+)$",
            description="GPUs: auto (one that is free), a number of them, or indices: 0,2 (one alone: 2,)",
        ),
    ] = "auto"
    memory_fraction: Annotated[
        float, Meta(ge=0.05, le=0.95, description="share of a GPU's memory that the run may take; 0.45 lets two share")
    ] = 0.9
    yield_to_others: Annotated[
        bool,
        Meta(description="commit and free the GPUs while another user computes on one of them (--yield-to-others)"),
    ] = False
    yield_cooldown: Annotated[
        float,
        Meta(ge=0.0, le=604_800.0, description="yield_to_others: seconds without others before the run comes back"),
    ] = 300.0


class RunSpec(_Section, frozen=True):
    """What a run is: everything that decides its result, and where it runs."""

    env: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=200,
            description="environment, e.g. hopper, CartPole-v1 or package.module:name, or images: digits",
        ),
    ]
    backend: Annotated[
        Literal["auto", "positional", "generalized", "spring", "mjx"],
        Meta(description="Brax physics (auto: positional where supported)"),
    ] = "auto"
    physics: Annotated[
        Physics,
        Meta(
            description="how environment steps are computed: native (machine code for CPUs), xla (scalar operations), "
            "vmap; auto: native on CPUs where it is possible, else vmap"
        ),
    ] = "auto"
    method: Annotated[
        Method,
        Meta(
            description="hades-f, hades-r, or es (direct neuroevolution)",
            extra={"paper": "HaDES-F, HaDES-R, direct neuroevolution through ES"},
        ),
    ] = "hades-r"
    seed: Annotated[int, Meta(ge=0, le=2**32 - 1, description="root of all random numbers of the run")] = 0
    preset: Annotated[str, Meta(max_length=64, description="the preset these settings started from")] = ""
    own_environment: OwnEnvironment = OwnEnvironment()
    dataset: Dataset = Dataset()
    evolution: Evolution = Evolution()
    cloning: Cloning = Cloning()
    policy: Policy = Policy()
    evaluation: Evaluation = Evaluation()
    images: Images = Images()
    checkpoints: Retention = Retention()
    resources: Resources = Resources()

    @property
    def inits(self) -> int:
        """k, the policy initialisations a candidate is evaluated on; where unset: 2 for hades-r, else 1."""
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
    spec = _converted(values)
    _check_together(spec)
    return spec


def check_each(values: dict[str, Any]) -> None:
    """Validate nested settings each by itself: those that are not there may make sense of them together.

    Raises:
        UsageError: as build_spec, but for settings that contradict each other.
    """
    _converted({"env": "any", **values})


def _converted(values: dict[str, Any]) -> RunSpec:
    known = _known()
    for key in _flatten(values):
        if key not in known and key.rpartition(".")[0] not in OPEN:
            raise UsageError(f"unknown setting '{key}'; {nearest(key, known)}")
    try:
        return msgspec.convert(values, RunSpec, strict=True)
    except msgspec.ValidationError as error:
        raise UsageError(explain(error, known, values)) from None


@functools.cache
def _known() -> dict[str, Leaf]:
    """Every setting. A daemon asks for each of its runs, and looking through the types takes milliseconds."""
    return leaves(RunSpec)


def spec_to_dict(spec: RunSpec) -> dict[str, Any]:
    """Plain nested dict of every setting, as written to run.json."""
    out = msgspec.to_builtins(spec)
    assert isinstance(out, dict)
    own = out["own_environment"]
    out["own_environment"] = {key: list(value) if isinstance(value, tuple) else value for key, value in own.items()}
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
    if spec.method == "hades-r" and spec.inits < 2:
        raise UsageError(
            "method hades-r evaluates a dataset on several initialisations: policy.inits must be at least 2"
        )
    if spec.method != "hades-r" and spec.inits != 1:
        raise UsageError(
            f"method {spec.method} uses one policy initialisation: policy.inits must be 1, not {spec.inits} "
            "(several: --method hades-r)"
        )
    if spec.method != "hades-r" and (spec.cloning.learning_rate_spread != 1.0 or spec.policy.vary_activation):
        raise UsageError(
            "cloning.learning_rate_spread and policy.vary_activation vary the policies that a dataset is evaluated on: "
            f"they need --method hades-r, not {spec.method}"
        )
    if evolution.sigma_floor > evolution.sigma:
        raise UsageError(
            f"evolution.sigma_floor ({evolution.sigma_floor:g}) is above evolution.sigma ({evolution.sigma:g})"
        )
    if evolution.learning_rate_floor > evolution.learning_rate:
        raise UsageError(
            f"evolution.learning_rate_floor ({evolution.learning_rate_floor:g}) is above "
            f"evolution.learning_rate ({evolution.learning_rate:g})"
        )


RESIZABLE = (
    "evolution.population",
    "dataset.pairs",
    "policy.inits",
    "evaluation.environments",
    "resources.gpus",
    "resources.devices",
)
"""Settings that `resize` can change."""
