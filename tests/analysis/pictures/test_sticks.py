"""Sticks with round ends: outlines, cameras, panels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadesd.analysis.pictures import sticks, style

coordinates = st.floats(-50, 50, allow_nan=False)
points = st.tuples(coordinates, coordinates)


@given(points, points, st.floats(0.01, 5))
def test_an_outline_is_as_far_from_its_stick_as_the_radius(a, b, radius):
    ends = np.array([a, b])
    along = ends[1] - ends[0]
    length = max(float(along @ along), 1e-12)
    for corner in sticks.outline(ends, radius):
        nearest = ends[0] + np.clip((corner - ends[0]) @ along / length, 0, 1) * along
        assert np.hypot(*(corner - nearest)) == pytest.approx(radius, rel=1e-3, abs=1e-5)


@given(st.floats(-180, 180), st.floats(-80, 80))
def test_a_camera_is_made_of_three_perpendicular_unit_vectors(azimuth, elevation):
    view = sticks.oblique(azimuth, elevation)
    frame = np.array([view.right, view.up, view.towards])
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-9)
    assert view.up[2] > 0, "z must point up in the picture"


def scene(view=sticks.SIDE, ground=0.0):
    return sticks.Scene(np.array([0.1]), (sticks.BODY,), np.array([True]), view, span=2.0, ground=ground)


def drawn(scene, panel):
    axes = style.figure(2, 2).subplots()
    sticks.draw(axes, scene, panel)
    return axes


def test_the_camera_follows_the_body_and_says_how_far_below_the_floor_is():
    panel = sticks.Panel(np.array([[[7.0, 0, 5.0], [9.0, 0, 5.0]]]))
    axes = drawn(scene(), panel)
    assert axes.get_xlim() == (7.0, 9.0)
    assert "floor 5.0 m below" in axes.texts[0].get_text()


@pytest.mark.parametrize(("amount", "colour"), [(0.5, sticks.PUSH), (-0.5, sticks.PULL), (-7.0, sticks.PULL)])
def test_an_arc_turns_with_the_torque_and_ends_at_full(amount, colour):
    panel = sticks.Panel(np.zeros((1, 2, 3)), turns=(sticks.Turn(np.zeros(3), amount),))
    arc = drawn(scene(ground=None), panel).lines[0]
    assert arc.get_color() == colour
    x, y = arc.get_xdata(), arc.get_ydata()
    turned = np.unwrap(np.arctan2(y, x))
    assert np.sign(turned[-1] - turned[0]) == np.sign(amount), "counter-clockwise is positive"
    assert abs(turned[-1] - turned[0]) <= np.radians(360), "an absurd torque must not wind around twice"
