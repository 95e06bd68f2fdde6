"""Every default of evosax 0.3 that decides results, written out: a new version of evosax cannot change a run unseen.

What settings decide is not here: population, optimizer, std_schedule, std_init, and fitness shaping where it can be
chosen. A test compares this table with evosax's signatures and Params, and fails where either has more.
"""

from dataclasses import dataclass, field
from typing import Any

from evosax.algorithms.population_based.diffusion_evolution import cosine_schedule, fitness_mapping_energy
from evosax.algorithms.population_based.learned_ga import MutationFeatureEncoding
from evosax.core.fitness_shaping import identity_fitness_shaping_fn

from hadesd.distill.strategies.shaping import weights_of_ranks


@dataclass(frozen=True)
class Defaults:
    """What one algorithm of evosax gets besides the settings.

    shaping: its own fitness shaping, where evolution.shaping does not apply; None: it applies.
    options: arguments of the constructor. attributes: what its constructor sets without an argument for it.
    params: numbers in its Params. derived: entries of its Params that are formulas of population size and dimensions,
        or of settings.
    shipped: arguments and entries that come with the trained weights in the evosax package.
    """

    shaping: Any = identity_fitness_shaping_fn
    options: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    derived: frozenset[str] = frozenset()
    shipped: frozenset[str] = frozenset()


WEIGHTS = weights_of_ranks
"""A weight for each rank."""

# Hansen 2016 (arXiv:1604.00772), table 1: c_mean is 1 (eq. 54); the best half has positive weights. The other
# constants of the table are formulas of population size and dimensions (eqs. 48 to 58). Bounds of sigma: see `named`.
_CMA_PARAMS = {"c_mean": 1.0}
_CMA_DERIVED = frozenset({"weights", "mu_eff", "c_std", "d_std", "c_c", "c_1", "c_mu", "chi_n", "std_min", "std_max"})
# Only the full matrix has the negative weights of active CMA-ES (eqs. 50 to 53).
_WITHOUT_NEGATIVE = {"elite_ratio": 0.5, "use_negative_weights": False}

# Bosman et al. 2013; eta_std and eta_shift are formulas of population size and dimensions.
_AMALGAM = Defaults(
    attributes={"elite_ratio": 0.5},
    params={
        "eta_avs_inc": 1 / 0.9,
        "eta_avs_dec": 0.9,
        "nis_max_gens": 50,
        "delta_ams": 2.0,
        "theta_sdr": 1.0,
        "c_mult_init": 1.0,
    },
    derived=frozenset({"eta_std", "eta_shift"}),
)

DEFAULTS: dict[str, Defaults] = {
    # Salimans et al. 2017 (arXiv:1703.03864), section 2: every perturbation is used with both signs. The HaDES paper
    # takes OpenES so on Brax.
    "Open_ES": Defaults(shaping=None, options={"use_antithetic_sampling": True}),
    # Wierstra et al. 2014 (JMLR 15), table 1: lr_std_init is (3 + log d) / (5 sqrt d). Not antithetic. The weights are
    # those of the HaDES paper's MinAtar runs (see `snes`), not evosax's.
    "SNES": Defaults(shaping=WEIGHTS, derived=frozenset({"weights", "lr_std_init"})),
    # Wierstra et al. 2014, table 1.
    "xNES": Defaults(shaping=WEIGHTS, derived=frozenset({"weights", "lr_std_init", "lr_B"})),
    # Nomura and Ono 2022 (arXiv:2201.11422): lr_mean and lr_move_std are 1, the rest are formulas.
    "CR_FM_NES": Defaults(
        shaping=WEIGHTS,
        attributes={"elite_ratio": 0.5},
        params={"lr_mean": 1.0, "lr_move_std": 1.0},
        derived=frozenset(
            {"weights_hat", "weights", "mu_eff", "c_std", "c_c", "c1", "chi_n", "h_inv", "alpha_dist"}
            | {"lr_stag_std", "lr_conv_std", "lr_B"}
        ),
    ),
    "CMA_ES": Defaults(
        shaping=WEIGHTS,
        attributes={"elite_ratio": 0.5, "use_negative_weights": True},
        params=_CMA_PARAMS,
        derived=_CMA_DERIVED,
    ),
    "Sep_CMA_ES": Defaults(shaping=WEIGHTS, attributes=_WITHOUT_NEGATIVE, params=_CMA_PARAMS, derived=_CMA_DERIVED),
    "MA_ES": Defaults(shaping=WEIGHTS, attributes=_WITHOUT_NEGATIVE, params=_CMA_PARAMS, derived=_CMA_DERIVED),
    # Loshchilov et al. 2017 (arXiv:1705.06693): m, the memories, is 4 + 3 log d, a formula too.
    "LM_MA_ES": Defaults(
        shaping=WEIGHTS, attributes=_WITHOUT_NEGATIVE, params=_CMA_PARAMS, derived=_CMA_DERIVED | {"c_d", "m"}
    ),
    # Sehnke et al. 2010; a step changes sigma by a fifth at most.
    "PGPE": Defaults(shaping=None, params={"std_lr": 0.1, "std_max_change": 0.2}),
    # Mania et al. 2018 (arXiv:1803.07055): the better half of the directions counts.
    "ARS": Defaults(attributes={"elite_ratio": 0.5}),
    # Choromanski et al. 2019 (arXiv:1903.04268).
    "ASEBO": Defaults(shaping=None, options={"subspace_dims": 1}, params={"grad_decay": 0.99}),
    # Merchant et al. 2021 (arXiv:2107.09661).
    "ESMC": Defaults(shaping=None),
    # Rechenberg 1973: the better half counts, with equal weights.
    "SimpleES": Defaults(
        shaping=WEIGHTS, attributes={"elite_ratio": 0.5}, params={"c_std": 0.1}, derived=frozenset({"weights"})
    ),
    # Lange et al. 2023 (arXiv:2211.11260): the discovered weights are a formula of the temperature.
    "DiscoveredES": Defaults(
        shaping=WEIGHTS, attributes={"temperature": 12.5}, params={"lr_std": 0.1}, derived=frozenset({"weights"})
    ),
    # Lange et al. 2023 (arXiv:2211.11260).
    "LearnedES": Defaults(shipped=frozenset({"params", "params_path"})),
    "CMAAnchoredLES": Defaults(shipped=frozenset({"params", "params_path"})),
    # Lange et al. 2024 (arXiv:2403.02985). The weights bring the configurations that they were trained with.
    "EvoTF_ES": Defaults(
        options={"max_context_len": 100, "use_antithetic_sampling": False},
        params={"lr_mean": 1.0, "lr_std": 1.0},
        shipped=frozenset(
            {"params", "params_path", "model_config", "solution_config", "fitness_config", "distrib_config"}
        ),
    ),
    "iAMaLGaM_Full": _AMALGAM,
    "iAMaLGaM_Univariate": _AMALGAM,
    # Golovin et al. 2019 (arXiv:1911.06317).
    "GradientlessDescent": Defaults(params={"radius_min": 0.001, "radius_max": 0.2, "radius_decay": 5.0}),
    "HillClimbing": Defaults(),
    "SimulatedAnnealing": Defaults(
        params={
            "temperature_init": 1.0,
            "temperature_limit": 0.1,
            "temperature_decay": 0.999,
            "boltzmann_constant": 5.0,
        }
    ),
    # Such et al. 2017 (arXiv:1712.06567): parents are the better half, without crossover.
    "SimpleGA": Defaults(attributes={"elite_ratio": 0.5}, params={"crossover_rate": 0.0}),
    # Rechenberg 1987: the one-fifth rule.
    "MR15_GA": Defaults(
        attributes={"elite_ratio": 0.5}, params={"std_min": 0.0, "std_max": float("inf"), "std_ratio": 0.2}
    ),
    "SAMR_GA": Defaults(
        attributes={"elite_ratio": 0.5},
        params={"std_min": 0.0, "std_max": 10.0, "std_meta": 2.0, "std_best_limit": 0.0001},
    ),
    # Kumar et al. 2022 (arXiv:2204.04817).
    "GESMR_GA": Defaults(
        options={"num_groups": 1},
        attributes={"elite_ratio": 0.5, "std_ratio": 0.5},
        params={"std_min": 0.0, "std_max": 10.0, "std_meta": 2.0},
    ),
    # Lange et al. 2023 (arXiv:2304.03995).
    "LearnedGA": Defaults(
        options={"mutation_feature_encoding": MutationFeatureEncoding.AUTO},
        params={"crossover_rate": 0.0},
        shipped=frozenset({"params", "params_path"}),
    ),
    # Storn and Price 1997; the differential weight does not vary.
    "DifferentialEvolution": Defaults(
        options={"num_diff": 1},
        params={
            "elitism": True,
            "crossover_rate": 0.9,
            "differential_weight": 0.8,
            "differential_weight_min": 0.8,
            "differential_weight_max": 0.8,
        },
    ),
    # Zhang et al. 2024 (arXiv:2410.02543). alphas: the schedule over num_generations.
    "DiffusionEvolution": Defaults(
        options={
            "num_generations": 128,
            "fitness_mapping": fitness_mapping_energy,
            "alpha_schedule": cosine_schedule,
            "num_latent_dims": None,
        },
        params={"std_m": 1.0, "scale_factor": 1.0},
        derived=frozenset({"alphas"}),
    ),
    # Kennedy and Eberhart 1995.
    "PSO": Defaults(params={"inertia_coeff": 0.75, "cognitive_coeff": 1.5, "social_coeff": 2.0}),
}
"""By the class's name in evosax.algorithms."""
