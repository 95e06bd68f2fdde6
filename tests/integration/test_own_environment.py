"""An environment and a policy of one's own, in a package that is installed apart: the whole way, as its author goes."""

import asyncio
import contextlib
import json
import shutil
from pathlib import Path

import pytest

from hades_protocol.async_client import AsyncClient
from hades_protocol.errors import ExitCode
from hades_protocol.events import DatasetPublished
from hades_protocol.messages import DatasetSnapshot
from hades_protocol.run_state import RunState
from tests.helpers.processes.daemon import Home
from tests.helpers.runs.own_package import EXAMPLE, install

CODE, POLICY = "hades_docking.environment:Docking", "hades_docking.policy:Linear"
TINY = [
    f"--set={assignment}"
    for assignment in (
        "evolution.population=4",
        "evolution.generations=3",
        "cloning.epochs=4",
        "policy.width=8",
        "policy.depth=1",
        "evaluation.environments=2",
        "evaluation.mean_every=0",
        "resources.devices=1",
    )
]


def ok(home: Home, *arguments: str) -> str:
    done = home.hadesd(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def started_and_seen(home: Home, *arguments: str) -> tuple[str, DatasetSnapshot]:
    """Start a run while a client is attached: its id, and the first pairs that the client gets."""
    client = AsyncClient(home.paths.control_endpoint, home.paths.events_endpoint)
    run = ""
    async with contextlib.aclosing(client.attach()) as items:
        async for item in items:
            if not run:
                run = (await asyncio.to_thread(ok, home, "start", *arguments)).strip()
                client.watch(run)
            if isinstance(item, DatasetPublished):
                break
    client.close()
    return run, item.dataset


@pytest.fixture
def package(home: Home, tmp_path: Path) -> Path:
    """Where the example is installed: seen by the processes of the home, and by nobody else."""
    site = install(EXAMPLE, tmp_path / "site", tmp_path)
    home.environ["PYTHONPATH"] = str(site)
    home.daemon()
    return site


def test_it_is_distilled_attached_to_exported_and_evaluated_and_waits_where_its_package_is_gone(
    home: Home, package: Path, tmp_path: Path
) -> None:
    listed = json.loads(ok(home, "environments", "--json"))["environments"][-1]
    assert (listed["name"], listed["code"], listed["package"]) == ("docking", CODE, "hades-docking 0.1.0")
    run, shown = asyncio.run(started_and_seen(home, "--env=docking", *TINY))
    assert (shown.observation_names, shown.observation_units) == (("x", "speed"), ("m", "m/s"))
    assert (shown.action_names, shown.states.shape[1:]) == (("thrust",), (2,))
    assert home.reaches(run, RunState.FINISHED, 3).env == "docking"
    assert "physics native" in ok(home, "status", run), "its own machine code"

    file = tmp_path / "docking.npz"
    ok(home, "export", run, "-o", str(file), "--card")
    assert "hades-docking" in file.with_suffix(".md").read_text()
    meta = json.loads(ok(home, "pairs", str(file), "--json"))["meta"]
    assert meta["own_environment"] == home.record(run)["spec"]["own_environment"]
    assert meta["versions"]["hades-docking"].startswith("0.1.0, code ")

    aside = package.rename(tmp_path / "aside")
    fork = ok(home, "fork", f"{run}@3", f"--set=policy.kind={POLICY}", "--set=evolution.generations=5").split()[0]
    failed = home.reaches(fork, RunState.FAILED, 3)
    assert failed.reason.startswith("no installed package offers an environment 'docking'")
    assert failed.generation == 3, "nothing is lost"

    shutil.rmtree(aside)
    install(EXAMPLE, package, tmp_path, version="0.2.0")
    ok(home, "resume", fork)
    home.reaches(fork, RunState.FINISHED, 5)
    resumed = (home.paths.runs / fork / "resumes.jsonl").read_text().splitlines()[-1]
    assert "hades-docking 0.1.0, code " in json.loads(resumed)["text"]
    assert not json.loads(resumed)["bit_exact"]

    ok(home, "export", fork, "-o", str(file), "--force")
    refused = home.hadesd("evaluate", str(file), "--inits=1")
    assert (refused.returncode, POLICY in refused.stderr) == (ExitCode.USAGE, True)
    assert "--trust" in refused.stderr
    with (package / "hades_docking" / "environment.py").open("a") as source:
        source.write("print('a chatty environment')\n")
    found = json.loads(ok(home, "evaluate", str(file), "--inits=1", "--episodes=2", "--json", "--trust", POLICY))
    assert (found["env"], found["returns"]["unfinished"]) == ("docking", 0)
