"""What Slurm's commands are told, and what their words mean. No Slurm runs here."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hades_protocol import commands
from hades_protocol.run_spec import spec_to_dict
from hadesd.config import Settings
from hadesd.supervisor.slurm.job import JobName, SlurmState, Submission, is_temporary, parse_queue, parse_submitted
from tests.helpers.protocol.in_process_daemon import InProcessDaemon
from tests.helpers.runs.specs import tiny


def test_the_queue_is_read_and_other_peoples_jobs_are_passed_over() -> None:
    text = (
        "12|PENDING|hades:hopper-1121-ab3d:00ff||Resources\n"
        "13|RUNNING|hades:ant-1121-k3f9:ab12|n[2-3]|None\n"
        "14|RUNNING|something else|n1|None\n"
        "15|PENDING|hades:ant-1121-k3f9:ab13||(ReqNodeNotAvail, UnavailableNodes:n4)\n"
        "slurm_load_jobs error\n"
    )
    waiting, running, third = parse_queue(text)
    assert (waiting.id, waiting.name, waiting.meaning) == (12, JobName("hopper-1121-ab3d", "00ff"), SlurmState.WAITS)
    assert waiting.why_it_waits() == "it waits for free nodes (Resources)"
    assert (running.nodes, running.meaning) == ("n[2-3]", SlurmState.COMPUTES)
    assert third.why_it_waits() == "a node that it asks for is not available (ReqNodeNotAvail, UnavailableNodes:n4)"


def test_a_state_that_nobody_knows_ends_nothing() -> None:
    (job,) = parse_queue("12|BRAND_NEW|hades:hopper-1:00ff||None")
    assert job.meaning is SlurmState.COMPUTES


@given(st.text(), st.text())
def test_comments_are_ours_or_not(run: str, token: str) -> None:
    name = JobName.of(JobName(run, token).comment)
    whole = bool(run) and bool(token) and ":" not in run + token
    assert name == (JobName(run, token) if whole else None)
    assert JobName.of(run) is None or run.startswith("hades:")


def test_an_id_is_what_sbatch_prints_last() -> None:
    assert parse_submitted("4711\n") == 4711
    assert parse_submitted("a message of the site\n4711;cluster\n") == 4711
    assert parse_submitted("no") is None
    assert parse_submitted("") is None


def test_what_may_pass_is_told_from_a_refusal() -> None:
    assert is_temporary("slurm_load_jobs error: Unable to contact slurm controller (connect failure)")
    policy = "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, …)"
    assert is_temporary(f"sbatch: error: QOSMaxSubmitJobPerUserLimit\n{policy}")
    assert is_temporary(f"sbatch: error: AssocMaxSubmitJobLimit\n{policy}")
    assert not is_temporary(f"sbatch: error: QOSMaxWallDurationPerJobLimit\n{policy}")
    assert not is_temporary("slurm_load_jobs error: Invalid job id specified")


def test_the_users_options_come_after_ours_and_cannot_take_the_name_away() -> None:
    name = JobName("ant-1", "ab")
    arguments = Submission(name, Path("/r"), Path("/r/p"), ("--time=1:00", "--comment=mine"), "USR2", 90).arguments()
    assert arguments.index("--signal=USR2@90") < arguments.index("--time=1:00")
    assert arguments[-2:] == ["--comment=hades:ant-1:ab", "/r/p/job.sh"]
    assert "--no-requeue" in arguments
    without = Submission(name, Path("/r"), Path("/r/p"), (), "USR1", 0).arguments()
    assert not any(text.startswith("--signal") for text in without)


def test_options_of_sbatch_are_not_for_those_who_come_over_tcp(tmp_path: Path) -> None:
    """They name files and environments of the daemon's user."""
    asked = spec_to_dict(tiny(resources={"executor": "slurm", "slurm": "--output=/home/me/.profile"}))
    open_to_others = InProcessDaemon(tmp_path / "tcp", settings=Settings(listen="tcp://127.0.0.1:7421"))
    refused = open_to_others.ask(commands.Start, spec=asked)
    assert refused.error is not None
    assert "options of sbatch come from [slurm] in its config.toml alone" in refused.error.message
    own = InProcessDaemon(tmp_path / "own").ask(commands.Start, spec=asked)
    assert own.error is not None
    assert "submits no Slurm jobs" in own.error.message
