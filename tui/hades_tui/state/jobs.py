"""Texts about jobs of the daemon, such as an export. Pure."""

from msgspec.structs import replace

from hades_protocol.messages import Job, JobState, JobVerb
from hades_tui.state.model import Model

WORKING = {
    JobVerb.EXPORT: "exporting",
    JobVerb.EVALUATE: "evaluating",
    JobVerb.DELETE: "deleting",
    JobVerb.ARCHIVE: "archiving",
    JobVerb.PRUNE: "pruning",
}


def working_text(job: Job) -> str:
    """A running job for the top line: `exporting cartpole-1`."""
    return f"{WORKING.get(job.verb, job.verb)} {job.run}"


def begun_text(job: Job) -> str:
    """The notice when a job has begun."""
    return f"{job.verb.noun} of {job.run} has begun; its result is shown here"


def ended_text(job: Job) -> str:
    """The notice when a job has ended: its result, and its path on a second line."""
    parts = [
        f"{job.verb.noun} of {job.run}{'' if job.state == 'done' else f' {job.state}'}: {job.text}".removesuffix(": ")
    ]
    if job.path and job.path not in job.text:
        parts.append(job.path)
    return "\n".join(parts)


def ended(before: Model, after: Model) -> tuple[Job, ...]:
    """The jobs that ended between two models. A restart of the daemon ends running jobs as lost."""
    if before.daemon is None or after.daemon is None or before.jobs is after.jobs:
        return ()
    if before.daemon.session != after.daemon.session:
        return tuple(
            replace(job, state="lost", text="the daemon was restarted; ask again")
            for job in before.jobs
            if job.state == JobState.RUNNING
        )
    over = {job.id for job in before.jobs if job.state != JobState.RUNNING}
    return tuple(job for job in after.jobs if job.state != JobState.RUNNING and job.id not in over)
