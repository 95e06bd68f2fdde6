"""HaDES in plain JAX (Lupu et al. 2024, algorithm 1): CartPole-v1 in two pairs, without the rest of this project.

python examples/distil.py        # a minute on two cores; GENERATIONS=3 for a look
"""

import os

import gymnax
import jax
import jax.numpy as jnp
import optax

GENERATIONS = int(os.environ.get("GENERATIONS", "60"))
POPULATION, INITS, EPOCHS, EPISODES, SIGMA = int(os.environ.get("POPULATION", "128")), 2, 100, 2, 0.3
env, params = gymnax.make("CartPole-v1")
cloning, evolution = optax.adam(5e-3), optax.adam(0.15)
labels = jnp.eye(2)  # pair 0 is labelled "left", pair 1 "right": only their states evolve


def logits(policy, state):
    for kernel, bias in policy[:-1]:
        state = jnp.tanh(state @ kernel + bias)
    return state @ policy[-1][0] + policy[-1][1]


def trained(states, key):  # a fresh policy, trained on the pairs by behaviour cloning
    kernels = zip(jax.random.split(key, 3), ((4, 64), (64, 64), (64, 2)), (1.4, 1.4, 0.01), strict=True)
    policy = [(jax.nn.initializers.orthogonal(gain)(k, shape), jnp.zeros(shape[1])) for k, shape, gain in kernels]
    loss = lambda p: -jnp.mean(labels * jax.nn.log_softmax(logits(p, states)))  # noqa: E731

    def epoch(carry, _):
        updates, memory = cloning.update(jax.grad(loss)(carry[0]), carry[1])
        return (optax.apply_updates(carry[0], updates), memory), None

    return jax.lax.scan(epoch, (policy, cloning.init(policy)), None, EPOCHS)[0][0]


def episode(policy, key):  # its return
    def step(carry, key):
        observation, state, alive = carry
        action = jax.random.categorical(key, logits(policy, observation))
        observation, state, reward, terminated, truncated, _ = env.step(key, state, action, params)
        return (observation, state, alive * (1 - (terminated | truncated))), reward * alive

    return jnp.sum(jax.lax.scan(step, (*env.reset(key, params), 1.0), jax.random.split(key, 500))[1])


def fitness(states, key, inits=INITS):  # of a dataset: the mean return of fresh policies that are trained on it
    policies = jax.lax.map(lambda k: trained(states, k), jax.random.split(key, inits))
    returns = jax.vmap(lambda policy, k: jax.vmap(lambda one: episode(policy, one))(jax.random.split(k, EPISODES)))
    return jnp.mean(returns(policies, jax.random.split(key, inits)))


@jax.jit
def generation(mean, memory, key):  # an evolution strategy with antithetic samples and ranks (Salimans et al. 2017)
    key, key_noise = jax.random.split(key)
    half = jax.random.normal(key_noise, (POPULATION // 2, *mean.shape))
    noise = jnp.concatenate([half, -half])
    found = jax.lax.map(lambda states: fitness(states, key), mean + SIGMA * noise, batch_size=16)
    ranks = jnp.argsort(jnp.argsort(found)) / (POPULATION - 1) - 0.5
    gradient = -jnp.mean(ranks[:, None, None] * noise, axis=0) / SIGMA
    updates, memory = evolution.update(gradient, memory)
    return optax.apply_updates(mean, updates), memory, jnp.mean(found)


mean = jnp.zeros((2, 4))
memory = evolution.init(mean)
for number, key in enumerate(jax.random.split(jax.random.key(0), GENERATIONS), start=1):
    mean, memory, found = generation(mean, memory, key)
    print(f"generation {number}: mean return {found:.1f}")
print("the two states:", mean, sep="\n")
print(f"return of 16 fresh policies that are trained on them: {fitness(mean, jax.random.key(1), 16):.1f}")
