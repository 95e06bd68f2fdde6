import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hadesd.distill import images, policies
from hadesd.distill.images import LabelledImages
from hadesd.distill.policies import CNN

pytestmark = pytest.mark.slow

CLASSES = 3


def some(count=60):
    """Images whose brightness is their class."""
    labels = jnp.arange(count) % CLASSES
    noise = jax.random.uniform(jax.random.key(0), (count, 5, 5, 1)) * 0.1
    return LabelledImages(noise + labels[:, None, None, None].astype(jnp.float32), labels)


def test_class_means_are_the_means_of_the_classes():
    data = some()
    means = images.class_means(data, CLASSES)
    for c in range(CLASSES):
        assert np.allclose(means[c], data.images[data.labels == c].mean(axis=0), atol=1e-5)


def test_images_drawn_per_class_are_real_ones_of_that_class():
    data = some()
    drawn = images.draw_per_class(data, CLASSES, 4, jax.random.key(1))
    assert drawn.shape == (CLASSES, 4, 5, 5, 1)
    for c in range(CLASSES):
        assert len({image.tobytes() for image in np.asarray(drawn[c])}) == 4, "drawn without repetition"
        assert np.allclose(drawn[c].mean(axis=(1, 2, 3)), c, atol=0.2)


def test_a_class_with_fewer_images_than_are_wanted_gives_its_own_again():
    data = some(15)
    drawn = images.draw_per_class(data, CLASSES, 12, jax.random.key(1))
    for c in range(CLASSES):
        assert np.allclose(drawn[c].mean(axis=(1, 2, 3)), c, atol=0.2)
        assert len({image.tobytes() for image in np.asarray(drawn[c])}) == 5


def test_a_batch_is_drawn_without_repetition_and_zero_means_all():
    data = some()
    batch = images.draw_batch(data, 20, jax.random.key(0))
    assert len({image.tobytes() for image in np.asarray(batch.images)}) == 20
    assert images.draw_batch(data, 0, jax.random.key(0)) is data
    assert images.draw_batch(data, 1000, jax.random.key(0)) is data


def test_loss_and_accuracy_are_those_of_the_logits():
    policy = CNN(CLASSES, True, 8, 1, "relu", 2)
    params = policies.init(policy, jax.random.key(0), (5, 5, 1))
    data = some()
    logits = np.stack([policy.apply(params, image)[0] for image in data.images])
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = -log_p[np.arange(len(logits)), data.labels].mean()
    assert np.isclose(images.loss(policy, params, data), expected, atol=1e-5)
    assert np.isclose(images.accuracy(policy, params, data), (logits.argmax(axis=1) == data.labels).mean())


def test_the_convolution_is_a_convolution():
    image = jax.random.normal(jax.random.key(0), (6, 7, 2))
    kernel = jax.random.normal(jax.random.key(1), (3, 3, 2, 5))
    ours = images_conv(image, kernel)
    theirs = jax.lax.conv_general_dilated(
        image[None], kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )[0]
    assert np.allclose(ours, theirs, atol=1e-4)


def images_conv(image, kernel):
    return policies.patches(image) @ kernel.reshape(-1, kernel.shape[-1])
