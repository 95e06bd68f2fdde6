"""A dataset's pairs as one picture: what state asks for what action (as the paper draws CartPole and hopper)."""

import math
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hadesd.analysis.pictures import grids, heatmap, images, sticks, style
from hadesd.analysis.pictures.bodies import body_of_pairs
from hadesd.analysis.pictures.classic import Body
from hadesd.analysis.pictures.labels import describe_action, describe_state, names
from hadesd.analysis.pictures.units import DrawablePairs

MOST_PANELS = 64
"""Pairs that one picture shows; what is left out is said in the caption."""

LARGE = 16
"""Up to so many pairs the panels are large and have words beneath."""

BAR_HEIGHT = 0.26
"""Height of the action bars under a panel, as a part of it."""


@dataclass(frozen=True)
class Picture:
    """A figure with the caption that it needs."""

    figure: Figure
    caption: str


def draw(pairs: DrawablePairs, backend: str = "auto") -> Picture:
    """The pairs, drawn as their environment allows: frames, images, bodies; else as a table of colours."""
    family = pairs.entry.family if pairs.entry else ""
    caption = pairs.caption
    if len(pairs.seen) > MOST_PANELS:
        caption += f" The first {MOST_PANELS} of {len(pairs.seen)} pairs."
    shape = pairs.seen.shape[1:]
    if str(family) == "images":
        return Picture(images.draw(pairs, MOST_PANELS), f"{images.CAPTION} {caption}")
    if len(shape) == 3 and family in ("minatar", "misc"):
        return Picture(grids.draw(pairs, MOST_PANELS), f"{grids.CAPTION} {caption}")
    if pairs.entry is not None and pairs.natural is not None and len(shape) == 1:
        body = body_of_pairs(pairs.entry, backend, pairs.natural)
        if body is not None:
            return Picture(_panels(body, pairs), f"{_legend(body, pairs)} {caption}{_absurd(pairs)}")
    return Picture(heatmap.draw(pairs, MOST_PANELS), f"{heatmap.CAPTION} {caption}")


def _legend(body: Body, pairs: DrawablePairs) -> str:
    text = body.legend[:1].upper() + body.legend[1:]
    known = pairs.entry.action_names if pairs.entry else ()
    if _has_bars(pairs) and known:
        text += f"; bars from left to right: {', '.join(known)}"
    return text + "."


def _has_bars(pairs: DrawablePairs) -> bool:
    """Whether an action has more numbers than fit into a title."""
    return pairs.actions.shape[1] > 3 and not _is_discrete(pairs)


def _absurd(pairs: DrawablePairs) -> str:
    if pairs.bound is not None:
        return f" Each entry lies within {pairs.bound:g} standard deviations of what trained policies visit."
    if pairs.normalisation == "none" and pairs.entry is not None and pairs.entry.family == "classic":
        return " Nothing keeps a distilled state within what the simulation can reach: it is drawn as it is."
    return " Nothing keeps a distilled state physically possible: it is drawn as it is."


def _panels(body: Body, pairs: DrawablePairs) -> Figure:
    shown = min(len(pairs.seen), MOST_PANELS)
    assert pairs.natural is not None
    states, actions = pairs.natural[:shown], pairs.actions[:shown]
    drawn = body.panels(states, actions)
    large = shown <= LARGE
    scene = body.scene
    bars = _has_bars(pairs)
    across = min(shown, (2 if scene.height else 4) if large else 8)
    rows = math.ceil(shown / across)
    width = (4.6 if scene.height else 2.5) if large else 1.3
    ratio = (scene.height or scene.span) / scene.span + (BAR_HEIGHT * 1.15 if bars else 0)
    below = (0.48 if large else 0.24) + (0.16 if bars and large else 0)
    figure = style.figure(max(2.4, across * width), rows * (width * ratio + below))
    for index, axes in enumerate(figure.subplots(rows, across, squeeze=False).ravel()):
        if index >= shown:
            axes.set_axis_off()
            continue
        sticks.draw(axes, scene, drawn[index])
        title = _title(pairs, index, large)
        axes.set_title(title, fontsize=(7.2 if len(title) > 24 else 8.5) if large else 6.5)
        if bars:
            _bars(axes, pairs, actions[index], large)
        elif large:
            axes.set_xlabel(describe_state(pairs.entry, states[index]) or _height(pairs, states[index]), fontsize=7)
    return figure


def _is_discrete(pairs: DrawablePairs) -> bool:
    return pairs.entry is not None and pairs.entry.discrete


def _title(pairs: DrawablePairs, index: int, large: bool) -> str:
    caption = describe_action(pairs.entry, pairs.actions[index]) if large or _is_discrete(pairs) else ""
    return f"{index}: {caption}" if caption else f"{index}"


def _height(pairs: DrawablePairs, state: np.ndarray) -> str:
    """The entries that a pose does not show: how fast the body moves along."""
    known = pairs.entry.observation_names if pairs.entry else ()
    said = [f"{name} {state[known.index(name)]:+.2f} m/s" for name in ("vx", "vz") if name in known]
    return "  ".join(said)


def _bars(axes: Axes, pairs: DrawablePairs, action: np.ndarray, large: bool) -> None:
    """The action as bars from -1 to 1 under a panel; what is beyond is cut, since acting cuts it too."""
    inset = axes.inset_axes((0.0, -BAR_HEIGHT * 1.15, 1.0, BAR_HEIGHT))
    cut = np.clip(action, -1, 1)
    inset.bar(range(len(cut)), cut, color=[sticks.PUSH if v > 0 else sticks.PULL for v in cut], width=0.75)
    inset.axhline(0, color=style.GREY, linewidth=0.6)
    inset.set(ylim=(-1.05, 1.05), xlim=(-0.6, len(cut) - 0.4), yticks=[])
    inset.grid(visible=False)
    for side in inset.spines.values():
        side.set_visible(False)
    if not large:
        inset.set_xticks([])
        return
    known = names(pairs.entry.action_names if pairs.entry else (), len(cut), "")
    tilted = max(map(len, known)) > 2
    inset.set_xticks(
        range(len(cut)),
        known,
        fontsize=6 if tilted else 5,
        rotation=45 if tilted else 0,
        ha="right" if tilted else "center",
    )
    inset.tick_params(length=0, pad=1)
