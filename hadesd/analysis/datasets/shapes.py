"""A dataset file and an environment brought together: shapes that fit, constants that are there."""

import jax.numpy as jnp
import numpy as np

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import RunSpec
from hadesd.analysis.datasets.reader import DatasetFile, check_constants, check_sizes, complete_file_hint, in_order_of
from hadesd.distill import normalise
from hadesd.distill.environments.base import Spaces
from hadesd.distill.normalise import Statistics
from hadesd.spec import environments


def fit(dataset: DatasetFile, spec: RunSpec, env: Spaces) -> tuple[np.ndarray, np.ndarray]:
    """The states float32 [D, *obs] and the actions float32 [D, A] in the environment's shapes and order.

    Raises:
        UsageError: the numbers of entries differ, or their names.
    """
    dataset = in_order_of(dataset, environments.of_spec(spec))
    check_sizes(dataset, env.name, env.observation, env.actions)
    return dataset.states.reshape(-1, *env.observation), dataset.actions


def constants(dataset: DatasetFile, spec: RunSpec, env: Spaces) -> Statistics:
    """What observations are normalised with where the normalisation is fixed; else the unit.

    Raises:
        UsageError: fixed normalisation, and the file lacks its constants or they do not fit.
    """
    if spec.evaluation.normalisation != "fixed":
        return normalise.unit(env.observation)
    dataset = in_order_of(dataset, environments.of_spec(spec))
    if dataset.obs_mean is None or dataset.obs_var is None:
        raise UsageError(
            f"{dataset.path} has no obs_mean and obs_var, which fixed normalisation needs: "
            "add them, or use --set evaluation.normalisation=running or none" + complete_file_hint(dataset.meta)
        )
    check_constants(dataset.path, dataset.obs_mean, dataset.obs_var, int(np.prod(env.observation)))
    mean, variance = (jnp.asarray(a.reshape(env.observation)) for a in (dataset.obs_mean, dataset.obs_var))
    return Statistics(mean, variance, jnp.float32(1.0))
