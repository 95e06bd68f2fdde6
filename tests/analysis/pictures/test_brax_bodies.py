"""Brax bodies: a pose read from an observation is the pose that Brax itself has, and torques turn as Brax turns."""

import base64
import json
import re
import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hadesd.analysis.evaluation.rollout_recording import Recording
from hadesd.analysis.pictures import brax_bodies, brax_viewer
from hadesd.analysis.pictures.bodies import brax_body
from hadesd.distill.environments.brax import BraxEnvironment
from hadesd.spec.environments import find

pytestmark = [pytest.mark.environment]

PINNED = {
    "hopper": 1,
    "halfcheetah": 1,
    "ant": 2,
    "humanoid": 2,
    "reacher": 0,
    "inverted_double_pendulum": 0,
}
"""Environment -> how many of x, y its observation leaves out."""


def moved(name: str):
    """The environment's body, an observation and the links' places away from the first state."""
    env = BraxEnvironment(name, "positional")
    state = jax.jit(env._env.pipeline_init)(*_somewhere(env))
    observation = env._env._get_obs(state, jnp.zeros(env.actions)) if "humanoid" in name else env._env._get_obs(state)
    return brax_body(find(name), "positional"), np.asarray(observation), state


def _somewhere(env):
    key_q, key_qd = jax.random.split(jax.random.key(3))
    sys = env._env.sys
    q = sys.init_q + 0.3 * jax.random.normal(key_q, (sys.q_size(),))
    if sys.link_types.startswith("f"):
        q = q.at[3:7].divide(jnp.linalg.norm(q[3:7]))
    return q, 0.5 * jax.random.normal(key_qd, (sys.qd_size(),))


@pytest.mark.parametrize("name", PINNED)
def test_a_pose_read_from_an_observation_is_brax_own(name):
    body, observation, state = moved(name)
    ours = body.ends(observation[None])[0]
    brax = body.ends_of(np.asarray(state.x.pos)[None], np.asarray(state.x.rot)[None])[0]
    root = np.flatnonzero(body.scene.moving)[0]
    missing = brax[root, 0] - ours[root, 0]
    missing[PINNED[name] :] = 0  # what the observation leaves out is the same for every stick; nothing else may differ
    brax[body.scene.moving] -= missing
    np.testing.assert_allclose(ours, brax, atol=2e-5, err_msg=f"{name} is posed wrongly")


def test_a_torque_is_drawn_the_way_that_it_turns_the_foot():
    name = "hopper"
    env, body = BraxEnvironment(name, "positional"), brax_body(find(name), "positional")
    state, observation = env.reset(jax.random.key(0))
    action = jnp.array([0.0, 0.0, 0.8])
    after = jax.jit(env.step)(jax.random.key(1), state, action)[1]

    def turned(pose):  # of the foot against the leg, counter-clockwise in the picture
        foot, leg = (pose[i, 1] - pose[i, 0] for i in (3, 2))
        return np.arctan2(foot[2], foot[0]) - np.arctan2(leg[2], leg[0])

    before, later = (body.ends(np.asarray(o)[None])[0] for o in (observation, after))
    (panel,) = body.panels(np.asarray(observation)[None], np.asarray(action)[None])
    change = np.angle(np.exp(1j * (turned(later) - turned(before))))
    assert np.sign(panel.turns[2].amount) == np.sign(change), "the arc shows the other direction"
    assert abs(panel.turns[2].amount) == pytest.approx(0.8)


def test_a_quaternion_of_any_length_keeps_the_body_together():
    body, observation, _ = moved("ant")
    absurd = observation.copy()
    absurd[1:5] *= 40
    np.testing.assert_allclose(body.ends(absurd[None]), body.ends(observation[None]), atol=1e-4)


def test_what_cannot_be_posed_is_not():
    assert not brax_bodies.can_pose("pusher"), "its observation does not say how its object lies"
    assert all(brax_bodies.can_pose(name) for name in PINNED)


def test_brax_own_viewer_gets_every_second_frame_of_a_long_recording():
    body, count = brax_body(find("hopper"), "positional"), 2 * brax_viewer.MOST_FRAMES
    positions = np.zeros((count, 4, 3), np.float32)
    positions[:, 0, 0] = np.arange(count)
    rotations = np.tile(np.array([1, 0, 0, 0], np.float32), (count, 4, 1))
    nothing, one = np.zeros((count, 11), np.float32), np.ones(11, np.float32)
    recording = Recording(nothing, nothing[:, :3], nothing[:, 0], (positions, rotations), True, one, one, 1, 0.0)
    page = brax_viewer.document(body, recording)
    packed = re.search(r'var system = "([^"]+)"', page)
    content = json.loads(zlib.decompress(base64.b64decode(packed.group(1))))
    assert [state["pos"][0][0] for state in content["states"]["x"]][:3] == [0.0, 2.0, 4.0]
    assert len(content["states"]["x"]) == brax_viewer.MOST_FRAMES
    assert content["opt"]["timestep"] == pytest.approx(2 * body.seconds), "it would play at another speed"
