"""Class means of the digits in the place of a distilled dataset: what they come to can be told beforehand."""

import json

import numpy as np
import pytest

from hades_protocol.errors import ExitCode, UsageError
from hades_protocol.run_spec import build_spec
from hadesd.analysis.datasets.reader import DatasetFile, load
from hadesd.analysis.evaluation import image_accuracy
from hadesd.cli.main import main
from hadesd.compute import image_files, results
from hadesd.distill import images
from hadesd.distill.dataset import one_hot_labels

pytestmark = pytest.mark.slow

SETTINGS = {
    "env": "digits",
    "dataset": {"pairs": 10},
    "cloning": {"epochs": 40, "learning_rate": 0.01},
    "policy": {"kind": "cnn", "features": 4, "width": 16, "depth": 1, "activation": "relu"},
    "evaluation": {"normalisation": "none"},
}


@pytest.fixture(scope="module")
def class_mean_file(tmp_path_factory):
    train, _ = image_files.load("digits", "")
    arrays = {"states": np.asarray(images.class_means(train, 10)), "actions": one_hot_labels(10, 10)}
    path = tmp_path_factory.mktemp("digits") / "means.npz"
    results.write_dataset(path, arrays, results.dataset_meta(build_spec(SETTINGS), 1))
    return path


def test_a_file_of_class_means_scores_what_class_means_score(class_mean_file, capsys):
    assert main(["evaluate", str(class_mean_file), "--inits", "4", "--json"]) == ExitCode.OK
    found = json.loads(capsys.readouterr().out)
    own, means, drawn = found["accuracies"], found["baselines"]["class_means"], found["baselines"]["real_images"]
    assert own["test"]["per_init"] == pytest.approx(means["test"]["per_init"], abs=0.02)
    assert 0.6 < own["test"]["mean"] < 1.0, "class means teach digits"
    assert 0.2 < drawn["test"]["mean"] < means["test"]["mean"], "single real images teach less"
    assert own["train"]["mean"] != own["test"]["mean"]


def test_images_of_another_size_are_refused(class_mean_file):
    file = load(class_mean_file)
    small = DatasetFile(file.path, file.states[:, :4], file.actions)
    with pytest.raises(UsageError, match="entries"):
        image_accuracy.evaluate(small, build_spec(SETTINGS), inits=1, seed=0)
