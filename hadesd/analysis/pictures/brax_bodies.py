"""Brax bodies posed from observations: joint positions are read out of them, Brax's own kinematics do the rest."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from hadesd.analysis.pictures.sticks import (
    ABOVE,
    BODY,
    BODY_FAR,
    FIXED,
    MOTION,
    OBLIQUE,
    PULL,
    PUSH,
    SIDE,
    Arrow,
    Panel,
    Scene,
    Turn,
    View,
)

AHEAD = 0.04
"""Seconds between a state and its ghost: a few steps of the simulation."""

CART = 0.22
"""Metres from the middle of a cart, beyond its end, to where the arrow of a push begins."""

SPHERE, CAPSULE = 2, 3
"""MuJoCo's numbers of geometries; Brax's environments have no others but floors."""

Numbers = np.ndarray
Reading = Callable[[Numbers], tuple[Numbers, Numbers]]


def _after(missing: int, joints: int) -> Reading:
    """The observation is q without its first `missing` entries (x, or x and y), then all of qd."""

    def read(o: Numbers) -> tuple[Numbers, Numbers]:
        known = joints - missing
        q = np.concatenate([np.zeros((len(o), missing)), o[:, :known]], axis=1)
        return q, o[:, known:]

    return read


def _humanoid(o: Numbers) -> tuple[Numbers, Numbers]:
    return np.concatenate([np.zeros((len(o), 2)), o[:, :22]], axis=1), o[:, 22:45]


def _double(o: Numbers) -> tuple[Numbers, Numbers]:
    return np.stack([o[:, 0], np.arctan2(o[:, 1], o[:, 3]), np.arctan2(o[:, 2], o[:, 4])], axis=1), o[:, 5:8]


def _reacher(o: Numbers) -> tuple[Numbers, Numbers]:
    angles = np.arctan2(o[:, 2:4], o[:, 0:2])
    return np.concatenate([angles, o[:, 4:6]], axis=1), np.zeros((len(o), 4))


@dataclass(frozen=True)
class _Kind:
    """How an environment is read and seen.

    height: whether the observation's first entry is the torso's height above the floor rather than q[1].
    turns: whether actions are drawn at the joints; bodies with joints in three directions get bars instead.
    far: links whose names hold this are drawn pale: the limbs of the far side.
    """

    read: Reading
    view: View
    span: float
    height: bool = False
    turns: bool = True
    far: str = "\0"
    follow: bool = True
    ghost: bool = True


_KINDS: dict[str, _Kind] = {
    "hopper": _Kind(_after(1, 6), SIDE, 2.4, height=True),
    "walker2d": _Kind(_after(1, 9), SIDE, 2.4, height=True, far="_left"),
    "halfcheetah": _Kind(_after(1, 9), SIDE, 2.2, far="fthigh fshin ffoot"),
    "ant": _Kind(_after(2, 15), OBLIQUE, 2.6, turns=False, ghost=False),
    "humanoid": _Kind(_humanoid, OBLIQUE, 2.6, turns=False, far="left_", ghost=False),
    "humanoidstandup": _Kind(_humanoid, OBLIQUE, 2.6, turns=False, far="left_", ghost=False),
    "inverted_pendulum": _Kind(_after(0, 2), SIDE, 2.6, follow=False),
    "inverted_double_pendulum": _Kind(_double, SIDE, 3.2, follow=False),
    "reacher": _Kind(_reacher, ABOVE, 0.72, follow=False, ghost=False),
    "swimmer": _Kind(_after(2, 5), ABOVE, 4.4),
}
"""The environments whose observations say where the body is. (pusher's do not say how its object lies.)"""


def can_pose(name: str) -> bool:
    """Whether the observations of a Brax environment can be drawn as a body."""
    return name in _KINDS


@dataclass(frozen=True)
class BraxBody:
    """A Brax environment's body, for pictures of its states.

    name: of the environment; system: its `brax.base.System`; seconds: simulated time of one step.
    """

    name: str
    system: Any
    seconds: float
    scene: Scene = field(init=False)
    _kinematics: Callable[[jax.Array, jax.Array], Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        from brax import kinematics

        def forward(q: jax.Array, qd: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
            x, xd = jax.vmap(lambda a, b: kinematics.forward(self.system, a, b))(q, qd)
            return x.pos, x.rot, xd.vel

        object.__setattr__(self, "_kinematics", jax.jit(forward))
        object.__setattr__(self, "scene", self._scene())

    @property
    def legend(self) -> str:
        """What arcs, arrows and outlines mean."""
        kind = _KINDS.get(self.name)
        if kind is None:
            return ""
        if not kind.turns:
            return "bars: the action; grey arrow: where the torso moves within 0.1 s"
        what = (
            "arcs at the joints: the torques, three quarters of a circle for 1 or more (acting cuts actions to -1 .. 1)"
        )
        if self.name.startswith("inverted"):
            what = "arrow at the cart: the push"
        if kind.ghost:
            what += f"; dashed outline: where its velocities take it within {AHEAD:g} s"
        return what + ("; grey arrow: velocity of the tip (0.05 s)" if self.name == "reacher" else "")

    def ends_of(self, positions: np.ndarray, rotations: np.ndarray) -> np.ndarray:
        """Links' positions [N, L, 3] and quaternions [N, L, 4] -> ends of the sticks [N, G, 2, 3]."""
        links, local = self._links(), self._local_ends()
        count = len(positions)
        nowhere, unturned = np.zeros((count, 1, 3)), np.tile([1.0, 0, 0, 0], (count, 1, 1))
        positions = np.concatenate([positions, nowhere], axis=1)  # link -1 is the world
        rotations = np.concatenate([rotations, unturned], axis=1)
        turned = _rotate(rotations[:, links, None], local[None])
        return np.asarray(positions[:, links, None] + turned)

    def ends(self, states: np.ndarray) -> np.ndarray:
        """Observations [N, obs] in natural units -> ends of the sticks [N, G, 2, 3]."""
        q, qd = self._joints(states)
        return self.ends_of(*self._forward(q, qd)[:2])

    def panels(self, states: np.ndarray, actions: np.ndarray) -> list[Panel]:
        """Observations [N, obs] in natural units and actions [N, A] -> N panels."""
        kind = _KINDS[self.name]
        q, qd = self._joints(states)
        positions, rotations, velocities = self._forward(q, qd)
        ends = self.ends_of(positions, rotations)
        ghosts = self.ends_of(*self._forward(q + AHEAD * qd, qd)[:2]) if kind.ghost else [None] * len(ends)
        out = []
        for i, (pose, ghost) in enumerate(zip(ends, ghosts, strict=True)):
            turns, arrows = self._actions(positions[i], rotations[i], actions[i])
            if not kind.turns:
                arrows.append(Arrow(positions[i, 0], 0.1 * velocities[i, 0], MOTION))
            if self.name == "reacher":
                tip = pose[np.flatnonzero(self._links() == 1)[-1], 1]
                arrows.append(Arrow(tip, 0.05 * np.append(states[i, 6:8], 0.0), MOTION))
            out.append(Panel(pose, ghost, tuple(arrows), tuple(turns)))
        return out

    def _joints(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """q [N, Q] and qd [N, V] that an observation stands for."""
        kind = _KINDS[self.name]
        q, qd = kind.read(np.asarray(states, np.float64))
        if self.system.link_types.startswith("f"):  # a distilled quaternion has any length; its direction counts
            q[:, 3:7] /= np.maximum(np.linalg.norm(q[:, 3:7], axis=1, keepdims=True), 1e-6)
        if kind.height:
            low = q.copy()
            low[:, 1] = 0.0
            q[:, 1] -= self._forward(low, qd)[0][:, 0, 2]
        return q, qd

    def _forward(self, q: np.ndarray, qd: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Brax's kinematics: links' positions [N, L, 3], quaternions [N, L, 4], velocities [N, L, 3]."""
        found = jax.device_get(self._kinematics(jnp.asarray(q, jnp.float32), jnp.asarray(qd, jnp.float32)))
        return np.asarray(found[0]), np.asarray(found[1]), np.asarray(found[2])

    def _actions(
        self, positions: np.ndarray, rotations: np.ndarray, action: np.ndarray
    ) -> tuple[list[Turn], list[Arrow]]:
        """Torques [-1, 1] as turns at their joints, pushes as arrows; nothing where the action is shown as bars."""
        kind, turns, arrows = _KINDS[self.name], [], []
        if not kind.turns:
            return [], []
        link_of = np.asarray(self.system.dof_link())
        spin, push = np.asarray(self.system.dof.motion.ang), np.asarray(self.system.dof.motion.vel)
        for value, dof in zip(action, np.asarray(self.system.actuator.qd_id), strict=True):
            link = int(link_of[dof])
            rotation = rotations[link]
            if np.any(push[dof]):
                start = positions[link] + CART * np.sign(value) * push[dof]
                arrows.append(Arrow(start, 0.6 * float(value) * push[dof], PUSH if value > 0 else PULL))
                continue
            anchor = positions[link] + _rotate(rotation, np.asarray(self.system.link.joint.pos[link]))
            axis = _rotate(rotation, spin[dof])
            turns.append(Turn(anchor, float(value) * float(np.sign(axis @ kind.view.towards))))
        return turns, arrows

    def _shown(self) -> list[int]:
        kinds, visible = self.system.mj_model.geom_type, self.system.mj_model.geom_rgba[:, 3] > 0
        return [i for i in range(self.system.ngeom) if int(kinds[i]) in (SPHERE, CAPSULE) and visible[i]]

    def _links(self) -> np.ndarray:
        return np.array([int(self.system.mj_model.geom_bodyid[i]) - 1 for i in self._shown()])

    def _local_ends(self) -> np.ndarray:
        """Ends [G, 2, 3] in the links' frames."""
        model, out = self.system.mj_model, []
        for i in self._shown():
            half = float(model.geom_size[i][1]) if int(model.geom_type[i]) == CAPSULE else 0.0
            along = _rotate(np.asarray(model.geom_quat[i]), np.array([0.0, 0.0, half]))
            out.append([model.geom_pos[i] - along, model.geom_pos[i] + along])
        return np.array(out)

    def _scene(self) -> Scene:
        model, links = self.system.mj_model, self._links()
        kind = _KINDS.get(self.name, _Kind(_after(0, 0), OBLIQUE, 2.6, turns=False))
        names = [self.system.link_names[link] if link >= 0 else "" for link in links]
        far = [bool(name) and any(part in name for part in kind.far.split()) for name in names]
        colours = tuple(
            FIXED if link < 0 else BODY_FAR if pale else BODY for link, pale in zip(links, far, strict=True)
        )
        if self.name == "reacher":
            colours = tuple("#009E73" if name == "target" else c for name, c in zip(names, colours, strict=True))
        floors = [float(model.geom_pos[i][2]) for i in range(self.system.ngeom) if int(model.geom_type[i]) == 0]
        return Scene(
            radii=np.array([float(model.geom_size[i][0]) for i in self._shown()]),
            colours=colours,
            moving=links >= 0,
            view=kind.view,
            span=kind.span,
            ground=floors[0] if floors and kind.view != ABOVE and floors[0] > -2 else None,
            follow=kind.follow,
            centre=(0.0, 0.0, 0.5) if kind.view == SIDE else (0.0, 0.0, 0.0),
        )


def _rotate(quaternion: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Vectors [..., 3] turned by unit quaternions [..., 4] (w first)."""
    w, u = quaternion[..., :1], quaternion[..., 1:]
    return np.asarray(vector + 2 * np.cross(u, np.cross(u, vector) + w * vector))
