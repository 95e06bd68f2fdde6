"""A recorded rollout: a strip of moments for paper, and the data that the report's player shows on screen."""

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hadesd.analysis.evaluation.rollout_recording import Recording
from hadesd.analysis.pictures import grids, sticks, style
from hadesd.analysis.pictures.bodies import body_of, brax_body
from hadesd.analysis.pictures.classic import Body
from hadesd.spec import environments

MOMENTS = 8
MOST_FRAMES = 500
STEP_SECONDS = {"CartPole-v1": 0.02, "Pendulum-v1": 0.05, "Acrobot-v1": 0.2}
"""Simulated seconds of a step, where there is such a thing besides Brax."""

TURN_BASED_SECONDS = 0.1


@dataclass(frozen=True)
class Film:
    """A recording ready to show.

    scene and ends [T, G, 2, 3] for bodies; games (None) are shown as their observations. seconds: of one step.
    """

    recording: Recording
    entry: environments.EnvironmentInfo
    seconds: float
    scene: sticks.Scene | None = None
    ends: np.ndarray | None = None


def film(recording: Recording, entry: environments.EnvironmentInfo, backend: str) -> Film | None:
    """A recording as sticks or as frames; None where neither can be drawn."""
    if entry.family == "brax":
        body = brax_body(entry, backend)
        positions, rotations = recording.states
        return Film(recording, entry, body.seconds, body.scene, body.ends_of(positions, rotations))
    if len(entry.observation) == 3:
        return Film(recording, entry, TURN_BASED_SECONDS)
    drawn: Body | None = body_of(entry, backend, recording.observations)
    if drawn is None:
        return None
    seconds = STEP_SECONDS.get(entry.name, TURN_BASED_SECONDS / 4)
    return Film(recording, entry, seconds, drawn.scene, drawn.ends(recording.observations))


def strip(shot: Film, moments: int = MOMENTS) -> Figure:
    """Moments of a rollout side by side, evenly spaced from first to last state; each with the return so far."""
    length = len(shot.recording.rewards)
    at = np.unique(np.linspace(0, length - 1, moments).round().astype(int))
    earned = np.concatenate([[0.0], np.cumsum(shot.recording.rewards)])
    wide = shot.scene is not None and shot.scene.height is not None
    across = 4 if wide else len(at)
    rows = -(-len(at) // across)
    width = 2.4 if wide else 1.3
    ratio = 1.0
    if shot.scene is not None:
        ratio = (shot.scene.height or shot.scene.span) / shot.scene.span
    figure = style.figure(across * width, rows * (width * ratio + 0.3))
    for index, axes in enumerate(figure.subplots(rows, across, squeeze=False).ravel()):
        if index >= len(at):
            axes.set_axis_off()
            continue
        t = int(at[index])
        if shot.scene is not None and shot.ends is not None:
            sticks.draw(axes, shot.scene, sticks.Panel(shot.ends[t]))
        else:
            axes.imshow(grids.frame(shot.recording.observations[t]), interpolation="nearest")
            axes.set_axis_off()
        axes.set_title(f"step {t}: {earned[t]:.4g}", fontsize=7)
    return figure


def player(shot: Film) -> dict[str, Any]:
    """What the player in the report needs, as JSON: at most MOST_FRAMES frames, arrays in base64 (little endian)."""
    length = len(shot.recording.rewards)
    at = np.arange(0, length, max(1, -(-length // MOST_FRAMES)))
    earned = np.concatenate([[0.0], np.cumsum(shot.recording.rewards)])
    common: dict[str, Any] = {
        "steps": at.tolist(),
        "returns": [float(f"{earned[t]:.5g}") for t in at],
        "seconds": shot.seconds * (int(at[1]) if len(at) > 1 else 1),
    }
    if shot.scene is None or shot.ends is None:
        return common | _frames(shot, at)
    scene = shot.scene
    return common | {
        "kind": "sticks",
        "radii": scene.radii.round(4).tolist(),
        "colours": list(scene.colours),
        "moving": scene.moving.tolist(),
        "right": list(scene.view.right),
        "up": list(scene.view.up),
        "span": scene.span,
        "height": scene.height or scene.span,
        "ground": scene.ground,
        "follow": scene.follow,
        "centre": list(scene.centre),
        "turns": shot.entry.family == "brax" and scene.view != sticks.ABOVE,
        "ends": _packed(shot.ends[at].astype("<f4")),
    }


def _frames(shot: Film, at: np.ndarray) -> dict[str, Any]:
    """Games: one byte a cell, the index of the topmost channel that is set, from 1; 0 is empty."""
    frames = shot.recording.observations[at]
    channels = np.arange(1, frames.shape[-1] + 1)
    cells = ((frames > 0.5) * channels).max(axis=-1).astype(np.uint8)
    return {
        "kind": "cells",
        "rows": frames.shape[1],
        "columns": frames.shape[2],
        "colours": ["#000000", *(grids.CHANNELS[i % len(grids.CHANNELS)] for i in range(frames.shape[-1]))],
        "names": list(shot.entry.observation_names),
        "cells": _packed(cells),
    }


def _packed(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
