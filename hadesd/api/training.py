"""Policies that are trained on a dataset, as functions from observations to actions."""

import functools
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import jax
import jax.numpy as jnp
import numpy as np

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import RunSpec
from hadesd.analysis.datasets import shapes
from hadesd.analysis.datasets.settings import settings_for
from hadesd.analysis.evaluation import evaluate as training
from hadesd.analysis.evaluation.documents import Returns
from hadesd.analysis.evaluation.evaluate import TrainedPolicies
from hadesd.api.arguments import as_settings
from hadesd.api.datasets import Dataset, as_file
from hadesd.api.settings import dotted
from hadesd.compute import components
from hadesd.distill import normalise, policies
from hadesd.distill.dataset import StateActionPairs
from hadesd.distill.normalise import Statistics
from hadesd.distill.policies import Network
from hadesd.spec import environments


class Policies(Sequence["Policy"]):
    """N policies that were trained on one dataset: a sequence of `Policy`.

    module: the flax module; `module.apply(parameters, observation)` is (head [A], log_std [A] or None).
    parameters: a pytree whose leaves are float32 [N, ...] on the host.
    losses: float32 [N], the loss of each on the pairs at the end of its training.
    spec: the settings that they were trained with.
    """

    def __init__(self, trained: TrainedPolicies, spec: RunSpec, constants: Statistics) -> None:
        self.module: Network = trained.policy
        self.parameters: Any = trained.params
        self.losses: np.ndarray = trained.losses
        self.spec = spec
        self.trained = trained
        self.constants = constants

    def __len__(self) -> int:
        return len(self.losses)

    @overload
    def __getitem__(self, index: int) -> "Policy": ...

    @overload
    def __getitem__(self, index: slice) -> "list[Policy]": ...

    def __getitem__(self, index: int | slice) -> "Policy | list[Policy]":
        if isinstance(index, slice):
            return [Policy(self, i) for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"policy {index} of {len(self)}")
        return Policy(self, index % len(self))

    def __iter__(self) -> "Iterator[Policy]":
        return (Policy(self, i) for i in range(len(self)))

    def __repr__(self) -> str:
        p = self.spec.policy
        return f"<Policies: {len(self)} for {self.spec.env}, {p.kind} of {p.depth} x {p.width} {p.activation}>"

    def apply(self, parameters: Any, observation: Any) -> Any:
        """What a network says of one observation, which is normalised as the policy sees it; for programs in JAX.

        Args:
            parameters: of one policy (`policies[0].parameters`), or leaves of `parameters` under `jax.vmap`.
            observation: float32 [*observation].

        Returns:
            head float32 [A], the logits (discrete) or the mean action (continuous), and log_std float32 [A] or None.
        """
        return self.module.apply(parameters, observation)


class Policy:
    """One trained policy, called with observations: numpy in, numpy out.

    parameters: a pytree of float32 arrays.
    spec: the settings that it was trained with.
    """

    def __init__(self, family: Policies, index: int) -> None:
        self.parameters: Any = jax.tree.map(lambda leaf: leaf[index], family.parameters)
        self.spec = family.spec
        self._module = family.module
        self._constants = family.constants
        self._statistics = family.constants
        self._shape = environments.of_spec(self.spec).observation

    def __call__(self, observation: Any, rng: np.random.Generator | None = None) -> np.ndarray:
        """The action in an observation, or in a batch of them.

        Of `running` normalisation the policy keeps the statistics itself, as an evaluation does: they see every
        observation that it is called with; a batch is that of parallel environments. `reset` forgets them.

        Args:
            observation: [*observation] or [B, *observation], in the environment's natural units.
            rng: where given, the action is drawn from the policy; else it is the most probable one.

        Returns:
            int32 [] (or [B]): the number of a discrete action; else float32 [A] (or [B, A]) in [-1, 1], which stand
            for the environment's bounds.

        Raises:
            UsageError: the observation has another shape, or holds no numbers.
        """
        try:
            seen = np.asarray(observation, np.float32)
        except (TypeError, ValueError) as error:
            raise UsageError(f"a policy takes numbers as its observation: {error}") from None
        single = seen.shape == self._shape
        if not single and (seen.shape[1:] != self._shape or not len(seen)):
            raise UsageError(
                f"an observation of {self.spec.env} has shape {list(self._shape)}, a batch [B, *shape]: "
                f"not {list(seen.shape)}"
            )
        key = jax.random.key(0 if rng is None else int(rng.integers(2**32)))
        actions, self._statistics = _act(
            self._module,
            self.spec.evaluation.normalisation,
            None if rng is None else self.spec.evaluation.temperature,
            self.parameters,
            self._statistics,
            seen[None] if single else seen,
            key,
        )
        out = np.asarray(actions)
        return out[0] if single else out

    def reset(self) -> None:
        """Forget the statistics of `running` normalisation; of the others there are none to forget."""
        self._statistics = self._constants


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _act(
    module: Network,
    normalisation: str,
    temperature: float | None,
    parameters: Any,
    statistics: Statistics,
    observations: jax.Array,
    key: jax.Array,
) -> tuple[jax.Array, Statistics]:
    """Actions for observations [B, *observation], and the statistics after them. temperature: None for the mode."""
    if normalisation == "running":
        statistics = normalise.update(statistics, observations)

    def one(observation: jax.Array, key: jax.Array) -> jax.Array:
        seen = normalise.as_seen(normalisation, statistics, observation)
        return policies.act(module, parameters, seen, key, temperature is None, temperature or 1.0)

    return jax.vmap(one)(observations, jax.random.split(key, len(observations))), statistics


def train(dataset: Dataset, inits: int, seed: int, env: str | None, values: Mapping[str, Any] | None) -> Policies:
    """See hadesd.api.learning.train."""
    spec = spec_of(dataset, env, values)
    spaces, file = environments.of_spec(spec), as_file(dataset)
    pairs = StateActionPairs(*map(jnp.asarray, shapes.fit(file, spec, spaces)))
    constants = shapes.constants(file, spec, spaces)
    return Policies(training.train(spec, pairs, spaces, inits, seed), spec, constants)


def evaluate_dataset(
    dataset: Dataset, inits: int, episodes: int, seed: int, env: str | None, values: Mapping[str, Any] | None
) -> Returns:
    """What fresh policies return that are trained on a dataset."""
    spec = spec_of(dataset, env, values)
    _refuse_images(spec)
    return training.evaluate(as_file(dataset), spec, inits, episodes, seed).summary()


def evaluate_policies(family: Policies, episodes: int, seed: int) -> Returns:
    """What trained policies return."""
    _refuse_images(family.spec)
    task = training.task_of(family.spec, components.environment_of(family.spec), episodes)
    return training.measure(family.trained, task, family.constants, seed).summary()


def _refuse_images(spec: RunSpec) -> None:
    if environments.of_spec(spec).family == "images":
        raise UsageError(
            f"{spec.env} is a set of images, in which nothing returns: 'hadesd evaluate FILE' compares classifiers"
        )


def spec_of(dataset: Dataset, env: str | None, values: Mapping[str, Any] | None) -> RunSpec:
    """The settings that a dataset says, completed by the published ones, with `values` laid over them.

    Raises:
        UsageError: the environment is not known, a setting is not accepted, or the dataset is of several environments.
    """
    if "parts" in dataset.meta:
        raise UsageError(
            f"{dataset.source} is merged for several environments: 'hadesd evaluate FILE' trains policies for all of "
            "them; here, load the files that it was merged from"
        )
    return settings_for(
        as_file(dataset),
        env,
        dotted(as_settings(values)),
        hint="give it, e.g. env='CartPole-v1'",
        tell=lambda text: warnings.warn(text, UserWarning, stacklevel=7),
    )
