"""Real worker processes: end, halt, crash, resume."""

import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hades_protocol import codec
from hades_protocol.errors import ExitCode
from hades_protocol.run_spec import Retention
from hades_protocol.run_state import WorkerPhase
from hadesd.storage.checkpoint_index import CheckpointIndex
from hadesd.storage.layout import damaged_lines
from hadesd.worker import checkpoints
from hadesd.worker_protocol import FD_VARIABLE, ExitReport, FromWorker, Halt, Heartbeat, Unpacker, WorkerOutcome, send
from tests.helpers.processes import worker_process as wp
from tests.helpers.runs.specs import tiny

pytestmark = pytest.mark.optimised


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    directory = wp.make_run(tmp_path_factory.mktemp("runs") / "twin", tiny(evolution={"generations": 40}))
    assert wp.finish(directory) == ExitCode.OK, (directory / "worker.log").read_text()
    return directory


def log_of(directory) -> str:
    return (directory / "worker.log").read_text()


def test_a_run_ends_with_every_generation_on_disk(undisturbed):
    lines = [json.loads(line) for line in (undisturbed / "metrics.jsonl").read_text().splitlines()]
    assert [line["generation"] for line in lines] == list(range(1, 41))
    timings = [json.loads(line)["generation"] for line in (undisturbed / "timings.jsonl").read_text().splitlines()]
    assert timings == list(range(1, 41))
    assert checkpoints.generations(undisturbed / "checkpoints")[-1] == 40
    with np.load(undisturbed / "dataset.npz") as dataset:
        assert dataset["states"].shape == (2, 4)
        assert np.array_equal(dataset["actions"], np.eye(2))
        meta = json.loads(str(dataset["meta"]))
    assert meta["environment"] == "CartPole-v1"
    assert meta["generation"] == 40
    assert meta["units"] == "natural"


def test_every_kept_checkpoint_holds_the_pairs_of_its_generation(undisturbed):
    checkpoint_directory = undisturbed / "checkpoints"
    kept = checkpoints.generations(checkpoint_directory)
    assert len(kept) > 1
    assert (checkpoint_directory / "40/dataset.npz").read_bytes() == (undisturbed / "dataset.npz").read_bytes()
    found = CheckpointIndex(undisturbed)
    assert found.describe(Retention(), ()).with_pairs == tuple(kept)
    for generation in kept:
        assert found.dataset("twin", generation).generation == generation
    first, last = (found.dataset("twin", generation).states.data for generation in (kept[0], kept[-1]))
    assert first != last


def test_killed_and_resumed_it_ends_like_the_undisturbed_one(undisturbed, tmp_path):
    directory = wp.make_run(tmp_path / "killed", tiny(evolution={"generations": 40}))
    for generation in (1, 9, 25):
        process = wp.start(directory)
        wp.wait_for_generation(directory, process, generation)
        wp.kill(process)
    otherwise = {"JAX_ENABLE_X64": "1", "JAX_THREEFRY_PARTITIONABLE": "0", "JAX_DEFAULT_PRNG_IMPL": "rbg"}
    assert wp.finish(directory, **otherwise) == ExitCode.OK, log_of(directory)
    assert wp.results(directory) == wp.results(undisturbed), "numbers do not hang on a user's variables"
    resumes = [json.loads(line) for line in (directory / "resumes.jsonl").read_text().splitlines()]
    assert all(resume["bit_exact"] for resume in resumes)


def test_bounded_pairs_stay_inside_and_a_kill_after_a_measure_changes_nothing(tmp_path):
    """The states that policies visit are measured before the generations after 10 and 20."""
    spec = tiny(evolution={"generations": 22, "sigma": 3.0}, dataset={"bound": 2.0})
    twin, directory = (wp.make_run(tmp_path / name, spec) for name in ("twin", "killed"))
    assert wp.finish(twin) == ExitCode.OK, log_of(twin)
    process = wp.start(directory)
    wp.wait_for_generation(directory, process, 11)
    wp.kill(process)
    assert wp.finish(directory) == ExitCode.OK, log_of(directory)
    assert wp.results(directory) == wp.results(twin)
    regions = []
    for generation in (20, 22):
        with np.load(directory / f"checkpoints/{generation}/dataset.npz") as dataset:
            bound = json.loads(str(dataset["meta"]))["bound"]
            away = np.abs(dataset["states"] - bound["mean"]) / np.array(bound["std"])
        assert bound["deviations"] == 2.0
        assert np.all(away <= 2.0 + 1e-4)
        regions.append(bound["mean"])
    assert regions[0] != regions[1], "measured again"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_lets_it_commit_and_exit_with_75(undisturbed, tmp_path, number):
    directory = wp.make_run(tmp_path / "halted", tiny(evolution={"generations": 40}))
    process = wp.start(directory)
    wp.wait_for_generation(directory, process, 3)
    process.send_signal(number)
    assert process.wait(60) == ExitCode.CHECKPOINTED, log_of(directory)
    lines = (directory / "metrics.jsonl").read_bytes().count(b"\n")
    assert checkpoints.generations(directory / "checkpoints")[-1] == lines, "every line is committed"
    assert wp.finish(directory) == ExitCode.OK
    assert wp.results(directory) == wp.results(undisturbed)


def test_a_second_worker_waits_for_the_first_to_let_go(undisturbed, tmp_path):
    directory = wp.make_run(tmp_path / "shared", tiny(evolution={"generations": 40}))
    first = wp.start(directory)
    wp.wait_for_generation(directory, first, 2)
    second = wp.start(directory)
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) in (ExitCode.CHECKPOINTED, ExitCode.OK)
    assert second.wait(60) == ExitCode.OK, log_of(directory)
    assert wp.results(directory) == wp.results(undisturbed)


def test_a_damaged_newest_checkpoint_costs_its_generation_and_no_more(undisturbed, tmp_path):
    directory = wp.make_run(tmp_path / "damaged", tiny(evolution={"generations": 40}))
    process = wp.start(directory)
    wp.wait_for_generation(directory, process, 10)
    wp.kill(process)
    newest = checkpoints.generations(directory / "checkpoints")[-1]
    (directory / f"checkpoints/{newest}/hades.json").write_text("{")
    assert wp.finish(directory) == ExitCode.OK, log_of(directory)
    assert wp.results(directory) == wp.results(undisturbed)
    assert f"checkpoint {newest} is unreadable" in log_of(directory), "the log must say what happened"
    assert (directory / f"checkpoints/bad-{newest}-0").is_dir()


def test_lines_that_a_disk_damaged_or_lost_cost_themselves_and_no_more(undisturbed, tmp_path):
    """The last generation, whose line is lost, comes again; a damaged line takes no other with it."""
    directory = shutil.copytree(undisturbed, tmp_path / undisturbed.name)
    path = directory / "metrics.jsonl"
    whole = path.read_bytes().splitlines(keepends=True)
    damaged = whole[1].replace(b"{", b"\xff", 1)
    path.write_bytes(b"".join([whole[0], damaged, *whole[2:-1]]))
    assert wp.finish(directory) == ExitCode.OK, log_of(directory)
    assert path.read_bytes() == b"".join([whole[0], *whole[2:]])
    assert damaged_lines(path).read_bytes() == damaged
    assert (directory / "dataset.npz").read_bytes() == (undisturbed / "dataset.npz").read_bytes()
    assert "checkpoint 40 has no line in metrics.jsonl" in log_of(directory)
    assert "1 line of metrics.jsonl cannot be read" in log_of(directory)


def test_another_number_of_devices_is_allowed_and_marked(tmp_path):
    directory = wp.make_run(tmp_path / "devices", tiny(evolution={"generations": 40}))
    process = wp.start(directory)
    wp.wait_for_generation(directory, process, 3)
    wp.kill(process)
    other = {"XLA_FLAGS": "--xla_force_host_platform_device_count=1", "JAX_DEFAULT_MATMUL_PRECISION": "highest"}
    assert wp.finish(directory, **other) == ExitCode.OK
    resumes = [json.loads(line) for line in (directory / "resumes.jsonl").read_text().splitlines()]
    assert not resumes[-1]["bit_exact"]
    assert "devices 2 -> 1" in resumes[-1]["text"]
    assert "options none -> JAX_DEFAULT_MATMUL_PRECISION=highest" in resumes[-1]["text"]
    chunk = checkpoints.require_manifest(directory / "checkpoints/40").chunk
    assert chunk == 8, "all of the population at once on the one device, not two halves one after the other"


def test_settings_that_the_environment_does_not_admit_end_it_with_a_reason(tmp_path):
    directory = wp.make_run(tmp_path / "bad", tiny(env="Acrobot-v1"))  # two pairs, three actions
    assert wp.finish(directory) == ExitCode.RUN_FAILED
    assert "dataset.pairs is 2" in log_of(directory)
    assert "Traceback" not in log_of(directory)


def test_more_devices_than_there_are_end_it_with_a_reason(tmp_path):
    directory = wp.make_run(tmp_path / "devices", tiny(resources={"devices": 5}))
    assert wp.finish(directory) == ExitCode.RUN_FAILED
    assert "5 devices are asked for and 2 are present" in log_of(directory)
    assert "Traceback" not in log_of(directory)


def test_variables_with_which_jax_cannot_start_end_it_with_a_reason(tmp_path):
    directory = wp.make_run(tmp_path / "platform", tiny())
    assert wp.finish(directory, JAX_PLATFORMS="nonsense") == ExitCode.RUN_FAILED
    assert "JAX cannot start with JAX_PLATFORMS=nonsense" in log_of(directory)
    assert "Traceback" not in log_of(directory)


@contextlib.contextmanager
def supervised(directory: Path, **environment: str) -> Iterator[tuple[subprocess.Popen, socket.socket]]:
    """A worker, and the supervisor's end of the line to it."""
    ours, theirs = socket.socketpair()
    with ours, theirs, open(directory / "worker.log", "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "hadesd.worker", str(directory)],
            stderr=log,
            pass_fds=(theirs.fileno(),),
            env=os.environ | environment | {FD_VARIABLE: str(theirs.fileno())},
        )
        theirs.close()
        try:
            yield process, ours
        finally:
            wp.kill(process)


def messages(line: socket.socket) -> Iterator[Any]:
    """What the worker says until it ends."""
    unpacker = Unpacker()
    while data := line.recv(65536):
        for body in unpacker.feed(data):
            yield codec.decode(body, FromWorker)


def test_asked_to_halt_while_it_compiles_it_ends_without_waiting_for_that(tmp_path):
    directory = wp.make_run(tmp_path / "run", tiny())
    with supervised(directory, JAX_COMPILATION_CACHE_DIR=str(tmp_path / "cold")) as (process, line):
        said = messages(line)
        next(one for one in said if isinstance(one, Heartbeat) and one.phase == WorkerPhase.COMPILING)
        send(line, Halt())
        assert process.wait(120) == ExitCode.CHECKPOINTED, log_of(directory)
    assert '"during": "compiling"' in log_of(directory)
    assert not (directory / "metrics.jsonl").exists()


def test_the_phase_says_compiling_whenever_it_compiles(tmp_path):
    spec = tiny(evolution={"generations": 1}, evaluation={"mean_every": 1, "mean_inits": 1, "mean_environments": 1})
    directory = wp.make_run(tmp_path / "run", spec)
    phases = []
    with supervised(directory) as (process, line):
        for one in messages(line):
            if isinstance(one, Heartbeat) and phases[-1:] != [str(one.phase)]:
                phases.append(str(one.phase))
        assert process.wait(120) == ExitCode.OK, log_of(directory)
    first = phases.index("compiling")
    expected = ["compiling", "restoring", "compiling", "evaluating", "compiling", "evaluating", "finishing"]
    assert phases[first:] == expected, "its environment, its generation, the evaluation of its mean"


def test_a_target_finishes_the_run_and_a_worker_after_it_finds_nothing_to_do(tmp_path):
    spec = tiny(evolution={"generations": 1000, "target": 1.0})
    directory = wp.make_run(tmp_path / "run", spec)
    ends = []
    for _ in range(2):  # the first one may be killed before it could say that the run is finished
        with supervised(directory) as (process, line):
            ends += [one for one in messages(line) if isinstance(one, ExitReport)]
            assert process.wait(120) == ExitCode.OK, log_of(directory)
    first, second = ends
    assert (first.outcome, first.generation) == (WorkerOutcome.FINISHED, 1)
    assert first.reason.endswith(" reaches evolution.target, 1")
    assert second == first
    assert (directory / "metrics.jsonl").read_bytes().count(b"\n") == 1


MEMORY_LIMIT = """
import os, resource, sys
limit = int(sys.argv[2])
from hadesd.worker import __main__ as worker
import hadesd.worker.runner as runner
advance = runner.Runner._advance
def limited(self, state):
    # A fixed room on top of what is loaded by now: much less than the first chunk wants, much more than a small one.
    with open("/proc/self/statm") as f:
        used = int(f.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (used + limit, resource.RLIM_INFINITY))
    return advance(self, state)
runner.Runner._advance = limited
status = worker.main([sys.argv[1]])
os._exit(status)
"""


def test_when_memory_runs_out_the_chunk_is_halved_and_the_run_goes_on(tmp_path):
    """The address space is limited for real, so that XLA's allocation of the first chunk really fails."""
    spec = tiny(
        env="Pendulum-v1",  # its reward depends on the action, so that no training is optimised away
        evolution={"generations": 2, "population": 512},
        policy={"width": 512, "depth": 2, "inits": 4},
        cloning={"epochs": 3},
        evaluation={"environments": 1, "steps": 1},
        resources={"chunk": 256},
    )
    directory = wp.make_run(tmp_path / "memory", spec)
    done = subprocess.run(
        [sys.executable, "-c", MEMORY_LIMIT, str(directory), str(2**30)],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == ExitCode.OK, done.stderr[-3000:]
    resumes = [json.loads(line) for line in (directory / "resumes.jsonl").read_text().splitlines()]
    assert resumes, "the limit of this test was too generous: no allocation failed"
    assert resumes[0]["kind"] == "chunk"
    manifest = checkpoints.require_manifest(directory / "checkpoints/2")
    assert manifest.chunk < 256, "the chunk that worked is part of the checkpoint"
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY
