"""The parts of the application that change runs (ActingApp) and that open other screens (ViewingApp)."""

from functools import partial
from typing import Any

from textual import events
from textual.app import App
from textual.binding import Binding
from textual.notifications import SeverityLevel

from hades_protocol.commands import RESULTS
from hades_protocol.errors import HadesError
from hades_protocol.messages import Job, JobState, RunSummary
from hades_protocol.replies import ChangeResult
from hades_tui.connection import Connection
from hades_tui.run_actions import EXPORT, FORK, NOTE, RESIZE, RUN_ACTIONS, RunAction, command_for, done_text, refusal
from hades_tui.screens.confirm import ConfirmScreen
from hades_tui.screens.dialog import RunDialog
from hades_tui.screens.export import ExportScreen
from hades_tui.screens.fork import ForkScreen
from hades_tui.screens.health import HealthScreen
from hades_tui.screens.log import LogScreen
from hades_tui.screens.note import NoteScreen
from hades_tui.screens.resize import ResizeScreen
from hades_tui.screens.sending import CommandResult
from hades_tui.screens.watch import WatchScreen
from hades_tui.state import jobs
from hades_tui.state import model as models
from hades_tui.state.model import Model
from hades_tui.tasks import begin
from hades_tui.widgets.fitness_panel import FitnessPanel

NOTICE_SECONDS = 15.0
"""How long a refusal of the daemon is shown. Other notices use Textual's shorter default."""

RESULT_SECONDS = 60.0
"""How long the result of a job is shown: nothing else shows it, and its path may be copied."""

KEYS = {
    "P": ("pause", "Pause: finish the generation, commit, free the device"),
    "R": ("resume", "Resume from the newest commit"),
    "C": ("cancel", "Cancel: commit, and end the run"),
    "F": ("fork", "Fork: a new run from a kept generation"),
    "S": ("resize", "Resize: another size from the next generation on"),
    "E": ("export", "Export the pairs to a file at the daemon's"),
    "V": ("evaluate", "Evaluate the pairs with fresh policies"),
    "N": ("note", "Note: write something on the run"),
}
"""Key -> name of the run action, and its text in the help."""

FOOTER = "PRCFS"
"""The keys that the footer has room for."""

BINDINGS = [
    Binding(key, f"app.mutate('{action}')", action.capitalize(), show=key in FOOTER, tooltip=about, id=f"run.{action}")
    for key, (action, about) in KEYS.items()
]
"""Bindings of the main screen for run actions."""


class ActingApp(App[None]):
    """Changes a run only after a dialog that says what will happen, and only while the run is as it was shown."""

    model: Model
    readonly: bool
    _connection: Connection

    @property
    def cursor_generation(self) -> int | None:
        """The generation under the cursor in the selected run's curve; None without a cursor."""
        return self.screen_stack[0].query_one(FitnessPanel).cursor_generation

    def selection_changed(self) -> None:
        """Update what depends on the selected run."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable the keys that change a run on a read-only screen."""
        return not (action == "mutate" and self.readonly)

    def on_key(self, event: events.Key) -> None:
        """On a read-only screen, say why a key does nothing."""
        if self.readonly and len(self.screen_stack) == 1:
            for key, (action, _) in KEYS.items():
                if event.key in self._keymap.get(f"run.{action}", key).split(","):
                    self._notify_refusal(refusal(RUN_ACTIONS[action], self.model, self.readonly))

    def action_mutate(self, name: str) -> None:
        """Open the dialog of a run action for the selected run."""
        action, run = RUN_ACTIONS[name], self.model.run
        if why := refusal(action, self.model, self.readonly):
            self._notify_refusal(why)
        elif run is not None:
            dialog = self._dialog(action, run)
            self.push_screen(dialog, lambda result: self._answered(dialog, result))

    def _dialog(self, action: RunAction, run: RunSummary) -> RunDialog[Any]:
        if action is FORK:
            return ForkScreen(run, self._get_model, self._connection, self.cursor_generation)
        kinds = {RESIZE: ResizeScreen, EXPORT: ExportScreen, NOTE: NoteScreen}
        if action in kinds:
            return kinds[action](action, run, self._get_model, self._connection)
        return ConfirmScreen(action, run, self._get_model)

    def _get_model(self) -> Model:
        return self.model

    def _answered(self, dialog: RunDialog[Any], result: CommandResult | bool | None) -> None:
        if result is True:
            begin(self, partial(self._send, dialog), "mutate")
        elif result is not None and result is not False:
            self._done(dialog.action, result)

    async def _send(self, dialog: RunDialog[Any]) -> None:
        request = command_for(dialog.action, dialog.asked, dialog.session)
        try:
            result: CommandResult = await self._connection.request(request, RESULTS[type(request)])
        except HadesError as error:
            self.notify(
                str(error),
                title=f"Could not {dialog.action.name}",
                severity="error",
                timeout=NOTICE_SECONDS,
                markup=False,
            )
            return
        self._done(dialog.action, result)

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
            self.model = models.select(models.with_run(self.model, run), run.id)
            self.selection_changed()

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
