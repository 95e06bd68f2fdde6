"""Classic control: the drawings agree with gymnax."""

import numpy as np
import pytest

from hadesd.analysis.pictures import classic, sticks
from hadesd.spec import environments

STATES = {
    "CartPole-v1": [[0.5, 1.0, 0.3, -1.0], [7.0, 0.0, 3.0, 0.0]],
    "Pendulum-v1": [[1.0, 0.0, 2.0], [0.0, 1.0, -2.0]],
    "Acrobot-v1": [[1.0, 0.0, 1.0, 0.0, 0.0, 0.0], [-1.0, 0.0, 1.0, 0.0, 1.0, 1.0]],
    "MountainCarContinuous-v0": [[-0.5, 0.01], [4.0, -0.05]],
}


def panels(name):
    states = np.array(STATES[name], np.float32)
    entry = environments.find(name)
    actions = np.eye(entry.actions)[[0, -1]] if entry.discrete else np.array([[-0.5], [1.0]])
    body = classic.body_of(name, states)
    return body, body.panels(states, actions)


@pytest.mark.parametrize("name", [e.name for e in environments.ENVIRONMENTS.values() if e.family == "classic"])
def test_every_classic_environment_has_a_body_that_fits_its_scene(name):
    body, drawn = panels(name)
    assert drawn[0].ends.shape == (len(body.scene.radii), 2, 3), "one pair of ends for each stick of the scene"
    assert len(body.scene.colours) == len(body.scene.radii) == len(body.scene.moving)
    assert body.legend


def test_cartpole_leans_right_where_its_angle_is_positive_and_left_is_drawn_to_the_left():
    body, (first, second) = panels("CartPole-v1")
    pole = first.ends[4]
    assert pole[1, 0] - pole[0, 0] == pytest.approx(np.sin(0.3))
    assert first.arrows[0].vector[0] < 0 < second.arrows[0].vector[0]
    assert body.scene.span > 14, "a cart at 7 m must be in view"
    assert first.ghost[3, 0, 0] == pytest.approx(first.ends[3, 0, 0] + 0.1), "1 m/s for 0.1 s"


def test_pairs_of_cartpole_have_one_size_and_nothing_is_cut_off():
    """Cart, pole and arrow stand in the middle; where the cart is on the track is on the strip beneath."""
    states = np.array([[0.5, 1.0, 0.3, -1.0], [7.0, 0.0, 1.5, 0.0], [-17.3, 0.0, -1.5, 0.0], [0.0, 0.0, 3.0, 0.0]])
    for shown in (states[:3], states):
        body = classic.body_of_pairs("CartPole-v1", shown)
        assert body is not None
        scene = body.scene
        half, height = scene.span / 2, scene.height / 2
        places = []
        for panel in body.panels(shown, np.eye(2)[[0, 1, 0, 1][: len(shown)]]):
            arrow = panel.arrows[0]
            points = np.concatenate([panel.ends.reshape(-1, 3), [arrow.start, arrow.start + arrow.vector]])
            assert np.all(np.abs(points[:, 0]) < half)
            assert np.all(np.abs(points[:, 2] - scene.centre[2]) < height)
            assert panel.ends[6, 0, 0] == 0.0
            places.append(panel.ends[4, 0, 0])
        assert places[2] < -body.STRIP < 0 < places[0] < body.STRIP < places[1]
        assert places[0] == pytest.approx(body.STRIP * 0.5 / 2.4)


def test_pendulum_is_upright_at_angle_0_and_turns_counter_clockwise():
    _, (upright, quarter) = panels("Pendulum-v1")
    np.testing.assert_allclose(upright.ends[1, 1], [0, 0, 1], atol=1e-6)
    np.testing.assert_allclose(quarter.ends[1, 1], [-1, 0, 0], atol=1e-6)
    assert (upright.turns[0].amount, quarter.turns[0].amount) == (-0.5, 1.0)


def test_acrobot_hangs_at_angle_0_and_its_tip_counts_as_high_where_gymnax_says_so():
    _, (hanging, standing) = panels("Acrobot-v1")
    np.testing.assert_allclose(hanging.ends[3, 1], [0, 0, -2], atol=1e-6)
    assert standing.ends[3, 1, 2] == pytest.approx(2)
    assert standing.ends[0, 0, 2] == 1, "gymnax ends the episode where -cos(a) - cos(a + b) > 1"


def test_the_car_sits_on_the_hill_and_one_far_off_is_in_view():
    body, (first, second) = panels("MountainCarContinuous-v0")
    assert first.ends[-1, 0, 2] == pytest.approx(np.sin(3 * -0.5) * 0.45 + 0.55 + 0.05)
    right_edge = body.scene.centre[0] + body.scene.span / 2
    assert right_edge > 4.0
    assert first.arrows[1].vector[0] < 0 < second.arrows[1].vector[0]
    assert first.arrows[1].colour == sticks.PULL
