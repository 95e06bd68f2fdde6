"""Distilled images with their classes."""

import math

import numpy as np
from matplotlib.figure import Figure

from hadesd.analysis.pictures import style
from hadesd.analysis.pictures.labels import describe_action
from hadesd.analysis.pictures.units import DrawablePairs

CAPTION = (
    "Every image is shown in its own range, black its lowest value and white its highest: distilled pixels are not "
    "bound to the range of real ones. Above each: the class that it teaches."
)


def draw(pairs: DrawablePairs, most: int) -> Figure:
    """A grid of images [H, W, 1 or 3], at most `most`, ten in a row."""
    states = pairs.seen if pairs.natural is None else pairs.natural
    shown = min(len(states), most)
    across = min(shown, 10 if shown > 8 else 5)
    rows = math.ceil(shown / across)
    figure = style.figure(max(2.0, 1.0 * across), 1.25 * rows)
    for index, axes in enumerate(figure.subplots(rows, across, squeeze=False).ravel()):
        axes.set_axis_off()
        if index < shown:
            axes.imshow(stretched(states[index]), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axes.set_title(describe_action(pairs.entry, pairs.actions[index]), fontsize=8, loc="center")
    return figure


def stretched(image: np.ndarray) -> np.ndarray:
    """An image [H, W, C] in its own range, 0 to 1: [H, W] or [H, W, 3]."""
    low, high = float(image.min()), float(image.max())
    plain = (image - low) / (high - low) if high > low else np.full_like(image, 0.5)
    return np.asarray(plain if plain.shape[-1] == 3 else plain[..., 0])
