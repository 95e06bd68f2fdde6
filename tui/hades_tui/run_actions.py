"""What a person can do to a run from the screen, in words, and the command that does it. Pure."""

from collections.abc import Callable
from typing import Any

import msgspec

from hades_protocol import commands
from hades_protocol.async_client import fresh_id
from hades_protocol.messages import RunSummary
from hades_protocol.resync import LinkPhase
from hades_protocol.run_state import RunState
from hades_tui.state.model import Model

S = RunState


class Verb(msgspec.Struct, frozen=True):
    """A mutation: where it makes sense, what it will do, and what to say when it is done.

    since: minor version of the protocol that knows it. nothing: what is said where it makes no sense; {run}, {state}.
    """

    name: str
    kind: type[commands.RunRequest]
    states: frozenset[RunState]
    will: Callable[[RunSummary], str]
    done: str
    dangerous: bool = False
    since: int = 0
    nothing: str = "{run} is {state}: there is nothing to {verb}"

    def refusal(self, run: RunSummary) -> str:
        """Why the verb means nothing for this run; empty where it does."""
        if run.state not in self.states and not (self.kind is commands.Pause and run.waits_for_room):
            return self.nothing.format(run=run.id, state=run.state.value, verb=self.name)
        if self.kind in NEED_A_COMMIT and run.generation == 0:
            return f"{run.id} has committed no generation yet: there is nothing to {self.name}"
        if self.kind in NEED_PAIRS and run.method == "es":
            return f"{run.id} is of method es, which evolves a policy directly: there are no pairs to {self.name}"
        return ""


NEED_A_COMMIT = (commands.Fork, commands.Export, commands.Evaluate)
NEED_PAIRS = (commands.Export, commands.Evaluate)


def _will_pause(run: RunSummary) -> str:
    if run.state is S.PAUSED:
        return "It does not go on by itself when the disk has room again, but when it is resumed."
    if run.state is S.STOPPING:
        return "It does not come back by itself: once its worker has committed and gone, it waits until it is resumed."
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
    if run.state in (S.STARTING, S.RUNNING, S.PAUSING, S.STOPPING):
        return (
            "The worker commits what it has and exits, and the run ends as cancelled. Its checkpoints and metrics "
            "stay on disk; resuming can take it up again."
        )
    return "The run ends as cancelled. Its checkpoints and metrics stay on disk; resuming can take it up again."


def _will_fork(run: RunSummary) -> str:
    return f"A new run is queued that goes on from a checkpoint of {run.id}, which itself is left alone."


def _will_resize(run: RunSummary) -> str:
    if run.state in (S.STARTING, S.RUNNING, S.STOPPING):
        return "Its generation is committed, then a new worker goes on with the other size, which compiles anew."
    return "It goes on with the other size when it next has a worker. Nothing that it has learned is lost."


def _will_export(run: RunSummary) -> str:
    return f"The newest pairs are written to a file in {run.directory or 'its directory'}/exports, beside the run."


def _will_evaluate(run: RunSummary) -> str:
    return (
        "Fresh policies are trained on the newest pairs and measured, on the daemon's machine. The run is left alone; "
        "while it computes it may be slower."
    )


def _will_note(run: RunSummary) -> str:
    return "The note is kept with the run and seen by everyone who looks at it. An empty one takes it away."


EVERY = frozenset(S)

PAUSE = Verb(
    "pause",
    commands.Pause,
    frozenset({S.QUEUED, S.STARTING, S.RUNNING, S.STOPPING, S.BACKOFF}),
    _will_pause,
    "will pause after this generation",
)
RESUME = Verb("resume", commands.Resume, frozenset({S.PAUSED, S.FAILED, S.CANCELLED}), _will_resume, "is queued again")
CANCEL = Verb(
    "cancel",
    commands.Cancel,
    frozenset({S.QUEUED, S.STARTING, S.RUNNING, S.PAUSING, S.PAUSED, S.STOPPING, S.BACKOFF, S.FAILED}),
    _will_cancel,
    "is being cancelled",
    dangerous=True,
)
FORK = Verb("fork", commands.Fork, EVERY, _will_fork, "is queued", since=2)
RESIZE = Verb(
    "resize",
    commands.Resize,
    EVERY - {S.FINISHED, S.CANCELLING},
    _will_resize,
    "gets its other size",
    since=2,
    nothing="{run} is {state}: its size cannot change any more; F forks it with another one",
)
EXPORT = Verb("export", commands.Export, EVERY, _will_export, "is being exported", since=3)
EVALUATE = Verb("evaluate", commands.Evaluate, EVERY, _will_evaluate, "is being evaluated", since=3)
NOTE = Verb("note", commands.Note, EVERY, _will_note, "has its note", since=3)

VERBS = {verb.name: verb for verb in (PAUSE, RESUME, CANCEL, FORK, RESIZE, EXPORT, EVALUATE, NOTE)}


def order(verb: Verb, run: RunSummary, session: str, **fields: Any) -> commands.RunRequest:
    """The command that a daemon refuses unless it is the one of that session and the run is as it was seen here."""
    if issubclass(verb.kind, commands.Mutation):
        fields["expected_state"] = run.state
    return verb.kind(request_id=fresh_id(), run=run.id, session=session, **fields)


def refusal(verb: Verb, model: Model, readonly: bool) -> str:
    """Why nothing can be asked of the selected run now; empty where it can."""
    if readonly:
        return f"This screen is read-only: {verb.name} is not possible here. Nothing was sent."
    if model.link.phase is not LinkPhase.LIVE or model.daemon is None:
        return f"{_link(model)}. Nothing was sent."
    if model.run is None:
        return "There is no run."
    if model.daemon.protocol_minor < verb.since:
        return (
            f"The daemon (version {model.daemon.version}) is older than this screen and does not know '{verb.name}': "
            "'hadesd stop' and start it anew; its runs go on. Nothing was sent."
        )
    return verb.refusal(model.run)


def obstacle(verb: Verb, asked: RunSummary, session: str, model: Model, *, same_state: bool) -> str:
    """Why a dialog about a run must not send its command now; empty where it may.

    asked, session: the run and the daemon as they were when the dialog opened. same_state: whether what the dialog
    says holds for that state alone.
    """
    if model.link.phase is not LinkPhase.LIVE or model.daemon is None:
        return f"{_link(model)}. Nothing is sent until it is live again."
    if model.daemon.session != session:
        return "The daemon was restarted since this was asked: close this, look again, and ask again."
    run = next((run for run in model.runs if run.id == asked.id), None)
    if run is None:
        return f"{asked.id} was removed. Nothing was sent."
    if same_state and run.state is not asked.state:
        return f"{run.id} is {run.state.value} by now, not {asked.state.value}: close this and ask again."
    return verb.refusal(run)


def _link(model: Model) -> str:
    words = {
        LinkPhase.CONNECTING: "The screen is still connecting to the daemon",
        LinkPhase.LIVE: "The daemon has not said yet who it is",
        LinkPhase.RESYNCING: "The link is resyncing: what is shown may be old",
        LinkPhase.STALE: "The link is stale: no word from the daemon, and what is shown is old",
        LinkPhase.MISMATCH: "The daemon speaks another protocol",
    }
    return words[model.link.phase]


def done_text(verb: Verb, run: RunSummary) -> str:
    """What to say about the run the daemon answered with."""
    if verb.kind in (commands.Pause, commands.Cancel) and run.state in (S.PAUSED, S.CANCELLED):
        return f"{run.id} is {run.state.value}"
    if verb is FORK and run.parent is not None:
        return f"{run.id} goes on from {run.parent.run} after generation {run.parent.generation}"
    return f"{run.id} {verb.done}"
