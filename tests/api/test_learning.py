"""train, evaluate and distil in a program: the numbers are those of the commands and of a worker."""

from pathlib import Path
from typing import Any

import jax
import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

import hadesd
from hades_protocol.run_spec import RunSpec
from hadesd.analysis.datasets import shapes
from hadesd.analysis.evaluation import evaluate as analysis
from hadesd.api.datasets import as_file
from hadesd.api.training import spec_of
from hadesd.distill import normalise
from hadesd.spec import environments
from hadesd.storage.layout import RunPaths
from hadesd.storage.metric_lines import read_metrics
from tests.helpers.processes import worker_process
from tests.helpers.runs.specs import tiny

pytestmark = pytest.mark.environment

SPEC: RunSpec = tiny(
    dataset={"bound": 3.0},
    evaluation={"normalisation": "fixed", "mean_every": 2, "mean_environments": 2, "mean_inits": 2},
)


@pytest.fixture(scope="module")
def distilled() -> hadesd.Distilled:
    return hadesd.distil(SPEC)


def test_the_bits_are_those_of_a_run(distilled: hadesd.Distilled, tmp_path: Path) -> None:
    directory = worker_process.make_run(tmp_path / "run", SPEC)
    assert worker_process.finish(directory) == 0, (directory / "worker.log").read_text()
    paths = RunPaths(directory)
    assert list(distilled.metrics) == list(read_metrics(directory))
    for mine, file in ((distilled.dataset, paths.dataset), (distilled.best, paths.best)):
        assert mine is not None
        theirs = hadesd.load(file)
        assert mine.meta == theirs.meta
        for name in ("states", "actions", "obs_mean", "obs_var"):
            assert getattr(mine, name).tobytes() == getattr(theirs, name).tobytes(), name


def test_a_callback_sees_every_generation_and_may_end_it(distilled: hadesd.Distilled) -> None:
    seen: list[tuple[int, int]] = []

    def callback(metrics: hadesd.GenerationMetrics, dataset: hadesd.Dataset) -> None:
        seen.append((metrics.generation, dataset.meta["generation"]))
        if metrics.generation == 2:
            raise StopIteration

    ended = hadesd.distil(SPEC, callback=callback)
    assert seen == [(1, 1), (2, 2)]
    assert ended.metrics == distilled.metrics[:2]
    assert ended.dataset.meta["generation"] == 2


def test_a_target_is_met_by_the_evaluation_of_the_mean_and_ends_it(distilled: hadesd.Distilled) -> None:
    evaluated = distilled.metrics[1].evaluated_mean
    assert evaluated is not None
    assert distilled.metrics[0].fitness_mean is not None
    ended = hadesd.distil(replace(SPEC, evolution=replace(SPEC.evolution, target=evaluated)))
    assert ended.metrics == distilled.metrics[:2]
    beyond = hadesd.distil(replace(SPEC, evolution=replace(SPEC.evolution, target=1e6)))
    assert beyond.metrics == distilled.metrics


def test_what_takes_several_processes_is_not_done_in_one() -> None:
    with pytest.raises(hadesd.UsageError, match=r"resources\.hosts is 2"):
        hadesd.distil(replace(SPEC, resources=replace(SPEC.resources, hosts=2)))


def test_an_evaluation_is_that_of_the_command(distilled: hadesd.Distilled) -> None:
    dataset = distilled.dataset
    theirs = analysis.evaluate(as_file(dataset), spec_of(dataset, None, None), 3, 4, 5).summary()
    assert hadesd.evaluate(dataset, inits=3, episodes=4, seed=5) == theirs
    policies = hadesd.train(dataset, inits=3, seed=5)
    mine = hadesd.evaluate(policies, episodes=4, seed=5)
    assert np.allclose(mine.per_init, theirs.per_init)
    assert (mine.episodes_completed, mine.unfinished) == (theirs.episodes_completed, theirs.unfinished)
    with pytest.raises(hadesd.UsageError, match="inits goes with a dataset"):
        hadesd.evaluate(policies, inits=3)


def test_policies_are_functions_of_natural_observations(distilled: hadesd.Distilled) -> None:
    policies = hadesd.train(distilled.dataset, inits=3, seed=1)
    assert (len(policies), len(list(policies)), len(policies[1:])) == (3, 3, 2)
    assert policies.losses.shape == (3,)
    with pytest.raises(IndexError):
        policies[3]
    observations = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    policy, other = policies[-1], policies[0]
    assert distilled.dataset.obs_mean is not None
    assert distilled.dataset.obs_var is not None
    seen = (observations - distilled.dataset.obs_mean) / np.sqrt(distilled.dataset.obs_var + 1e-8)
    heads = jax.vmap(lambda o: policies.apply(policy.parameters, o)[0])(seen)
    assert policy(observations).tolist() == np.argmax(heads, axis=1).tolist()
    assert [int(policy(one)) for one in observations[:5]] == policy(observations)[:5].tolist()
    assert policy(observations[0]).shape == ()
    drawn = [policy(observations, np.random.default_rng(seed)).tolist() for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert jax.tree.leaves(policy.parameters)[0].shape == jax.tree.leaves(other.parameters)[0].shape
    with pytest.raises(hadesd.UsageError, match=r"shape \[4\]"):
        policy(np.zeros(5))
    with pytest.raises(hadesd.UsageError, match="takes numbers"):
        policy("left")
    with pytest.raises(hadesd.UsageError, match=r"all policies of hadesd\.train, not Policy: per_init"):
        hadesd.evaluate(policy)  # type: ignore[arg-type]


def test_running_statistics_are_kept_as_an_evaluation_keeps_them() -> None:
    meta = {"environment": "hopper", "normalisation": "running", "evaluation": {"normalisation": "running"}}
    meta |= {"policy": {"width": 8, "depth": 1}, "cloning": {"epochs": 4}}
    rng = np.random.default_rng(0)
    dataset = hadesd.Dataset(rng.normal(size=(4, 11)), rng.uniform(-1, 1, size=(4, 3)), meta=meta)
    policies = hadesd.train(dataset, inits=1)
    policy, batches = policies[0], rng.normal(3, 2, size=(3, 2, 11)).astype(np.float32)
    statistics = normalise.unit((11,))
    for batch in batches:
        statistics = normalise.update(statistics, batch)
        heads = [policies.apply(policy.parameters, normalise.apply(statistics, one))[0] for one in batch]
        assert np.allclose(policy(batch), np.clip(heads, -1, 1), atol=1e-6)
    again = policy(batches[0])
    policy.reset()
    assert not np.array_equal(policy(batches[0]), again)


def test_what_a_dataset_does_not_say_is_said() -> None:
    plain = hadesd.Dataset(np.ones((2, 4)), np.eye(2))
    small: dict[str, Any] = {
        "policy": {"width": 4, "depth": 1},
        "cloning.epochs": 1,
        "evaluation.normalisation": "none",
    }
    with pytest.warns(UserWarning, match="says nothing of its settings") as warned:
        policies = hadesd.train(plain, inits=1, env="cartpole-v1", settings=small)
    assert warned[0].filename == __file__
    assert (policies.spec.env, policies.spec.policy.width) == ("CartPole-v1", 4)
    with pytest.raises(hadesd.UsageError, match="env='CartPole-v1'"):
        hadesd.train(plain)
    with pytest.raises(hadesd.UsageError, match="have 4 entries, those of hopper have 11"):
        hadesd.train(hadesd.Dataset(np.ones((2, 4)), np.eye(2), meta=complete("hopper")))
    digits = hadesd.train(hadesd.Dataset(np.ones((10, 8, 8, 1)), np.eye(10), meta=complete("digits")), inits=1)
    assert digits[0](np.zeros((8, 8, 1))).shape == ()
    with pytest.raises(hadesd.UsageError, match="set of images"):
        hadesd.evaluate(digits)


def complete(env: str) -> dict[str, Any]:
    """A meta that says all settings."""
    spec = tiny(env=env, dataset={"pairs": 10})
    sections = {name: msgspec.to_builtins(getattr(spec, name)) for name in ("policy", "cloning", "evaluation")}
    return sections | {"environment": environments.find(env).name, "normalisation": "none"}


def test_shapes_need_no_environment() -> None:
    dataset, spec = hadesd.Dataset(np.ones((2, 11)), np.ones((2, 3))), tiny(env="hopper")
    states, _ = shapes.fit(as_file(dataset), spec, environments.find("hopper"))
    assert states.shape == (2, 11)
