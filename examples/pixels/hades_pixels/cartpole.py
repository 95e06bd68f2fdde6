"""gymnax's CartPole seen by a camera: an image of 32 x 32 pixels, with the cart and the pole now and a moment ago."""

from typing import Any, NamedTuple

import gymnax
import jax
import jax.numpy as jnp

SIDE = 32
"""Pixels of an image, each way."""

WIDTH, BOTTOM, TOP = 1.2, -0.3, 1.3
"""Metres that the camera sees: from the middle to the sides, and from the height of the cart."""

CART_HALF, LINE = (0.25, 0.12), 0.08
"""Half the width and height of the cart, half the thickness of the pole, in metres; the pole is one metre long."""

_ENV, _PARAMS = gymnax.make("CartPole-v1")
_PLACES = (jnp.arange(SIDE) + 0.5) / SIDE
_X, _Y = 2 * WIDTH * _PLACES[None, :] - WIDTH, TOP - (TOP - BOTTOM) * _PLACES[:, None]
"""Where the pixels are."""


class State(NamedTuple):
    """gymnax's state, and the picture of the step before, [SIDE, SIDE, 2]."""

    inner: Any
    before: jax.Array


class PixelCartPole:
    """hades's protocol. Channels: the pole, the cart, and how the pole has moved."""

    observation = (SIDE, SIDE, 3)
    discrete = True
    actions = 2
    episode_steps = 500

    observation_names = ("pole", "cart", "pole's motion")
    action_names = ("left", "right")

    def reset(self, key: jax.Array) -> tuple[State, jax.Array]:
        """A cart in the middle, nearly at rest."""
        _, inner = _ENV.reset(key, _PARAMS)
        picture = draw(inner)
        return State(inner, picture), seen(picture, jnp.zeros_like(picture))

    def step(self, key: jax.Array, state: State, action: jax.Array) -> tuple[State, jax.Array, jax.Array, jax.Array]:
        """One fiftieth of a second; where the episode ends, state and picture are those of the next one."""
        _, inner, reward, done, *_ = _ENV.step(key, state.inner, action, _PARAMS)
        picture = draw(inner)
        # Not the picture less itself: XLA may compute it twice, with other roundings.
        change = jnp.where(done, 0.0, picture - state.before)
        return State(inner, picture), seen(picture, change), reward, done.astype(bool)


def seen(picture: jax.Array, change: jax.Array) -> jax.Array:
    """The observation [SIDE, SIDE, 3]: the picture, and where the pole has come and gone since the one before."""
    return jnp.concatenate([picture, 5.0 * change[..., :1]], axis=-1)


def draw(inner: Any) -> jax.Array:
    """Pole and cart, [SIDE, SIDE, 2] in 0 to 1, with soft edges: what moves less than a pixel shows too."""
    x, theta = inner.x, inner.theta
    along = (_X - x) * jnp.sin(theta) + _Y * jnp.cos(theta)
    across = (_X - x) * jnp.cos(theta) - _Y * jnp.sin(theta)
    pole = _soft(LINE - jnp.abs(across)) * _soft(along) * _soft(1.0 - along)
    cart = _soft(CART_HALF[0] - jnp.abs(_X - x)) * _soft(CART_HALF[1] - jnp.abs(_Y))
    return jnp.stack([pole, cart], axis=-1)


def _soft(inside: jax.Array) -> jax.Array:
    """1 where that many metres inside, 0 outside, over the width of a pixel."""
    return jax.nn.sigmoid(inside * SIDE / WIDTH)
