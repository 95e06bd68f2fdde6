"""What every test needs: the environment of a worker before anything imports jax, one compilation cache, patience."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.helpers.daemon import Home, a_home

CACHE = Path(__file__).parent.parent / ".hades-test-cache"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("PJRT_NPROC", "4")
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=2")

# How long an example takes says how busy the machine is.
settings.register_profile("hades", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hades")

# In the background and under nohup SIGINT is ignored, and that is inherited: tests press Ctrl-C on their children.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def home() -> Iterator[Home]:
    """A directory for one test's daemons, which end with it."""
    with a_home() as home:
        yield home


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files and directories that were forced onto the disk, in order; they really are."""
    paths: list[Path] = []
    fsync = os.fsync

    def seen(fd: int) -> None:
        paths.append(Path(os.readlink(f"/proc/self/fd/{fd}")))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", seen)
    return paths
