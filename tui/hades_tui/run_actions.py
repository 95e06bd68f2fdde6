"""The actions on a run: where they apply, what the screen says about them, and the command to send. Pure."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from hades_protocol import commands
from hades_protocol.async_client import fresh_id
from hades_protocol.messages import RunSummary
from hades_protocol.resync import LinkPhase
from hades_protocol.run_state import AT_REST, CANCELLABLE, PAUSABLE, PRIORITISABLE, RESIZABLE, RESUMABLE, RunState
from hades_tui.state.model import Model
from hades_tui.text.format import is_waiting

S = RunState


class RunAction(msgspec.Struct, frozen=True):
    """One action on a run.

    kind: its command. states: states of a run in which it applies. will: text about what it will do. done: text after
    the run's id when it is done. nothing: text where it does not apply, with {run}, {state} and {action}. many: whether
    it acts on all marked runs, where there are any, with the same fields for each. asks: what is done, before the runs;
    empty for the name.
    """

    name: str
    kind: type[commands.RunRequest]
    states: frozenset[RunState]
    will: Callable[[RunSummary], str]
    done: str
    dangerous: bool = False
    nothing: str = "{run} is {state}: there is nothing to {action}"
    many: bool = False
    asks: str = ""

    def about(self, runs: str) -> str:
        """What is done to the runs, which are named or counted: `pause 3 runs`."""
        return f"{self.asks or self.name} {runs}"

    def refusal(self, run: RunSummary) -> str:
        """Why the action does not apply to this run; empty where it does."""
        if run.state not in self.states and not (self.kind is commands.Pause and run.waits_for_room):
            return self.nothing.format(run=run.id, state=run.state.value, action=self.name)
        if self.kind in NEED_A_COMMIT and run.generation == 0:
            return f"{run.id} has committed no generation yet: there is nothing to {self.name}"
        if self.kind in NEED_PAIRS and run.method == "es":
            return f"{run.id} is of method es, which evolves a policy directly: there are no pairs to {self.name}"
        return ""


NEED_A_COMMIT = (commands.Fork, commands.Export, commands.Evaluate)
NEED_PAIRS = (commands.Export, commands.Evaluate)


NEW_JOB = "Resuming goes on from exactly there in a new job, which waits in Slurm's queue again."


def _will_pause(run: RunSummary) -> str:
    if run.state is S.PAUSED:
        return "It does not go on by itself when the disk has room again, but when it is resumed."
    if run.state is S.STOPPING:
        return "It does not come back by itself: once its worker has committed and gone, it waits until it is resumed."
    if run.state is S.QUEUED:
        return "It leaves the queue and waits until it is resumed."
    if run.state is S.BACKOFF:
        return "It is not started again after its crash until it is resumed."
    if is_waiting(run):
        return "Its job is taken out of Slurm's queue. Resuming submits a new one, which waits there again."
    if run.state is S.STARTING and run.slurm_job is not None:
        return "Its job ends as soon as it can and gives its nodes back; what was committed before stays. " + NEW_JOB
    if run.state is S.STARTING:
        return "Its worker exits as soon as it can; what was committed before stays, and the device memory is freed."
    if run.slurm_job is not None:
        return (
            "The generation in flight is finished and committed, then its job ends and its nodes are free. " + NEW_JOB
        )
    return (
        "The generation in flight is finished and committed, then the worker exits and the device memory is free. "
        "Resuming goes on from exactly there."
    )


def _will_resume(run: RunSummary) -> str:
    start = f"from generation {run.generation}" if run.generation else "from the beginning"
    return f"It is queued, and a new worker goes on {start} as soon as its turn comes."


def _will_cancel(run: RunSummary) -> str:
    if is_waiting(run):
        return (
            "Its job is taken out of Slurm's queue, and the run ends as cancelled. Its checkpoints and metrics stay on "
            "disk; resuming can take it up again."
        )
    if run.state in (S.STARTING, S.RUNNING, S.PAUSING, S.STOPPING):
        return (
            "The worker commits what it has and exits, and the run ends as cancelled. Its checkpoints and metrics "
            "stay on disk; resuming can take it up again."
        )
    return "The run ends as cancelled. Its checkpoints and metrics stay on disk; resuming can take it up again."


def _will_fork(run: RunSummary) -> str:
    return f"A new run is queued that goes on from a checkpoint of {run.id}, which itself is left alone."


def _will_resize(run: RunSummary) -> str:
    if is_waiting(run):
        return "Its job is taken out of Slurm's queue; a new one, which waits there again, has the other size."
    at_work = run.state in (S.STARTING, S.RUNNING, S.STOPPING)
    if at_work and run.slurm_job is not None:
        return (
            "Its generation is committed, then its job ends and gives its nodes back. A new job waits in Slurm's queue "
            "again and goes on with the other size, which compiles anew."
        )
    if at_work:
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


def _will_prioritise(run: RunSummary) -> str:
    if run.state is S.QUEUED:
        return "Of queued runs the one with the highest number starts first; the default is 0."
    return "It counts when the run is queued next: the highest number starts first, the default is 0."


def _will_remove(run: RunSummary) -> str:
    return "Its directory is deleted with all checkpoints, metrics, datasets and exports. Nothing brings it back."


def _will_archive(run: RunSummary) -> str:
    return (
        "It is packed into one file in the daemon's directory 'archives', which is read back; then the run is removed. "
        "'hadesd archive --restore FILE' brings it back."
    )


def _will_retain(run: RunSummary) -> str:
    return "Checkpoints that the rule does not keep are deleted; later workers of the run keep to it."


EVERY = frozenset(S)

PAUSE = RunAction(
    "pause",
    commands.Pause,
    PAUSABLE,
    _will_pause,
    "will pause after this generation",
    many=True,
)
RESUME = RunAction("resume", commands.Resume, RESUMABLE, _will_resume, "is queued again", many=True)
CANCEL = RunAction(
    "cancel",
    commands.Cancel,
    CANCELLABLE,
    _will_cancel,
    "is being cancelled",
    dangerous=True,
    many=True,
)
FORK = RunAction("fork", commands.Fork, EVERY, _will_fork, "is queued")
RESIZE = RunAction(
    "resize",
    commands.Resize,
    RESIZABLE,
    _will_resize,
    "gets its other size",
    nothing="{run} is {state}: its size cannot change any more; F forks it with another one",
)
EXPORT = RunAction("export", commands.Export, EVERY, _will_export, "is being exported")
EVALUATE = RunAction("evaluate", commands.Evaluate, EVERY, _will_evaluate, "is being evaluated")
NOTE = RunAction("note", commands.Note, EVERY, _will_note, "has its note")

PRIORITY = RunAction(
    "priority",
    commands.Priority,
    PRIORITISABLE,
    _will_prioritise,
    "has its priority",
    nothing="{run} is {state}: it is never queued again",
    many=True,
    asks="set the priority of",
)
_AT_WORK = "{run} is {state}: cancel or pause it before you {action} it"
REMOVE = RunAction(
    "remove", commands.Delete, AT_REST, _will_remove, "is removed", dangerous=True, nothing=_AT_WORK, many=True
)
ARCHIVE = RunAction("archive", commands.Archive, AT_REST, _will_archive, "is archived", nothing=_AT_WORK, many=True)
RETAIN = RunAction(
    "retain",
    commands.Prune,
    AT_REST,
    _will_retain,
    "keeps the checkpoints of its rule",
    dangerous=True,
    nothing="{run} is {state}: pause it before its checkpoints are pruned",
    many=True,
)

RUN_ACTIONS = {
    action.name: action
    for action in (
        *(PAUSE, RESUME, CANCEL, FORK, RESIZE, EXPORT, EVALUATE, NOTE),
        *(PRIORITY, REMOVE, ARCHIVE, RETAIN),
    )
}


def targets(
    action: RunAction, model: Model, listed: Sequence[str], heading: Sequence[str] = ()
) -> tuple[RunSummary, ...]:
    """The runs that a key acts on: all marked ones where the action takes many, else the selected one.

    listed: ids of the runs in the list, in its order. A run that is not listed is seen by nobody, and no target.
    heading: those that a selected heading stands for, which are then meant in place of the selected run.
    """
    wanted = [run for run in listed if run in model.marked] or heading if action.many else ()
    known = {run.id: run for run in model.runs}
    return tuple(known[run] for run in listed if run in (wanted or (model.selected,)) and run in known)


def command_for(action: RunAction, run: RunSummary, session: str, **fields: Any) -> commands.RunRequest:
    """The command of an action. The daemon refuses it in another session, or where the run's state has changed."""
    if issubclass(action.kind, commands.Mutation):
        fields["expected_state"] = run.state
    return action.kind(request_id=fresh_id(), run=run.id, session=session, **fields)


def refusal(action: RunAction, model: Model, chosen: Sequence[RunSummary], readonly: bool) -> str:
    """Why the action is not possible now for any of the chosen runs; empty where it is. chosen: as targets says."""
    if why := screen_refusal(action.name, model, readonly):
        return why
    if model.run is None:
        return "There is no run."
    if not chosen:
        return f"The filter hides {model.run.id}: escape in the list shows all runs. Nothing was sent."
    return action.refusal(chosen[0]) if len(chosen) == 1 else ""


def screen_refusal(verb: str, model: Model, readonly: bool) -> str:
    """Why nothing can be sent from this screen now, whatever run it is about; empty where it can."""
    if readonly:
        return f"This screen is read-only: {verb} is not possible here. Nothing was sent."
    if model.link.phase is not LinkPhase.LIVE or model.daemon is None:
        return f"{_link(model)}. Nothing was sent."
    return ""


def obstacle(action: RunAction, asked: RunSummary, session: str, model: Model, *, same_state: bool) -> str:
    """Why a dialog about a run must not send its command now; empty where it may.

    asked, session: the run and the daemon's session when the dialog opened. same_state: whether the text of the
    dialog holds for that state alone.
    """
    return link_obstacle(session, model) or run_obstacle(action, asked, model, same_state=same_state)


def link_obstacle(session: str, model: Model) -> str:
    """Why a dialog must send nothing now, whatever it is about; empty where it may."""
    if model.link.phase is not LinkPhase.LIVE or model.daemon is None:
        return f"{_link(model)}. Nothing is sent until it is live again."
    if model.daemon.session != session:
        return "The daemon was restarted since this was asked: close this, look again, and ask again."
    return ""


def run_obstacle(action: RunAction, asked: RunSummary, model: Model, *, same_state: bool) -> str:
    """Why nothing must be sent about this run now; empty where it may."""
    run = next((run for run in model.runs if run.id == asked.id), None)
    if run is None:
        return f"{asked.id} was removed. Nothing was sent."
    if same_state and run.state is not asked.state:
        return f"{run.id} is {run.state.value} by now, not {asked.state.value}: close this and ask again."
    return action.refusal(run)


def _link(model: Model) -> str:
    texts = {
        LinkPhase.CONNECTING: "The screen is still connecting to the daemon",
        LinkPhase.LIVE: "The daemon has not said yet who it is",
        LinkPhase.RESYNCING: "The link is resyncing: what is shown may be old",
        LinkPhase.STALE: "The link is stale: no word from the daemon, and what is shown is old",
        LinkPhase.MISMATCH: "The daemon speaks another protocol",
    }
    return texts[model.link.phase]


def done_text(action: RunAction, run: RunSummary) -> str:
    """The notice after the daemon accepted an action and answered with the run."""
    if action.kind in (commands.Pause, commands.Cancel) and run.state in (S.PAUSED, S.CANCELLED):
        return f"{run.id} is {run.state.value}"
    if action is FORK and run.parent is not None:
        return f"{run.id} goes on from {run.parent.run} after generation {run.parent.generation}"
    return f"{run.id} {action.done}"
