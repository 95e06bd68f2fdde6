"""Settings of the transfer experiment, what is said of their returns, and the policies behind them."""

import math

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hadesd.analysis.datasets import reader
from hadesd.analysis.evaluation import transfer, transfer_eval
from hadesd.analysis.evaluation.documents import TransferDocument
from hadesd.analysis.evaluation.evaluate import evaluate
from hadesd.analysis.evaluation.transfer import Transferred, Trial
from hadesd.analysis.evaluation.transfer_eval import Setting, TransferArguments, TransferEvaluator, TransferLearner
from hadesd.analysis.pictures import transfer as transfer_plot
from hadesd.compute.results import dataset_meta, write_dataset
from hadesd.distill import cloning, policies
from hadesd.distill.dataset import StateActionPairs
from hadesd.distill.optimizer import Optimizer, TrainingSettings
from hadesd.distill.policies import MLP
from tests.helpers.runs.specs import tiny

SPEC = tiny(evaluation={"environments": 2, "steps": 60, "action": "greedy"}, cloning={"epochs": 20})
LEAN = np.array([[0.0, 0.5, -0.1, -2.0], [0.0, -0.5, 0.1, 2.0]], np.float32)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> reader.DatasetFile:
    """Two pairs that balance the pole, as a file."""
    path = tmp_path_factory.mktemp("file") / "lean.npz"
    write_dataset(path, {"states": LEAN, "actions": np.eye(2, dtype=np.float32)}, dataset_meta(SPEC, 4))
    return reader.load(path)


def test_the_grid_has_every_combination_once():
    settings = transfer.grid(SPEC, 64)
    assert len(set(settings)) == len(settings) == 4 * 2 * 3
    rates = sorted({setting.learning_rate for setting in settings})
    assert rates[-1] / rates[0] == pytest.approx(10), "over a factor of ten"
    assert rates[1] == SPEC.cloning.learning_rate, "around the file's own"
    assert {s.epochs for s in settings} == {20}
    assert {s.width for s in settings} == {64}
    assert [s.depth for s in settings] == sorted(s.depth for s in settings), "one compilation a depth"


@settings(deadline=None)  # other work on the machine
@given(st.integers(1, 4096), st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_draws_stay_in_their_ranges_and_do_not_depend_on_their_number(width, seed, count):
    settings = transfer.draws(SPEC, width, count, seed)
    assert len(settings) == count
    for s in settings:
        base = SPEC.cloning.learning_rate * (transfer.SGD_FACTOR if s.optimizer == "sgd" else 1)
        assert s.learning_rate / base * 1.0000001 >= 0.1
        assert s.learning_rate / base <= 10.0000001
        assert 10 <= s.epochs <= 40
        assert s.depth in transfer.DEPTHS
    assert set(settings) <= set(transfer.draws(SPEC, width, count + 1, seed)), "more draws must keep the first ones"


def test_files_with_other_settings_meet_the_same_draws():
    other = tiny(cloning={"epochs": 200, "learning_rate": 0.5, "optimizer": "sgd"})
    for a, b in zip(transfer.draws(SPEC, 16, 20, 7), transfer.draws(other, 16, 20, 7), strict=True):
        assert (a.depth, a.activation, a.optimizer) == (b.depth, b.activation, b.optimizer)
        assert a.learning_rate == pytest.approx(b.learning_rate), "0.5 for SGD is 0.005 for Adam"
        assert b.epochs / a.epochs == pytest.approx(10, rel=0.06)


def trial(width: int, *returns: float) -> Trial:
    return Trial(Setting(width, 1, "tanh", "adam", 0.005, 20), np.array(returns, np.float32))


def test_the_better_half_and_the_share_that_reaches_a_threshold():
    row = transfer.summary(8, [trial(8, 1, 3), trial(8, 5, 5), trial(8, 9, 9), trial(8, math.nan, 500)], threshold=5)
    assert (row.settings, row.not_finite) == (4, 1)
    assert row.mean == pytest.approx((2 + 5 + 9) / 3)
    assert row.top_mean == pytest.approx(7), "the better half of four is two"
    assert row.reached == 0.5, "one that is not finite reaches nothing"


def test_nothing_finite_has_no_mean_and_no_crash():
    row = transfer.summary(8, [trial(8, math.inf), trial(8, math.nan)], threshold=None)
    assert (row.mean, row.top_std, row.reached, row.not_finite) == (None, None, None, 2)


@pytest.mark.parametrize("mode", ["draws", "grid"])
def test_the_document_is_json_and_can_be_drawn(dataset, mode):
    one = Transferred(dataset, SPEC, None, [trial(16, 1, 2), trial(4, 8, 9), trial(4, math.nan, 1)])
    other = Transferred(dataset, SPEC, "cartpole-0101-abcd", [trial(4, math.nan, math.nan), trial(16, 4, 4)])
    document = transfer.document([one, other], mode=mode, complete=True, seed=0, inits=2, episodes=2, threshold=1.5)
    assert msgspec.json.decode(msgspec.json.encode(document), type=TransferDocument) == document
    first = document.datasets[0]
    assert [row.width for row in first.widths] == [4, 16]
    assert first.reached == pytest.approx(2 / 3)
    assert first.settings[2].returns == (None, 1.0)
    assert first.settings[1].return_sem == pytest.approx(0.5)
    (axes,) = transfer_plot.draw(document).axes
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert any("cartpole-0101-abcd" in label for label in labels), "two of one method: the name tells them apart"
    assert axes.get_title(loc="left") == "CartPole-v1"


def test_a_dataset_without_a_finite_return_is_drawn_without_a_line(dataset):
    one = Transferred(dataset, SPEC, None, [trial(4, math.nan)])
    document = transfer.document([one], mode="grid", complete=False, seed=0, inits=1, episodes=1, threshold=None)
    assert transfer_plot.draw(document).axes


@pytest.mark.environment
def test_the_files_own_setting_gives_the_policies_that_evaluate_gives(dataset):
    p, c = SPEC.policy, SPEC.cloning
    own = Setting(p.width, p.depth, p.activation, "adam", c.learning_rate, c.epochs)
    here = TransferEvaluator(dataset, SPEC, inits=3, episodes=4, seed=5)
    expected = evaluate(dataset, SPEC, inits=3, episodes=4, seed=5).returns.mean(axis=1)
    np.testing.assert_allclose(here.returns(own, ["adam", "sgd"]), expected, rtol=1e-5)
    untrained = here.returns(Setting(p.width, p.depth, p.activation, "sgd", 1e-9, 1), ["adam", "sgd"])
    assert np.mean(untrained) < np.mean(expected), "the optimiser and its rate must be those asked for"


@pytest.mark.parametrize("optimizer", transfer_eval.OPTIMIZERS)
@pytest.mark.parametrize("activation", transfer_eval.ACTIVATIONS)
@pytest.mark.slow
def test_traced_settings_train_the_same_parameters_as_static_ones(activation, optimizer):
    alternatives = [MLP(2, True, 4, 1, name) for name in transfer_eval.ACTIVATIONS]
    params = policies.init(alternatives[0], jax.random.key(0), (4,))
    # Not LEAN: its pairs mirror each other, and the biases' gradients are nothing but rounding.
    pairs, epochs = StateActionPairs(jnp.asarray(LEAN * [[1.0], [0.4]] + 0.3), jnp.eye(2)), 7
    static = alternatives[transfer_eval.ACTIVATIONS.index(activation)]
    training = TrainingSettings(Optimizer(optimizer, 0.1, 0.5, 0.3), epochs)
    expected, _ = cloning.clone(static, params, pairs, training)
    learner = TransferLearner(tuple(alternatives), transfer_eval.OPTIMIZERS, 0.5, 0.3)

    @jax.jit
    def traced(arguments):
        chosen = learner.with_arguments(arguments)
        return cloning.clone(chosen.policy, params, pairs, chosen.training)[0]

    where = transfer_eval.ACTIVATIONS.index(activation), transfer_eval.OPTIMIZERS.index(optimizer)
    got = traced(TransferArguments(*map(jnp.int32, where), jnp.float32(0.1), jnp.int32(epochs)))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), got, expected)
