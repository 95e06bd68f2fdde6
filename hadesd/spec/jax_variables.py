"""Environment variables that decide what JAX computes: what must not vary is pinned, the rest is recorded. No jax."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

PINNED: dict[str, bool | int | str] = {
    "JAX_DEFAULT_PRNG_IMPL": "threefry2x32",
    "JAX_ENABLE_CUSTOM_PRNG": False,
    "JAX_ENABLE_X64": False,
    "JAX_EXPLICIT_X64_DTYPES": "warn",
    "JAX_HIGH_DYNAMIC_RANGE_GUMBEL": False,
    "JAX_LEGACY_PRNG_KEY": "allow",
    "JAX_NUMPY_DTYPE_PROMOTION": "standard",
    "JAX_NUMPY_RANK_PROMOTION": "allow",
    "JAX_RANDOM_SEED_OFFSET": 0,
    "JAX_THREEFRY_PARTITIONABLE": True,
}
"""What random numbers and the types of all others follow from: JAX's own defaults, whatever a user has set."""

BLAS_THREADS = {"OPENBLAS_NUM_THREADS": "1"}
"""Threads of scipy's OpenBLAS, in which jaxlib factorises the matrices of orthogonal initialisations. With one for each
core, those without work spin until the next call: 46% of the CPU time of Asterix on two cores. Pinned, because bits may
depend on their number."""

SHORT: dict[bool | int | str, str] = {True: "1", False: "0"}

OTHERS = ("CUBLAS_WORKSPACE_CONFIG", "LIBTPU_INIT_ARGS", "NVIDIA_TF32_OVERRIDE")
"""Variables of libraries below JAX that change what it computes."""

HARMLESS = re.compile(
    r"JAX_(COMPILATION_CACHE_|PERSISTENT_CACHE_|ENABLE_COMPILATION_CACHE|RAISE_PERSISTENT_CACHE_ERRORS|EXPLAIN_CACHE"
    r"|LOG_|LOGGING_|DUMP_IR_|TRACEBACK_|PPRINT_"
    r"|PLATFORMS$|PLATFORM_NAME$|CUDA_VISIBLE_DEVICES$|NUM_CPU_DEVICES$)"  # platform and devices are recorded as such
)
"""JAX's own that change no bit, or what is recorded under another name."""

HARMLESS_FLAG = re.compile(r"--xla_(dump_|force_host_platform_device_count=)")

OURS = re.compile(r"--xla_(force_host_platform_device_count=\d+|gpu_deterministic_ops=true)")
"""Flags that workers are given anyway, and with which XLA starts."""


def pinned() -> dict[str, str]:
    """The pinned variables as an environment holds them."""
    return {name: str(value) for name, value in PINNED.items()} | BLAS_THREADS


def overridden(environ: Mapping[str, str]) -> tuple[str, ...]:
    """NAME=VALUE of those that a user has set to something else than what is pinned."""
    return tuple(
        f"{name}={environ[name]}"
        for name, value in (PINNED | BLAS_THREADS).items()
        if environ.get(name) and environ[name].lower() not in (str(value).lower(), SHORT.get(value))
    )


def recorded(environ: Mapping[str, str]) -> tuple[str, ...]:
    """What else is set that may change bits, sorted: NAME=VALUE, and flags of XLA_FLAGS."""
    names = (name for name in environ if name in OTHERS or (name.startswith("JAX_") and not HARMLESS.match(name)))
    options = {f"{name}={environ[name]}" for name in names if name not in PINNED and environ[name]}
    last = {flag.partition("=")[0]: flag for flag in xla_flags(environ)}
    return tuple(sorted(options)) + tuple(sorted(flag for flag in last.values() if not HARMLESS_FLAG.match(flag)))


def xla_flags(environ: Mapping[str, str]) -> list[str]:
    """The flags of XLA_FLAGS, one by one. A value that begins with no dash is the path of a file that holds them."""
    value = environ.get("XLA_FLAGS", "").strip()
    if value and not value.startswith("-"):
        try:
            lines = Path(value).read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):
            return value.split()  # XLA will say that it cannot be read
        return " ".join(line for line in lines if not line.startswith("#")).split()
    return value.split()


def untried_flags(environ: Mapping[str, str]) -> list[str]:
    """Flags of a user: XLA ends the process where it does not know one, or its value."""
    return [flag for flag in xla_flags(environ) if not OURS.fullmatch(flag)]


def blamed(environ: Mapping[str, str], error: str) -> tuple[str, ...]:
    """NAME=VALUE of the variables that a user has set and that keep JAX from starting, as an error of its tells.

    Those that the error names; else all that could be meant.
    """
    text = error.lower()
    candidates = list(_users(environ))
    named = [name for name in candidates if name.lower() in text or name.lower().removeprefix("jax_") in text]
    if not named:
        named = [name for name in candidates if name in ("JAX_PLATFORMS", "XLA_FLAGS") or not HARMLESS.match(name)]
    return tuple(f"{name}={_users_part(environ, name)}" for name in named)


def _users_part(environ: Mapping[str, str], name: str) -> str:
    return " ".join(untried_flags(environ)) if name == "XLA_FLAGS" else environ[name]


def _users(environ: Mapping[str, str]) -> Iterator[str]:
    for name, value in environ.items():
        if not value or name in PINNED or (name == "JAX_PLATFORMS" and value == "cpu"):
            continue
        if name.startswith("JAX_") or name in OTHERS or (name == "XLA_FLAGS" and untried_flags(environ)):
            yield name
