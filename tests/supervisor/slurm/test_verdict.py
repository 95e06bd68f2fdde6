"""What has become of a job: never given up while it may compute, never waited for when it is gone."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from hadesd.supervisor.slurm.job import STATES, JobName, SlurmJob, SlurmState
from hadesd.supervisor.slurm.job_files import KILLED
from hadesd.supervisor.slurm.verdict import EXIT_SECONDS, MISSING_SECONDS, Facts, Standing, decide

JOBS = st.builds(
    SlurmJob,
    st.just(7),
    st.sampled_from([*STATES, "BRAND_NEW"]),
    st.just(JobName("hopper-1", "ab")),
    st.sampled_from(["", "n1"]),
    st.sampled_from(["None", "Resources"]),
)
FACTS = st.builds(
    Facts,
    status=st.none() | st.integers(-15, 255),
    locked=st.booleans(),
    answered=st.booleans(),
    job=st.none() | JOBS,
    since=st.floats(0, 1000),
    signals=st.sampled_from([(), ("SIGTERM",), ("SIGUSR1", "SIGTERM")]),
)


@given(FACTS)
def test_without_a_status_nothing_ends_that_may_compute(facts: Facts) -> None:
    verdict = decide(facts)
    if facts.status is None and (facts.locked or not facts.answered):
        assert verdict.kind != "ended"
    if facts.status is None and facts.job is not None and facts.answered and facts.job.meaning is SlurmState.COMPUTES:
        assert verdict.kind == "computes"


@given(FACTS)
def test_a_status_that_was_noted_is_believed(facts: Facts) -> None:
    if facts.status is not None:
        verdict = decide(facts)
        assert (verdict.kind, verdict.status) == ("ended", facts.status)


@given(FACTS)
def test_every_job_that_is_gone_ends_at_last(facts: Facts) -> None:
    """Once nothing holds the lock and squeue answers, a job that is unknown or has ended cannot go on for ever."""
    gone = facts.job is None or facts.job.meaning in (SlurmState.ENDED, SlurmState.TAKEN)
    later = dataclasses.replace(facts, locked=False, answered=True, since=max(MISSING_SECONDS, EXIT_SECONDS))
    if gone:
        assert decide(later).kind == "ended"


def job(state: str, nodes: str = "n1") -> SlurmJob:
    return SlurmJob(7, state, JobName("hopper-1", "ab"), nodes, "None")


def test_a_job_that_is_taken_out_of_the_queue_is_no_crash_and_nothing_is_waited_for() -> None:
    verdict = decide(Facts(None, False, True, job("CANCELLED", nodes=""), 0.0))
    assert (verdict.kind, verdict.status, verdict.taken) == ("ended", KILLED, True)
    assert verdict.why == "Slurm job 7 ended before it began: CANCELLED"
    assert decide(Facts(None, False, True, job("CANCELLED"), 0.0)).kind == "computes"


def test_who_was_sent_away_is_told_from_who_crashed() -> None:
    away = decide(Facts(75, False, True, job("COMPLETING"), 0.0, ("SIGTERM",)))
    assert (away.taken, away.why) == (True, "its Slurm job on n1 was sent SIGTERM")
    asked = decide(Facts(75, False, True, job("COMPLETED"), 0.0))
    assert (asked.status, asked.taken) == (75, False)
    lost = decide(Facts(None, False, True, job("NODE_FAIL"), EXIT_SECONDS))
    assert (lost.status, lost.taken, lost.why) == (KILLED, True, "Slurm job 7 ended on n1: NODE_FAIL")
    memory = decide(Facts(None, False, True, job("OUT_OF_MEMORY"), EXIT_SECONDS))
    assert (memory.status, memory.taken) == (KILLED, False)
    vanished = decide(Facts(None, False, True, None, MISSING_SECONDS))
    assert (vanished.taken, vanished.why) == (True, "its job vanished")


def test_only_answers_to_questions_after_its_submission_say_that_a_job_is_unknown() -> None:
    """However seldom squeue is asked: one answer is not enough, and time alone proves nothing."""
    standing = Standing(submitted_at=100.0)
    assert standing.take_in(None, "", asked_at=90.0, now=180.0) == (False, 0.0)
    assert standing.take_in(None, "", asked_at=390.0, now=391.0) == (True, 0.0)
    assert standing.take_in(None, "", asked_at=390.0, now=600.0) == (True, 0.0)
    assert standing.take_in(None, "", asked_at=690.0, now=691.0) == (True, 300.0)
    assert standing.take_in(None, "nobody answers", asked_at=990.0, now=991.0) == (False, 0.0)
    assert standing.take_in(None, "", asked_at=1290.0, now=1291.0) == (True, 0.0)


def test_how_long_a_job_has_ended_is_counted_by_the_clock() -> None:
    standing = Standing(submitted_at=100.0)
    assert standing.take_in("RUNNING", "", asked_at=110.0, now=111.0) == (True, 0.0)
    assert standing.take_in("COMPLETED", "", asked_at=120.0, now=121.0) == (True, 0.0)
    assert standing.take_in("COMPLETED", "", asked_at=120.0, now=131.0) == (True, 10.0)
