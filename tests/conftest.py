"""What every test needs: the environment of a worker before anything imports jax, one compilation cache, patience."""

import functools
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from hadesd.compute.jax_setup import collect_rarely
from hadesd.spec.jax_variables import BLAS_THREADS
from tests.helpers.processes.daemon import Home, a_home
from tests.helpers.suite import fast_lane, schedule

CACHE = Path(__file__).parent.parent / ".hades-test-cache"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("PJRT_NPROC", "4")
os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=2")
os.environ.update(BLAS_THREADS)

QUICK = {"xla_cpu_use_fusion_emitters": False, "xla_cpu_parallel_codegen_split_count": 1}
"""Flags of XLA that halve the time of its compiler once more, for programs that it does not optimise. Not in XLA_FLAGS,
which XLA reads once for all tests of a process, and which `prepare` tries in a process of its own."""

# JAX and Textual leave so many objects that collecting as often as Python does costs a sixth of the CPU time.
collect_rarely()

# How long an example takes says how busy the machine is.
settings.register_profile("hades", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hades")

# In the background and under nohup SIGINT is ignored, and that is inherited: tests press Ctrl-C on their children.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fast", action="store_true", help="only tests that need no process, environment or long time")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The fast lane: without the tests that are not in it. All tests, where xdist spreads them: as in `schedule`."""
    if not config.getoption("fast"):
        if hasattr(config, "workerinput"):
            items[:] = schedule.mixed(items)
        return
    left_out = [item for item in items if fast_lane.marks_of(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]
    fast_lane.enforce()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """XLA compiles in a fraction of the time, to slower code, for every test but those that are marked `optimised`.

    Before the fixtures of the test, here and, but for `QUICK`, in the workers that it starts.
    """
    quick = item.get_closest_marker("optimised") is None
    if quick:
        os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
    else:
        os.environ.pop("JAX_DISABLE_MOST_OPTIMIZATIONS", None)
    if "jax" in sys.modules:
        sys.modules["jax"].config.update("jax_disable_most_optimizations", quick)
        compile_with(QUICK if quick else {})


def compile_with(flags: dict[str, bool | int]) -> None:
    """Have this process compile with these flags of XLA, for which JAX has no setting."""
    pxla = sys.modules["jax._src.interpreters.pxla"]
    options_of = getattr(pxla.compiler.get_compile_options, "__wrapped__", pxla.compiler.get_compile_options)

    @functools.wraps(options_of)
    def get_compile_options(**given: Any) -> Any:
        overrides = flags | (given.pop("env_options_overrides", None) or {})
        return options_of(env_options_overrides=overrides, **given)

    pxla.compiler.get_compile_options = get_compile_options


def pytest_sessionfinish() -> None:
    """A process of xdist that takes long over its end is killed: what coverage.py measured in it is saved before."""
    if "coverage" in sys.modules and (measured := sys.modules["coverage"].Coverage.current()):
        measured.save()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """In the fast lane no test does what does not belong there."""
    if item.config.getoption("fast"):
        yield from fast_lane.watched(item)
    else:
        yield


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
