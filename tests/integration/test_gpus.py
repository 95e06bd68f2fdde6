"""GPUs from the command line to the worker's environment: a real daemon, whose NVML alone is a fake.

Workers only count; another user's process on a GPU is a real process of another user.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hades_protocol import commands, events
from hades_protocol.errors import UsageError
from hades_protocol.messages import GpuInfo, RunSummary
from hades_protocol.run_state import RunState
from tests.helpers.processes.daemon import Home, until
from tests.helpers.processes.gpus import GIB, FakeGpus, process_of_another_user
from tests.supervisor.test_run import stream, subscribed

S = RunState


@pytest.fixture
def two(home: Home) -> FakeGpus:
    """Two GPUs of 100 GiB, which daemons and commands of this home see."""
    home.paths.state.mkdir(exist_ok=True)
    return installed(home, FakeGpus(home.paths.state / "nvml.json", 2))


@pytest.fixture
def one(home: Home) -> FakeGpus:
    """One such GPU."""
    return installed(home, FakeGpus(home.paths.state / "nvml.json", 1))


def installed(home: Home, fake: FakeGpus) -> FakeGpus:
    home.environ |= fake.environ
    for name in ("CUDA_VISIBLE_DEVICES", "JAX_PLATFORMS"):
        home.environ.pop(name, None)
    return fake


@pytest.fixture
def stranger() -> Iterator[int]:
    with process_of_another_user() as pid:
        yield pid


def start(home: Home, priority: int = 0, generations: int = 1_000_000, **resources: Any) -> RunSummary:
    spec = {
        "env": "CartPole-v1",
        "policy": {"width": 20},
        "evolution": {"generations": generations},
        "resources": resources,
    }
    summary: RunSummary = home.ask(commands.Start, spec=spec, priority=priority)
    return summary


def environment_of(pid: int) -> dict[str, str]:
    entries = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


def test_a_run_gives_way_to_another_user_and_comes_back(home: Home, one: FakeGpus, stranger: int) -> None:
    home.fake_daemon()
    run = start(home, yield_to_others=True, yield_cooldown=4.0).id
    worker = home.reaches(run, S.RUNNING, 3).worker_pid
    assert worker is not None
    assert environment_of(worker)["CUDA_VISIBLE_DEVICES"] == "GPU-00"
    one.use(0, (worker, 2 * GIB), (stranger, 31 * GIB))
    given_way = home.reaches(run, S.QUEUED)
    assert f"(pid {stranger}, 31 GiB)" in given_way.reason
    assert "the run waits until it has been free for 4 s" in given_way.reason
    assert "yields to" in given_way.reason
    assert (given_way.worker_pid, given_way.gpus, home.worker_pids()) == (None, (), [])
    assert home.generations(run) == list(range(1, given_way.generation + 1)), "what it had computed is committed"
    assert [entry["what"] for entry in home.record(run)["history"]].count("yielded") == 1

    one.use(0)
    until(lambda: "to go" in home.show(run).reason, "it is counted how long the GPU has been free")
    again = home.reaches(run, S.RUNNING, given_way.generation + 3)
    assert (again.gpus, again.restarts, again.reason) == ((0,), 0, "")
    assert home.generations(run)[: again.generation] == list(range(1, again.generation + 1))


def test_where_another_gpu_is_free_it_goes_there_at_once(home: Home, two: FakeGpus, stranger: int) -> None:
    home.fake_daemon()
    run = start(home, yield_to_others=True, yield_cooldown=10_000.0).id
    assert home.reaches(run, S.RUNNING, 1).gpus == (0,)
    two.use(0, (stranger, 31 * GIB))
    until(lambda: home.show(run).gpus == (1,), "it has moved")
    home.reaches(run, S.RUNNING, home.show(run).generation + 3)


def test_a_run_that_need_not_yield_stays(home: Home, one: FakeGpus, stranger: int) -> None:
    home.fake_daemon()
    stays, goes = (start(home, memory_fraction=0.3, yield_to_others=way).id for way in (False, True))
    worker = home.reaches(stays, S.RUNNING, 1).worker_pid
    home.reaches(goes, S.RUNNING, 1)
    one.use(0, (stranger, 31 * GIB))
    home.reaches(goes, S.QUEUED)
    assert (home.show(stays).state, home.show(stays).worker_pid) == (S.RUNNING, worker)


def test_two_runs_share_a_gpu_and_the_third_waits_for_them(home: Home, one: FakeGpus) -> None:
    home.fake_daemon(slots=5)
    first, second, third = (start(home, memory_fraction=0.45).id for _ in range(3))
    for run in (first, second):
        worker = home.reaches(run, S.RUNNING, 1).worker_pid
        assert worker is not None
        found = environment_of(worker)
        assert (found["CUDA_VISIBLE_DEVICES"], found["XLA_CLIENT_MEM_FRACTION"]) == ("GPU-00", "0.45")
        assert found["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    a, b = sorted((first, second))
    assert set(home.show(third).reason.removesuffix(" compute there)").partition("(")[2].split(" and ")) == {a, b}
    home.ask(commands.Pause, run=first)
    home.reaches(third, S.RUNNING, 1)


def test_the_higher_priority_starts_first_and_can_be_changed(home: Home, one: FakeGpus) -> None:
    home.fake_daemon()
    busy = start(home).id
    home.reaches(busy, S.RUNNING, 1)
    early, urgent, late = (start(home, priority).id for priority in (0, 5, -5))
    changed = home.hadesd("priority", late, "10", "--json")
    assert changed.returncode == 0, changed.stderr
    assert json.loads(changed.stdout)["priority"] == 10
    assert home.record(late)["priority"] == 10
    order = []
    for run in (busy, late, urgent):
        home.ask(commands.Cancel, run=run)
        home.reaches(run, S.CANCELLED)
        order.append(until(lambda: next((r for r in (early, urgent, late) if home.show(r).gpus), None), "the next one"))
    assert order == [late, urgent, early]


def test_a_run_that_wants_two_gpus_waits_for_both_and_gets_them(home: Home, two: FakeGpus) -> None:
    home.fake_daemon()
    busy = start(home, gpus="0,").id
    home.reaches(busy, S.RUNNING, 1)
    large = start(home, gpus="2")
    assert large.reason == f"waits for 2 GPUs: 1 is free, not GPU 0 ({busy} computes there)"
    small = start(home, gpus="1,")
    assert small.reason == f"waits for GPU 1 (kept for {large.id}, which is before it in the queue)"
    home.ask(commands.Cancel, run=busy)
    worker = home.reaches(large.id, S.RUNNING, 1).worker_pid
    assert worker is not None
    assert environment_of(worker)["CUDA_VISIBLE_DEVICES"] == "GPU-00,GPU-11"
    assert home.show(large.id).gpus == (0, 1)


def test_a_run_whose_gpu_went_away_waits_and_says_so(home: Home, two: FakeGpus) -> None:
    home.fake_daemon()
    busy = start(home, gpus="1,").id
    home.reaches(busy, S.RUNNING, 1)
    waiting = start(home, gpus="1,").id
    two.state["gpus"][1]["broken"] = {"nvmlDeviceGetName": "NVMLError_GpuIsLost"}
    two.write()
    until(lambda: home.show(waiting).reason == "there is no GPU 1 here: this machine has GPU 0 alone", "the reason")
    with pytest.raises(UsageError, match="cannot be met: there is no GPU 1 here"):
        start(home, gpus="1,")
    two.state["gpus"][1].pop("broken")
    two.write()
    until(lambda: "computes there" in home.show(waiting).reason, "it is back")


def test_clients_see_the_gpus_and_hear_of_changes(home: Home, two: FakeGpus, stranger: int) -> None:
    home.fake_daemon()
    run = start(home, gpus="1,").id
    worker = home.reaches(run, S.RUNNING, 1).worker_pid
    assert worker is not None
    with subscribed(home, events.TOPIC_EVENTS) as socket:
        two.use(1, (worker, 40 * GIB), (stranger, 31 * GIB))
        told: tuple[GpuInfo, ...] = ()
        while not any(process.pid == stranger for gpu in told for process in gpu.processes):
            told = stream(socket, events.GpusChanged)[-1].gpus
    assert [gpu.memory_used for gpu in told] == [0, 71 * GIB]

    def seen() -> dict[str, Any] | None:
        done = home.hadesd("gpus", "--json")
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        return document if len(document["gpus"][1]["processes"]) == 2 else None

    document = until(seen, "both processes")
    assert document["from_daemon"] is True
    assert document["gpus"][1]["runs"] == [run]
    assert sorted((p["run"], p["other"]) for p in document["gpus"][1]["processes"]) == [("", True), (run, False)]
    lines = home.hadesd("gpus").stdout.splitlines()
    assert lines[1].split() == ["0", "Testing", "H200", "0", "B", "of", "100", "GiB", "0%", "nobody"]
    assert f"run {run} (40 GiB)" in lines[2]
    assert f"(pid {stranger}, 31 GiB)" in lines[2]
    status = home.hadesd("status").stdout.splitlines()
    assert status[0].split()[-1] == "GPU"
    assert status[1].split()[-1] == "1"


def test_without_a_daemon_the_driver_is_asked(home: Home, two: FakeGpus, stranger: int) -> None:
    two.use(0, (stranger, 31 * GIB))
    done = home.hadesd("gpus", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["from_daemon"]) == (0, False)
    assert [len(gpu["processes"]) for gpu in document["gpus"]] == [1, 0]


def test_the_options_of_start_become_settings(home: Home, two: FakeGpus) -> None:
    home.fake_daemon()
    flags = ("--gpus", "2", "--priority", "7", "--yield-to-others", "--yield-cooldown", "60")
    done = home.hadesd("start", "--env", "CartPole-v1", "--preset", "cpu", "--json", *flags)
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)["id"]
    asked = home.record(run)["spec"]["resources"]
    assert (asked["gpus"], asked["yield_to_others"], asked["yield_cooldown"], home.record(run)["priority"]) == (
        "2",
        True,
        60.0,
        7,
    )
    assert home.reaches(run, S.RUNNING).gpus == (0, 1)


def test_a_machine_without_gpus_refuses_them_before_a_daemon_is_started(home: Home) -> None:
    done = home.hadesd("start", "--env", "CartPole-v1", "--preset", "cpu", "--gpus", "1")
    assert done.returncode == 2
    assert done.stderr == (
        "hadesd: resources.gpus = 1 cannot be met: there is no GPU here that JAX can use (auto: the run computes on "
        "the CPU); 'hadesd gpus' lists them\n"
    )
    assert not home.paths.daemon_log.exists()
    home.fake_daemon()
    with pytest.raises(UsageError, match="cannot be met: there is no GPU here"):
        start(home, gpus="0,")
    assert home.hadesd("gpus").stderr.startswith("no GPU that JAX can use: runs compute on the CPU")
