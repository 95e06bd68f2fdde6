"""Brax's own three-dimensional viewer of a recording."""

from types import SimpleNamespace

import numpy as np

from hadesd.analysis.evaluation.rollout_recording import Recording
from hadesd.analysis.pictures.brax_bodies import BraxBody

MOST_FRAMES = 500


def document(body: BraxBody, recording: Recording) -> str:
    """An HTML document with the viewer and at most MOST_FRAMES frames.

    It is not self-contained: Brax's page loads its scripts (three.js, lil-gui, pako and the viewer) from unpkg.com and
    cdn.jsdelivr.net when it is opened.
    """
    from brax.base import Transform
    from brax.io import html

    positions, rotations = recording.states
    stride = max(1, -(-len(positions) // MOST_FRAMES))
    states = [
        SimpleNamespace(x=Transform(pos=np.asarray(p), rot=np.asarray(r)))
        for p, r in zip(positions[::stride], rotations[::stride], strict=True)
    ]
    system = body.system.tree_replace({"opt.timestep": body.seconds * stride})
    return str(html.render(system, states, height=420))
