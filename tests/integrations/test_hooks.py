"""Hooks of a real daemon: real processes, with workers that only count."""

import json
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hades_protocol import commands
from hades_protocol.run_state import RunState
from hades_protocol.sync_client import ControlClient
from hadesd.integrations.hooks.events import event_of
from hadesd.supervisor.lifecycle import events
from hadesd.supervisor.lifecycle.state import CrashPolicy, Run
from hadesd.supervisor.lifecycle.transitions import step
from hadesd.worker_protocol import WorkerOutcome
from tests.helpers.processes.daemon import BIN, Home, until
from tests.helpers.processes.fake_worker import BEHAVIOURS

S = RunState


def configure(home: Home, **hooks: Any) -> None:
    """config.toml with these hooks; a text is a line of shell."""
    lines = ["[hooks]"]
    for name, value in hooks.items():
        lines.append(f"{name} = {json.dumps(['sh', '-c', value] if isinstance(value, str) else value)}")
    home.paths.config_file.write_text("\n".join(lines) + "\n")


def told(home: Home) -> list[dict[str, Any]]:
    """What hooks that append to the file `told` were told, in the order in which they ran."""
    path = home.paths.state / "told"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def hooks_log(home: Home) -> list[dict[str, Any]]:
    path = home.paths.state / "hooks.log"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def has_ended(pid: int) -> bool:
    """Gone, or a zombie where nobody reaps orphans."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


KEEP = """line=$(cat); printf '%s\\n' "$line" >> told"""
"""In one write: hooks of several runs may run side by side."""


def test_a_hook_is_told_what_happened(home: Home) -> None:
    configure(home, finished=f"{KEEP}; echo $HADES_EVENT $HADES_RUN; pwd", any="exit 3")
    home.fake_daemon()
    run = home.start(generations=3)
    summary = home.reaches(run, S.FINISHED)
    until(lambda: len(hooks_log(home)) == 2, "both hooks have ended")
    (said,) = told(home)
    assert (said["event"], said["reason"], said["test"]) == ("finished", "", False)
    assert (said["host"], said["state_directory"]) == (socket.gethostname(), str(home.paths.state))
    assert said["time"] == pytest.approx(summary.changed_at)
    shown = json.loads(home.hadesd("status", run, "--json").stdout)["run"]
    assert said["run"] == shown
    own, other = sorted(hooks_log(home), key=lambda entry: entry["status"])
    assert (own["status"], own["problem"]) == (0, "")
    assert own["output"] == f"finished {run}\n{home.paths.state}\n"
    assert (other["status"], other["problem"]) == (3, "it exited with status 3")
    (warned,) = [line for line in home.log() if line["event"] == "hook failed"]
    assert warned["why"] == "it exited with status 3"


def test_failed_and_paused_have_their_reasons_and_a_cancel_is_told_to_nobody(home: Home) -> None:
    configure(home, any=KEEP)
    home.fake_daemon()
    failing = home.start(seed=BEHAVIOURS["fails"])
    home.reaches(failing, S.FAILED)
    running = home.start()
    home.reaches(running, S.RUNNING, 1)
    home.ask(commands.Pause, run=running)
    home.reaches(running, S.PAUSED)
    home.ask(commands.Cancel, run=running)
    until(lambda: len(told(home)) == 2, "two hooks have run")
    assert {(said["event"], said["run"]["id"], said["reason"]) for said in told(home)} == {
        ("failed", failing, "the environment does not like you"),
        ("paused", running, ""),
    }


def test_nothing_is_told_again_by_the_next_daemon(home: Home) -> None:
    configure(home, any=KEEP)
    first = home.fake_daemon()
    runs = {home.start(generations=2), home.start(seed=BEHAVIOURS["fails"])}
    until(lambda: len(told(home)) == 2, "both hooks have run")
    first.kill()
    first.wait()
    home.fake_daemon()
    another = home.start(generations=1)
    until(lambda: len(told(home)) == 3, "the new daemon tells as well")
    assert {said["run"]["id"] for said in told(home)} == runs | {another}


def test_a_hook_that_hangs_is_killed_with_its_children_and_no_run_waits_for_it(home: Home) -> None:
    configure(home, finished="trap '' TERM; sleep 1000 & echo $! > child; wait; sleep 1000", timeout=2, at_once=1)
    home.fake_daemon()
    home.reaches(home.start(generations=1), S.FINISHED)
    child = home.paths.state / "child"
    pid = int(until(lambda: child.exists() and child.read_text(), "the hook runs"))
    home.reaches(home.start(), S.RUNNING, 5)  # meanwhile
    (entry,) = until(lambda: hooks_log(home), "the hook was ended")
    assert entry["problem"] == "ended after 2 s, its time limit"
    assert entry["status"] == -signal.SIGKILL
    assert until(lambda: has_ended(pid), "its child was killed")


def test_ctrl_c_ends_a_hook_that_is_tried_and_its_children(home: Home) -> None:
    home.fake_daemon()
    run = home.start(generations=1)
    home.reaches(run, S.FINISHED)
    configure(home, finished="sleep 1000 & echo $! > child; wait", timeout=600)
    child = home.paths.state / "child"
    process = subprocess.Popen([str(BIN / "hadesd"), "hooks", "test", "finished", run], env=home.environ)
    pid = int(until(lambda: child.exists() and child.read_text(), "it is tried"))
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert until(lambda: has_ended(pid), "its child was ended")


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["/no/such/program"], "cannot start /no/such/program: No such file or directory"),
        (["./told"], "cannot start ./told: Permission denied"),
    ],
)
def test_a_program_that_cannot_be_started_is_one_line(home: Home, command: list[str], why: str) -> None:
    configure(home, finished=command)
    (home.paths.state / "told").write_text("not executable")
    home.fake_daemon()
    home.reaches(home.start(generations=1), S.FINISHED)
    (entry,) = until(lambda: hooks_log(home), "it was tried")
    assert (entry["status"], entry["problem"]) == (None, why)
    assert [line["why"] for line in home.log() if line["event"] == "hook failed"] == [why]


def test_a_hook_that_reads_nothing_and_writes_without_end_keeps_little(home: Home) -> None:
    configure(home, finished="exec yes", timeout=1)
    home.fake_daemon()
    home.reaches(home.start(generations=1), S.FINISHED)
    (entry,) = until(lambda: hooks_log(home), "it was ended")
    assert entry["problem"] == "ended after 1 s, its time limit"
    assert len(entry["output"]) == 8192


def test_a_daemon_that_stops_lets_hooks_end(home: Home) -> None:
    configure(home, paused=f"sleep 1; {KEEP}")
    daemon = home.fake_daemon()
    run = home.start()
    home.reaches(run, S.RUNNING, 1)
    home.ask(commands.Pause, run=run)
    home.reaches(run, S.PAUSED)
    daemon.terminate()
    assert daemon.wait(60) == 0
    assert [said["event"] for said in told(home)] == ["paused"]


def test_a_full_log_is_set_aside(home: Home) -> None:
    configure(home, finished="true")
    log = home.paths.state / "hooks.log"
    log.write_bytes(b"x" * 2**20)
    home.fake_daemon()
    home.reaches(home.start(generations=1), S.FINISHED)
    aside = Path(f"{log}.1")
    until(lambda: aside.exists() and log.exists(), "a new log")  # in between there is none
    assert (aside.stat().st_size, log.stat().st_size < 2**20) == (2**20, True)


def test_a_flood_of_events_is_dropped_and_counted_and_harms_no_run(home: Home) -> None:
    configure(home, paused="sleep 1000", at_once=1, timeout=600)
    daemon = home.fake_daemon(slots=1)
    running, waiting = home.start(), home.start()
    home.reaches(running, S.RUNNING, 1)
    with ControlClient(home.paths) as client:
        for _ in range(300):
            client.request(commands.Pause, run=waiting)
            client.request(commands.Resume, run=waiting)
    home.reaches(running, S.RUNNING, home.show(running).generation + 5)
    counts = [line["so_far"] for line in home.log() if line["event"] == "hooks dropped"]
    assert counts == [1, 2, 4, 8, 16, 32]  # one runs, 256 wait
    daemon.terminate()
    assert daemon.wait(60) == 0
    assert len([line for line in home.log() if line["event"] == "hook not run"]) == 256


def test_a_run_that_yields_and_one_on_a_full_disk() -> None:
    """Steps of the state machine that need another user's GPU process, or a full disk, to happen."""
    policy, leaving = CrashPolicy(), []
    run = Run(id="r", generations=9, queued_at=0.0, changed_at=0.0)
    for event in (events.SlotAssigned(), events.Spawned(1), events.Ready(0), events.Committed(1)):
        run = step(run, event, 1.0, policy)[0]
    yielding = step(run, events.YieldAsked("yields to ann"), 2.0, policy)[0]
    full = step(run, events.WorkerExitReport(WorkerOutcome.DISK_FULL, "the disk is full"), 2.0, policy)[0]
    for before in (yielding, full):
        after = step(before, events.Exited(75), 3.0, policy)[0]
        leaving.append((event_of(before, after), after.reason))
    goes_on = "the disk is full; the run goes on by itself when there is room"
    assert leaving == [("yielded", "yields to ann"), ("paused", goes_on)]
    stopping = step(yielding, events.DaemonStops(), 2.0, policy)[0]
    assert event_of(stopping, step(stopping, events.Exited(75), 3.0, policy)[0]) is None
