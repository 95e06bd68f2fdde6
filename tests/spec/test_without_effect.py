"""Settings that decide nothing are told to who asks for them."""

import pytest

from hades_protocol.run_spec import build_spec
from hades_protocol.settings import set_dotted
from hadesd.spec import changes, presets
from hadesd.spec.without_effect import without_effect


def notes(*assignments: tuple[str, object], env: str = "CartPole-v1", method: str | None = None) -> list[str]:
    _, found = presets.resolve(
        env=env, method=method, preset="cpu", file_values=None, assignments=list(assignments), has_gpu=True
    )
    return found


def test_a_preset_alone_gives_none() -> None:
    for env in ("CartPole-v1", "hopper", "Breakout-MinAtar", "Asterix-MinAtar"):
        for method in ("hades-r", "hades-f", "es"):
            assert notes(env=env, method=method) == []


@pytest.mark.parametrize(
    ("assignments", "expected"),
    [
        (
            [("evolution.strategy", "snes"), ("evolution.sigma_decay", 0.5), ("evolution.sigma_share", 1.0)],
            "evolution.sigma_decay, evolution.sigma_share are of no effect: snes sets its sigma itself",
        ),
        (
            [("evolution.strategy", "cmaes"), ("evolution.learning_rate_decay", 0.5)],
            "evolution.learning_rate_decay is of no effect: cmaes has no learning rate",
        ),
        ([("evolution.temperature", 3.0)], "evolution.temperature is of no effect: it is about the weights of snes"),
        (
            [("evaluation.noise_every", 4)],
            "evaluation.noise_every is of no effect: evaluation.action is greedy and "
            "evaluation.noise_generations 0: no action is drawn",
        ),
        (
            [("evaluation.remeasure", True)],
            "evaluation.remeasure is of no effect: evaluation.normalisation is none: there are no constants",
        ),
        (
            [("policy.init_seed", 5)],
            "policy.init_seed is of no effect: hades-r draws its initialisations anew in every generation",
        ),
    ],
)
def test_what_nothing_reads_is_named_with_the_reason(assignments: list[tuple[str, object]], expected: str) -> None:
    assert notes(*assignments) == [expected]


def test_what_is_read_is_not_named() -> None:
    of_openes = ("evolution.sigma_decay", 0.5), ("evolution.momentum", 0.5), ("evolution.shaping", "raw")
    assert notes(*of_openes, env="walker2d") == []
    assert notes(("evolution.strategy", "snes"), ("evolution.temperature", 3.0), ("evolution.learning_rate", 2.0)) == []
    noisy = ("evaluation.noise_generations", 10), ("evaluation.noise_every", 4), ("evaluation.temperature", 0.5)
    assert notes(*noisy) == []


def test_direct_search_reads_nothing_of_datasets() -> None:
    (note,) = notes(("dataset.pairs", 9), ("cloning.epochs", 7), method="es")
    assert note == ("cloning.epochs, dataset.pairs are of no effect: method es evolves a policy and has no dataset")


def test_labels_of_continuous_actions_always_evolve() -> None:
    (note,) = notes(("dataset.labels", "learned"), env="hopper")
    assert note.startswith("dataset.labels is of no effect")


def test_a_fork_says_it_of_what_it_changes_only() -> None:
    values: dict[str, object] = {"env": "CartPole-v1"}
    for name, value in (("evolution.strategy", "snes"), ("evolution.sigma_decay", 0.5)):
        set_dotted(values, name, value)
    spec = build_spec(values)
    assert without_effect(spec, {"evolution.sigma_decay"})
    _, _, unchanged = changes.forked(spec, {"evolution": {"generations": 999}}, 3)
    assert unchanged == ()
    _, _, changed = changes.forked(spec, {"evolution": {"generations": 999, "sigma_floor": 0.01}}, 3)
    assert changed == ("evolution.sigma_floor is of no effect: snes sets its sigma itself",)
