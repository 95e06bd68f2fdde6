"""The form of a new run. The daemon says what its settings would be before it is started."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Input, Label, Static

from hades_protocol import commands
from hades_protocol.async_client import fresh_id
from hades_protocol.errors import UsageError
from hades_protocol.names import check_group, check_name
from hades_protocol.replies import PlanResult
from hades_tui.pages.settings_form import priority_of
from hades_tui.pages.start_form import FIELDS, OTHERS, plan_lines, planned_text, settings_of
from hades_tui.screens.change import text_of_lines
from hades_tui.screens.dry_run import DryRun
from hades_tui.screens.sending import NotYet, Sender, SendingForm
from hades_tui.state.model import Model
from hades_tui.widgets.fields import Field

HINTS = {"environment": "CartPole-v1, hopper, SpaceInvaders-MinAtar, digits …", "preset": "published or cpu"}
QUEUE = {"name": "none", "group": "none", "priority": "0; of queued runs the highest starts first"}
"""Fields that are no settings of the run -> their placeholders."""


class StartScreen(SendingForm):
    """A field a setting; what stays empty is the preset's, and shows its value once the daemon has said it."""

    DEFAULT_CSS = """
    StartScreen #form { overflow-y: auto; scrollbar-size: 0 1; }
    StartScreen .row { height: 1; }
    StartScreen .row Label { width: 18; color: $grey; }
    StartScreen Input { background: $selected; width: 1fr; }
    StartScreen Input:focus { background: $faint; }
    StartScreen #answer-box { height: auto; max-height: 7; margin: 1 0 0 0; }
    StartScreen #answer { height: auto; width: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "arrow(1)", "Next", show=False, priority=True, id="start.next"),
        Binding("enter", "field_done", "Next", show=False, priority=True, id="start.next"),
        Binding("up", "arrow(-1)", "Previous", show=False, priority=True, id="start.previous"),
    ]

    def __init__(self, get_model: Callable[[], Model], sender: Sender, env: str = "") -> None:
        """env: the environment that is offered at first."""
        super().__init__("start", get_model)
        self._sender = sender
        self._env = env

    @cached_property
    def _plan(self) -> "DryRun[dict[str, Any], PlanResult]":
        """About the settings that were typed."""
        return DryRun(self, self._ask, self.settle)

    async def _ask(self, spec: dict[str, Any]) -> PlanResult:
        request = commands.Plan(request_id=fresh_id(), spec=spec, session=self.session)
        plan: PlanResult = await self._sender.request(request)
        return plan

    def heading(self) -> str:
        """The title of the dialog."""
        return "Start a run"

    def will(self) -> str:
        """What happens to the run."""
        return "It is queued, and a worker begins with it as soon as its turn comes."

    def compose(self) -> ComposeResult:
        """The fields from top to bottom, the plan, the buttons."""
        with self.frame():
            yield from self.head()
            for name in (*FIELDS, OTHERS, *QUEUE):
                with Horizontal(classes="row"):
                    yield Label("other settings" if name == OTHERS else name)
                    yield Field(self._env if name == "environment" else "", id=name, compact=True)
            with VerticalScroll(id="answer-box", can_focus=False):
                yield Static("", id="answer")
            yield from self.foot()

    def on_mount(self) -> None:
        """Focus the environment, its text selected."""
        self.query_one("#environment", Input).focus()
        self._show_plan()

    def _text(self, field: str) -> str:
        return self.query_one(f"#{field}", Input).value.strip()

    def _settings(self) -> dict[str, Any]:
        """The settings that were typed. Raises UsageError."""
        if not self._text("environment"):
            raise NotYet("Type an environment; every other field may stay empty.")
        return settings_of({name: self._text(name) for name in (*FIELDS, OTHERS)})

    def fields(self) -> dict[str, Any]:
        """The command's own fields: the planned settings, name, group, priority."""
        self._settings()
        queue: dict[str, Any] = {}
        for field, read in (("name", check_name), ("group", check_group), ("priority", priority_of)):
            if text := self._text(field):
                queue[field] = read(text)
        answer = self._plan.answer
        if isinstance(answer, str):
            raise UsageError(answer)
        if answer is None:
            raise NotYet("Asking the daemon what it would do …")
        return {"spec": answer.spec, **queue}

    def command(self, **fields: Any) -> commands.Request:
        """The command that queues the run."""
        return commands.Start(request_id=fresh_id(), session=self.session, **fields)

    def is_edited(self) -> bool:
        """Whether anything but the offered environment was typed."""
        return any(self._text(name) for name in (*FIELDS, OTHERS, *QUEUE) if name != "environment")

    def settle(self) -> None:
        """Ask for another plan where other settings were typed."""
        try:
            wanted = None if self.obstacle() else self._settings()
        except UsageError:
            wanted = None
        self._plan.want(wanted)
        self._show_plan()
        super().settle()

    def _show_plan(self) -> None:
        plan = self._plan.answer if isinstance(self._plan.answer, PlanResult) else None
        self.put("answer", text_of_lines(plan_lines(plan) if plan is not None else []))
        for name in FIELDS:
            value = planned_text(plan, name) if plan is not None else ""
            self._offer(name, value or HINTS.get(name, "the preset's"))
        self._offer(OTHERS, "e.g. sigma=0.05 policy.width=64, or executor=slurm slurm='--time=4:00:00'")
        for name, placeholder in QUEUE.items():
            self._offer(name, placeholder)

    def _offer(self, field: str, placeholder: str) -> None:
        entry = self.query_one(f"#{field}", Input)
        if entry.placeholder != placeholder:
            entry.placeholder = placeholder

    def on_input_changed(self) -> None:
        """Discard an earlier refusal when something is typed."""
        self.edited()
