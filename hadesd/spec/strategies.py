"""The evolution strategies by name, with what can be said of them without jax.

The command line checks `evolution.strategy` and `evolution.parameters` here. A test compares this table with
evosax itself. Left out of evosax 0.3: RandomSearch (nothing is learned), SV_CMA_ES and SV_Open_ES (several
populations), PersistentES and NoiseReuseES (made for truncated rollouts), GuidedES (needs a surrogate gradient) and
Rm_ES (its sigma collapses on a sphere).
"""

import difflib
import re
from dataclasses import dataclass
from typing import Literal

from hades_protocol.errors import UsageError

Optimizer = Literal["adam", "sgd", ""]

MAX_FULL_COVARIANCE = 4096
"""Dimensions up to which a strategy may keep a full matrix: 4096^2 floats are 64 MiB."""


@dataclass(frozen=True)
class StrategyInfo:
    """One strategy.

    name: its class in evosax. optimizer: what moves the mean with evolution.learning_rate ("": it has steps of its
    own). shaped: evolution.shaping applies. scheduled: evolution.sigma_decay, _floor and _share apply. matrix: it keeps
    a dim x dim matrix. population_based: it has no mean; its fittest member is what is exported. scaled: its state has
    a standard deviation, which a fork may multiply. even, least: what the population's size has to be. parameters:
    names that evolution.parameters may set.
    """

    name: str
    parameters: tuple[str, ...] = ()
    optimizer: Optimizer = ""
    shaped: bool = False
    scheduled: bool = False
    matrix: bool = False
    population_based: bool = False
    scaled: bool = True
    even: bool = False
    least: int = 2

    @property
    def key(self) -> str:
        """The name as settings spell it: cmaes for CMA_ES."""
        return canonical(self.name)


def canonical(name: str) -> str:
    """Lower case, letters and digits only: Open_ES, open-es and OpenES are one strategy."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


_CMA = ("std_min", "std_max", "mu_eff", "c_mean", "c_std", "d_std", "c_c", "c_1", "c_mu", "chi_n")
_AMALGAM = ("eta_std", "eta_shift", "eta_avs_inc", "eta_avs_dec", "nis_max_gens", "delta_ams", "theta_sdr")
_CR_FM_NES = ("lr_mean", "lr_move_std", "lr_stag_std", "lr_conv_std", "lr_B", "c_std", "c_c", "c1")

_ENTRIES = (
    StrategyInfo("Open_ES", optimizer="adam", shaped=True, scheduled=True, even=True),
    StrategyInfo("SNES", ("lr_std_init",), optimizer="sgd"),
    StrategyInfo("CR_FM_NES", _CR_FM_NES, even=True),
    StrategyInfo("CMA_ES", _CMA, matrix=True),
    StrategyInfo("Sep_CMA_ES", _CMA),
    StrategyInfo("MA_ES", _CMA, matrix=True),
    StrategyInfo("LM_MA_ES", tuple(n for n in _CMA if n != "c_c")),
    StrategyInfo("xNES", ("lr_std_init", "lr_B"), optimizer="sgd", matrix=True),
    StrategyInfo("PGPE", ("std_lr", "std_max_change"), optimizer="adam", shaped=True, even=True),
    StrategyInfo("ARS", optimizer="adam", scheduled=True, even=True),
    StrategyInfo("ASEBO", ("grad_decay",), optimizer="adam", shaped=True, scheduled=True, matrix=True, even=True),
    StrategyInfo("ESMC", optimizer="adam", shaped=True, scheduled=True, least=4),
    StrategyInfo("SimpleES", ("c_std",), optimizer="sgd"),
    StrategyInfo("DiscoveredES", ("lr_std",), optimizer="sgd"),
    StrategyInfo("LearnedES"),
    StrategyInfo("CMAAnchoredLES"),
    StrategyInfo("EvoTF_ES", ("lr_mean", "lr_std"), even=True),
    StrategyInfo("iAMaLGaM_Full", _AMALGAM, scheduled=True, matrix=True),
    StrategyInfo("iAMaLGaM_Univariate", _AMALGAM, scheduled=True),
    StrategyInfo("GradientlessDescent", ("radius_min", "radius_max", "radius_decay"), scaled=False),
    StrategyInfo("HillClimbing", scheduled=True),
    StrategyInfo(
        "SimulatedAnnealing",
        ("temperature_init", "temperature_limit", "temperature_decay", "boltzmann_constant"),
        scheduled=True,
    ),
    StrategyInfo("SimpleGA", ("crossover_rate",), scheduled=True, population_based=True),
    StrategyInfo("MR15_GA", ("std_min", "std_max", "std_ratio"), population_based=True),
    StrategyInfo("SAMR_GA", ("std_min", "std_max", "std_meta", "std_best_limit"), population_based=True),
    StrategyInfo("GESMR_GA", ("std_min", "std_max", "std_meta"), population_based=True),
    StrategyInfo("LearnedGA", ("crossover_rate",), population_based=True),
    StrategyInfo(
        "DifferentialEvolution",
        ("elitism", "crossover_rate", "differential_weight", "differential_weight_min", "differential_weight_max"),
        population_based=True,
        scaled=False,
        least=4,
    ),
    StrategyInfo("DiffusionEvolution", ("std_m", "scale_factor"), population_based=True, scaled=False),
    StrategyInfo("PSO", ("inertia_coeff", "cognitive_coeff", "social_coeff"), population_based=True, scaled=False),
)

STRATEGIES: dict[str, StrategyInfo] = {entry.key: entry for entry in _ENTRIES}


def find(name: str) -> StrategyInfo:
    """The strategy of that name; case, hyphens and underscores do not matter.

    Raises:
        UsageError: there is none; the nearest names are given.
    """
    key = canonical(name)
    if key in STRATEGIES:
        return STRATEGIES[key]
    close = difflib.get_close_matches(key, STRATEGIES, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else "there are: " + ", ".join(STRATEGIES)
    raise UsageError(f"evolution.strategy: there is no strategy '{name}'; {hint}")


def check(entry: StrategyInfo, population: int, parameters: dict[str, float], dimensions: int | None) -> None:
    """Whether a strategy can work with a population, parameters and a number of dimensions (None: not known yet).

    Raises:
        UsageError: it cannot; says what would do.
    """
    if entry.even and population % 2:
        raise UsageError(
            f"evolution.population is {population}, but {entry.key} samples antithetic pairs: "
            f"use an even number, e.g. {population + 1}"
        )
    if population < entry.least:
        raise UsageError(f"evolution.population is {population}, but {entry.key} needs at least {entry.least}")
    for name in parameters:
        if name not in entry.parameters:
            takes = f"takes: {', '.join(entry.parameters)}" if entry.parameters else "takes none"
            close = difflib.get_close_matches(name, entry.parameters, n=1, cutoff=0.5)
            hint = f"did you mean '{close[0]}'? It" if close else "it"
            raise UsageError(f"evolution.parameters: {entry.key} has no parameter '{name}'; {hint} {takes}")
    if entry.matrix and dimensions is not None and dimensions > MAX_FULL_COVARIANCE:
        raise UsageError(
            f"{entry.key} keeps a matrix of dimensions squared, and this search has {dimensions} dimensions "
            f"(at most {MAX_FULL_COVARIANCE}): use crfmnes, sepcmaes, snes or openes"
        )
