"""jax as hades needs it: pinned, cached, quiet. Called once in a process, before anything is computed."""

import gc
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

from hades_protocol.errors import UsageError
from hadesd.spec import jax_variables

PROBE = "import jax; jax.jit(lambda x: x + 1)(1.0).block_until_ready()"
PROBE_SECONDS = 120.0

LOG_LINE = re.compile(r"^[EF]\d{4} .*?\] (.*)$", re.MULTILINE)
"""Of what XLA says before it ends a process."""


def prepare(cache: Path | None = None) -> None:
    """Start JAX, with what decides numbers pinned, and with the persistent compilation cache.

    The cache: JAX_COMPILATION_CACHE_DIR, or `cache`. Every program is cached, however small: three hundred tiny ones
    make up half of a Brax start.

    Raises:
        UsageError: an environment variable that a user has set keeps JAX from starting; it is named with its value.
    """
    os.environ.update(jax_variables.pinned())
    check_variables()
    warnings.filterwarnings("ignore", category=UserWarning, module="brax")
    try:
        import jax

        _pin()
        jax.devices()
    except (ValueError, RuntimeError) as error:
        blamed = jax_variables.blamed(os.environ, str(error))
        if not blamed or _is_about_gpu():
            raise
        raise UsageError(refusal(blamed, str(error))) from None
    if cache is not None and not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        jax.config.update("jax_compilation_cache_dir", str(cache))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # They would put the cache's own path into every key; what they keep, autotuning, deterministic ops turn off.
    jax.config.update("jax_persistent_cache_enable_xla_caches", "none")


def collect_rarely() -> None:
    """Collect garbage less often than Python does: for processes of hades alone, as early as can be.

    What JAX imports and traces lives as long as the process. Going through it again and again is 0.5 of the 3.0 s of
    CPU time that a worker's start takes.
    """
    gc.set_threshold(500_000, 4, 100)


def check_variables() -> None:
    """Find out what would end this process when JAX starts, where no exception tells of it.

    Raises:
        UsageError: XLA does not take the flags of XLA_FLAGS, or PJRT_NPROC is no number of threads.
    """
    threads = os.environ.get("PJRT_NPROC", "1")
    if not threads.isdecimal() or int(threads) < 1:
        raise UsageError(f"PJRT_NPROC={threads}: it takes a number of threads from 1 on: correct or unset it")
    if not jax_variables.untried_flags(os.environ):
        return
    # Flags are read whatever the platform, and a CPU is there at once.
    # Errors of XLA are shown, whatever this process shows of them: they say what is wrong with a flag.
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "1"}
    command = [sys.executable, "-c", PROBE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_SECONDS, env=environment, cwd="/")
    except subprocess.TimeoutExpired:
        return  # which says nothing of the flags
    if done.returncode != 0:
        raise UsageError(refusal(jax_variables.blamed(environment, done.stderr), last_words(done.stderr)))


def refusal(blamed: tuple[str, ...], error: str) -> str:
    """The line that names the variables. blamed: NAME=VALUE of each."""
    words = (error.strip().splitlines() or ["no message"])[0][:300]
    them = "it" if len(blamed) == 1 else "them"
    return f"JAX cannot start with {' and '.join(blamed)} ({words}): correct or unset {them}"


def last_words(stderr: str) -> str:
    """The line that says why a process could not start JAX: the first that XLA logged as an error, else the last."""
    if found := LOG_LINE.search(stderr):
        return found[1]
    return (stderr.strip().splitlines() or ["no message"])[-1]


def _pin() -> None:
    """For a process that had imported jax before its environment was set."""
    import jax

    for name, value in jax_variables.PINNED.items():
        if name.lower() in jax.config.values:  # another version of JAX may lack one
            jax.config.update(name.lower(), value)


def _is_about_gpu() -> bool:
    """Whether the process was given GPUs and asked for them: that one does not start now says nothing of variables."""
    asked = {"cuda", "gpu", "rocm"} & set(os.environ.get("JAX_PLATFORMS", "").lower().split(","))
    return bool(asked and os.environ.get("CUDA_VISIBLE_DEVICES"))
