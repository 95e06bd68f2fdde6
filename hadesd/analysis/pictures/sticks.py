"""Bodies made of sticks with round ends (capsules; a ball is a stick without length), seen by an orthographic camera.

Every Brax environment consists of them, and classic control fits: so one drawing serves all, on paper and on screen.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Polygon

from hadesd.analysis.pictures import style

BODY, BODY_FAR, EDGE = "#5B6B7B", "#A9B4BE", "#1F2933"
FIXED = "#C9CDD2"
"""Colours of what moves, of what moves on the far (left) side, of outlines, and of what is fixed to the world."""

PUSH, PULL = style.VERMILLION, style.BLUE
"""Actions above and below zero."""

MOTION = "#7A8794"
FULL_SWEEP = 270.0
"""Degrees of the arc of an action of 1."""


@dataclass(frozen=True)
class View:
    """An orthographic camera: unit vectors [3] to the right and up in the picture."""

    right: tuple[float, float, float]
    up: tuple[float, float, float]

    def flat(self, points: np.ndarray) -> np.ndarray:
        """[..., 3] -> [..., 2]."""
        axes = np.array([self.right, self.up])
        return np.asarray(points @ axes.T)

    @property
    def towards(self) -> np.ndarray:
        """Unit vector [3] to the viewer."""
        return np.cross(self.right, self.up)


def oblique(azimuth: float, elevation: float) -> View:
    """A view from above: azimuth and elevation of the viewer in degrees; z is up."""
    a, e = np.radians(azimuth), np.radians(elevation)
    right = (-np.sin(a), np.cos(a), 0.0)
    up = (-np.sin(e) * np.cos(a), -np.sin(e) * np.sin(a), np.cos(e))
    return View(tuple(map(float, right)), tuple(map(float, up)))  # type: ignore[arg-type]


SIDE = View((1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
ABOVE = View((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
OBLIQUE = oblique(-65.0, 22.0)


@dataclass(frozen=True)
class Scene:
    """What stays the same from picture to picture.

    radii: float32 [G] in metres; colours: G of them.
    moving: bool [G]: the camera follows the middle of these sticks.
    span: metres that a picture is wide and high.
    ground: height of the floor in metres; None: there is none.
    follow: whether the camera follows the body; else it looks at `centre`.
    """

    radii: np.ndarray
    colours: tuple[str, ...]
    moving: np.ndarray
    view: View
    span: float
    ground: float | None = None
    follow: bool = True
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    height: float | None = None

    def middle(self, ends: np.ndarray) -> np.ndarray:
        """Where the camera looks, [3], for the ends [G, 2, 3] of a pose."""
        if not self.follow:
            return np.asarray(self.centre, float)
        moving = ends[self.moving]
        return np.asarray((moving.min(axis=(0, 1)) + moving.max(axis=(0, 1))) / 2)


@dataclass(frozen=True)
class Arrow:
    """A push (an action) or a velocity: from `start` [3] by `vector` [3], metres of the picture."""

    start: np.ndarray
    vector: np.ndarray
    colour: str


@dataclass(frozen=True)
class Turn:
    """A torque: an arc around `centre` [3]; amount in [-1, 1] and beyond, counter-clockwise above zero."""

    centre: np.ndarray
    amount: float


@dataclass(frozen=True)
class Panel:
    """One state with its action, ready to draw.

    ends: float [G, 2, 3]; ghost: the same a moment later if the velocities last, or None.
    """

    ends: np.ndarray
    ghost: np.ndarray | None = None
    arrows: tuple[Arrow, ...] = ()
    turns: tuple[Turn, ...] = ()


def draw(axes: Axes, scene: Scene, panel: Panel) -> None:
    """Draw a panel into empty axes, which become a square window on the scene in metres."""
    middle = scene.view.flat(scene.middle(panel.ends))
    half, half_height = scene.span / 2, (scene.height or scene.span) / 2
    axes.set(xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] - half_height, middle[1] + half_height))
    axes.set_aspect("equal")
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    for side in axes.spines.values():
        side.set(visible=True, color="#DADDE1", linewidth=0.8)
    _ground(axes, scene, middle, panel)
    if panel.ghost is not None:
        for i in np.flatnonzero(scene.moving):
            shape = outline(scene.view.flat(panel.ghost[i]), float(scene.radii[i]))
            axes.add_patch(Polygon(shape, fill=False, edgecolor=MOTION, linewidth=0.7, linestyle=(0, (3, 2)), zorder=2))
    depth = panel.ends.mean(axis=1) @ scene.view.towards
    if scene.view in (SIDE, ABOVE):  # flat bodies: the pale far side goes behind
        depth = np.array([colour != BODY_FAR for colour in scene.colours], float) + scene.moving
    for place, i in enumerate(np.argsort(depth, kind="stable")):
        shape = outline(scene.view.flat(panel.ends[i]), float(scene.radii[i]))
        edge = EDGE if scene.moving[i] else "none"
        axes.add_patch(
            Polygon(shape, facecolor=scene.colours[i], edgecolor=edge, linewidth=0.6, zorder=3 + place / len(depth))
        )
    for arrow in panel.arrows:
        _arrow(axes, scene, arrow)
    for turn in panel.turns:
        _turn(axes, scene, turn)


def outline(ends: np.ndarray, radius: float, corners: int = 12) -> np.ndarray:
    """The outline [2 * corners, 2] of a stick between two points [2, 2]: two half circles."""
    along = ends[1] - ends[0]
    angle = np.arctan2(along[1], along[0]) if np.any(along) else 0.0
    half = np.linspace(-np.pi / 2, np.pi / 2, corners)
    arcs = [ends[1] + radius * _circle(angle + half), ends[0] + radius * _circle(angle + np.pi + half)]
    return np.concatenate(arcs)


def _circle(angles: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def _ground(axes: Axes, scene: Scene, middle: np.ndarray, panel: Panel) -> None:
    """The floor: from the side an edge, from above at an angle the shadow that the body casts."""
    if scene.ground is None:
        return
    if scene.view == SIDE:
        low = middle[1] - (scene.height or scene.span) / 2
        if scene.ground > low:
            axes.axhspan(low - 1, scene.ground, color="#ECEEF0", zorder=0, linewidth=0)
            axes.axhline(scene.ground, color="#9AA3AC", linewidth=0.8, zorder=1)
        else:
            below = middle[1] - scene.ground
            axes.annotate(
                f"↓ floor {below:.1f} m below",
                (0.5, 0.03),
                xycoords="axes fraction",
                ha="center",
                fontsize=6,
                color=style.GREY,
            )
        return
    for i in np.flatnonzero(scene.moving):
        on_floor = panel.ends[i] * [1, 1, 0] + [0, 0, scene.ground]
        shape = outline(scene.view.flat(on_floor), float(scene.radii[i]))
        axes.add_patch(Polygon(shape, color="#DFE3E7", linewidth=0, zorder=1))


def _arrow(axes: Axes, scene: Scene, arrow: Arrow) -> None:
    start, tip = scene.view.flat(arrow.start), scene.view.flat(arrow.start + arrow.vector)
    if np.hypot(*(tip - start)) < 0.01 * scene.span:
        return
    axes.add_patch(
        FancyArrowPatch(
            tuple(start),
            tuple(tip),
            arrowstyle="-|>",
            mutation_scale=9,
            color=arrow.colour,
            linewidth=1.8,
            shrinkA=0,
            shrinkB=0,
            zorder=6,
        )
    )


def _turn(axes: Axes, scene: Scene, turn: Turn) -> None:
    """An arc that begins at the top and sweeps with the torque; its length is the amount, cut at 1.2."""
    amount = float(np.clip(turn.amount, -1.2, 1.2))
    if abs(amount) < 0.02:
        return
    centre, radius = scene.view.flat(turn.centre), 0.055 * scene.span
    angles = np.radians(90 + np.linspace(0, FULL_SWEEP * amount, max(4, int(40 * abs(amount)))))
    points = centre + radius * _circle(angles)
    colour = PUSH if amount > 0 else PULL
    axes.plot(*points.T, color=colour, linewidth=1.6, solid_capstyle="round", zorder=7)
    tangent = _circle(angles[-1] + np.pi / 2 * np.sign(amount)) * radius * 0.25
    axes.annotate(
        "",
        xy=tuple(points[-1] + tangent),
        xytext=tuple(points[-1]),
        arrowprops={"arrowstyle": "-|>", "color": colour, "mutation_scale": 7, "shrinkA": 0, "shrinkB": 0},
        zorder=7,
    )
