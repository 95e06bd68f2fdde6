"""jax as hades needs it: strict, cached, quiet. Called once in a process, before anything is computed."""

import os
import warnings
from pathlib import Path

import jax


def prepare(cache: Path | None = None) -> None:
    """Set strict promotion and the persistent compilation cache (JAX_COMPILATION_CACHE_DIR, or `cache`).

    Every program is cached, however small: three hundred tiny ones make up half of a Brax start.
    """
    warnings.filterwarnings("ignore", category=UserWarning, module="brax")
    if cache is not None and not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        jax.config.update("jax_compilation_cache_dir", str(cache))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # They would put the cache's own path into every key; what they keep, autotuning, deterministic ops turn off.
    jax.config.update("jax_persistent_cache_enable_xla_caches", "none")
