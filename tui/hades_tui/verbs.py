"""What a person can do to a run from the screen, in words. Pure."""

from collections.abc import Callable

import msgspec

from hades_protocol.messages import RunSummary
from hades_protocol.run_state import RunState

S = RunState


class Verb(msgspec.Struct, frozen=True):
    """A mutation: where it makes sense, what it will do, and what to say when it is done."""

    name: str
    states: frozenset[RunState]
    will: Callable[[RunSummary], str]
    done: str
    dangerous: bool = False

    def refusal(self, run: RunSummary) -> str:
        """Why the verb means nothing for this run; empty where it does."""
        if run.state in self.states:
            return ""
        return f"{run.id} is {run.state.value}: there is nothing to {self.name}"


def _will_pause(run: RunSummary) -> str:
    if run.state is S.QUEUED:
        return "It leaves the queue and waits until it is resumed."
    if run.state is S.BACKOFF:
        return "It is not started again after its crash until it is resumed."
    if run.state is S.STARTING:
        return "Its worker exits as soon as it can; what was committed before stays, and the device memory is freed."
    return (
        "The generation in flight is finished and committed, then the worker exits and the device memory is free. "
        "Resuming goes on from exactly there."
    )


def _will_resume(run: RunSummary) -> str:
    start = f"from generation {run.generation}" if run.generation else "from the beginning"
    return f"It is queued, and a new worker goes on {start} as soon as a slot is free."


def _will_cancel(run: RunSummary) -> str:
    if run.state in (S.STARTING, S.RUNNING, S.PAUSING):
        return (
            "The worker commits what it has and exits, and the run ends as cancelled. Its checkpoints and metrics "
            "stay on disk; resuming can take it up again."
        )
    return "The run ends as cancelled. Its checkpoints and metrics stay on disk; resuming can take it up again."


PAUSE = Verb(
    "pause", frozenset({S.QUEUED, S.STARTING, S.RUNNING, S.BACKOFF}), _will_pause, "will pause after this generation"
)
RESUME = Verb("resume", frozenset({S.PAUSED, S.FAILED, S.CANCELLED}), _will_resume, "is queued again")
CANCEL = Verb(
    "cancel",
    frozenset({S.QUEUED, S.STARTING, S.RUNNING, S.PAUSING, S.PAUSED, S.BACKOFF, S.FAILED}),
    _will_cancel,
    "is being cancelled",
    dangerous=True,
)


def done_text(verb: Verb, run: RunSummary) -> str:
    """What to say about the run the daemon answered with."""
    if run.state in (S.PAUSED, S.CANCELLED):
        return f"{run.id} is {run.state.value}"
    return f"{run.id} {verb.done}"
