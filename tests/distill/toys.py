"""Environments whose returns can be worked out by hand. They are real environments of the Environment protocol."""

import jax
import jax.numpy as jnp

from hadesd.distill import strategies
from hadesd.distill.dataset import DatasetLayout
from hadesd.distill.environments.base import VMAP
from hadesd.distill.optimizer import Optimizer, TrainingSettings
from hadesd.distill.policies import MLP
from hadesd.distill.problem import Problem, TaskData
from hadesd.distill.rollout import Evaluation


class Counter:
    """Reward 1 a step; an episode lasts `length` steps; the observation is [steps, 1 - steps]."""

    name = "counter"
    observation = (2,)
    discrete = True
    actions = 2
    form = VMAP

    def __init__(self, length: int, nan_at: int = -1) -> None:
        self.length, self.nan_at = length, nan_at

    def reset(self, key):
        return jnp.int32(0), self._observe(jnp.int32(0))

    def step(self, key, state, action):
        steps = state + 1
        done = steps >= self.length
        following = jnp.where(done, 0, steps)
        reward = jnp.where(steps == self.nan_at, jnp.nan, 1.0)
        return following, self._observe(following), reward, done

    def _observe(self, steps: jax.Array) -> jax.Array:
        return jnp.stack([steps, 1 - steps]).astype(jnp.float32)


class Lights:
    """A grid of 3 x 5 lights and their negatives, and a light that always burns: zeros and ones. Action 1 switches the
    row below on, action 2 off, and noise switches one light; reward: lights that burn. Episodes end at random."""

    name = "lights"
    observation = (3, 5, 3)
    discrete = True
    actions = 3
    form = VMAP

    def reset(self, key):
        state = jax.random.bernoulli(key, 0.2, (3, 5)).astype(jnp.float32), jnp.int32(0)
        return state, self._observe(state)

    def step(self, key, state, action):
        lights, row = state
        key_place, key_end, key_reset = jax.random.split(key, 3)
        lights = lights.at[row].set(jnp.where(action == 0, lights[row], (action == 1).astype(jnp.float32)))
        place = jax.random.randint(key_place, (2,), 0, jnp.array([3, 5]))
        lights = lights.at[place[0], place[1]].set(1.0 - lights[place[0], place[1]] > 0.5)
        done = jax.random.bernoulli(key_end, 0.1)
        (fresh, first), _ = self.reset(key_reset)
        following = jnp.where(done, fresh, lights), jnp.where(done, first, (row + 1) % 3)
        return following, self._observe(following), lights.sum(), done

    def _observe(self, state):
        lights, row = state
        cursor = jnp.zeros((3, 5)).at[row].set(1.0)
        return jnp.stack([lights, 1.0 * (lights == 0), jnp.maximum(cursor, jnp.zeros((3, 5)).at[0, 0].set(1.0))], -1)


class Uneven:
    """Environments whose reset key is odd never finish; the others finish every 5 steps. Reward 1 a step."""

    name = "uneven"
    observation = (1,)
    discrete = True
    actions = 2
    form = VMAP

    def reset(self, key):
        endless = jax.random.key_data(key)[-1] % 2 == 1
        return (endless, jnp.int32(0)), jnp.zeros(1)

    def step(self, key, state, action):
        endless, steps = state
        done = ~endless & (steps + 1 >= 5)
        return (endless, jnp.where(done, 0, steps + 1)), jnp.zeros(1), jnp.float32(1.0), done


class Repeats:
    """One episode of 20 steps, in which nothing is seen: reward 1 for the action of the step before."""

    name = "repeats"
    observation = (1,)
    discrete = True
    actions = 2
    form = VMAP

    def reset(self, key):
        return (jnp.int32(0), jnp.int32(-1)), jnp.ones(1)

    def step(self, key, state, action):
        step, last = state
        return (step + 1, action), jnp.ones(1), (action == last).astype(jnp.float32), step + 1 == 20


class Echo:
    """Continuous: reward is the action's first entry, episodes of 4 steps."""

    name = "echo"
    observation = (1,)
    discrete = False
    actions = 2
    form = VMAP

    def reset(self, key):
        return jnp.int32(0), jnp.ones(1)

    def step(self, key, state, action):
        done = state + 1 >= 4
        return jnp.where(done, 0, state + 1), jnp.ones(1), action[0], done


def problem(env, pairs: int, strategy=None, population: int = 16, labels: str = "learned") -> Problem:
    """A small problem around one of these environments; two initialisations, evaluated greedily."""
    layout = DatasetLayout(pairs, env.observation, env.actions, env.discrete, labels)
    return Problem(
        env=env,
        policy=MLP(env.actions, env.discrete, width=8, depth=1, activation="tanh"),
        evaluation=Evaluation(environments=2, steps=4, normalisation="none", greedy=True),
        strategy=strategy or strategies.snes(population, layout.size, sigma=0.5, learning_rate=1.0, temperature=20.0),
        population=population,
        inits=2,
        seed=3,
        layout=layout,
        training=TrainingSettings(Optimizer("adam", 1e-2, None), epochs=20),
        task_data=TaskData(),
        unflatten=None,
        mean_inits=1,
        mean_groups=1,
    )
