"""Classic control as sticks: CartPole, Pendulum, Acrobot, MountainCarContinuous. Geometry as in gymnax."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hadesd.analysis.pictures.sticks import (
    BODY,
    BODY_FAR,
    FIXED,
    MOTION,
    PULL,
    PUSH,
    SIDE,
    Arrow,
    Panel,
    Scene,
    Turn,
)

AHEAD = 0.1
"""Seconds between a state and its ghost."""


class Body(Protocol):
    """An environment whose observations can be drawn as sticks."""

    @property
    def scene(self) -> Scene:
        """What stays the same."""
        ...

    @property
    def legend(self) -> str:
        """What arrows, arcs and outlines mean, for a caption."""
        ...

    def ends(self, states: np.ndarray) -> np.ndarray:
        """Observations [N, *obs] in natural units -> ends of the sticks, float [N, G, 2, 3]."""
        ...

    def panels(self, states: np.ndarray, actions: np.ndarray) -> list[Panel]:
        """Observations [N, *obs] in natural units and actions [N, A] -> N panels."""
        ...


def _at(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Points of the picture's plane, [N, 3]."""
    return np.stack([x, np.zeros_like(x), z], axis=-1)


def _segments(*sticks: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Pairs of points [N, 3] -> [N, G, 2, 3]."""
    return np.stack([np.stack(stick, axis=1) for stick in sticks], axis=1)


def _sign(amount: float) -> str:
    return PUSH if amount > 0 else PULL


@dataclass(frozen=True)
class CartPole:
    """Cart and pole on the whole track, for films of rollouts; two posts mark its ends at ±2.4 m."""

    reach: float = 2.4
    legend: str = "arrow at the cart: the push; dashed outline: where its velocities take it within 0.1 s"

    @property
    def scene(self) -> Scene:
        colours = (FIXED, FIXED, FIXED, BODY, BODY_FAR)
        radii = np.array([0.02, 0.03, 0.03, 0.16, 0.05])
        moving = np.array([False, False, False, True, True])
        span = 2 * (self.reach + 0.75)
        return Scene(radii, colours, moving, SIDE, span, follow=False, centre=(0, 0, 0.1), height=3.4)

    def ends(self, states: np.ndarray) -> np.ndarray:
        x, angle = states[:, 0], states[:, 2]
        still = np.zeros_like(x)
        tip = _at(x + np.sin(angle), np.cos(angle))
        return _segments(
            (_at(still - self.reach, still), _at(still + self.reach, still)),
            (_at(still - 2.4, still - 0.2), _at(still - 2.4, still + 0.2)),
            (_at(still + 2.4, still - 0.2), _at(still + 2.4, still + 0.2)),
            (_at(x - 0.12, still), _at(x + 0.12, still)),
            (_at(x, still), tip),
        )

    def panels(self, states: np.ndarray, actions: np.ndarray) -> list[Panel]:
        later = states.copy()
        later[:, 0] += AHEAD * states[:, 1]
        later[:, 2] += AHEAD * states[:, 3]
        out = []
        for now, ends, ghost, action in zip(states, self.ends(states), self.ends(later), actions, strict=True):
            push = float(action[1] - action[0])
            start = np.array([now[0] + 0.3 * np.sign(push), 0, 0])
            arrow = Arrow(start, np.array([0.75 * push, 0, 0]), _sign(push))
            out.append(Panel(ends, ghost, (arrow,)))
        return out


@dataclass(frozen=True)
class CartInPlace:
    """Cart and pole in one size wherever they are, for pictures of pairs: a strip beneath shows where on the track.

    hangs: whether a pole hangs down, for which there has to be room.
    """

    hangs: bool = False
    legend: str = (
        "arrow at the cart: the push; dashed outline: where its velocities take it within 0.1 s; strip: its place on "
        "the track, from -2.4 to 2.4 m, beyond the posts where it has left it"
    )

    STRIP, TRACK, BEYOND = 1.45, 2.4, 0.12
    """Half the strip's width in the picture; half the track, metres; how far beyond the strip's end a cart is drawn."""

    @property
    def _strip_height(self) -> float:
        return -1.3 if self.hangs else -0.5

    @property
    def scene(self) -> Scene:
        colours = (FIXED, FIXED, FIXED, FIXED, PUSH, BODY, BODY_FAR)
        radii = np.array([0.012, 0.02, 0.02, 0.012, 0.055, 0.14, 0.05])
        moving = np.array([False, False, False, False, False, True, True])
        low, high = self._strip_height - 0.22, 1.2
        middle = (0.0, 0.0, (low + high) / 2)
        return Scene(radii, colours, moving, SIDE, 3.5, follow=False, centre=middle, height=high - low)

    def ends(self, states: np.ndarray) -> np.ndarray:
        return self._ends(states, np.zeros(len(states)))

    def _ends(self, states: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """shift: float [N], metres of the cart from the middle of the picture."""
        x, angle = states[:, 0], states[:, 2]
        still, z = np.zeros_like(x), np.full_like(x, self._strip_height)
        place = np.clip(self.STRIP * x / self.TRACK, -self.STRIP - self.BEYOND, self.STRIP + self.BEYOND)
        left, right = _at(still - self.STRIP, z), _at(still + self.STRIP, z)
        up = np.array([0.0, 0.0, 0.09])
        return _segments(
            (left, right),
            (left - up, left + up),
            (right - up, right + up),
            (_at(still, z) - up / 2, _at(still, z) + up / 2),
            (_at(place, z), _at(place, z)),
            (_at(shift - 0.16, still), _at(shift + 0.16, still)),
            (_at(shift, still), _at(shift + np.sin(angle), np.cos(angle))),
        )

    def panels(self, states: np.ndarray, actions: np.ndarray) -> list[Panel]:
        later = states.copy()
        later[:, 2] += AHEAD * states[:, 3]
        ghosts = self._ends(later, AHEAD * states[:, 1])
        out = []
        for ends, ghost, action in zip(self.ends(states), ghosts, actions, strict=True):
            push = float(action[1] - action[0])
            start = np.array([0.36 * np.sign(push), 0, 0])
            out.append(Panel(ends, ghost, (Arrow(start, np.array([0.75 * push, 0, 0]), _sign(push)),)))
        return out


@dataclass(frozen=True)
class Pendulum:
    """A rod; upright is angle 0."""

    legend: str = "arc: the torque (full arc: 2 N m); dashed outline: where its velocity takes it within 0.1 s"

    @property
    def scene(self) -> Scene:
        return Scene(
            np.array([0.07, 0.09]), (FIXED, BODY), np.array([False, True]), SIDE, 2.7, follow=False, centre=(0, 0, 0)
        )

    def ends(self, states: np.ndarray) -> np.ndarray:
        return self._rod(np.arctan2(states[:, 1], states[:, 0]))

    def _rod(self, angle: np.ndarray) -> np.ndarray:
        pivot = _at(np.zeros_like(angle), np.zeros_like(angle))
        return _segments((pivot, pivot), (pivot, _at(-np.sin(angle), np.cos(angle))))

    def panels(self, states: np.ndarray, actions: np.ndarray) -> list[Panel]:
        later = self._rod(np.arctan2(states[:, 1], states[:, 0]) + AHEAD * states[:, 2])
        return [
            Panel(ends, ghost, turns=(Turn(np.zeros(3), float(action[0])),))
            for ends, ghost, action in zip(self.ends(states), later, actions, strict=True)
        ]


@dataclass(frozen=True)
class Acrobot:
    """Two rods; the torque acts between them; the line is the height to reach."""

    legend: str = (
        "arc: torque between the rods; line: the height to reach; dashed: where its velocities take it in 0.1 s"
    )

    @property
    def scene(self) -> Scene:
        colours = (FIXED, FIXED, BODY, BODY_FAR)
        radii, moving = np.array([0.015, 0.07, 0.1, 0.1]), np.array([False, False, True, True])
        return Scene(radii, colours, moving, SIDE, 4.6, follow=False)

    def ends(self, states: np.ndarray) -> np.ndarray:
        return self._rods(*self._angles(states))

    def _angles(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.arctan2(s[:, 1], s[:, 0]), np.arctan2(s[:, 3], s[:, 2])

    def _rods(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        still = np.zeros_like(first)
        pivot, elbow = _at(still, still), _at(np.sin(first), -np.cos(first))
        tip = elbow + _at(np.sin(first + second), -np.cos(first + second))
        line = (_at(still - 2.2, still + 1), _at(still + 2.2, still + 1))
        return _segments(line, (pivot, pivot), (pivot, elbow), (elbow, tip))

    def panels(self, states: np.ndarray, actions: np.ndarray) -> list[Panel]:
        first, second = self._angles(states)
        later = self._rods(first + AHEAD * states[:, 4], second + AHEAD * states[:, 5])
        return [
            Panel(ends, ghost, turns=(Turn(ends[3, 0], float(action[2] - action[0])),))
            for ends, ghost, action in zip(self.ends(states), later, actions, strict=True)
        ]


@dataclass(frozen=True)
class MountainCar:
    """A car in a valley; the post is the goal at 0.45. reach: how far from the valley's middle is in view."""

    reach: float = 1.2
    legend: str = "orange or blue arrow: the push; grey arrow: where its velocity takes it in 5 steps; post: the goal"

    HILL = 24

    @property
    def scene(self) -> Scene:
        count = self.HILL
        radii = np.array([0.008] * count + [0.012, 0.05])
        moving = np.array([False] * (count + 1) + [True])
        colours = (FIXED,) * (count + 1) + (BODY,)
        return Scene(
            radii, colours, moving, SIDE, 2 * self.reach, follow=False, centre=(-0.3, 0, 0.6), height=1.25 * self.reach
        )

    @staticmethod
    def _height(x: np.ndarray) -> np.ndarray:
        return np.asarray(np.sin(3 * x) * 0.45 + 0.55)

    def ends(self, states: np.ndarray) -> np.ndarray:
        count, x = len(states), states[:, 0]
        knots = np.linspace(-1.2, 0.6, self.HILL + 1)
        hill = _at(knots, self._height(knots))
        fixed = [(np.tile(hill[i], (count, 1)), np.tile(hill[i + 1], (count, 1))) for i in range(self.HILL)]
        goal = np.full(count, 0.45)
        post = (_at(goal, self._height(goal)), _at(goal, self._height(goal) + 0.25))
        car = _at(x, self._height(x) + 0.05)
        return _segments(*fixed, post, (car, car))

    def panels(self, states: np.ndarray, actions: np.ndarray) -> list[Panel]:
        out = []
        for now, ends, action in zip(states, self.ends(states), actions, strict=True):
            slope = np.array([1.0, 0, 3 * np.cos(3 * now[0]) * 0.45])
            slope /= np.linalg.norm(slope)
            centre, push = ends[-1, 0], float(action[0])
            pushed = Arrow(centre + np.array([0.0, 0.0, 0.1]), 0.4 * push * slope, _sign(push))
            moved = Arrow(centre, 5 * float(now[1]) * slope, MOTION)
            out.append(Panel(ends, arrows=(moved, pushed)))
        return out


def body_of(name: str, states: np.ndarray | None = None) -> Body | None:
    """The drawing of a classic-control environment; None where there is none.

    states: natural units [N, obs]; the views of CartPole and MountainCar are wide enough for them.
    """
    places = np.zeros(1) if states is None or not len(states) else states[:, 0]
    bodies: dict[str, Body] = {
        "CartPole-v1": CartPole(reach=min(max(2.4, float(np.abs(places).max())), 12.0)),
        "Pendulum-v1": Pendulum(),
        "Acrobot-v1": Acrobot(),
        "MountainCarContinuous-v0": MountainCar(reach=min(max(1.2, float(np.abs(places + 0.3).max()) + 0.1), 6.0)),
    }
    return bodies.get(name)


def body_of_pairs(name: str, states: np.ndarray) -> Body | None:
    """The same for pictures of pairs, whose states need not be near each other nor on the track."""
    if name == "CartPole-v1":
        return CartInPlace(hangs=bool(np.any(np.cos(states[:, 2]) < 0)))
    return body_of(name, states)
