"""The parts of the application that change runs (ActingApp) and that open other screens (ViewingApp)."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from textual import events
from textual.app import App
from textual.binding import Binding
from textual.notifications import SeverityLevel

from hades_protocol.errors import ExitCode, HadesError, UnreachableError
from hades_protocol.formatting import count_of
from hades_protocol.messages import Job, JobState, RunSummary
from hades_protocol.replies import ChangeResult
from hades_tui.connection import Connection
from hades_tui.run_actions import (
    EXPORT,
    FORK,
    NOTE,
    PRIORITY,
    RESIZE,
    RETAIN,
    RUN_ACTIONS,
    RunAction,
    done_text,
    link_obstacle,
    refusal,
    screen_refusal,
    targets,
)
from hades_tui.screens.bulk import bulk_screen
from hades_tui.screens.confirm import ConfirmScreen
from hades_tui.screens.dialog import RunDialog
from hades_tui.screens.export import ExportScreen
from hades_tui.screens.fork import ForkScreen
from hades_tui.screens.health import HealthScreen
from hades_tui.screens.log import LogScreen
from hades_tui.screens.note import NoteScreen
from hades_tui.screens.quit import QuitScreen
from hades_tui.screens.resize import ResizeScreen
from hades_tui.screens.sending import CommandResult
from hades_tui.screens.start import StartScreen
from hades_tui.screens.watch import WatchScreen
from hades_tui.state import jobs
from hades_tui.state import model as models
from hades_tui.state.model import Model
from hades_tui.tasks import begin
from hades_tui.widgets.fitness_panel import FitnessPanel
from hades_tui.widgets.run_list import RunList

NOTICE_SECONDS = 15.0
"""How long a refusal of the daemon is shown. Other notices use Textual's shorter default."""

RESULT_SECONDS = 60.0
"""How long the result of a job is shown: nothing else shows it, and its path may be copied."""

JOB_SECONDS = 0.1
"""How often the end of a job is looked for, of which another one waits."""

KEYS = {
    "P": ("pause", "Pause: finish the generation, commit, free the device"),
    "R": ("resume", "Resume from the newest commit"),
    "C": ("cancel", "Cancel: commit, and end the run"),
    "F": ("fork", "Fork: a new run from a kept generation"),
    "S": ("resize", "Resize: another size from the next generation on"),
    "E": ("export", "Export the pairs to a file at the daemon's"),
    "V": ("evaluate", "Evaluate the pairs with fresh policies"),
    "N": ("note", "Note: write something on the run"),
    "O": ("priority", "Priority: which queued run starts first"),
    "A": ("archive", "Archive: pack into a file, then remove"),
    "K": ("retain", "Retain: which checkpoints are kept; delete the others"),
    "D": ("remove", "Remove: delete the run with its files"),
}
"""Key -> name of the run action, and its text in the help."""

FOOTER = "PRCFS"
"""The keys that the footer has room for."""

START = "B"
"""The key that starts a run."""

BINDINGS = [
    Binding(START, "app.start", "Start", show=False, tooltip="Start: begin a new run", id="run.start"),
    *(
        Binding(
            key, f"app.mutate('{action}')", action.capitalize(), show=key in FOOTER, tooltip=about, id=f"run.{action}"
        )
        for key, (action, about) in KEYS.items()
    ),
]
"""Bindings of the main screen for run actions, and to start a run."""


class ActingApp(App[None]):
    """Changes a run only after a dialog that says what will happen, and only while the run is as it was shown."""

    model: Model
    readonly: bool
    _connection: Connection

    def __init__(self) -> None:
        super().__init__()
        self._unbegun: dict[ConfirmScreen, int] = {}  # requests of confirmed dialogs that are still to be sent

    @property
    def cursor_generation(self) -> int | None:
        """The generation under the cursor in the selected run's curve; None without a cursor."""
        return self.screen_stack[0].query_one(FitnessPanel).cursor_generation

    def selection_changed(self) -> None:
        """Update what depends on the selected run."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable the keys that change a run on a read-only screen."""
        return not (action in ("mutate", "start") and self.readonly)

    def on_key(self, event: events.Key) -> None:
        """On a read-only screen, say why a key does nothing."""
        if self.readonly and len(self.screen_stack) == 1:
            for name, key in {"start": START, **{action: key for key, (action, _) in KEYS.items()}}.items():
                if event.key in self._keymap.get(f"run.{name}", key).split(","):
                    self._notify_refusal(screen_refusal(name, self.model, self.readonly))

    def action_mutate(self, name: str) -> None:
        """Open the dialog of a run action for all marked runs, or for the selected one."""
        action = RUN_ACTIONS[name]
        chosen = self._targets(action)
        if why := refusal(action, self.model, chosen, self.readonly):
            self._notify_refusal(why)
        else:
            dialog = self._dialog(action, chosen)
            self.push_screen(dialog, lambda result: self._answered(dialog, result))

    def _targets(self, action: RunAction) -> tuple[RunSummary, ...]:
        runs = self.screen_stack[0].query_one(RunList)
        return targets(action, self.model, runs.listed, runs.heading)

    def aim(self, action: str) -> str:
        """The runs that a run action would act on now, as a text; empty for none."""
        chosen = self._targets(RUN_ACTIONS[action]) if action in RUN_ACTIONS else ()
        return chosen[0].id if len(chosen) == 1 else f"{len(chosen)} runs" if chosen else ""

    def action_start(self) -> None:
        """Open the form of a new run; it offers the selected run's environment."""
        if why := screen_refusal("start", self.model, self.readonly):
            self._notify_refusal(why)
            return
        dialog = StartScreen(self._get_model, self._connection, self.model.run.env if self.model.run else "")
        self.push_screen(dialog, self._started)

    def _started(self, run: CommandResult | None) -> None:
        """Select the new run."""
        if isinstance(run, RunSummary):
            self.notify(f"{run.id} is queued", markup=False)
            self._select_new(run)

    def _select_new(self, run: RunSummary) -> None:
        self.model = models.select(models.with_run(self.model, run), run.id)
        self.selection_changed()

    def _dialog(self, action: RunAction, chosen: Sequence[RunSummary]) -> RunDialog[Any]:
        run = chosen[0]
        if len(chosen) > 1 or action in (PRIORITY, RETAIN):
            return bulk_screen(action, chosen, self._get_model)
        if action is FORK:
            return ForkScreen(run, self._get_model, self._connection, self.cursor_generation)
        kinds = {RESIZE: ResizeScreen, EXPORT: ExportScreen, NOTE: NoteScreen}
        if action in kinds:
            return kinds[action](action, run, self._get_model, self._connection)
        return ConfirmScreen(action, run, self._get_model)

    def _get_model(self) -> Model:
        return self.model

    def _answered(self, dialog: RunDialog[Any], result: CommandResult | bool | None) -> None:
        if result is True and isinstance(dialog, ConfirmScreen):
            begin(self, partial(self._send, dialog), "mutate")
        elif result is not None and not isinstance(result, bool):
            self._done(dialog.action, result)

    async def _send(self, dialog: ConfirmScreen) -> None:
        """Send the commands of a dialog one after the other; a refused one keeps none of the others back."""
        requests, done = dialog.requests, []
        for before, request in enumerate(requests, 1):
            self._unbegun[dialog] = len(requests) - before
            try:
                result: CommandResult = await self._connection.request(request)
                if isinstance(result, Job) and len(requests) > 1:
                    await self._end_of(result, dialog.session)  # the daemon takes few at a time
            except HadesError as error:
                title = f"Could not {dialog.action.about(request.run)}"
                self.notify(str(error), title=title, severity="error", timeout=NOTICE_SECONDS, markup=False)
            else:
                done.append(result)
        del self._unbegun[dialog]
        if len(done) > 1:
            self.notify(f"each of {len(done)} runs {dialog.action.done}", markup=False)
        elif done:
            self._done(dialog.action, done[0])

    async def action_quit(self) -> None:
        """Leave with exit code 0."""
        self._leave(ExitCode.OK)

    def action_interrupt(self) -> None:
        """Leave with the exit code of Ctrl-C."""
        self._leave(ExitCode.INTERRUPTED)

    def _leave(self, code: ExitCode) -> None:
        """Leave at once, or ask first where confirmed requests would not be sent."""

        def answered(leaves: bool | None) -> None:
            if leaves:
                self.exit(return_code=code)

        if self._unbegun_text():
            self.push_screen(QuitScreen(self._unbegun_text, self._get_model), answered)
        else:
            self.exit(return_code=code)

    def _unbegun_text(self) -> str:
        """What was confirmed and is not begun yet: `remove 29 runs`."""
        return ", ".join(dialog.action.about(count_of(left, "run")) for dialog, left in self._unbegun.items() if left)

    async def _end_of(self, job: Job, session: str) -> None:
        """Wait for the end of a job, whose result has a notice of its own.

        Raises:
            UnreachableError: the link was lost or the daemon restarted; what became of the job is not known.
        """
        while not any(known.id == job.id and known.state != JobState.RUNNING for known in self.model.jobs):
            if why := link_obstacle(session, self.model):
                raise UnreachableError(why)
            await asyncio.sleep(JOB_SECONDS)

    def _done(self, action: RunAction, result: CommandResult) -> None:
        """Notify that the daemon accepted the command; select a new fork."""
        if isinstance(result, Job):
            self.notify(jobs.begun_text(result), markup=False)
            return
        run = result.run if isinstance(result, ChangeResult) else result
        if run is None:
            return
        self.notify(done_text(action, run), markup=False)
        if action is FORK:
            self._select_new(run)

    def notify_ended_jobs(self, before: Model) -> None:
        """Notify of the jobs that ended since the model `before`."""
        for job in jobs.ended(before, self.model):
            severity: SeverityLevel = "information" if job.state == JobState.DONE else "error"
            self.notify(jobs.ended_text(job), severity=severity, timeout=RESULT_SECONDS, markup=False)

    def _notify_refusal(self, why: str) -> None:
        self.notify(why, severity="warning", markup=False)


VIEW_BINDINGS = [
    Binding("w", "app.watch", "Watch", tooltip="The selected run in large numbers", id="screen.watch"),
    Binding("i", "app.health", "Health", tooltip="Checkpoints of the run, daemon and link", id="screen.health"),
    Binding("o", "app.log", "Log", tooltip="Log of the run or of the daemon", id="screen.log"),
]
"""Bindings of the main screen for other screens."""


class ViewingApp(App[None]):
    """Opens the screens that only show something."""

    model: Model
    _connection: Connection

    def action_watch(self) -> None:
        """Show the selected run in large numbers."""
        self.push_screen(WatchScreen(lambda: self.model))

    def action_health(self) -> None:
        """Show the checkpoints of the selected run, and the daemon."""
        self.push_screen(HealthScreen(self._connection, lambda: self.model, self.model.selected))

    def action_log(self) -> None:
        """Show the log of the selected run, or of the daemon where no run is selected."""
        self.push_screen(LogScreen(self._connection, self.model.selected))
