"""The form that the steps of an environment of one's own are computed in, and whether it may be trusted.

The environments of the table were compared with JAX one by one when they were added (benchmarks.physics_gate). Of
others nobody knows what their code does, so machine code of them is compared with `jax.vmap` whenever it is made.
"""

import copy

import jax
import jax.numpy as jnp
import numpy as np

from hadesd.distill import normalise, policies, rollout
from hadesd.distill.environments import compiled, make
from hadesd.distill.environments.base import VMAP, Environment
from hadesd.distill.environments.own import first_line

POLICIES, ENVIRONMENTS, STEPS = 4, 8, 64
"""What is rolled out in both forms."""

TOLERANCE = 1e-3


def in_form(env: Environment, physics: str) -> Environment:
    """The environment with its steps in a form, as make.in_form; the scalar one only where it agrees with vmap.

    Raises:
        FormError: the form that was asked for by name cannot be had; the text says why.
    """
    try:
        formed = make.in_form(env, physics)
        if formed.form.physics != "vmap" and not agrees(env):
            raise compiled.FormError(f"the scalar form of {env.name} computes other returns than JAX")
        return formed
    except compiled.FormError as error:
        why = error
    except Exception as error:  # noqa: BLE001 — the compiler meets code that nobody has seen
        why = compiled.FormError(f"{env.name} cannot be compiled: {first_line(error)}")
        why.__cause__ = error
    if physics != "auto":
        raise why
    env.form = compiled.fallback(str(why))
    return env


def agrees(env: Environment) -> bool:
    """Whether random policies return the same in the scalar form as in vmap, up to rounding."""
    policy = policies.MLP(env.actions, env.discrete, 8, 1, "tanh")
    setting = rollout.Evaluation(ENVIRONMENTS, STEPS, "running", greedy=False)
    plain = copy.copy(env)
    plain.form = VMAP

    def returns(one: Environment) -> rollout.RolloutResult:
        def each(key: jax.Array) -> rollout.RolloutResult:
            key_init, key_rollout = jax.random.split(key)
            params = policies.init(policy, key_init, env.observation)
            return rollout.evaluate(one, policy, params, normalise.unit(env.observation), key_rollout, setting)

        keys = jax.random.split(jax.random.key(0), POLICIES)
        found: rollout.RolloutResult = jax.device_get(jax.jit(lambda k: jax.lax.map(each, k))(keys))
        return found

    native, vmapped = returns(env), returns(plain)
    scale = TOLERANCE * (1.0 + jnp.max(jnp.abs(vmapped.fitness)))
    same = np.allclose(native.fitness, vmapped.fitness, rtol=TOLERANCE, atol=float(scale), equal_nan=True)
    return same and np.array_equal(native.episodes, vmapped.episodes)
