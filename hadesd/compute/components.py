"""RunSpec -> the parts that every computation needs: environment, policy, training, evaluation."""

import jax

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import RunSpec
from hadesd.compute import own_code
from hadesd.distill.environments import own_form
from hadesd.distill.environments.base import Environment, Spaces
from hadesd.distill.environments.compiled import FormError
from hadesd.distill.environments.make import make_environment
from hadesd.distill.optimizer import Optimizer, TrainingSettings
from hadesd.distill.policies import CNN, MLP, Network
from hadesd.distill.rollout import Evaluation
from hadesd.native import machine_code
from hadesd.spec import environments
from hadesd.spec.own_code import is_code


def environment_of(spec: RunSpec, physics: str | None = None) -> Environment:
    """The environment that a spec names. physics: instead of the spec's.

    Raises:
        UsageError: unknown name, a backend it does not run on, or a form of its steps that cannot be had.
    """
    entry = environments.of_spec(spec)
    backend = environments.backend_for(entry, spec.backend)
    try:
        if entry.family == "own":
            return own_form.in_form(own_code.environment_of(spec), physics or spec.physics)
        return make_environment(entry.name, backend, physics or spec.physics, (entry.observation, entry.actions))
    except FormError as error:
        raise UsageError(f"physics={physics or spec.physics}: {error}; physics=auto takes what there is") from None


def cloning_of(spec: RunSpec) -> str:
    """How policies are trained: "native" (machine code) on CPUs, unless a spec's physics says otherwise, or "xla"."""
    wanted = spec.physics in ("auto", "native") and jax.default_backend() == "cpu"
    return "native" if wanted and not machine_code.unavailable() else "xla"


def training_of(spec: RunSpec, cloning_form: str | None = None) -> TrainingSettings:
    """How a spec has policies trained. cloning_form: "native" or "xla", instead of what the spec leads to here."""
    c = spec.cloning
    native = (cloning_form or cloning_of(spec)) == "native"
    return TrainingSettings(Optimizer(c.optimizer, c.learning_rate, c.clip_norm, c.weight_decay), c.epochs, native)


def policy_of(spec: RunSpec, env: Spaces) -> Network:
    """The policy that a spec describes, for an environment.

    Raises:
        UsageError: it is one of the user's own, and cannot be imported or used.
    """
    p = spec.policy
    if is_code(p.kind):
        return own_code.policy_of(p.kind, p, env.actions, env.discrete, tuple(env.observation))
    if p.kind == "cnn":
        return CNN(env.actions, env.discrete, p.width, p.depth, p.activation, p.features)
    return MLP(env.actions, env.discrete, p.width, p.depth, p.activation)


def evaluation_of(spec: RunSpec) -> Evaluation:
    """How a spec has a policy evaluated."""
    e = spec.evaluation
    return Evaluation(
        environments=e.environments,
        steps=e.steps,
        normalisation=e.normalisation,
        greedy=e.action == "greedy",
        temperature=e.temperature,
    )
