import itertools

import pytest

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import spec_to_dict
from hadesd.spec import environments, strategies
from hadesd.spec.presets import available, preset_values, resolve


def ask(**given):
    return resolve(
        **(
            {"env": "hopper", "method": None, "preset": None, "file_values": None, "assignments": [], "has_gpu": False}
            | given
        )
    )


def test_every_preset_is_valid_for_every_environment_and_method():
    wrong = []
    for env, method, preset in itertools.product(environments.ENVIRONMENTS, ("hades-f", "hades-r", "es"), available()):
        no_policy = method == "es" and environments.find(env).family == "images"
        try:
            spec, notes = ask(env=env, method=method, preset=preset)
        except UsageError as error:
            found = "evolves a policy" if "evolves a policy" in str(error) else str(error)
        else:
            found = notes or (spec.env, spec.method, spec.preset)
        if found != ("evolves a policy" if no_policy else (env, method, preset)):
            wrong.append((env, method, preset, found))
    assert wrong == []


def test_without_a_gpu_the_cpu_preset_is_chosen_and_said():
    spec, notes = ask()
    assert spec.preset == "cpu"
    assert len(notes) == 1
    assert "--preset published" in notes[0], "the note must say how to override it"
    assert ask(has_gpu=True)[0].preset == "published"


def test_published_settings_are_those_of_the_paper():
    spec, _ = ask(preset="published", method="hades-r")
    values = spec_to_dict(spec)
    assert values["dataset"]["pairs"] == 64
    assert values["evolution"] == values["evolution"] | {
        "strategy": "openes",
        "population": 2048,
        "sigma": 0.03,
        "learning_rate": 0.05,
        "momentum": 0.99,
        "shaping": "raw",
        "generations": 2000,
    }
    assert values["cloning"] == {
        "epochs": 200,
        "learning_rate": 5e-3,
        "learning_rate_spread": 1.0,
        "clip_norm": 0.5,
        "optimizer": "adam",
        "weight_decay": 0.0,
    }
    assert (spec.policy.width, spec.policy.depth, spec.policy.activation, spec.inits) == (512, 2, "tanh", 2)
    assert ask(preset="published", env="humanoid")[0].cloning.epochs == 400
    minatar, _ = ask(preset="published", env="SpaceInvaders-MinAtar")
    assert (minatar.evolution.strategy, minatar.evolution.sigma, minatar.dataset.pairs) == ("snes", 0.5, 16)
    assert not minatar.cloning.clip_norm
    assert ask(preset="published", method="es")[0].policy.width == 256


def test_later_layers_win():
    file_values = {"env": "hopper", "seed": 5, "evolution": {"population": 10, "sigma": 0.2}}
    spec, _ = ask(env=None, file_values=file_values, assignments=[("evolution.population", 12)])
    assert (spec.evolution.population, spec.evolution.sigma, spec.seed) == (12, 0.2, 5)
    assert ask(env="ant", file_values=file_values)[0].env == "ant", "an option wins over the file"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"env": None}, "no environment given"),
        ({"env": "hoper"}, "'hopper'"),
        ({"preset": "fast"}, "cpu, published"),
        ({"assignments": [("evolution.populaton", 4)]}, "'evolution.population'"),
        ({"assignments": [("evolution.population", 0)]}, "at least 2"),
        ({"assignments": [("evolution", 4)]}, "evolution"),
        ({"assignments": [("backend", "warp")]}, "one of auto"),
        ({"env": "swimmer", "assignments": [("backend", "positional")]}, "generalized"),
        ({"env": "CartPole-v1", "assignments": [("backend", "spring")]}, "backend is a setting of Brax"),
        ({"env": "Acrobot-v1", "assignments": [("dataset.pairs", 2)]}, "dataset.labels=learned"),
        ({"file_values": {"evolution": 3}}, "evolution"),
    ],
)
def test_bad_settings_are_refused_in_one_line_that_helps(given, says):
    with pytest.raises(UsageError) as caught:
        ask(**given)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_strategy_brings_its_own_steps_along():
    """SNES takes whole steps of the natural gradient: Adam's 0.05 would hold it still."""
    spec, _ = ask(preset="cpu", assignments=[("evolution.strategy", "SNES")])
    assert (spec.evolution.strategy, spec.evolution.learning_rate) == ("snes", 1.0)
    own, _ = ask(preset="cpu", assignments=[("evolution.strategy", "SNES"), ("evolution.learning_rate", 0.5)])
    assert own.evolution.learning_rate == 0.5
    assert ask(preset="cpu", assignments=[("evolution.strategy", "Open_ES")])[0] == ask(preset="cpu")[0]


def test_a_learning_rate_of_adam_is_never_that_of_another_kind_of_step():
    wrong = []
    for env, preset in itertools.product(("Breakout-MinAtar", "CartPole-v1", "hopper"), ("published", "cpu")):
        for entry in strategies.STRATEGIES.values():
            values = preset_values(preset, environments.find(env), "hades-r", entry.key)
            if entry.optimizer == "adam" and values["evolution"]["learning_rate"] > 0.05:
                wrong.append((entry.key, preset, env))
    assert wrong == []


def test_a_strategy_and_its_parameters_are_checked_before_anything_starts():
    for assignments, says in (
        ([("evolution.strategy", "cmaess")], "cmaes"),
        ([("evolution.strategy", "cmaes"), ("evolution.parameters.c_men", 1.0)], "c_mean"),
        ([("policy.kind", "cnn")], "policy.kind=mlp"),
        ([("dataset.initial", "class-means")], "no real images"),
        ([("evolution.population", 31)], "even"),
        ([("env", "digits"), ("dataset.bound", 3.0)], "no policy visits states of digits"),
    ):
        with pytest.raises(UsageError, match=says):
            ask(assignments=assignments)


def test_policies_are_varied_for_hades_r_alone():
    assert (
        ask(method="hades-r", assignments=[("cloning.learning_rate_spread", 3.0)])[0].cloning.learning_rate_spread == 3
    )
    with pytest.raises(UsageError, match="need --method hades-r"):
        ask(method="hades-f", assignments=[("policy.vary_activation", True)])
