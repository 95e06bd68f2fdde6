"""Jobs that the daemon does beside a run, as notices. Pure."""

from hades_protocol.messages import Job
from hades_tui.model import Model

RUNNING = "running"


WORKING = {"export": "exporting", "evaluate": "evaluating"}


def working_text(job: Job) -> str:
    """A job that is at work, in a few letters."""
    return f"{WORKING.get(job.verb, job.verb)} {job.run}"


def begun_text(job: Job) -> str:
    """A job was asked for."""
    return f"{job.verb} of {job.run} has begun; its result is told here"


def ended_text(job: Job) -> str:
    """What came of a job."""
    parts = [f"{job.verb} of {job.run}{'' if job.state == 'done' else f' {job.state}'}: {job.text}".removesuffix(": ")]
    if job.path and job.path not in job.text:
        parts.append(job.path)
    return "\n".join(parts)


def ended(before: Model, after: Model) -> tuple[Job, ...]:
    """Jobs that ended between two models of one daemon session; those that ended before the first one are old."""
    if before.daemon is None or after.daemon is None or before.daemon.session != after.daemon.session:
        return ()
    if before.jobs is after.jobs:
        return ()
    over = {job.id for job in before.jobs if job.state != RUNNING}
    return tuple(job for job in after.jobs if job.state != RUNNING and job.id not in over)
