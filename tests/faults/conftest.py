"""Homes whose disk, clock or processes are made to fail, and the undisturbed run that a disturbed one must equal."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hades_protocol import commands
from hades_protocol.messages import RunSummary
from hades_protocol.run_spec import spec_to_dict
from hades_protocol.run_state import RunState
from tests.helpers.faults.small_disk import SmallDisk, a_small_disk, can_be_root_of_a_namespace, can_mount
from tests.helpers.processes.daemon import Home, a_home
from tests.helpers.runs.specs import tiny

INSIDE = "HADES_TEST_NAMESPACE"

SPEC = spec_to_dict(tiny(evolution={"generations": 400}, resources={"devices": 2}))
"""A real run of CartPole-v1, each generation with a real checkpoint: time for a fault on a busy machine too."""


def submit(home: Home) -> str:
    """Queue a real run; its id."""
    summary: RunSummary = home.ask(commands.Start, spec=SPEC)
    return summary.id


def results(directory: Path) -> dict[str, bytes]:
    """What has to be the same, to the bit, whatever happened to the run."""
    return {name: (directory / name).read_bytes() for name in ("metrics.jsonl", "dataset.npz")}


@pytest.fixture
def home() -> Iterator[Home]:
    """A directory for one test's daemons."""
    with a_home() as home:
        yield home


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Directories of two runs of SPEC: one `finished` that nothing happened to, and one `paused` on its way."""
    with a_home() as home:
        daemon = home.daemon("--slots", "2")
        runs = {"paused": submit(home), "finished": submit(home)}
        home.reaches(runs["paused"], RunState.RUNNING, 50, seconds=240)
        home.ask(commands.Pause, run=runs["paused"])
        home.reaches(runs["paused"], RunState.PAUSED)
        home.reaches(runs["finished"], RunState.FINISHED, seconds=240)
        daemon.terminate()
        assert daemon.wait(60) == 0
        kept = tmp_path_factory.mktemp("runs")
        return {name: Path(shutil.copytree(home.paths.runs / run, kept / run)) for name, run in runs.items()}


@pytest.fixture(scope="session")
def twin(made: dict[str, Path]) -> dict[str, bytes]:
    """What a run of SPEC ends with when nothing happens to it."""
    return results(made["finished"])


def put(home: Home, run: Path) -> Path:
    """Copy a run's directory into a home that has no daemon yet; where it is there."""
    home.paths.make_private()
    return Path(shutil.copytree(run, home.paths.runs / run.name))


@pytest.fixture
def small_disk() -> Iterator[SmallDisk | None]:
    """A disk of 32 MiB. None where the test is about to be run in a namespace of its own."""
    if not can_mount():
        yield None
        return
    with a_small_disk() as disk:
        yield disk


@pytest.fixture
def small_home(small_disk: SmallDisk) -> Iterator[Home | None]:
    """A home on the small disk; the compilation cache of all tests is elsewhere."""
    if small_disk is None:
        yield None
        return
    home = Home(small_disk.directory)
    try:
        yield home
    finally:
        home.close()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that need the runs of `made` share one process of pytest-xdist, so that these are computed once."""
    for item in items:
        if isinstance(item, pytest.Function) and "made" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("faults"))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Where mounting is not permitted, a test that has to is run once more, as root of a namespace of its own."""
    if "small_disk" not in pyfuncitem.fixturenames or can_mount():
        return None
    if INSIDE in os.environ or not can_be_root_of_a_namespace():
        pytest.skip("a small disk cannot be mounted here, and 'unshare -rm' is not permitted either")
    nodeid = pyfuncitem.nodeid.partition("@")[0]  # xdist adds the group
    command = ["unshare", "-rm", sys.executable, "-m", "pytest", "-p", "no:cacheprovider", nodeid]
    done = subprocess.run(
        command, env={**os.environ, INSIDE: "1"}, cwd=pyfuncitem.config.rootpath, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-6000:]
    return True
