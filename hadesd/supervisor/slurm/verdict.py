"""What has become of a job, from the run's lock, the job's files and what squeue says. Pure: the time is an argument.

They are believed in this order. Who does not answer proves nothing; a job that squeue does not know is given up only
when that lasts and nothing holds the run's lock.
"""

import math
from dataclasses import dataclass
from typing import Literal

from hades_protocol.errors import ExitCode
from hadesd.supervisor.slurm.job import SlurmJob, SlurmState
from hadesd.supervisor.slurm.job_files import KILLED

MISSING_SECONDS = 60.0
"""So long squeue must not have known a job that no process holds the lock for, until it counts as gone."""

EXIT_SECONDS = 10.0
"""How long the exit status of a job that has ended may take to show in a shared directory."""


@dataclass
class Standing:
    """Since when Slurm says of a job what it says. Times are monotonic, in seconds.

    submitted_at: an answer to an earlier question says nothing of the job.
    """

    submitted_at: float = -math.inf
    _said: tuple[str | None, str] | None = None
    _at: float = 0.0

    def take_in(self, state: str | None, silent: str, asked_at: float, now: float) -> tuple[bool, float]:
        """Whether squeue answered, and for how long it has said the same of the job, as `Facts` have it.

        state: None: it does not know the job. silent: why it gives no answer. asked_at: when it was asked.
        """
        if state is None and asked_at < self.submitted_at:
            return False, 0.0
        # What is not known at one moment may be known the next: only further questions show that it stays so.
        at = asked_at if state is None else now
        if (state, silent) != self._said:
            self._said, self._at = (state, silent), at
        return not silent, at - self._at


Kind = Literal["waits", "computes", "suspended", "unclear", "ended"]


@dataclass(frozen=True)
class Facts:
    """What is known of a job at a moment.

    status: exit status of the worker as the relay noted it; None: it has noted none. signals: names of those that it
        was sent before.
    locked: whether a process holds the run's lock.
    answered: whether squeue answered, and was asked after the job was submitted.
    job: its line of squeue; None: squeue does not know it.
    since: seconds since it is as it is now: ended, or, from answer to answer, not known.
    """

    status: int | None
    locked: bool
    answered: bool
    job: SlurmJob | None
    since: float
    signals: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """kind "ended": with the exit status; taken: Slurm ended it, and the run has no part in it. why: in words."""

    kind: Kind
    status: int = 0
    taken: bool = False
    why: str = ""


def decide(facts: Facts) -> Verdict:
    """What has become of the job."""
    job = facts.job if facts.answered else None
    if facts.status is not None:
        return _noted(facts.status, facts.signals, job)
    if not facts.answered:
        return Verdict("unclear", why="Slurm does not answer")
    if job is None:
        if facts.locked:
            return Verdict("computes", why="Slurm does not know its job any more")
        if facts.since < MISSING_SECONDS:
            return Verdict("unclear", why="Slurm does not know its job")
        return Verdict("ended", KILLED, taken=True, why="its job vanished")
    match job.meaning:
        case SlurmState.WAITS:
            return Verdict("waits", why=job.why_it_waits())
        case SlurmState.COMPUTES:
            return Verdict("computes")
        case SlurmState.SUSPENDED:
            return Verdict("suspended", why=f"its job is {job.state.lower()}")
    if not job.nodes and not facts.locked:  # it never began: nobody will note how it ended, and it is no crash
        return Verdict("ended", KILLED, taken=True, why=f"Slurm job {job.id} ended before it began: {job.state}")
    if facts.locked or facts.since < EXIT_SECONDS:
        return Verdict("computes", why=f"its job is {job.state}")
    return Verdict("ended", KILLED, taken=job.meaning is SlurmState.TAKEN, why=_in_words(job))


def _noted(status: int, signals: tuple[str, ...], job: SlurmJob | None) -> Verdict:
    """A worker that committed because of a signal was sent away; Slurm may say why a moment later, or never."""
    if job is not None and job.meaning is SlurmState.TAKEN:
        return Verdict("ended", status, taken=True, why=_in_words(job))
    if status == ExitCode.CHECKPOINTED and signals:
        where = f" on {job.nodes}" if job is not None and job.nodes else ""
        return Verdict("ended", status, taken=True, why=f"its Slurm job{where} was sent {signals[0]}")
    return Verdict("ended", status)


def _in_words(job: SlurmJob) -> str:
    where = f" on {job.nodes}" if job.nodes else ""
    return f"Slurm job {job.id} ended{where}: {job.state}"
