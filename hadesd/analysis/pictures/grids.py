"""MinAtar and Pong: a distilled frame as the game would show it, and what each channel differs by from the usual.

A real frame holds zeros and ones. A distilled one holds any number, and the policy sees it as standard deviations from
the mean frame. So each pair is drawn twice: as a frame in the game's colours, where an object is as bright as its
value (0 to 1) says, and channel by channel as that difference, which is what the policy is really taught on. Single
pairs look noisy; what an action is about shows in the mean of its pairs against the mean of all, which comes first.
"""

import math
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from hadesd.analysis.pictures import style
from hadesd.analysis.pictures.labels import describe_action, names
from hadesd.analysis.pictures.units import DrawablePairs

CHANNELS = (
    "#56B4E9",
    "#F0E442",
    "#8A8A8A",
    "#D55E00",
    "#CC79A7",
    "#009E73",
    "#E69F00",
    "#0072B2",
    "#FFFFFF",
    "#B8E186",
)
"""The game's colours, in channel order, on black."""

DIFFERENCE = "PuOr_r"
MOST = 3.0
"""Standard deviations at which the colours of a pair's difference are full."""

UNUSED = (0.91, 0.91, 0.91, 1.0)
GAP = 1.0
"""Cells between a card's pictures."""

NAMES = 0.16
"""Space for the names beneath the maps, as a part of a card's height."""

CAPTION = (
    "Cards “mean of”: what the pairs of one action have in common, against the mean of all pairs. Other cards: one "
    "pair each; left the frame in the game's colours, an object as bright as its value says, right each channel as the "
    "policy sees it. Violet: less than usual, orange: more. Distilled frames need not look like any frame of the game."
)


@dataclass(frozen=True)
class _Card:
    """frame [H, W, 3] colours; maps [H, W, C] in standard deviations; full: where their colours are full."""

    title: str
    frame: np.ndarray
    maps: np.ndarray
    full: float


def frame(values: np.ndarray) -> np.ndarray:
    """A frame in the game's colours: values [H, W, C] in natural units -> float [H, W, 3]; cut to 0 .. 1."""
    out = np.zeros((*values.shape[:2], 3))
    for channel in range(values.shape[-1]):
        strength = np.clip(values[..., channel, None], 0.0, 1.0)
        out = out * (1 - strength) + strength * np.array(to_rgb(CHANNELS[channel % len(CHANNELS)]))
    return out


def usual_where_constant(pairs: DrawablePairs) -> np.ndarray:
    """The states [D, H, W, C] in natural units; an entry that never varies in the game has its only value."""
    natural = pairs.seen if pairs.natural is None else pairs.natural
    if pairs.constants is None:
        return natural
    return np.where(pairs.never_varies, pairs.constants.mean, natural)


def draw(pairs: DrawablePairs, most: int) -> Figure:
    """Cards: each action's mean, then the pairs (at most `most`), three in a row (games with many channels: two)."""
    high, wide, channels = pairs.seen.shape[1:]
    card_width = wide + GAP + math.ceil(channels / 2) * (wide / 2 + GAP / 2)
    across = 3 if card_width <= 2.7 * wide else 2
    inch = 10.2 / (across * (card_width + GAP))
    means, single = _means(pairs), _single(pairs, most)
    blank = -len(means) % across
    cards: list[_Card | None] = [*means, *([None] * blank), *single]
    rows = math.ceil(len(cards) / across)
    figure = style.figure(10.2, rows * (high * (1 + NAMES) * inch + 0.3) + 0.8)
    for index, axes in enumerate(figure.subplots(rows, across, squeeze=False).ravel()):
        axes.set_axis_off()
        card = cards[index] if index < len(cards) else None
        if card is not None:
            _draw_card(axes, card, pairs)
    _legend(figure, pairs)
    return figure


def _single(pairs: DrawablePairs, most: int) -> list[_Card]:
    natural = usual_where_constant(pairs)
    return [
        _Card(
            f"{i}: {describe_action(pairs.entry, pairs.actions[i])}",
            frame(natural[i]),
            np.where(pairs.never_varies, np.nan, pairs.seen[i]),
            MOST,
        )
        for i in range(min(len(pairs.seen), most))
    ]


def _means(pairs: DrawablePairs) -> list[_Card]:
    """What the pairs of each action have in common; nothing where no action has several pairs."""
    labels = pairs.actions.argmax(axis=1)
    if len(pairs.seen) <= len(np.unique(labels)):
        return []
    natural, known = (
        usual_where_constant(pairs),
        names(pairs.entry.action_names if pairs.entry else (), pairs.actions.shape[1], "a"),
    )
    out = []
    for action in np.unique(labels):
        mine = labels == action
        apart = pairs.seen[mine].mean(axis=0) - pairs.seen.mean(axis=0)
        title = f"mean of the {mine.sum()} pairs for “{known[action]}”"
        maps = np.where(pairs.never_varies, np.nan, apart)
        out.append(_Card(title, frame(natural[mine].mean(axis=0)), maps, MOST / math.sqrt(mine.sum())))
    return out


def _draw_card(axes: Axes, card: _Card, pairs: DrawablePairs) -> None:
    high, wide, channels = card.maps.shape
    across = math.ceil(channels / 2)
    axes.imshow(card.frame, extent=(0, wide, high, 0), interpolation="nearest")
    colours = mpl.colormaps[DIFFERENCE].with_extremes(bad=UNUSED)(
        Normalize(-card.full, card.full)(np.ma.masked_invalid(card.maps))
    )
    small = 0.5 - NAMES / 2
    for channel, name in enumerate(_channel_names(pairs)):
        left = wide + GAP + (channel % across) * (wide / 2 + GAP / 2)
        top = (channel // across) * high * (small + NAMES)
        right, bottom = left + wide * small, top + high * small
        axes.imshow(colours[:, :, channel], extent=(left, right, bottom, top), interpolation="nearest")
        edge = Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor="#B5BBC1", linewidth=0.4)
        axes.add_patch(edge)
        axes.text(left, bottom + 0.02 * high, name, fontsize=5.2, va="top", color=style.GREY)
    axes.set(xlim=(0, wide + GAP + across * (wide / 2 + GAP / 2)), ylim=(high * (1 + NAMES / 2), 0))
    axes.set_aspect("equal")
    axes.set_title(card.title, fontsize=8.5)


def _channel_names(pairs: DrawablePairs) -> list[str]:
    return names(pairs.entry.observation_names if pairs.entry else (), pairs.seen.shape[-1], "channel ")


def _legend(figure: Figure, pairs: DrawablePairs) -> None:
    """Two keys beneath: the game's colours, and the colours of a difference."""

    def patch(colour: object, label: str) -> Patch:
        return Patch(facecolor=colour, edgecolor="#808080", linewidth=0.5, label=label)  # type: ignore[arg-type]

    games = [patch(CHANNELS[i % len(CHANNELS)], name) for i, name in enumerate(_channel_names(pairs))]
    figure.legend(handles=games, loc="outside lower left", ncols=5, fontsize=7.5, title="in the frame")
    scale = mpl.colormaps[DIFFERENCE]
    steps = [
        patch(scale(0.08), "less than usual"),
        patch(scale(0.5), "as usual"),
        patch(scale(0.92), "more than usual"),
    ]
    steps.append(patch(UNUSED, "never varies in the game"))
    figure.legend(handles=steps, loc="outside lower right", ncols=2, fontsize=7.5, title="in a channel")
