"""JAX as it is started: what decides numbers is pinned, and a variable that keeps it from starting is named."""

import json
import os
import subprocess
import sys

import jax
import pytest

from hades_protocol.errors import UsageError
from hadesd.compute import jax_setup
from hadesd.spec import jax_variables

NUMBERS = "[float(x).hex() for x in jax.random.gumbel(jax.random.key(3), (3,))], (1 + jax.numpy.ones(1)).dtype.name"
OTHERWISE = {
    "JAX_DEFAULT_PRNG_IMPL": "rbg",
    "JAX_ENABLE_CUSTOM_PRNG": "1",
    "JAX_ENABLE_X64": "1",
    "JAX_EXPLICIT_X64_DTYPES": "error",
    "JAX_HIGH_DYNAMIC_RANGE_GUMBEL": "1",
    "JAX_LEGACY_PRNG_KEY": "error",
    "JAX_NUMPY_DTYPE_PROMOTION": "strict",
    "JAX_NUMPY_RANK_PROMOTION": "raise",
    "JAX_RANDOM_SEED_OFFSET": "7",
    "JAX_THREEFRY_PARTITIONABLE": "0",
}


@pytest.mark.process
def test_what_is_pinned_is_jaxs_own_default() -> None:
    """So the pins change nothing where a user has set nothing."""
    code = f"""
import enum, jax, json
values = {{name: jax.config.values[name.lower()] for name in {sorted(jax_variables.PINNED)}}}
print(json.dumps({{n: v.name.lower() if isinstance(v, enum.Enum) else v for n, v in values.items()}}))
"""
    unset = {name: value for name, value in os.environ.items() if name not in jax_variables.PINNED}
    done = subprocess.run([sys.executable, "-c", code], env=unset, capture_output=True, timeout=120)
    assert json.loads(done.stdout) == jax_variables.PINNED, done.stderr.decode()


@pytest.mark.process
def test_whatever_is_set_the_numbers_are_the_same() -> None:
    """Also where jax was imported, and has read the variables, before it is prepared."""
    assert OTHERWISE.keys() == jax_variables.PINNED.keys()
    code = f"import jax; from hadesd.compute.jax_setup import prepare; prepare(); print(({NUMBERS}))"
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | OTHERWISE, capture_output=True, timeout=120)
    assert done.stdout.decode().strip() == str(eval(NUMBERS, {"jax": jax})), done.stderr.decode()


@pytest.mark.process
def test_flags_with_which_xla_ends_the_process_are_refused_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=2 --xla_nonsense=1")
    with pytest.raises(UsageError, match=r"JAX cannot start with XLA_FLAGS=--xla_nonsense=1 \(Unknown flag"):
        jax_setup.check_variables()


def test_threads_are_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for threads in ("banana", "0", "-1", ""):
        monkeypatch.setenv("PJRT_NPROC", threads)
        with pytest.raises(UsageError, match=f"PJRT_NPROC={threads}: it takes a number"):
            jax_setup.check_variables()


def test_of_a_backtrace_the_first_error_is_told() -> None:
    log = (
        "W1128 13:19:33.1  4016 a.cc:6] warned\nE1128 13:17:36.6  26875 b.cc:63] Couldn't interpret abc.\nusage: --x\n"
    )
    assert jax_setup.last_words(log) == "Couldn't interpret abc."
    assert jax_setup.last_words("Traceback\nValueError: no") == "ValueError: no"
    assert jax_setup.last_words("") == "no message"
