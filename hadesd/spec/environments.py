"""The environments by name, with what can be said of them without jax.

The command line validates names and completes them from here, presets are chosen by family, and the pairs are
labelled with the observation and action names. A test compares this table with the environments themselves.

Environments of one's own (hadesd.spec.own_code) are not in the table: what is known of them stands in a run's settings
and in what exported files say of themselves.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import OwnEnvironment, RunSpec

Family = Literal["brax", "minatar", "classic", "misc", "images", "own"]

BRAX_EPISODE_STEPS = 1000
"""Time limit of every Brax environment, in environment steps."""


@dataclass(frozen=True)
class EnvironmentInfo:
    """One environment, or (family images) one set of labelled images to distil; or (family own) one of a user's own.

    actions: number of actions (discrete) or of action dimensions (continuous); classes, for images.
    observation_names: one for each entry of a flat observation, or one for each channel of a grid;
        empty where indices say as much.
    observation_units: of each entry of a flat observation, "" where it has none; empty where nothing is said of them.
    episode_steps: time limit in environment steps; 0 for images, which have no episodes, and where it is not known.
    """

    name: str
    family: Family
    discrete: bool
    actions: int
    observation: tuple[int, ...]
    episode_steps: int
    observation_names: tuple[str, ...] = ()
    action_names: tuple[str, ...] = ()
    observation_units: tuple[str, ...] = ()

    @property
    def shown_units(self) -> tuple[str, ...]:
        """A unit for each entry of a flat observation of one's own, "" where none is said; else empty: names tell."""
        if self.family != "own" or len(self.observation) != 1:
            return ()
        return self.observation_units or ("",) * self.observation[0]

    @property
    def is_grid(self) -> bool:
        """Whether observations are [height, width, channels]."""
        return len(self.observation) == 3


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_WALKER = "z pitch thigh leg foot thigh_left leg_left foot_left vx vz w_pitch w_thigh w_leg w_foot"
_ANT_JOINTS = "hip_1 ankle_1 hip_2 ankle_2 hip_3 ankle_3 hip_4 ankle_4"


def _brax(name: str, actions: int, size: int, observations: str = "", action_names: str = "") -> EnvironmentInfo:
    return EnvironmentInfo(
        name, "brax", False, actions, (size,), BRAX_EPISODE_STEPS, _names(observations), _names(action_names)
    )


_FASHION = "t-shirt trouser pullover dress coat sandal shirt sneaker bag boot"


def _images(name: str, side: int, classes: str = "0 1 2 3 4 5 6 7 8 9") -> EnvironmentInfo:
    names = _names(classes)
    return EnvironmentInfo(name, "images", True, len(names), (side, side, 1), 0, ("brightness",), names)


def _minatar(game: str, steps: int, action_names: str, channels: str) -> EnvironmentInfo:
    names, actions = _names(channels), _names(action_names)
    return EnvironmentInfo(
        f"{game}-MinAtar", "minatar", True, len(actions), (10, 10, len(names)), steps, names, actions
    )


_ENTRIES = (
    _brax(
        "ant",
        8,
        27,
        "z quat_w quat_x quat_y quat_z "
        + _ANT_JOINTS
        + " vx vy vz wx wy wz "
        + " ".join(f"w_{j}" for j in _ANT_JOINTS.split()),
        _ANT_JOINTS,
    ),
    _brax(
        "halfcheetah",
        6,
        17,
        "z pitch bthigh bshin bfoot fthigh fshin ffoot vx vz w_pitch w_bthigh w_bshin w_bfoot w_fthigh w_fshin w_ffoot",
        "bthigh bshin bfoot fthigh fshin ffoot",
    ),
    _brax("hopper", 3, 11, "z pitch thigh leg foot vx vz w_pitch w_thigh w_leg w_foot", "thigh leg foot"),
    _brax("humanoid", 17, 244),
    _brax("humanoidstandup", 17, 244),
    _brax("inverted_double_pendulum", 1, 8, "x sin_1 sin_2 cos_1 cos_2 vx w_1 w_2", "push"),
    _brax("inverted_pendulum", 1, 4, "x angle vx w", "push"),
    _brax("pusher", 7, 23),
    _brax("reacher", 2, 11, "cos_1 cos_2 sin_1 sin_2 target_x target_y w_1 w_2 dx dy dz", "joint_1 joint_2"),
    _brax("swimmer", 2, 8, "angle joint_1 joint_2 vx vy w w_1 w_2", "joint_1 joint_2"),
    _brax("walker2d", 6, 17, _WALKER + " w_thigh_left w_leg_left w_foot_left", "thigh leg foot thigh_l leg_l foot_l"),
    EnvironmentInfo("CartPole-v1", "classic", True, 2, (4,), 500, _names("x vx angle w"), _names("left right")),
    EnvironmentInfo("Pendulum-v1", "classic", False, 1, (3,), 200, _names("cos sin w"), _names("torque")),
    EnvironmentInfo(
        "Acrobot-v1", "classic", True, 3, (6,), 500, _names("cos_1 sin_1 cos_2 sin_2 w_1 w_2"), _names("-1 0 +1")
    ),
    EnvironmentInfo("MountainCarContinuous-v0", "classic", False, 1, (2,), 999, _names("x vx"), _names("push")),
    _minatar("Asterix", 1000, "no-op left up right down", "player enemy trail gold"),
    _minatar("Breakout", 1000, "no-op left right", "paddle ball trail brick"),
    _minatar("Freeway", 2500, "no-op up down", "chicken car speed1 speed2 speed3 speed4 speed5"),
    _minatar(
        "Seaquest",
        1000,
        "no-op left up right down fire",
        "sub_front sub_back friend_bullet trail enemy_bullet fish enemy_sub oxygen diver_gauge diver",
    ),
    _minatar(
        "SpaceInvaders", 1000, "no-op left right fire", "cannon alien alien_left alien_right friend_bullet enemy_bullet"
    ),
    EnvironmentInfo(
        "Pong-misc", "misc", True, 3, (30, 40, 3), 1000, _names("paddles ball last_ball"), _names("no-op up down")
    ),
    _images("digits", 8),
    _images("mnist", 28),
    _images("fashion-mnist", 28, _FASHION),
)

ENVIRONMENTS: dict[str, EnvironmentInfo] = {entry.name: entry for entry in _ENTRIES}

_BY_LOWER = {name.lower(): entry for name, entry in ENVIRONMENTS.items()}

_GENERALIZED_ONLY = frozenset({"swimmer"})


def find(name: str, offered: Callable[[], Iterable[str]] = tuple) -> EnvironmentInfo:
    """The environment of that name; case does not matter.

    offered: asked where there is none for the names of installed packages' environments, one of which may be meant.

    Raises:
        UsageError: there is none; the nearest names are given.
    """
    if is_known(name):
        return _BY_LOWER[name.lower()]
    close = nearest_names(name, offered())
    meant = " or ".join(f"'{one}'" for one in close)
    hint = f"did you mean {meant}?" if close else f"known: {', '.join(ENVIRONMENTS)}, or your own: package.module:name"
    raise UsageError(f"unknown environment '{name}'; {hint}")


def described(name: str, own: OwnEnvironment) -> EnvironmentInfo:
    """An environment of one's own, as it describes itself."""
    return EnvironmentInfo(
        name=name,
        family="own",
        discrete=own.discrete,
        actions=own.actions,
        observation=own.observation,
        episode_steps=own.steps,
        observation_names=own.observation_names,
        action_names=own.action_names,
        observation_units=own.observation_units,
    )


def short_name(name: str) -> str:
    """What an environment is called in names of files, runs and groups: no version, no package."""
    return name.rpartition(":")[2].partition("-")[0]


def is_known(name: str) -> bool:
    """Whether an environment of that name is in the table; case does not matter."""
    return name.lower() in _BY_LOWER


def of_spec(spec: RunSpec) -> EnvironmentInfo:
    """The environment of a run: of the table, or as its settings describe one of the user's own.

    Raises:
        UsageError: it is neither.
    """
    if spec.own_environment == OwnEnvironment():
        return find(spec.env)
    if is_known(spec.env):
        raise UsageError(
            f"own_environment describes an environment of one's own, and {find(spec.env).name} is none: leave it out"
        )
    if not spec.own_environment.actions or not spec.own_environment.observation:
        raise UsageError(
            f"own_environment does not say observation and actions of {spec.env}: "
            f"'hadesd environments {spec.env} --toml' prints them for a spec file"
        )
    return described(spec.env, spec.own_environment)


def of_meta(meta: Mapping[str, Any]) -> EnvironmentInfo | None:
    """The environment that a dataset file names; None where it names none, or none of which anything is known.

    Nothing is imported: of an environment of somebody's own the file itself tells names and sizes.
    """
    name = str(meta.get("environment"))
    if name in ENVIRONMENTS:
        return ENVIRONMENTS[name]
    own = own_of_meta(meta)
    return None if own is None else described(name, own)


def own_of_meta(meta: Mapping[str, Any]) -> OwnEnvironment | None:
    """What a dataset file says of an environment that is none of the table's; None where it says nothing usable."""
    try:
        own = msgspec.convert(meta.get("own_environment"), OwnEnvironment)
    except msgspec.ValidationError:
        return None
    usable = own.actions and own.observation and not is_known(str(meta.get("environment")))
    return own if usable else None


def nearest_names(name: str, offered: Iterable[str] = ()) -> list[str]:
    """At most three environments that may be meant, the nearest first: `Hopper-v5`, `half cheetah`, `breakout`."""
    by_letters = {_letters(known): known for known in (*ENVIRONMENTS, *offered)}
    wanted = _letters(name)
    if wanted in by_letters:
        return [by_letters[wanted]]
    begin = [letters for letters in by_letters if wanted and letters.startswith(wanted)]
    close = [c for c in difflib.get_close_matches(wanted, by_letters, n=3, cutoff=0.5) if c not in begin]
    return [by_letters[letters] for letters in (begin + close)[:3]]


def _letters(name: str) -> str:
    """A name without its version, in small letters and digits alone."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r"-v\d+$", "", name.lower()))


def backend_for(entry: EnvironmentInfo, wanted: str) -> str:
    """The Brax backend: positional unless the environment lacks it (then generalized).

    Raises:
        UsageError: the environment does not run on the backend that was asked for, or has no backends.
    """
    if entry.family != "brax":
        if wanted != "auto":
            raise UsageError(f"backend is a setting of Brax environments; {entry.name} has none: leave it 'auto'")
        return "auto"
    if entry.name in _GENERALIZED_ONLY and wanted not in ("auto", "generalized"):
        raise UsageError(f"{entry.name} runs on the generalized backend only, not on {wanted}")
    if wanted == "auto":
        return "generalized" if entry.name in _GENERALIZED_ONLY else "positional"
    return wanted
