"""Brax's bodies as sticks, posed from observations in plain Python: no Brax, no jax, no numpy. Pure.

skeletons.json holds links, joints and sticks of each environment (`python -m tools.skeletons` takes them from Brax's
models). The kinematics are those of brax.kinematics.forward; quaternions have w first, lengths are metres.
"""

import functools
import json
import math
from collections.abc import Callable, Sequence
from importlib import resources

import msgspec

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]
Numbers = Sequence[float]

ORIGIN: Vector = (0.0, 0.0, 0.0)
UNTURNED: Quaternion = (1.0, 0.0, 0.0, 0.0)

AHEAD = 0.04
"""Seconds between a pose and the one that its velocities lead to: a few steps of the simulation."""

FILE = "skeletons.json"


class Joint(msgspec.Struct, frozen=True):
    """One degree of freedom: the axis that it turns about, or the one that it slides along."""

    spin: Vector
    slide: Vector


class Link(msgspec.Struct, frozen=True):
    """A rigid part. place, turn: its frame in its parent's (-1: the world's); anchor: where its joints are, in its own.

    joints: in the order of their angles; "free": it flies, with a position and a quaternion.
    """

    parent: int
    place: Vector
    turn: Quaternion
    anchor: Vector
    joints: tuple[Joint, ...] | str


class Stick(msgspec.Struct, frozen=True):
    """A capsule, or a ball where both ends are one. ends: in the frame of its link (-1: the world's).

    part: near, far (limbs of the side away from the viewer) or fixed (to the world).
    """

    link: int
    ends: tuple[Vector, Vector]
    radius: float
    part: str


class Skeleton(msgspec.Struct, frozen=True):
    """A body. actuators: the degree of freedom that each entry of an action drives; dof_links: the link of each.

    right, up: the picture's axes. span: metres that a picture shows. ground: the floor's height; None: there is none.
    follow: whether the picture moves along with the body.
    """

    links: tuple[Link, ...]
    sticks: tuple[Stick, ...]
    actuators: tuple[int, ...]
    dof_links: tuple[int, ...]
    right: Vector
    up: Vector
    span: float
    ground: float | None
    follow: bool


class Torque(msgspec.Struct, frozen=True):
    """What an entry of an action does at `at` in the picture: turn (counter-clockwise above 0), or push to the right.

    entry: its place in the action.
    """

    entry: int
    at: tuple[float, float]
    amount: float
    pushes: bool


class Pose(msgspec.Struct, frozen=True):
    """ends: of each stick, points of the picture. torques: of the action."""

    ends: tuple[tuple[tuple[float, float], tuple[float, float]], ...]
    torques: tuple[Torque, ...] = ()


def _after(missing: int, joints: int) -> Callable[[Numbers], tuple[list[float], list[float]]]:
    """The observation is q without its first `missing` entries (x, or x and y), then the velocities."""

    def read(o: Numbers) -> tuple[list[float], list[float]]:
        known = joints - missing
        return [0.0] * missing + list(o[:known]), list(o[known:])

    return read


def _humanoid(o: Numbers) -> tuple[list[float], list[float]]:
    return [0.0, 0.0, *o[:22]], list(o[22:45])


def _double(o: Numbers) -> tuple[list[float], list[float]]:
    return [o[0], math.atan2(o[1], o[3]), math.atan2(o[2], o[4])], list(o[5:8])


def _reacher(o: Numbers) -> tuple[list[float], list[float]]:
    return [math.atan2(o[2], o[0]), math.atan2(o[3], o[1]), *o[4:6]], [0.0] * 4


READINGS: dict[str, tuple[int, Callable[[Numbers], tuple[list[float], list[float]]]]] = {
    "hopper": (11, _after(1, 6)),
    "walker2d": (17, _after(1, 9)),
    "halfcheetah": (17, _after(1, 9)),
    "ant": (27, _after(2, 15)),
    "humanoid": (244, _humanoid),
    "humanoidstandup": (244, _humanoid),
    "inverted_pendulum": (4, _after(0, 2)),
    "inverted_double_pendulum": (8, _double),
    "reacher": (11, _reacher),
    "swimmer": (8, _after(2, 5)),
}
"""Entries of an observation, and how joint positions and velocities are read out of it."""

STANDING = ("hopper", "walker2d")
"""Their observations begin with the torso's height above the floor, not with its joint's position."""


@functools.cache
def skeleton_of(env: str) -> Skeleton | None:
    """The body of an environment; None where there is none."""
    if env not in READINGS:
        return None
    return _skeletons()[env]


@functools.cache
def _skeletons() -> dict[str, Skeleton]:
    text = resources.files(__package__).joinpath(FILE).read_text(encoding="utf-8")
    return msgspec.convert(json.loads(text), dict[str, Skeleton])


def pose(env: str, skeleton: Skeleton, state: Numbers, action: Numbers, *, ahead: float = 0.0) -> Pose:
    """The pose of a state in natural units, `ahead` seconds later if its velocities last."""
    q, qd = READINGS[env][1](state)
    if skeleton.links[0].joints == "free":
        # A distilled quaternion has any length; its direction counts.
        length = max(1e-6, math.sqrt(sum(v * v for v in q[3:7])))
        q[3:7] = [v / length for v in q[3:7]]
    elif ahead:
        q = [a + ahead * b for a, b in zip(q, qd, strict=True)]
    if env in STANDING:
        height = q[1]
        q[1] = 0.0
        q[1] = height - _forward(skeleton, q)[0][0][2]
    placed = _forward(skeleton, q)
    world = (ORIGIN, UNTURNED)

    def flat(point: Vector) -> tuple[float, float]:
        return _dot(point, skeleton.right), _dot(point, skeleton.up)

    ends = []
    for stick in skeleton.sticks:
        frame = placed[stick.link] if stick.link >= 0 else world
        first, second = (flat(_moved(frame, end)) for end in stick.ends)
        ends.append((first, second))
    return Pose(tuple(ends), tuple(_torques(skeleton, placed, action, flat)))


def _torques(
    skeleton: Skeleton,
    placed: Sequence[tuple[Vector, Quaternion]],
    action: Numbers,
    flat: Callable[[Vector], tuple[float, float]],
) -> list[Torque]:
    out = []
    towards = _cross(skeleton.right, skeleton.up)
    for entry, (amount, dof) in enumerate(zip(action, skeleton.actuators, strict=False)):
        number = skeleton.dof_links[dof]
        link, frame = skeleton.links[number], placed[number]
        assert not isinstance(link.joints, str)
        joint = link.joints[dof - skeleton.dof_links.index(number)]
        at = flat(_moved(frame, link.anchor))
        if any(joint.slide):
            out.append(Torque(entry, at, amount * math.copysign(1.0, _dot(joint.slide, skeleton.right)), True))
            continue
        sign = math.copysign(1.0, _dot(_rotated(frame[1], joint.spin), towards))
        out.append(Torque(entry, at, amount * sign, False))
    return out


def _forward(skeleton: Skeleton, q: Sequence[float]) -> list[tuple[Vector, Quaternion]]:
    """Position and rotation of each link in the world, for joint positions q."""
    placed: list[tuple[Vector, Quaternion]] = []
    at = 0
    for link in skeleton.links:
        if isinstance(link.joints, str):
            place: Vector = (q[at], q[at + 1], q[at + 2])
            turn: Quaternion = (q[at + 3], q[at + 4], q[at + 5], q[at + 6])
            at += 7
        else:
            place, turn = ORIGIN, UNTURNED
            for joint in link.joints:
                slid = _scaled(joint.slide, q[at])
                place = _plus(place, _rotated(turn, slid))
                turn = _times(turn, _about(joint.spin, q[at]))
                at += 1
        # The link turns about its anchor, not about its own origin.
        place = _plus(place, _plus(link.anchor, _scaled(_rotated(turn, link.anchor), -1.0)))
        frame = _plus(link.place, _rotated(link.turn, place)), _times(link.turn, turn)
        if link.parent >= 0:
            parent = placed[link.parent]
            frame = _moved(parent, frame[0]), _times(parent[1], frame[1])
        placed.append(frame)
    return placed


def _about(axis: Vector, angle: float) -> Quaternion:
    """The rotation about an axis; none about an axis of length 0."""
    if not any(axis):
        return UNTURNED
    half = math.sin(angle / 2)
    return math.cos(angle / 2), axis[0] * half, axis[1] * half, axis[2] * half


def _times(a: Quaternion, b: Quaternion) -> Quaternion:
    return (
        a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3],
        a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2],
        a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1],
        a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0],
    )


def _rotated(turn: Quaternion, vector: Vector) -> Vector:
    u: Vector = turn[1:]
    twice = _cross(u, _plus(_cross(u, vector), _scaled(vector, turn[0])))
    return _plus(vector, _scaled(twice, 2.0))


def _moved(frame: tuple[Vector, Quaternion], point: Vector) -> Vector:
    return _plus(frame[0], _rotated(frame[1], point))


def _plus(a: Vector, b: Vector) -> Vector:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def _scaled(a: Vector, factor: float) -> Vector:
    return a[0] * factor, a[1] * factor, a[2] * factor


def _dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
