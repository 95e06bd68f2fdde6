"""The environment that a worker starts in, set before anything imports jax; and one compilation cache for all tests."""

import os
from pathlib import Path

CACHE = Path(__file__).parent.parent / ".hades-test-cache"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("PJRT_NPROC", "4")
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=2")
