"""hadesd sweep and the verbs on groups, as a user types them, against a daemon whose workers only count."""

import json
import signal
import subprocess

import pytest

from hades_protocol import commands
from hades_protocol.run_state import RunState
from tests.helpers.processes.daemon import BIN, Home, until

S = RunState

QUICK = ("--env", "CartPole-v1", "--set", "evolution.generations=3", "--set", "policy.width=5")
SLOW = ("--env", "CartPole-v1", "--set", "evolution.generations=100000", "--set", "policy.width=20")


def groups(home: Home) -> list[tuple[str, int, int]]:
    """Group, seed and pairs of every run."""
    found = home.ask(commands.Snapshot).runs
    return [(run.group, run.seed, run.pairs) for run in found]


def test_a_sweep_from_its_first_to_its_last_run(home: Home) -> None:
    """queued in seed order - followed - shown - extended by what is missing - nothing twice."""
    home.fake_daemon()  # seeds from 10 on: the lower ones are behaviours of the fake worker
    sweep = ("sweep", *QUICK, "--set", "dataset.pairs=4,8", "--name", "sizes")
    done = home.hadesd(*sweep, "--seed", "10..11", "--follow")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "sizes\n"
    assert "sizes: queueing 4 runs" in done.stderr
    assert "4 finished" in done.stderr
    assert groups(home) == [("sizes", 10, 4), ("sizes", 10, 8), ("sizes", 11, 4), ("sizes", 11, 8)]
    again = home.hadesd(*sweep, "--seed", "10..12", "--json")
    assert "queueing 2 runs; 4 of 6 are there already" in again.stderr
    assert [run["settings"]["seed"] for run in json.loads(again.stdout)["runs"]] == [12, 12]
    assert home.hadesd("wait", "--group", "sizes").returncode == 0
    third = home.hadesd(*sweep, "--seed", "10..12")
    assert "has all 6 runs already" in third.stderr
    assert len(groups(home)) == 6
    shown = home.hadesd("sweep", "--show", "sizes")
    assert shown.returncode == 0, shown.stderr
    assert [line.split()[:3] for line in shown.stdout.splitlines()[1:]] == [["4", "3/3", "3/3"], ["8", "3/3", "3/3"]]
    picture = home.paths.state / "sizes.svg"
    picture.write_text("mine")
    refused = home.hadesd("sweep", "--show", "sizes", "-o", str(picture))
    assert (refused.returncode, refused.stdout, picture.read_text()) == (2, "", "mine")
    assert "exists already: choose another name with -o, or replace it with --force" in refused.stderr
    assert home.hadesd("sweep", "--show", "sizes", "-o", str(picture), "--force").returncode == 0
    assert "<svg" in picture.read_text()


def test_nothing_starts_where_one_combination_is_bad(home: Home) -> None:
    home.fake_daemon()
    done = home.hadesd("sweep", *QUICK, "--set", "dataset.pairs=8,4,1", "--seed", "0..1", "--name", "bad")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("hadesd: run 3 of 6 (seed=0 dataset.pairs=1): dataset.pairs is 1")
    assert groups(home) == []


def test_a_dry_run_lists_and_counts_without_a_daemon(home: Home) -> None:
    done = home.hadesd("sweep", *QUICK, "--set", "dataset.pairs=4,8", "--seed", "0..2", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 7
    assert "would queue 6 runs: 18 generations" in done.stderr
    document = json.loads(home.hadesd("sweep", *QUICK, "--seed", "0..2", "--dry-run", "--json").stdout)
    assert document["cost"]["runs"] == 3
    assert [run["id"] for run in document["runs"]] == [None] * 3, "none of them is there yet"
    assert not home.paths.runs.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--env", "CartPole-v1", "--seed", "0..1000"], 2, "1,001 runs: repeat it with --yes-many"),
        (["--env", "CartPole-v1", "--name", "No Name"], 2, "cannot name a group"),
        (["--env", "CartPole-v1", "--seed", "1", "--set", "seed=2"], 2, "seed is given twice"),
        (["--env", "CartPol-v1,Acrobot-v1"], 2, "did you mean 'CartPole-v1'"),
        (["--seed", "0..1"], 2, "no environment given"),
        (["--env", "CartPole-v1", "-o", "x.png"], 2, "-o goes with --show"),
        (["--show", "nobody"], 3, "there is no group 'nobody'"),
        (["--show", "a", "--env", "CartPole-v1"], 2, "leave out --env"),
        (["--show", "a", "-o", "x.pdf"], 2, ".png or .svg"),
        (["--show", "a", "--force"], 2, "-o FILE"),
        (["--env", "CartPole-v1", "--force"], 2, "--force goes with --show"),
    ],
)
def test_bad_arguments_get_one_line(home: Home, arguments: list[str], code: int, says: str) -> None:
    done = home.hadesd("sweep", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_an_interrupted_submission_goes_on_where_it_stopped(home: Home) -> None:
    home.fake_daemon(slots=1)
    sweep = ["sweep", *SLOW, "--seed", "100..299", "--name", "many"]
    process = subprocess.Popen(
        [str(BIN / "hadesd"), *sweep], env=home.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until(lambda: home.paths.runs.exists() and len(list(home.paths.runs.iterdir())) > 3, "some runs are queued")
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    first = len(groups(home))
    if process.returncode == 0:
        pytest.skip("this machine queued all of them before the signal came")
    assert process.returncode == 130, stderr
    assert "of 200 runs of many were queued; the same command with --name many queues the others" in stderr
    assert 0 < first < 200
    done = home.hadesd(*sweep)
    assert f"queueing {200 - first} runs; {first} of 200 are there already" in done.stderr, done.stderr
    assert sorted(seed for _, seed, _ in groups(home)) == list(range(100, 300)), "every seed once"


def test_verbs_on_a_group_leave_others_alone(home: Home) -> None:
    home.fake_daemon(slots=2)
    other = home.start()
    home.reaches(other, S.RUNNING, 1)
    made = home.hadesd("sweep", *SLOW, "--seed", "10..12", "--name", "three")
    assert made.returncode == 0, made.stderr
    until(lambda: any(run.state == S.RUNNING for run in members(home)), "one of the group runs")
    listed = home.hadesd("status", "--group", "three")
    assert len(listed.stdout.splitlines()) == 4
    assert other not in [line.split()[0] for line in listed.stdout.splitlines()]
    assert "GROUP" in listed.stdout
    paused = home.hadesd("pause", "--group", "three")
    assert paused.returncode == 0, paused.stderr
    assert {run.state for run in members(home)} == {S.PAUSED}
    assert sum(run.generation > 0 for run in members(home)) == 1, "a queued run took the slot of one that paused"
    assert home.show(other).state == S.RUNNING
    refused = home.hadesd("pause", "--group", "three")
    assert (refused.returncode, refused.stderr) == (
        3,
        "hadesd: group three is 3 paused: there is nothing to pause\n",
    )
    late = home.hadesd("wait", "--group", "three", "--timeout", "0.3")
    assert late.returncode == 3
    assert "group three has not ended within 0.3 s: 3 paused" in late.stderr
    assert home.hadesd("resume", "--group", "three").returncode == 0
    cancelled = home.hadesd("cancel", "--group", "three", "--json")
    assert {run["state"] for run in json.loads(cancelled.stdout)["runs"]} == {"cancelled"}
    assert home.hadesd("wait", "--group", "three").returncode == 3
    assert home.hadesd("sweep", "--show", "@").stdout.count("3 cancelled") == 1
    assert home.hadesd("status", "--group", "four").stderr == "hadesd: there is no group 'four'; there are: three\n"


def test_a_single_run_can_join_a_group(home: Home) -> None:
    home.fake_daemon()
    assert home.hadesd("start", *QUICK, "--group", "g").returncode == 0
    assert home.hadesd("start", *QUICK, "--group", "G").returncode == 2
    assert [group for group, _, _ in groups(home)] == ["g"]


def members(home: Home) -> list:
    return [run for run in home.ask(commands.Snapshot).runs if run.group == "three"]


def test_the_worst_of_a_group_is_its_outcome(home: Home) -> None:
    home.fake_daemon()
    # Seed 2 is the worker that fails with a reason (tests/helpers/processes/fake_worker.py).
    done = home.hadesd("sweep", *QUICK, "--set", "seed=0,2", "--name", "mixed", "--follow")
    assert done.returncode == 1, done.stderr
    assert "1 finished, 1 failed" in done.stderr
    changed = home.hadesd("priority", "--group", "mixed", "7")
    assert changed.returncode == 0, changed.stderr
    assert "is finished: it is never queued again" in changed.stderr
    assert {(run.state, run.priority) for run in home.ask(commands.Snapshot).runs} == {("finished", 0), ("failed", 7)}
