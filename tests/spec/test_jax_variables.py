"""Which environment variables decide numbers: pinned, recorded, or named where JAX cannot start with them."""

from pathlib import Path

from hadesd.spec import jax_variables
from hadesd.supervisor.worker_environment import worker_environment
from tests.helpers.runs.specs import tiny


def test_of_a_workers_own_environment_nothing_is_recorded_or_blamed() -> None:
    env = worker_environment(tiny(), (), 2, Path("/cache"), {"HOME": "/", "JAX_COMPILATION_CACHE_MAX_SIZE": "9"})
    assert jax_variables.recorded(env) == ()
    assert jax_variables.overridden(env) == ()
    assert jax_variables.untried_flags(env) == []
    assert jax_variables.blamed(env, "no such device") == ()


def test_whatever_may_change_bits_is_recorded_once_and_sorted(tmp_path: Path) -> None:
    env = {
        "JAX_DISABLE_JIT": "1",
        "JAX_DEFAULT_MATMUL_PRECISION": "highest",
        "JAX_OF_A_LATER_VERSION": "x",
        "NVIDIA_TF32_OVERRIDE": "0",
        "JAX_ENABLE_X64": "1",
        "JAX_DEBUG_NANS": "",
        "JAX_LOG_COMPILES": "1",
        "XLA_FLAGS": "--xla_b=1 --xla_dump_to=/tmp --xla_a --xla_force_host_platform_device_count=2 --xla_b=2",
    }
    variables = ("JAX_DEFAULT_MATMUL_PRECISION=highest", "JAX_DISABLE_JIT=1", "JAX_OF_A_LATER_VERSION=x")
    assert jax_variables.recorded(env) == (*variables, "NVIDIA_TF32_OVERRIDE=0", "--xla_a", "--xla_b=2")
    (tmp_path / "flags").write_text("# mine\n--xla_b=3\n--xla_c\n")
    assert jax_variables.recorded({"XLA_FLAGS": str(tmp_path / "flags")}) == ("--xla_b=3", "--xla_c")


def test_what_a_user_set_otherwise_than_it_is_pinned_is_told() -> None:
    assert jax_variables.overridden(jax_variables.pinned()) == ()
    same = {"JAX_ENABLE_X64": "0", "JAX_THREEFRY_PARTITIONABLE": "true", "JAX_RANDOM_SEED_OFFSET": ""}
    assert jax_variables.overridden(same) == ()
    other = {"JAX_ENABLE_X64": "1", "JAX_DEFAULT_PRNG_IMPL": "rbg", "OPENBLAS_NUM_THREADS": "8"}
    told = ("JAX_DEFAULT_PRNG_IMPL=rbg", "JAX_ENABLE_X64=1", "OPENBLAS_NUM_THREADS=8")
    assert jax_variables.overridden(other) == told


def test_the_variable_that_an_error_is_about_is_blamed_else_all_that_could_be() -> None:
    env = {
        "JAX_PLATFORMS": "tpu",
        "JAX_DEFAULT_DEVICE": "foo",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2 --xla_nonsense",
        "JAX_ENABLE_X64": "banana",
        "JAX_LOGGING_LEVEL": "loud",
    }
    assert jax_variables.blamed(env, "jax.default_device must be") == ("JAX_DEFAULT_DEVICE=foo",)
    assert jax_variables.blamed(env, "Unknown flag in XLA_FLAGS: --xla_nonsense") == ("XLA_FLAGS=--xla_nonsense",)
    assert jax_variables.blamed(env, "jax_logging_level: loud") == ("JAX_LOGGING_LEVEL=loud",)
    every = ("JAX_PLATFORMS=tpu", "JAX_DEFAULT_DEVICE=foo", "XLA_FLAGS=--xla_nonsense")
    assert jax_variables.blamed(env, "it does not start") == every
