"""Train fresh classifiers on a distilled dataset and measure their accuracy on real images (paper, section 5.4).

Beside it, the two datasets of the same size that need no distillation: the mean image of each class, and random
real images of each class.
"""

import functools
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hades_protocol.run_spec import RunSpec
from hadesd.analysis.datasets.reader import DatasetFile
from hadesd.analysis.datasets.shapes import fit
from hadesd.analysis.evaluation.documents import Accuracies, Accuracy
from hadesd.compute import components, image_files
from hadesd.compute.progress import UNREPORTED, Report
from hadesd.distill import images, policies, training
from hadesd.distill.dataset import StateActionPairs, one_hot_labels
from hadesd.distill.images import ImageTask, LabelledImages
from hadesd.distill.policies import Params, Policy
from hadesd.distill.sharding import make_mesh, map_over_mesh, trim
from hadesd.distill.training import InitData, InnerLoopData, Learner
from hadesd.spec import validation

INIT_STREAM, DRAW_STREAM = 0, 1


@dataclass(frozen=True)
class Classified:
    """float32 [N], for each of N fresh classifiers: share of the real images that it classifies correctly."""

    train: np.ndarray
    test: np.ndarray

    def summary(self) -> Accuracies:
        """Mean, spread and each classifier's accuracy, for people and scripts."""
        return Accuracies(test=_summary(self.test), train=_summary(self.train))


def _summary(values: np.ndarray) -> Accuracy:
    """values: float32 [N], one for each classifier."""
    std = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return Accuracy(
        mean=float(values.mean()),
        std=std,
        sem=std / float(np.sqrt(len(values))),
        per_init=tuple(float(value) for value in values),
    )


@dataclass(frozen=True)
class Comparison:
    """Classifiers trained on a dataset, on the mean image of each class, and on random real images."""

    dataset: Classified
    class_means: Classified
    real_images: Classified


def evaluate(dataset: DatasetFile, spec: RunSpec, inits: int, seed: int, report: Report = UNREPORTED) -> Comparison:
    """Accuracies of classifiers trained on the dataset, on class means and on random real images.

    All three have as many images a class as the dataset. Each classifier gets other random real images.

    Raises:
        UsageError: the arrays do not fit the images. NotFoundError: the images' files are missing.
    """
    entry = validation.check(spec)
    task = ImageTask(entry.name, entry.observation, entry.actions, 0)
    train, test = image_files.load(entry.name, spec.images.directory)
    states, targets = fit(dataset, spec, task)
    root = jax.random.key(seed)
    classes, per_class = entry.actions, max(1, len(states) // entry.actions)
    labels = one_hot_labels(classes * per_class, classes)
    means = jnp.repeat(images.class_means(train, classes), per_class, axis=0)
    keys = jax.random.split(jax.random.fold_in(root, DRAW_STREAM), inits)
    drawn = jax.lax.map(lambda key: images.draw_per_class(train, classes, per_class, key), keys)
    stacked = jnp.broadcast_to(jnp.asarray(labels), (inits, *labels.shape))
    own = StateActionPairs(*(jnp.broadcast_to(jnp.asarray(a), (inits, *a.shape)) for a in (states, targets)))
    key = jax.random.fold_in(root, INIT_STREAM)

    def classify(name: str, pairs: StateActionPairs) -> Classified:
        report.phase(f"compiling; then classifiers on {name}")
        return _classify(spec, task, pairs, (train, test), key)

    random_images = drawn.reshape(inits, classes * per_class, *entry.observation)
    return Comparison(
        dataset=classify("this dataset", own),
        class_means=classify("class means", StateActionPairs(jnp.broadcast_to(means, (inits, *means.shape)), stacked)),
        real_images=classify("random real images", StateActionPairs(random_images, stacked)),
    )


def _classify(
    spec: RunSpec,
    task: ImageTask,
    pairs: StateActionPairs,
    real: tuple[LabelledImages, LabelledImages],
    key: jax.Array,
) -> Classified:
    """Train one fresh classifier on each of N datasets, stacked on axis 0. real: images for training and for tests."""
    policy = components.policy_of(spec, task)
    learner = Learner(policy, components.training_of(spec, "xla"))
    over_mesh = functools.partial(map_over_mesh, make_mesh(0), 1)
    count = pairs.states.shape[0]

    def accuracies(policy: Policy, params: Params, data: list[LabelledImages], key: None) -> list[jax.Array]:
        return [training.image_accuracy(policy, params, images, key) for images in data]

    @jax.jit
    def run(pairs: StateActionPairs, real: tuple[LabelledImages, LabelledImages]) -> Any:
        params = policies.init_many(policy, key, task.observation, count)
        inits = InitData(params, pairs=pairs)
        return training.train_and_evaluate(learner, accuracies, InnerLoopData(None, real), inits, over_mesh)

    train, test = trim(jax.device_get(run(pairs, real)), count)
    return Classified(train=np.asarray(train), test=np.asarray(test))
