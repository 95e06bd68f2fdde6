"""A Slurm job of ours, in Slurm's words: how it is submitted, recognised, and what its states mean. Pure."""

import shlex
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

COMMENT = "hades"
"""Jobs are known by id *and* comment: a slurmctld that lost its state gives ids out again."""

JOB_LOG = "job.log"
"""In the job's directory: what it printed before its worker began, and what srun said at its end."""

QUEUE_FORMAT = "%A|%T|%k|%N|%r"
"""Of squeue: id, state, comment, nodes, reason. The reason comes last: it is the one that may hold anything."""


class JobName(NamedTuple):
    """Which run a job computes. token: of this submission, hexadecimal."""

    run: str
    token: str

    @property
    def comment(self) -> str:
        """As the job carries it."""
        return f"{COMMENT}:{self.run}:{self.token}"

    @classmethod
    def of(cls, comment: str) -> "JobName | None":
        """The name in a comment; None where it is none of ours."""
        parts = comment.split(":")
        return cls(*parts[1:]) if len(parts) == 3 and parts[0] == COMMENT and all(parts[1:]) else None


class SlurmState(StrEnum):
    """What a state of Slurm's means to a run."""

    WAITS = "waits"  # it is in the queue
    COMPUTES = "computes"  # its processes are there, or may be
    SUSPENDED = "suspended"  # they are there and stand still
    ENDED = "ended"  # they are gone, for a reason of the job's own
    TAKEN = "taken"  # they are gone, and the run has no part in it


STATES: Mapping[str, SlurmState] = {
    **dict.fromkeys(("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD"), SlurmState.WAITS),
    **dict.fromkeys(("SPECIAL_EXIT", "RESV_DEL_HOLD"), SlurmState.WAITS),
    **dict.fromkeys(("RUNNING", "COMPLETING", "SIGNALING", "STAGE_OUT", "RESIZING"), SlurmState.COMPUTES),
    **dict.fromkeys(("SUSPENDED", "STOPPED"), SlurmState.SUSPENDED),
    **dict.fromkeys(("COMPLETED", "FAILED", "CANCELLED", "OUT_OF_MEMORY"), SlurmState.ENDED),
    **dict.fromkeys(("PREEMPTED", "TIMEOUT", "NODE_FAIL", "BOOT_FAIL", "DEADLINE", "REVOKED"), SlurmState.TAKEN),
}
"""States of squeue(1). One that is not here counts as COMPUTES: nothing is concluded from it."""

ALIVE = (SlurmState.WAITS, SlurmState.COMPUTES, SlurmState.SUSPENDED)
"""Of a job that has not ended."""

REASONS: Mapping[str, str] = {
    "Resources": "it waits for free nodes",
    "Priority": "jobs of higher priority are before it",
    "Dependency": "it waits for another job",
    "BeginTime": "its time to begin has not come",
    "JobHeldUser": "it is held by its user: scontrol release",
    "JobHeldAdmin": "it is held by an administrator",
    "PartitionDown": "its partition is down",
    "PartitionTimeLimit": "it asks for more time than its partition gives",
    "PartitionConfig": "it asks for more than the nodes of its partition have",
    "PartitionNodeLimit": "it asks for more nodes than its partition gives",
    "ReqNodeNotAvail": "a node that it asks for is not available",
    "NodeDown": "a node that it asks for is down",
    "BadConstraints": "no node is what it asks for",
    "Licenses": "it waits for a licence",
    "ReservationDeleted": "its reservation is gone",
    "None": "Slurm has not looked at it yet",
}
"""Reasons of squeue(1) in words; others are told as Slurm says them."""


class SlurmJob(NamedTuple):
    """A line of squeue."""

    id: int
    state: str
    name: JobName
    nodes: str
    reason: str

    @property
    def meaning(self) -> SlurmState:
        """What its state means."""
        return STATES.get(self.state, SlurmState.COMPUTES)

    def why_it_waits(self) -> str:
        """Slurm's reason, in words and as Slurm calls it."""
        reason = self.reason.strip("() ") or "None"
        short = reason.partition(",")[0]
        if short.startswith(("QOS", "Assoc")):
            return f"a limit of the account or QOS is reached ({reason})"
        return f"{REASONS[short]} ({reason})" if short in REASONS else reason


def parse_queue(text: str) -> list[SlurmJob]:
    """Our jobs in the output of squeue with QUEUE_FORMAT."""
    found = []
    for line in text.splitlines():
        fields = line.split("|", 4)
        name = JobName.of(fields[2]) if len(fields) == 5 else None
        if name is not None and fields[0].isdigit():
            found.append(SlurmJob(int(fields[0]), fields[1], name, fields[3], fields[4]))
    return found


def parse_submitted(text: str) -> int | None:
    """The id in what `sbatch --parsable` prints: ID or ID;CLUSTER."""
    last = (text.strip().splitlines() or [""])[-1].partition(";")[0]
    return int(last) if last.isdigit() else None


UNREACHABLE = (
    *("Unable to contact slurm controller", "Connection refused", "Connection timed out"),
    *("Socket timed out", "Zero Bytes were transmitted", "slurm_persist_conn_open", "Transport endpoint"),
    *("Resource temporarily unavailable", "controller not responding"),
)
"""Texts of Slurm's commands from which nothing follows. Their exit status is 1, as for everything else."""

SUBMIT_LIMIT = "MaxSubmitJob"
"""In the names of limits to how many jobs there are at a time: QOSMaxSubmitJobPerUserLimit, AssocMaxSubmitJobLimit."""


def is_temporary(text: str) -> bool:
    """Whether a command of Slurm's failed because nobody answered it, or because there are too many jobs now."""
    return any(sign.lower() in text.lower() for sign in (*UNREACHABLE, SUBMIT_LIMIT))


class Submission(NamedTuple):
    """What is handed to sbatch.

    directory: in which it runs. job_directory: of its script and its log. warn_seconds: how long before its end the
    job is told (0: not at all). hosts: nodes that share the run.
    """

    name: JobName
    directory: Path
    job_directory: Path
    options: Sequence[str]
    warn_signal: str = ""
    warn_seconds: int = 0
    hosts: int = 1

    def arguments(self) -> list[str]:
        """Of sbatch; the last one is the script. The user's options come last, so that they win."""
        warn = [f"--signal={self.warn_signal}@{self.warn_seconds}"] if self.warn_seconds else []
        return [
            "--parsable",
            "--no-requeue",  # the daemon alone starts a job again
            "--open-mode=append",
            f"--job-name=hades-{self.name.run}",
            f"--output={self.job_directory / JOB_LOG}",
            f"--chdir={self.directory}",
            *([f"--nodes={self.hosts}", f"--ntasks={self.hosts}"] if self.hosts > 1 else []),
            *warn,
            *self.options,
            f"--comment={self.name.comment}",
            str(self.job_directory / "job.sh"),
        ]


def script(command: Sequence[str], hosts: int = 1) -> str:
    """The batch script: one step, in which the command runs on each host; where one of them fails, all end.

    Since Slurm 22.05 srun does not take --cpus-per-task from sbatch: bound to cores, a worker would have one.
    """
    cores = "${SLURM_CPUS_PER_TASK:+--cpus-per-task=$SLURM_CPUS_PER_TASK}"
    return f"#!/bin/bash\nexec srun --ntasks={hosts} {cores} --kill-on-bad-exit=1 {shlex.join(command)}\n"
