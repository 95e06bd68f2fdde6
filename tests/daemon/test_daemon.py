"""A real daemon with real worker processes that only count: what happens when something dies."""

import json
import os
import signal
import subprocess
import time

import pytest

from hades_protocol import commands
from hades_protocol.errors import InternalError, NotFoundError, UsageError, WrongStateError
from hades_protocol.messages import Reference
from hades_protocol.paths import Paths
from hades_protocol.run_state import RunState
from tests.helpers.processes.daemon import BIN, Home, until
from tests.helpers.processes.fake_worker import BEHAVIOURS

S = RunState


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_run_from_start_to_finish(home: Home) -> None:
    home.fake_daemon()
    run = home.start(generations=5)
    done = home.reaches(run, S.FINISHED)
    assert (done.generation, done.fitness_mean, done.fitness_best, done.worker_pid) == (5, 5.0, 10.0, None)
    history = home.ask(commands.History, run=run)
    assert [m.generation for m in history.metrics] == [1, 2, 3, 4, 5]
    assert home.record(run)["outcome"]["kind"] == "finished"


def test_labels_outlive_the_daemon_and_references_come_with_the_history(home: Home) -> None:
    first = home.fake_daemon()
    spec = {"env": "CartPole-v1", "evolution": {"generations": 1}}
    grouped = home.ask(commands.Start, spec=spec, group="sizes", name="first", tags=("b", "a"))
    alone = home.ask(commands.Start, spec=spec)
    assert (grouped.group, grouped.name, grouped.tags) == ("sizes", "first", ("a", "b"))
    assert (alone.group, alone.name, alone.tags) == ("", "", ())
    for wrong in ({"group": "../x"}, {"name": "@"}, {"tags": ("a b",)}):
        with pytest.raises(UsageError, match="cannot name a"):
            home.ask(commands.Start, spec=spec, **wrong)
    with pytest.raises(UsageError, match="is the id of a run"):
        home.ask(commands.Rename, run="first", name=alone.id)
    assert home.ask(commands.Tag, run="first", add=("c", "b"), remove=("a", "none")).tags == ("b", "c")
    with pytest.raises(UsageError, match="at most 32 tags, these are 33"):
        home.ask(commands.Tag, run="first", add=tuple(f"t{n}" for n in range(31)))
    assert home.ask(commands.Rename, run=alone.id, name="second").name == "second"
    home.reaches(grouped.id, S.FINISHED)
    (home.paths.runs / grouped.id / "references.json").write_text('[{"name": "PPO", "value": 12.5, "sem": 0.5}]')
    (home.paths.runs / alone.id / "references.json").write_text('[{"name": "PPO"')
    assert home.ask(commands.History, run=grouped.id).references == (Reference(name="PPO", value=12.5, sem=0.5),)
    assert home.ask(commands.History, run=alone.id).references == ()
    assert any("references" in line["event"] for line in home.log() if line["level"] == "warning")
    first.terminate()
    assert first.wait(60) == 0
    home.fake_daemon()
    assert [(r.group, r.name, r.tags) for r in home.ask(commands.Snapshot).runs] == [
        ("sizes", "first", ("b", "c")),
        ("", "second", ()),
    ]


def test_pause_ends_the_process_and_resume_goes_on(home: Home) -> None:
    home.fake_daemon()
    run = home.start()
    pid = home.reaches(run, S.RUNNING, 3).worker_pid
    home.ask(commands.Pause, run=run)
    paused = home.reaches(run, S.PAUSED)
    assert gone(pid)
    assert home.generations(run) == list(range(1, paused.generation + 1))
    home.ask(commands.Resume, run=run)
    home.reaches(run, S.RUNNING, paused.generation + 3)
    assert home.ask(commands.Cancel, run=run).state == S.CANCELLING
    last = home.reaches(run, S.CANCELLED).generation
    assert home.generations(run) == list(range(1, last + 1))


def test_sigterm_lets_workers_commit_and_the_next_daemon_goes_on(home: Home) -> None:
    first = home.fake_daemon()
    run, idle = home.start(), home.start()
    home.ask(commands.Pause, run=idle)
    pid = home.reaches(run, S.RUNNING, 3).worker_pid
    first.terminate()
    assert first.wait(60) == 0
    assert gone(pid)
    at = len(home.generations(run))
    home.fake_daemon()
    home.reaches(run, S.RUNNING, at + 3)
    assert home.show(idle).state == S.PAUSED
    assert home.show(run).restarts == 0
    count = len(home.generations(run))
    assert home.generations(run)[:count] == list(range(1, count + 1))


def test_sigkill_of_the_daemon_loses_no_wish_and_no_generation(home: Home) -> None:
    first = home.fake_daemon(slots=3)
    runs = {name: home.start(milliseconds=300) for name in ("run", "pause", "cancel")}
    for run in runs.values():
        home.reaches(run, S.RUNNING, 1)
    home.ask(commands.Pause, run=runs["pause"])
    home.ask(commands.Cancel, run=runs["cancel"])
    first.kill()  # both are in the middle of a generation
    first.wait()
    home.fake_daemon(slots=3)
    assert home.show(runs["pause"]).state == S.PAUSED
    assert home.show(runs["cancel"]).state == S.CANCELLED
    assert home.record(runs["cancel"])["outcome"]["kind"] == "cancelled", "the next daemon is to know when"
    at = home.show(runs["run"]).generation
    home.reaches(runs["run"], S.RUNNING, at + 2)
    home.ask(commands.Pause, run=runs["run"])
    last = home.reaches(runs["run"], S.PAUSED).generation
    assert home.generations(runs["run"]) == list(range(1, last + 1))
    history = home.ask(commands.History, run=runs["run"])
    assert [m.generation for m in history.metrics] == list(range(1, last + 1))


def test_a_worker_that_outlives_its_daemon_is_shown_until_it_has_committed(home: Home) -> None:
    first = home.fake_daemon()
    run = home.start(milliseconds=4000)
    home.reaches(run, S.STARTING)
    until(lambda: home.show(run).phase == "evaluating", "it computes")
    home.ask(commands.Pause, run=run)
    first.kill()
    first.wait()
    home.fake_daemon()
    paused = home.show(run)
    assert (paused.state, paused.reason) == (S.PAUSED, "the worker of the daemon before still finishes its generation")
    assert paused.generation == 0
    until(lambda: not home.show(run).reason, "it has committed")
    assert home.show(run).generation == 1
    assert [m.generation for m in home.ask(commands.History, run=run).metrics] == [1]


def test_daemons_that_share_a_socket_directory_do_not_steal_from_each_other(home: Home) -> None:
    first = home.fake_daemon()
    environ = {**home.environ, "XDG_RUNTIME_DIR": str(home.paths.state), "XDG_STATE_HOME": str(home.paths.cache)}
    environ.pop("HADES_HOME")
    (home.paths.state / "hades").symlink_to(home.paths.runtime)  # XDG_RUNTIME_DIR/hades is the first's directory
    second = subprocess.run([str(BIN / "hadesd"), "serve"], env=environ, capture_output=True, text=True, timeout=60)
    assert second.returncode == 3
    assert "a daemon with another state directory listens" in second.stderr
    assert home.ask(commands.Hello).pid == first.pid


def test_a_daemon_without_a_runtime_directory_is_found_by_those_who_have_one(home: Home) -> None:
    """cron sets no XDG_RUNTIME_DIR, a login shell does. What a killed daemon leaves behind misleads nobody."""
    place, user = home.paths.state, {"HADES_HOME": "", "XDG_STATE_HOME": str(home.paths.state / "state")}
    (place / "runtime").mkdir(mode=0o700)
    home.environ |= {**user, "XDG_RUNTIME_DIR": ""}
    home.paths = Paths(home.environ)
    first = home.fake_daemon()
    login = Home(place)
    login.environ |= {**user, "XDG_RUNTIME_DIR": str(place / "runtime")}
    login.paths = Paths(login.environ)
    assert login.ask(commands.Hello).pid == first.pid
    assert login.hadesd("status").returncode == 0
    assert json.loads(login.hadesd("paths", "--json").stdout)["control_socket"] == str(home.paths.control_socket)
    first.kill()
    first.wait()
    second = login.fake_daemon()
    assert login.paths.runtime == place / "runtime" / "hades"
    home.daemons.append(second)  # which are ended with the test
    assert home.ask(commands.Hello).pid == second.pid


def test_a_killed_worker_is_started_again(home: Home) -> None:
    home.fake_daemon()
    run = home.start()
    os.kill(home.reaches(run, S.RUNNING, 3).worker_pid, signal.SIGKILL)
    backoff = home.reaches(run, S.BACKOFF)
    assert backoff.reason == "the worker was killed by SIGKILL; restarts after a pause"
    again = home.reaches(run, S.RUNNING, backoff.generation + 3)
    assert again.restarts == 1


def test_a_worker_that_gets_on_between_its_crashes_is_started_again_and_again(home: Home) -> None:
    home.fake_daemon()
    run = home.start(generations=22, seed=BEHAVIOURS["crashes every fifth generation"])
    assert home.reaches(run, S.FINISHED).restarts == 4
    assert home.generations(run) == list(range(1, 23))


@pytest.mark.parametrize("behaviour", ["crashes at once", "exits 1 without a word"])
def test_three_crashes_without_a_generation_are_the_end(home: Home, behaviour: str) -> None:
    home.fake_daemon()
    run = home.start(seed=BEHAVIOURS[behaviour])
    failed = home.reaches(run, S.FAILED)
    assert failed.restarts == 3
    assert "crash 3 within 10 minutes" in failed.reason
    assert home.ask(commands.Show, run=run).history[-1].log_tail
    assert len([entry for entry in home.record(run)["history"] if entry["what"] == "crashed"]) == 2


def test_a_worker_that_fails_with_a_reason_is_not_tried_again(home: Home) -> None:
    home.fake_daemon()
    failed = home.reaches(home.start(seed=BEHAVIOURS["fails"]), S.FAILED)
    assert (failed.reason, failed.restarts) == ("the environment does not like you", 0)
    assert home.ask(commands.Resume, run=failed.id).state == S.STARTING
    home.reaches(failed.id, S.FAILED)


def test_a_silent_worker_is_killed_and_started_again(home: Home) -> None:
    home.fake_daemon(heartbeat_timeout=1.0)
    run = home.start(seed=BEHAVIOURS["silent"])
    assert "no sign of life" in home.reaches(run, S.BACKOFF).reason


def test_a_worker_that_talks_nonsense_is_killed_and_the_daemon_lives(home: Home) -> None:
    home.fake_daemon()
    run = home.start(seed=BEHAVIOURS["talks nonsense"])
    assert "invalid message from worker" in home.reaches(run, S.BACKOFF).reason


def test_a_worker_that_does_not_commit_in_time_is_killed(home: Home) -> None:
    daemon = home.fake_daemon(grace=0.5)
    run = home.start(seed=BEHAVIOURS["never halts"], milliseconds=50)
    pid = home.reaches(run, S.RUNNING, 1).worker_pid
    daemon.terminate()
    assert daemon.wait(60) == 0
    assert gone(pid)
    home.fake_daemon()
    home.reaches(run, S.RUNNING)


def test_a_second_sigint_does_not_cut_the_grace_short(home: Home) -> None:
    daemon = home.fake_daemon()
    run = home.start(milliseconds=1000)
    home.reaches(run, S.RUNNING, 1)
    daemon.send_signal(signal.SIGINT)
    home.reaches(run, S.STOPPING)
    with pytest.raises(WrongStateError, match="the daemon is stopping"):
        home.ask(commands.Pause, run=run)
    daemon.send_signal(signal.SIGINT)
    assert daemon.wait(60) == 0
    exits = [line["code"] for line in home.log() if line["event"] == "worker exited"]
    assert exits == [75]


def test_a_second_daemon_ends_with_one_line_that_names_the_first(home: Home) -> None:
    first = home.fake_daemon()
    second = home.spawn([str(BIN / "hadesd"), "serve"])
    _, stderr = second.communicate(timeout=60)
    assert second.returncode == 3
    assert stderr.decode().count("\n") == 1
    assert f"a daemon already runs for {home.paths.state} (pid {first.pid})" in stderr.decode()
    assert home.ask(commands.Hello).pid == first.pid


def test_runs_beyond_the_slots_wait_in_turn_and_say_why(home: Home) -> None:
    home.fake_daemon(slots=1)
    first, second, third = (home.start(generations=40) for _ in range(3))
    assert home.show(second).reason == f"waits for {first} (1 of 1 slot taken)"
    assert "1 queued before it" in home.show(third).reason
    home.reaches(first, S.FINISHED)
    home.reaches(second, S.FINISHED)
    assert home.show(third).reason == ""


def test_damaged_runs_are_logged_and_left_alone(home: Home) -> None:
    home.paths.make_private()
    damaged = home.paths.runs / "hopper-0101-aaaa"
    damaged.mkdir()
    (damaged / "run.json").write_text("{")
    home.fake_daemon()
    assert home.ask(commands.Snapshot).runs == ()
    assert [line for line in home.log() if line["event"] == "run directory skipped" and "damaged" in line["why"]]
    assert (damaged / "run.json").read_text() == "{"


def test_a_wish_that_cannot_be_written_is_refused_and_nothing_happens(home: Home) -> None:
    home.fake_daemon()
    run = home.start()
    home.reaches(run, S.RUNNING, 1)
    # A directory in the place of the temporary file: even root cannot write there.
    blocker = home.paths.runs / run / ".run.json.tmp"
    blocker.mkdir()
    with pytest.raises(InternalError, match="nothing was done"):
        home.ask(commands.Pause, run=run)
    assert home.show(run).state == S.RUNNING
    blocker.rmdir()
    home.ask(commands.Pause, run=run)
    home.reaches(run, S.PAUSED)


def test_an_end_that_cannot_be_written_is_written_later(home: Home) -> None:
    home.fake_daemon()
    run = home.start(generations=30)
    home.reaches(run, S.RUNNING, 1)
    blocker = home.paths.runs / run / ".run.json.tmp"
    blocker.mkdir()
    home.reaches(run, S.FINISHED)
    assert home.record(run)["outcome"] is None
    blocker.rmdir()
    until(lambda: home.record(run)["outcome"], "the outcome is on disk")


def test_a_stopped_daemon_does_not_blame_its_workers(home: Home) -> None:
    daemon = home.fake_daemon(heartbeat_timeout=2.0)
    run = home.start(milliseconds=100)
    home.reaches(run, S.RUNNING, 1)
    daemon.send_signal(signal.SIGSTOP)
    time.sleep(6.0)
    daemon.send_signal(signal.SIGCONT)
    home.reaches(run, S.RUNNING, 10)
    assert home.show(run).restarts == 0


@pytest.mark.parametrize(
    ("kind", "fields", "error", "why"),
    [
        (commands.Start, {"spec": {"env": "Nowhere"}}, UsageError, "unknown environment 'Nowhere'"),
        (commands.Start, {"spec": {"env": "ant", "evolution": {"populaton": 4}}}, UsageError, "evolution.population"),
        (commands.Start, {"spec": {}}, UsageError, "env"),
        (commands.Show, {"run": "../../etc"}, NotFoundError, "there is no run yet"),
        (commands.History, {"run": "@", "points": 3}, UsageError, "points = 3"),
    ],
)
def test_bad_requests_are_one_line(home: Home, kind, fields, error, why: str) -> None:
    home.fake_daemon()
    with pytest.raises(error, match=why) as caught:
        home.ask(kind, **fields)
    assert "\n" not in str(caught.value)


def test_the_screen_may_not_act_on_what_it_saw_before(home: Home) -> None:
    home.fake_daemon()
    run = home.start()
    home.reaches(run, S.RUNNING, 1)
    with pytest.raises(WrongStateError, match="is running by now, not paused: nothing done"):
        home.ask(commands.Pause, run=run, expected_state=S.PAUSED)
    with pytest.raises(WrongStateError, match="the daemon was restarted since"):
        home.ask(commands.Pause, run=run, session="another")
    assert home.show(run).state == S.RUNNING


def test_a_worker_is_in_a_session_of_its_own(home: Home) -> None:
    daemon = home.fake_daemon()
    pid = home.reaches(home.start(), S.RUNNING, 1).worker_pid
    assert os.getsid(pid) == pid != os.getsid(daemon.pid)
    limits = subprocess.run(["ls", f"/proc/{pid}/fd"], capture_output=True, text=True, check=True).stdout.split()
    assert len(limits) <= 6, "the worker inherited more than its standard streams, socket and lock"
