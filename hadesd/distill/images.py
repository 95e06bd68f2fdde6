"""Supervised distillation: labelled images in place of an environment (paper, section 5.4).

Fitness of a synthetic dataset = -(mean cross-entropy on real training images) of a classifier trained on it.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from hadesd.distill.policies import Params, Policy

EVALUATION_BATCH = 2000
"""Images classified at once: what bounds the memory of an evaluation."""


class LabelledImages(NamedTuple):
    """images float32 [N, H, W, C] in [0, 1]; labels int32 [N]."""

    images: jax.Array
    labels: jax.Array


@dataclass(frozen=True)
class ImageTask:
    """What the algorithm asks of image classes: the same words as of an environment (base.Environment).

    batch: training images that a generation is evaluated on; 0: all.
    """

    name: str
    observation: tuple[int, ...]
    actions: int
    batch: int
    discrete: bool = True


def draw_batch(images: LabelledImages, batch: int, key: jax.Array) -> LabelledImages:
    """`batch` images without repetition, the same for every candidate of a generation; 0: all of them."""
    count = images.labels.shape[0]
    if not 0 < batch < count:
        return images
    chosen = jax.random.permutation(key, count)[:batch]
    return LabelledImages(images.images[chosen], images.labels[chosen])


def loss(policy: Policy, params: Params, data: LabelledImages) -> jax.Array:
    """Mean cross-entropy, float32 []."""
    logits = jax.vmap(lambda image: policy.apply(params, image)[0])(data.images)
    log_probabilities = jax.nn.log_softmax(logits)
    return -jnp.mean(jnp.take_along_axis(log_probabilities, data.labels[:, None], axis=1))


def accuracy(policy: Policy, params: Params, data: LabelledImages) -> jax.Array:
    """Share of images whose most probable class is theirs, float32 []."""

    def correct(item: tuple[jax.Array, jax.Array]) -> jax.Array:
        image, label = item
        return jnp.argmax(policy.apply(params, image)[0]) == label

    hits = jax.lax.map(correct, (data.images, data.labels), batch_size=EVALUATION_BATCH)
    return jnp.mean(hits.astype(jnp.float32))


def class_means(data: LabelledImages, classes: int) -> jax.Array:
    """The mean image of each class, float32 [classes, H, W, C]: the published starting point."""
    one_hot = jax.nn.one_hot(data.labels, classes)
    totals = jnp.einsum("nc,nhwd->chwd", one_hot, data.images)
    return totals / jnp.sum(one_hot, axis=0)[:, None, None, None]


def draw_per_class(data: LabelledImages, classes: int, count: int, key: jax.Array) -> jax.Array:
    """`count` random real images of each class, float32 [classes, count, H, W, C].

    Where a class has fewer, its images come again.
    """
    noise = jax.random.uniform(key, data.labels.shape)

    def chosen(c: int) -> jax.Array:
        is_one = data.labels == c
        in_order = jnp.argsort(jnp.where(is_one, noise, 2.0))
        return in_order[jnp.arange(count) % jnp.sum(is_one)]

    return jnp.stack([data.images[chosen(c)] for c in range(classes)])
