"""Stick figures: the poses are Brax's own, and what a pair asks for can be seen at every size."""

import math

import msgspec
import numpy as np
import pytest

from hades_protocol.messages import DatasetSnapshot
from hades_tui.pairs.drawings import bars, bodies
from hades_tui.pairs.drawings.choice import drawing_of
from hades_tui.pairs.drawings.skeleton import READINGS, pose, skeleton_of
from hades_tui.theme.glyphs import ASCII, UNICODE
from hades_tui.theme.terminal import Terminal
from hadesd.spec import environments
from tests.helpers.protocol.protocol_server import float_array
from tests.helpers.screen.lines import texts_of
from tools import skeletons

COLOURED, PLAIN = Terminal(UNICODE), Terminal(ASCII, colours=False)

UPRIGHT = {"hopper": (1.25, 11, 3), "walker2d": (1.25, 17, 6), "ant": (0.55, 27, 8)}
"""Height at rest; entries of an observation and of an action."""


def at_rest(env: str, action: float = 0.5, normalisation: str = "none") -> DatasetSnapshot:
    height, size, acts = UPRIGHT[env]
    state = [height] + [0.0] * (size - 1)
    if env == "ant":
        state[1] = 1.0  # an upright quaternion
    names = environments.find(env)
    return DatasetSnapshot(
        generation=1,
        states=float_array((1, size), state),
        actions=float_array((1, acts), [action] * acts),
        discrete=False,
        normalisation=normalisation,
        observation_names=names.observation_names,
        action_names=names.action_names,
    )


def hues_of(dataset: DatasetSnapshot, env: str, width: int, height: int) -> set[str]:
    draw = drawing_of(env, dataset)
    assert draw is not None
    return {hue for line in draw(dataset, 0, width, height, COLOURED) for text, hue in line if text.strip(" ⠀")}


@pytest.mark.environment
@pytest.mark.optimised
def test_poses_are_those_of_brax() -> None:
    """Sticks and torques of random states against Brax's kinematics, and the file against Brax's models."""
    random = np.random.default_rng(0)
    for name in ("hopper", "ant"):
        body = skeletons.brax_body(environments.find(name), "auto")
        kept = skeleton_of(name)
        assert kept is not None
        assert msgspec.to_builtins(kept) == msgspec.to_builtins(msgspec.convert(skeletons.skeleton(name), type(kept)))
        states = random.normal(size=(3, READINGS[name][0]))
        actions = random.uniform(-1, 1, (3, len(kept.actuators)))
        for state, action, panel in zip(states, actions, body.panels(states, actions), strict=True):
            found = pose(name, kept, state.tolist(), action.tolist())
            assert np.allclose(found.ends, body.scene.view.flat(panel.ends), atol=1e-3), name
            if panel.turns:
                centres = [body.scene.view.flat(turn.centre) for turn in panel.turns]
                assert np.allclose([torque.at for torque in found.torques], centres, atol=1e-3), name
                assert np.allclose([t.amount for t in found.torques], [t.amount for t in panel.turns], atol=1e-6)


def test_every_body_that_the_reports_draw_is_known_to_the_screen() -> None:
    from hadesd.analysis.pictures.brax_bodies import can_pose

    for entry in environments.ENVIRONMENTS.values():
        if entry.family == "brax":
            assert (skeleton_of(entry.name) is not None) == can_pose(entry.name), entry.name
            skeleton = skeleton_of(entry.name)
            if skeleton is not None:
                assert READINGS[entry.name][0] == math.prod(entry.observation), entry.name
                assert len(skeleton.actuators) == entry.actions, entry.name


def test_a_figure_has_body_arcs_and_bars_where_there_is_room() -> None:
    for env, (_, _, acts) in UPRIGHT.items():
        for width, height in ((76, 12), (118, 20), (158, 30)):
            drawn = hues_of(at_rest(env), env, width, height)
            assert {"gold", "heading"} <= drawn, (env, width)
            lines = texts_of(drawing_of(env, at_rest(env))(at_rest(env), 0, width, height, COLOURED))  # type: ignore[misc]
            assert len(lines) <= height
            assert any("+0.500" in line for line in lines), (env, width)
        assert "heat+3" in hues_of(at_rest(env, 1.0), env, 30, 20), (env, acts)
        assert not any("heat" in hue for hue in hues_of(at_rest(env, 0.0), env, 30, 20)), env


def test_velocities_leave_a_faint_shadow() -> None:
    dataset = at_rest("hopper")
    _, size, _ = UPRIGHT["hopper"]
    state = [1.25] + [0.0] * (size - 1)
    still = drawing_of("hopper", dataset)(dataset, 0, 30, 20, COLOURED)  # type: ignore[misc]
    state[9] = 15.0  # the leg swings
    moving = msgspec.structs.replace(dataset, states=float_array((1, size), state))
    drawn = drawing_of("hopper", moving)(moving, 0, 30, 20, COLOURED)  # type: ignore[misc]
    above_the_floor = [[hue for text, hue in line if text.strip(" ⠀")] for line in drawn[2:-3]]
    assert any("faint" in hues for hues in above_the_floor)
    assert not any(hue == "faint" for line in still[2:-3] for text, hue in line if text.strip(" ⠀"))


def test_a_body_needs_natural_units() -> None:
    normalised = at_rest("hopper", normalisation="fixed")
    assert drawing_of("hopper", normalised) is bars.lines
    known = msgspec.structs.replace(
        normalised, obs_mean=float_array((11,), [0.5] * 11), obs_var=float_array((11,), [4.0] * 11)
    )
    assert bodies.can_draw("hopper", known)
    assert drawing_of("hopper", known) is not bars.lines
    foreign = msgspec.structs.replace(known, obs_mean=float_array((4,), [0.0] * 4))
    assert drawing_of("hopper", foreign) is bars.lines


def test_broken_numbers_and_small_panels_leave_text() -> None:
    for value in (math.nan, math.inf, 1e30):
        dataset = msgspec.structs.replace(at_rest("hopper"), states=float_array((1, 11), [value] * 11))
        for width, height in ((3, 1), (30, 5), (76, 14)):
            for terminal in (COLOURED, PLAIN):
                lines = bodies.lines("hopper", dataset, 0, width, height, terminal)
                assert len(lines) <= height, (value, width)
                assert terminal is COLOURED or all(text.isascii() for text in texts_of(lines))
