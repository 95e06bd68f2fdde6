"""What a person does to runs: the part of the application that asks, sends and tells."""

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
from hades_tui.run_actions import EXPORT, FORK, NOTE, RESIZE, VERBS, Verb, done_text, order, refusal
from hades_tui.screens.confirm import ConfirmScreen
from hades_tui.screens.dialog import RunDialog
from hades_tui.screens.export import ExportScreen
from hades_tui.screens.fork import ForkScreen
from hades_tui.screens.health import HealthScreen
from hades_tui.screens.log import LogScreen
from hades_tui.screens.note import NoteScreen
from hades_tui.screens.resize import ResizeScreen
from hades_tui.screens.sending import Outcome
from hades_tui.screens.watch import WatchScreen
from hades_tui.state import jobs
from hades_tui.state import model as models
from hades_tui.state.model import Model
from hades_tui.tasks import begin
from hades_tui.widgets.fitness_panel import FitnessPanel

NOTICE_SECONDS = 15.0
"""How long the daemon's refusals stay; everything else goes sooner, but for"""

RESULT_SECONDS = 60.0
"""what came of a job: nothing else says it, and somebody may want to copy a path."""

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
"""Key -> verb, and what the help says."""

FOOTER = "PRCFS"
"""Those that the footer has room for."""

BINDINGS = [
    Binding(key, f"app.mutate('{verb}')", verb.capitalize(), show=key in FOOTER, tooltip=about, id=f"run.{verb}")
    for key, (verb, about) in KEYS.items()
]
"""For the screen of the runs."""


class ActingApp(App[None]):
    """Changes a run only after a dialog that says what will happen, and never one that is not what was seen."""

    model: Model
    readonly: bool
    _connection: Connection

    @property
    def cursor_generation(self) -> int | None:
        """The generation that is pointed at in the curve of the selected run; None without a cursor."""
        return self.screen_stack[0].query_one(FitnessPanel).cursor_generation

    def selection_changed(self) -> None:
        """Another run is selected."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A read-only screen has no keys that change a run."""
        return not (action == "mutate" and self.readonly)

    def on_key(self, event: events.Key) -> None:
        """On a read-only screen say why a key does nothing."""
        if self.readonly and len(self.screen_stack) == 1:
            for key, (verb, _) in KEYS.items():
                if event.key in self._keymap.get(f"run.{verb}", key).split(","):
                    self._say_no(refusal(VERBS[verb], self.model, self.readonly))

    def action_mutate(self, name: str) -> None:
        """Open the verb's dialog for the run that is selected now."""
        verb, run = VERBS[name], self.model.run
        if why := refusal(verb, self.model, self.readonly):
            self._say_no(why)
        elif run is not None:
            dialog = self._dialog(verb, run)
            self.push_screen(dialog, lambda result: self._answered(dialog, result))

    def _dialog(self, verb: Verb, run: RunSummary) -> RunDialog[Any]:
        if verb is FORK:
            return ForkScreen(run, self._look, self._connection, self.cursor_generation)
        kinds = {RESIZE: ResizeScreen, EXPORT: ExportScreen, NOTE: NoteScreen}
        if verb in kinds:
            return kinds[verb](verb, run, self._look, self._connection)
        return ConfirmScreen(verb, run, self._look)

    def _look(self) -> Model:
        return self.model

    def _answered(self, dialog: RunDialog[Any], result: Outcome | bool | None) -> None:
        if result is True:
            begin(self, partial(self._send, dialog), "mutate")
        elif result is not None and result is not False:
            self._done(dialog.verb, result)

    async def _send(self, dialog: RunDialog[Any]) -> None:
        request = order(dialog.verb, dialog.asked, dialog.session)
        try:
            result: Outcome = await self._connection.request(request, RESULTS[type(request)])
        except HadesError as error:
            self.notify(
                str(error),
                title=f"Could not {dialog.verb.name}",
                severity="error",
                timeout=NOTICE_SECONDS,
                markup=False,
            )
            return
        self._done(dialog.verb, result)

    def _done(self, verb: Verb, result: Outcome) -> None:
        """The daemon has taken it."""
        if isinstance(result, Job):
            self.notify(jobs.begun_text(result), markup=False)
            return
        run = result.run if isinstance(result, ChangeResult) else result
        if run is None:
            return
        self.notify(done_text(verb, run), markup=False)
        if verb is FORK:
            self.model = models.select(models.with_run(self.model, run), run.id)
            self.selection_changed()

    def tell_jobs(self, before: Model) -> None:
        """Notices of the jobs that have ended since another model."""
        for job in jobs.ended(before, self.model):
            severity: SeverityLevel = "information" if job.state == JobState.DONE else "error"
            self.notify(jobs.ended_text(job), severity=severity, timeout=RESULT_SECONDS, markup=False)

    def _say_no(self, why: str) -> None:
        self.notify(why, severity="warning", markup=False)


VIEW_BINDINGS = [
    Binding("w", "app.watch", "Watch", tooltip="The selected run in large numbers", id="screen.watch"),
    Binding("i", "app.health", "Health", tooltip="Checkpoints of the run, daemon and link", id="screen.health"),
    Binding("o", "app.log", "Log", tooltip="Log of the run or of the daemon", id="screen.log"),
]
"""For the screen of the runs."""


class ViewingApp(App[None]):
    """Opens screens that change nothing."""

    model: Model
    _connection: Connection

    def action_watch(self) -> None:
        """The selected run in large numbers."""
        self.push_screen(WatchScreen(lambda: self.model))

    def action_health(self) -> None:
        """Checkpoints of the selected run, and the daemon."""
        self.push_screen(HealthScreen(self._connection, lambda: self.model, self.model.selected))

    def action_log(self) -> None:
        """The log of the selected run, or of the daemon where there is none."""
        self.push_screen(LogScreen(self._connection, self.model.selected))
