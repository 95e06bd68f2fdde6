"""Datasets of several environments in one file, and one policy for all of them."""

import json
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hades_protocol.errors import UsageError
from hadesd.analysis.datasets import merging, reader
from hadesd.analysis.datasets.merging import merge, parts_of
from hadesd.analysis.datasets.reader import DatasetFile
from hadesd.analysis.evaluation import multitask
from hadesd.analysis.evaluation.evaluate import Evaluated, evaluate
from hadesd.analysis.evaluation.multitask import PaddedEnvironment, Scored, Task
from hadesd.analysis.pictures import multitask as multitask_plot
from hadesd.distill import normalise, policies
from hadesd.distill.environments.make import make_environment
from hadesd.distill.normalise import Statistics
from hadesd.distill.policies import MLP, TruncatedPolicy
from hadesd.spec import environments
from tests.helpers.runs.specs import tiny

CONTINUOUS = ["hopper", "halfcheetah", "humanoid", "Pendulum-v1"]
VECTORS = ["CartPole-v1", "Acrobot-v1"]
GRIDS = ["Breakout-MinAtar", "Asterix-MinAtar", "Pong-misc"]


def file(env: str, pairs: int, seed: int, normalisation: str = "none") -> tuple[DatasetFile, object]:
    """Random pairs for an environment, and the spec that goes with them."""
    entry, random = environments.find(env), np.random.default_rng(seed)
    numbers = {
        "states": random.normal(size=(pairs, *entry.observation)).astype(np.float32),
        "actions": random.uniform(size=(pairs, entry.actions)).astype(np.float32),
    }
    if normalisation == "fixed":
        numbers["obs_mean"] = random.normal(size=entry.observation).astype(np.float32)
        numbers["obs_var"] = random.uniform(0.5, 2, size=entry.observation).astype(np.float32)
    spec = tiny(env=entry.name, evaluation={"normalisation": normalisation}, dataset={"pairs": 8})
    meta = {"environment": entry.name, "normalisation": normalisation, "generation": seed}
    return DatasetFile(path=Path(f"{env}.npz"), meta=meta, **numbers), spec


def merged_of(*files: tuple[DatasetFile, object]) -> DatasetFile:
    arrays, meta = merge([f for f, _ in files], [spec for _, spec in files])
    meta = json.loads(json.dumps(meta))
    return DatasetFile(path=Path("all.npz"), meta=meta, **arrays)


@settings(deadline=None)  # other work on the machine
@given(st.data())
@pytest.mark.slow
def test_a_merged_file_gives_every_part_back(data):
    family = data.draw(st.sampled_from([CONTINUOUS, VECTORS, GRIDS]))
    names = data.draw(st.lists(st.sampled_from(family), min_size=2, unique=True))
    sizes = st.tuples(st.integers(1, 5), st.integers(0, 2**32 - 1), st.sampled_from(["none", "running", "fixed"]))
    files = [file(name, *data.draw(sizes)) for name in names]
    merged = merged_of(*files)
    assert merged.meta["environments"] == names
    assert merged.actions.shape[1] == max(f.actions.shape[1] for f, _ in files)
    total = np.sum([np.abs(f.states).sum(dtype=np.float64) for f, _ in files])
    assert np.abs(merged.states).sum(dtype=np.float64) == pytest.approx(total), "padding is zeros"
    for part, (original, spec) in zip(parts_of(merged), files, strict=True):
        np.testing.assert_array_equal(part.states, original.states)
        np.testing.assert_array_equal(part.actions, original.actions)
        assert part.meta["generation"] == original.meta["generation"]
        assert part.meta["evaluation"]["normalisation"] == spec.evaluation.normalisation
        for name in ("obs_mean", "obs_var"):
            before, after = getattr(original, name), getattr(part, name)
            assert (before is None) == (after is None), "each part keeps its own kind of normalisation"
            if before is not None:
                np.testing.assert_array_equal(after, before)


def test_merging_a_merged_file_once_more_is_merging_all_at_once():
    three = [file(name, 2, i, "fixed") for i, name in enumerate(("hopper", "Pendulum-v1", "halfcheetah"))]
    first = merged_of(*three[:2])
    specs = [spec for _, spec in three]
    again, _ = merge([*parts_of(first), three[2][0]], specs)
    once, _ = merge([f for f, _ in three], specs)
    for name, array in once.items():
        np.testing.assert_array_equal(again[name], array)


def test_states_that_were_exported_flat_get_their_shape_back():
    flat, spec = file("Breakout-MinAtar", 3, 0)
    flat = replace(flat, states=flat.states.reshape(3, -1))
    merged = merged_of((flat, spec), file("Asterix-MinAtar", 2, 1))
    assert merged.states.shape == (5, 10, 10, 4)
    assert parts_of(merged)[0].states.shape == (3, 10, 10, 4)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["hopper"], "two datasets or more"),
        (["hopper", "hopper"], "the same environment"),
        (["hopper", "CartPole-v1"], "one has discrete actions"),
        (["CartPole-v1", "Breakout-MinAtar"], "vectors, of the other grids"),
    ],
)
def test_what_no_one_policy_can_serve_is_refused(names, says):
    with pytest.raises(UsageError, match=says):
        merged_of(*(file(name, 2, 0) for name in names))


def test_fixed_normalisation_without_its_constants_is_refused():
    hopper, spec = file("hopper", 2, 0, "fixed")
    with pytest.raises(UsageError, match="no obs_mean and obs_var"):
        merged_of((replace(hopper, obs_var=None), spec), file("halfcheetah", 2, 1))


@pytest.mark.parametrize("change", ["pairs", "observation", "actions", "environment", "parts"])
def test_parts_that_do_not_fit_the_arrays_are_said_in_one_line(change):
    merged = merged_of(file("hopper", 2, 0), file("Pendulum-v1", 3, 1))
    part = merged.meta["parts"][1]
    if change == "parts":
        merged.meta["parts"] = 7
    elif change == "environment":
        part["meta"]["environment"] = "nowhere"
    else:
        part[change] = {"pairs": 9, "observation": [44], "actions": 44}[change]
    with pytest.raises(UsageError, match="merge") as caught:
        parts_of(merged)
    assert "\n" not in str(caught.value)


def test_what_merging_chose_is_said():
    (hopper, a), (cheetah, b) = file("hopper", 2, 0), file("halfcheetah", 2, 1)
    b = tiny(env="halfcheetah", cloning={"epochs": 9}, policy={"init_seed": 3})
    assert merging.notes([a, a]) == []
    epochs, fixed = merging.notes([a, b])
    assert epochs == "cloning.epochs is 4 and 9 in these files: 9 is used"
    assert "hades-f" in fixed
    meta = merge([hopper, cheetah], [a, b])[1]
    assert (meta["cloning"]["epochs"], meta["policy"]["init_seed"]) == (9, None)


def test_padding_adds_zeros_and_changes_nothing_else():
    plain = make_environment("CartPole-v1", "auto")
    padded = PaddedEnvironment(plain, (6,), 3)
    key = jax.random.key(0)
    (state, seen), (state_padded, seen_padded) = plain.reset(key), padded.reset(key)
    for action in (0, 1, 1):
        np.testing.assert_array_equal(seen_padded, np.concatenate([seen, [0, 0]]))
        state, seen, reward, done = plain.step(key, state, jnp.int32(action))
        state_padded, seen_padded, *rest = padded.step(key, state_padded, jnp.int32(action))
        assert rest == [reward, done]
    constants = padded.pad(Statistics(jnp.full(4, 2.0), jnp.full(4, 9.0), jnp.float32(1)))
    np.testing.assert_array_equal(normalise.apply(constants, jnp.zeros(6))[4:], [0, 0])


@pytest.mark.parametrize("discrete", [True, False])
@pytest.mark.slow
def test_only_the_environments_own_actions_act(discrete):
    policy = MLP(actions=5, discrete=discrete, width=4, depth=1, activation="tanh")
    params = policies.init(policy, jax.random.key(0), (3,))
    params["params"]["Dense_1"]["bias"] = jnp.arange(5.0) * 100  # the last output would always win
    action = policies.act(TruncatedPolicy(policy, 2), params, jnp.ones(3), jax.random.key(1), greedy=True)
    assert int(action) == 1 if discrete else action.shape == (2,)


def evaluated(*returns: float) -> Evaluated:
    return Evaluated(np.array(returns, np.float32)[:, None], episodes=len(returns), unfinished=0)


def scored(together: Evaluated, wrong: Evaluated, own: Evaluated, env: str = "CartPole-v1") -> Scored:
    return Scored(Task(*file(env, 2, 0)), together, wrong, own)


def test_normalised_fitness_is_zero_at_the_wrong_datasets_level_and_one_at_its_own():
    one = scored(evaluated(20, 70, 120), wrong=evaluated(10, 30), own=evaluated(110, 130))
    np.testing.assert_allclose(one.normalised(), [0.0, 0.5, 1.0])
    entry = multitask.document(merged_of(file("hopper", 1, 0), file("ant", 1, 1)), [one], tiny(), 3, 1, 0).tasks[0]
    assert entry.normalised.sem == pytest.approx(0.5 / 3**0.5)
    assert entry.wrong.mean == 20


@pytest.mark.parametrize("level", [evaluated(np.nan, 5), evaluated(20, 20)])
def test_without_two_levels_there_is_no_normalised_fitness(level):
    nowhere = scored(evaluated(1, 2), wrong=evaluated(20, 20), own=level)
    assert nowhere.normalised() is None
    somewhere = scored(evaluated(1, 2), wrong=evaluated(0, 1), own=evaluated(2, 2), env="Acrobot-v1")
    merged = merged_of(file("CartPole-v1", 2, 0), file("Acrobot-v1", 2, 1))
    document = multitask.document(merged, [nowhere, somewhere], tiny(), 2, 1, 0)
    assert document.tasks[0].normalised is None
    (axes,) = multitask_plot.draw(document).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["Acrobot-v1"]


class Heard:
    """A report that keeps what it is told."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.phases: list[str] = []
        self.done: list[int] = []

    def part(self, name: str) -> None:
        self.parts.append(name)

    def phase(self, name: str, total: int | None = None) -> None:
        self.phases.append(name)

    def advance(self, done: int) -> None:
        self.done.append(done)


@pytest.mark.environment
def test_one_policy_in_two_environments(tmp_path):
    lean = np.array([[0.0, 0.5, -0.1, -2.0], [0.0, -0.5, 0.1, 2.0]], np.float32)
    (cart, _), (acrobot, other) = file("CartPole-v1", 2, 0), file("Acrobot-v1", 3, 1, "running")
    cart = replace(cart, states=lean, actions=np.eye(2, dtype=np.float32))
    spec = tiny(cloning={"epochs": 60}, evaluation={"steps": 100})
    merged = merged_of((cart, spec), (acrobot, other))
    parts = parts_of(merged)
    tasks = [Task(parts[0], spec), Task(parts[1], other)]
    heard = Heard()
    first, second = multitask.evaluate_all(merged, tasks, spec, inits=2, episodes=2, seed=0, report=heard)
    assert len(heard.parts) == 1 + 2 * 2
    assert heard.phases == ["compiling", "policies trained and evaluated"] * 5
    assert heard.done == [2] * 5
    np.testing.assert_array_equal(first.own.returns, evaluate(parts[0], spec, 2, 2, 0).returns)
    assert first.together.returns.shape == (2, 1)
    assert first.together.returns.mean() > first.wrong.returns.mean(), "Acrobot's random pairs balance no pole"
    assert second.together.returns.max() <= 0, "Acrobot's rewards are -1 and 0"


def test_a_merged_file_is_read_back(tmp_path):
    merged = merged_of(file("hopper", 2, 0, "fixed"), file("halfcheetah", 3, 1, "running"))
    arrays = {name: getattr(merged, name) for name in ("states", "actions", "obs_mean", "obs_var")}
    np.savez(tmp_path / "both.npz", **arrays, meta=np.array(json.dumps(merged.meta)))
    loaded = reader.load(tmp_path / "both.npz")
    assert merging.is_merged(loaded)
    hopper, cheetah = parts_of(loaded)
    assert (hopper.obs_mean is not None, cheetah.obs_mean is not None) == (True, False)
