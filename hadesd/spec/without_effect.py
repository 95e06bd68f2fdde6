"""Settings that were asked for and decide nothing: a strategy, a method or an environment does not read them."""

from collections.abc import Collection

from hades_protocol.run_spec import RunSpec
from hadesd.spec import environments, strategies
from hadesd.spec.strategies import StrategyInfo

_SIGMA = ("evolution.sigma_decay", "evolution.sigma_floor", "evolution.sigma_share")
_STEP = (
    "evolution.learning_rate",
    "evolution.learning_rate_decay",
    "evolution.learning_rate_floor",
    "evolution.weight_decay",
)

Unread = tuple[tuple[str, ...], str]
"""Names of settings, and why nothing reads them."""


def without_effect(spec: RunSpec, names: Collection[str]) -> list[str]:
    """Notes on those of the named settings (dotted) that change nothing with the others as they are; why, in each."""
    strategy = strategies.find(spec.evolution.strategy)
    found = [*_of_strategy(spec, strategy), *_of_method(spec, names), *_of_actions(spec)]
    notes = []
    for unread, reason in found:
        asked = [name for name in unread if name in names]
        if asked:
            notes.append(f"{', '.join(asked)} {'is' if len(asked) == 1 else 'are'} of no effect: {reason}")
    return notes


def _of_strategy(spec: RunSpec, strategy: StrategyInfo) -> list[Unread]:
    out: list[Unread] = []
    if not strategy.scheduled:
        out.append((_SIGMA, f"{strategy.key} sets its sigma itself"))
    if not strategy.optimizer:
        out.append((_STEP, f"{strategy.key} has no learning rate"))
    if strategy.optimizer != "adam":
        out.append((("evolution.momentum",), f"{strategy.key} is not moved by Adam"))
    if not strategy.shaped:
        out.append((("evolution.shaping",), f"{strategy.key} has a fitness shaping of its own"))
    if strategy.key != "snes":
        out.append((("evolution.temperature",), "it is about the weights of snes"))
    return out


def _of_method(spec: RunSpec, names: Collection[str]) -> list[Unread]:
    out: list[Unread] = []
    if spec.method == "es":
        of_datasets = tuple(name for name in sorted(names) if name.startswith(("dataset.", "cloning.")))
        out.append((of_datasets, "method es evolves a policy and has no dataset"))
    if spec.method == "hades-r":
        out.append((("policy.init_seed",), "hades-r draws its initialisations anew in every generation"))
    return out


def _of_actions(spec: RunSpec) -> list[Unread]:
    out: list[Unread] = []
    evaluation = spec.evaluation
    if evaluation.action == "greedy" and not evaluation.noise_generations:
        of_noise = ("evaluation.noise_every", "evaluation.temperature")
        out.append((of_noise, "evaluation.action is greedy and evaluation.noise_generations 0: no action is drawn"))
    if evaluation.action == "sample":
        out.append((("evaluation.noise_generations",), "evaluation.action is sample: actions are always drawn"))
    if evaluation.normalisation != "fixed":
        of_constants = ("evaluation.remeasure",)
        out.append((of_constants, f"evaluation.normalisation is {evaluation.normalisation}: there are no constants"))
    if spec.method != "es" and not environments.of_spec(spec).discrete:
        out.append((("dataset.labels",), "actions are not discrete, so labels always evolve"))
    return out
