"""What a fork or a resize may change, and what each brings along."""

from typing import Any

import pytest

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import RESIZABLE, RunSpec, build_spec
from hades_protocol.settings import merge
from hadesd.spec.changes import forked, resized
from hadesd.spec.differences import describe, difference
from hadesd.spec.presets.base import base_of, differences
from tests.helpers.runs.specs import TINY, tiny

LEARNED = tiny(dataset={"pairs": 4, "labels": "learned"})


def laid(**sections: Any) -> RunSpec:
    return build_spec(merge(TINY, sections))


def test_a_difference_names_each_setting_with_both_values() -> None:
    changes = difference(tiny(), tiny(dataset={"pairs": 8}, evolution={"sigma": 0.1}))
    assert describe(changes) == "dataset.pairs 2 → 8, evolution.sigma 0.3 → 0.1"


def test_parameters_of_a_strategy_count_as_settings() -> None:
    before = tiny(evolution={"strategy": "cmaes"})
    after = tiny(evolution={"strategy": "cmaes", "parameters": {"c_mean": 0.5}})
    assert [change.name for change in difference(before, after)] == [
        "evolution.parameters",
        "evolution.parameters.c_mean",
    ]


def test_a_resize_takes_sizes_and_says_what_they_cost() -> None:
    after, changes, notes = resized(tiny(), {"dataset": {"pairs": 4}, "evolution": {"population": 16}})
    assert (after.dataset.pairs, after.evolution.population) == (4, 16)
    assert [change.name for change in changes] == ["dataset.pairs", "evolution.population"]
    assert notes == (
        "dataset.pairs 2 → 4: pairs are duplicated, with their moments and sigma",
        "a generation takes about 2 times as many environment steps",
    )


@pytest.mark.parametrize(
    ("pairs", "says"),
    [(3, "the pair whose absence costs least is dropped"), (2, "the 2 pairs whose absence costs least are dropped")],
)
def test_dropped_pairs_are_counted(pairs: int, says: str) -> None:
    _, _, notes = resized(tiny(dataset={"pairs": 4}), {"dataset": {"pairs": pairs}})
    assert notes[0] == f"dataset.pairs 4 → {pairs}: {says}"


def test_a_resize_refuses_what_is_no_size() -> None:
    with pytest.raises(UsageError, match=r"'evolution.sigma' is no size: resize takes .*; for the rest: hadesd fork"):
        resized(tiny(), {"evolution": {"sigma": 0.1}})
    assert "evolution.population" in RESIZABLE


@pytest.mark.parametrize(
    ("spec", "values", "why"),
    [
        (tiny(), {"dataset": {"pairs": 2}}, "already"),
        (tiny(dataset={"pairs": 4}), {"dataset": {"pairs": 1}}, "fixed labels give each at least one pair"),
        (tiny(), {"policy": {"inits": 1}}, "must be at least 2"),
        (tiny(method="es", policy={"inits": 1}), {"dataset": {"pairs": 4}}, "no pairs"),
        (tiny(evolution={"strategy": "simplega"}), {"evolution": {"population": 12}}, "keeps its whole population"),
    ],
)
def test_sizes_that_do_not_fit_the_run_are_refused(spec: RunSpec, values: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        resized(spec, values)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"env": "Acrobot-v1"}, r"cannot change env \(CartPole-v1 → Acrobot-v1\): a checkpoint holds pairs of one"),
        ({"method": "hades-f", "policy": {"inits": 1}}, "cannot change method"),
        ({"dataset": {"bound": 3.0}}, "cannot change dataset.bound .*coordinates of their own bound"),
        ({"dataset": {"labels": "fixed"}}, "cannot change dataset.labels"),
        ({"evolution": {"strategy": "snes"}}, "cannot change evolution.strategy .*state of its own strategy"),
        ({"evaluation": {"normalisation": "fixed"}}, "cannot change evaluation.normalisation"),
        ({"evolution": {"learning_rate_decay": 0.9}}, "begin or end a decay"),
        ({"evolution": {"generations": 3}}, "nothing is left to compute: evolution.generations is 3"),
    ],
)
def test_what_a_checkpoint_cannot_carry_is_refused_with_the_reason(values: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        forked(LEARNED, values, 3)


def test_a_fork_takes_the_rest() -> None:
    values = {"seed": 9, "evolution": {"sigma": 0.15, "generations": 50}, "cloning": {"epochs": 7}}
    after, changes, notes = forked(tiny(), values, 3)
    assert (after.seed, after.cloning.epochs) == (9, 7)
    assert len(changes) == 4
    assert notes == (
        "seed: other random numbers from generation 4 on",
        "evolution.sigma: the search's present standard deviation is multiplied by 0.5",
    )


@pytest.mark.parametrize("strategy", ["diffusionevolution", "gradientlessdescent", "pso", "differentialevolution"])
def test_a_search_without_a_standard_deviation_cannot_change_its_sigma(strategy: str) -> None:
    spec = tiny(evolution={"strategy": strategy})
    why = rf"cannot change evolution\.sigma \(0\.3 → 0\.6\): the state of {strategy} has no standard deviation"
    with pytest.raises(UsageError, match=why):
        forked(spec, {"evolution": {"sigma": 0.6}}, 2)


def test_a_fork_with_nothing_changed_is_a_twin() -> None:
    assert forked(tiny(), {}, 2) == (tiny(), (), ())


def test_another_seed_leaves_hades_f_its_one_initialisation() -> None:
    spec = tiny(method="hades-f", seed=5, policy={"inits": 1})
    after, _, _ = forked(spec, {"seed": 6}, 2)
    assert (after.seed, after.init_seed) == (6, spec.init_seed)
    with pytest.raises(UsageError, match=r"cannot change policy\.init_seed"):
        forked(spec, {"policy": {"init_seed": 6}}, 2)


def test_hades_f_is_told_that_another_shape_is_another_initialisation() -> None:
    values = {"policy": {"width": 16, "depth": 2}}
    _, _, notes = forked(tiny(method="hades-f", policy={"inits": 1}), values, 2)
    assert "policy.width, policy.depth: the pairs evolved for an initialisation of another shape" in notes
    assert not any("initialisation" in note for note in forked(tiny(), values, 2)[2])


POLICY = tiny(
    method="es", preset="cpu", policy={"inits": 1}, evolution={"target": 400.0}, checkpoints={"keep_every": 9}
)


@pytest.mark.parametrize("method", ["hades-r", "hades-f"])
def test_a_policy_becomes_pairs_with_the_settings_that_its_preset_has_for_the_method(method: str) -> None:
    values = {"method": method, "dataset": {"pairs": 6}, "evolution": {"generations": 9}}
    after, changes, notes = forked(POLICY, values, 4)
    base, _ = base_of(after)
    own = {"seed": 3, "dataset.pairs": 6, "evolution.generations": 9, "evolution.target": 400.0}
    assert differences(base, after) == own | {"evaluation.steps": 24, "checkpoints.keep_every": 9}
    assert {"method", "cloning.epochs", "policy.width"} <= {change.name for change in changes}
    assert notes[0] == (
        f"method es → {method}: 6 pairs are drawn from what the policy sees and does, many times, and a "
        "search begins around the best draw"
    )


@pytest.mark.parametrize(
    ("spec", "values", "why"),
    [
        (tiny(), {"method": "es", "policy": {"inits": 1}}, r"cannot change method .*of the policy of method es alone"),
        (
            POLICY,
            {"method": "hades-r", "env": "Acrobot-v1"},
            "cannot change env: the policy was evolved for CartPole-v1",
        ),
        (POLICY, {"method": "hades-r"}, "nothing is left to compute: evolution.generations is 4"),
        (POLICY, {"method": "hades"}, "method"),
        (POLICY, {"method": "hades-r", "dataset": {"pairs": 1}}, "at least one pair"),
    ],
)
def test_what_a_policy_cannot_become_is_refused_with_the_reason(
    spec: RunSpec, values: dict[str, Any], why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        forked(spec, values, 4)


def test_direct_neuroevolution_keeps_its_policy() -> None:
    spec = tiny(method="es", policy={"inits": 1})
    with pytest.raises(UsageError, match=r"cannot change policy\.width \(8 → 16\): the checkpoint holds a policy"):
        forked(spec, {"policy": {"width": 16}}, 2)
    assert forked(tiny(), {"policy": {"width": 16}}, 2)[0].policy.width == 16
