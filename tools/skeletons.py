"""The sticks of Brax's bodies for the screen: `python -m tools.skeletons` writes the file that it reads.

The screen has neither Brax nor jax: links, joints and sticks of every environment stand in
tui/hades_tui/pairs/drawings/skeletons.json, taken from Brax's own models.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from hadesd.analysis.pictures import brax_bodies
from hadesd.analysis.pictures.bodies import brax_body
from hadesd.analysis.pictures.sticks import BODY_FAR, FIXED
from hadesd.spec import environments

TARGET = Path(__file__).parents[1] / "tui/hades_tui/pairs/drawings/skeletons.json"


def skeleton(name: str) -> dict[str, Any]:
    """Links, joints, sticks and view of an environment, in metres; quaternions with w first."""
    body = brax_body(environments.find(name), "auto")
    system, scene = body.system, body.scene
    link_of = [int(link) for link in np.asarray(system.dof_link())]
    links = []
    for number, parent in enumerate(system.link_parents):
        kind = system.link_types[number]
        dofs = [dof for dof, link in enumerate(link_of) if link == number]
        joints = [{"spin": _plain(system.dof.motion.ang[d]), "slide": _plain(system.dof.motion.vel[d])} for d in dofs]
        links.append(
            {
                "parent": int(parent),
                "place": _plain(system.link.transform.pos[number]),
                "turn": _plain(system.link.transform.rot[number]),
                "anchor": _plain(system.link.joint.pos[number]),
                "joints": "free" if kind == "f" else joints,
            }
        )
    sticks = [
        {
            "link": int(link),
            "ends": [_plain(end) for end in ends],
            "radius": round(float(radius), 4),
            "part": "fixed" if colour == FIXED else "far" if colour == BODY_FAR else "near",
        }
        for link, ends, radius, colour in zip(
            body._links(), body._local_ends(), scene.radii, scene.colours, strict=True
        )
    ]
    return {
        "links": links,
        "sticks": sticks,
        "actuators": [int(dof) for dof in np.asarray(system.actuator.qd_id)],
        "dof_links": link_of,
        "right": _plain(scene.view.right),
        "up": _plain(scene.view.up),
        "span": scene.span,
        "ground": scene.ground,
        "follow": scene.follow,
    }


def text() -> str:
    """The file's content."""
    lines = [f"{json.dumps(name)}: {json.dumps(skeleton(name))}" for name in sorted(brax_bodies._KINDS)]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _plain(values: Any) -> list[float]:
    return [round(float(value), 5) + 0.0 for value in np.asarray(values)]


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
