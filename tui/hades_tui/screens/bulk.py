"""The dialogs that ask once about all marked runs, and those with a field that goes for each of them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Input, Label, Static

from hades_protocol import commands
from hades_protocol.errors import UsageError
from hades_protocol.formatting import count_of
from hades_protocol.messages import RunSummary
from hades_tui.pages.bulk import Planned, bulk_lines, first_upper, question
from hades_tui.pages.settings_form import MOST_PRIORITY, priority_of, read
from hades_tui.run_actions import RunAction, command_for, link_obstacle, run_obstacle
from hades_tui.screens.change import text_of_lines
from hades_tui.screens.confirm import ConfirmScreen
from hades_tui.state.model import Model
from hades_tui.widgets.fields import Field


class BulkScreen(ConfirmScreen):
    """Lists runs with what happens to each. One that is refused, or changes its state meanwhile, is left out."""

    DEFAULT_CSS = """
    BulkScreen #dialog { width: 84; max-height: 100%; overflow-y: auto; scrollbar-size: 0 1; }
    BulkScreen #plan-box { height: auto; max-height: 40vh; margin: 1 0; }
    BulkScreen #plan { height: auto; width: 100%; }
    BulkScreen .row { height: 1; }
    BulkScreen .row Label { width: 18; color: $grey; }
    BulkScreen .row:last-of-type { margin-bottom: 1; }
    BulkScreen Input { background: $selected; width: 1fr; }
    BulkScreen Input:focus { background: $faint; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "scroll(1)", "Down", show=False, id="bulk.down"),
        Binding("up", "scroll(-1)", "Up", show=False, id="bulk.up"),
        Binding("ctrl+s", "answer(True)", "Do it", show=False, id="bulk.send"),
    ]
    FIELDS: ClassVar[dict[str, str]] = {}
    """Id of a field -> its placeholder."""

    def __init__(self, action: RunAction, runs: Sequence[RunSummary], get_model: Callable[[], Model]) -> None:
        """runs: at least one, in the order in which they are listed."""
        super().__init__(action, runs[0], get_model)
        self.runs = tuple(runs)
        self._requests: tuple[commands.RunRequest, ...] = ()

    @property
    def requests(self) -> tuple[commands.RunRequest, ...]:
        """The commands of those that were not refused, once the action is confirmed."""
        return self._requests

    def plan(self) -> list[Planned]:
        """Every run with the reason why it is left out."""
        model = self.get_model()
        return [(run, run_obstacle(self.action, run, model, same_state=self.SAME_STATE)) for run in self.runs]

    def fields(self) -> dict[str, Any]:
        """The command's own fields, the same for each run.

        Raises:
            UsageError: they are incomplete or not valid.
        """
        return {}

    def obstacle(self) -> str:
        """Why nothing may be sent now; empty where at least one command may."""
        if why := link_obstacle(self.session, self.get_model()):
            return why
        if all(why for _, why in self.plan()):
            return "All of them are refused. Nothing was sent."
        try:
            self.fields()
        except UsageError as error:
            return str(error)
        return ""

    def compose(self) -> ComposeResult:
        """Question, list of runs, fields, two buttons."""
        with Vertical(id="dialog", classes="dangerous" if self.action.dangerous else ""):
            yield Label(question(self.action, len(self.runs)), id="question", markup=False)
            with VerticalScroll(id="plan-box", can_focus=False):
                yield Static("", id="plan")
            for name, placeholder in self.FIELDS.items():
                with Horizontal(classes="row"):
                    yield Label(name.replace("_", " "))
                    yield Field(self.present(name), placeholder=placeholder, id=name, compact=True)
            yield from self.foot()

    def present(self, field: str) -> str:
        """The text of a field at first."""
        return ""

    def first_focus(self) -> str:
        """The first field, else a button."""
        return next((f"#{name}" for name in self.FIELDS), super().first_focus())

    def buttons(self) -> ComposeResult:
        """The buttons; the first says for how many runs it is."""
        yield Button(self._label(len(self.runs)), id="yes", variant="error" if self.action.dangerous else "primary")
        yield Button(f"Leave it ({'esc' if self.FIELDS else 'n'})", id="no")

    def _label(self, runs: int) -> str:
        key = "ctrl+s" if self.FIELDS else "y"  # in a field y is a letter
        return f"{first_upper(self.action.about(count_of(runs, 'run')))} ({key})"

    def settle(self) -> None:
        """Update the list and the button too: runs come and go."""
        plan = self.plan()
        super().settle()
        self.put("plan", text_of_lines(bulk_lines(self.action, plan)))
        button, label = self.query_one("#yes", Button), self._label(sum(not why for _, why in plan))
        if str(button.label) != label:
            button.label = label

    def text(self, field: str) -> str:
        """What is typed in a field."""
        return self.query_one(f"#{field}", Input).value.strip()

    def on_input_changed(self) -> None:
        """Check what is typed."""
        self.settle()

    def on_input_submitted(self) -> None:
        """Enter leads to the button, which says for how many runs it is."""
        self.query_one("#yes").focus()

    def action_answer(self, answer: bool) -> None:
        """Answer by a key; the fields are read before the dialog is gone."""
        if answer and not self.obstacle():
            fields = self.fields()
            self._requests = tuple(
                command_for(self.action, run, self.session, **fields) for run, why in self.plan() if not why
            )
        super().action_answer(answer)

    def action_scroll(self, by: int) -> None:
        """Scroll the list of runs."""
        self.query_one("#plan-box").scroll_relative(y=by, animate=False)


class PriorityScreen(BulkScreen):
    """Asks for the priority of all these runs."""

    FIELDS: ClassVar[dict[str, str]] = {"priority": f"-{MOST_PRIORITY} to {MOST_PRIORITY}, the higher starts first"}

    def present(self, field: str) -> str:
        """The priority that all of them have."""
        known = {run.priority for run in self.runs}
        return str(known.pop()) if len(known) == 1 else ""

    def fields(self) -> dict[str, Any]:
        """The number that was typed."""
        if not (text := self.text("priority")):
            raise UsageError("Type the priority that they get.")
        return {"priority": priority_of(text)}


class RetainScreen(BulkScreen):
    """Asks for the rule by which checkpoints of all these runs are kept."""

    FIELDS: ClassVar[dict[str, str]] = {
        "keep_newest": "the newest so many; empty: as now",
        "keep_every": "every so many, 0: none; empty: as now",
        "keep_best": "the best, true or false; empty: as now",
    }

    def fields(self) -> dict[str, Any]:
        """The values that were typed; the others stay as they are."""
        typed = {name: text for name in self.FIELDS if (text := self.text(name))}
        return {name: read(f"checkpoints.{name}", text) for name, text in typed.items()}


def bulk_screen(action: RunAction, runs: Iterable[RunSummary], get_model: Callable[[], Model]) -> BulkScreen:
    """The dialog of an action for all these runs."""
    kinds = {"priority": PriorityScreen, "retain": RetainScreen}
    return kinds.get(action.name, BulkScreen)(action, tuple(runs), get_model)
