"""The form of a fork: generation, group, name and settings."""

from collections.abc import Callable
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Label, Static

from hades_protocol.errors import UsageError
from hades_protocol.messages import RunSummary
from hades_protocol.names import check_group, check_name
from hades_protocol.replies import ShowResult
from hades_tui.pages.form_view import NEWEST, generations_text, meaning, nearest, stepped
from hades_tui.pages.settings_form import shown
from hades_tui.run_actions import FORK
from hades_tui.screens.change import ChangeScreen, text_of_lines
from hades_tui.screens.sending import Sender
from hades_tui.state.model import Model
from hades_tui.widgets.fields import Field, caught_up
from hades_tui.widgets.settings_list import SettingsList


class ForkScreen(ChangeScreen):
    """The arrow keys choose a setting from any field; enter moves from the search to the value and back."""

    DEFAULT_CSS = """
    ForkScreen #form { height: 44; overflow-y: auto; scrollbar-size: 0 1; }
    ForkScreen #foot { dock: bottom; height: auto; }
    ForkScreen #settings { height: 1fr; min-height: 3; margin: 1 0 0 0; }
    ForkScreen #meaning { height: 2; }
    ForkScreen #kept { width: 3fr; color: $dim; margin-left: 2; }
    ForkScreen #name-of { width: 7; margin-left: 2; }
    ForkScreen #answer-box { max-height: 6; margin: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "step(1)", "Next", show=False, priority=True, id="fork.next"),
        Binding("up", "step(-1)", "Previous", show=False, priority=True, id="fork.previous"),
        Binding("pagedown", "step(8)", "Page down", show=False, priority=True, id="fork.page-down"),
        Binding("pageup", "step(-8)", "Page up", show=False, priority=True, id="fork.page-up"),
        Binding("enter", "field_done", "Find, value", show=False, priority=True, id="fork.enter"),
    ]

    def __init__(self, run: RunSummary, get_model: Callable[[], Model], sender: Sender, cursor: int | None) -> None:
        """cursor: the generation under the curve's cursor; None without one."""
        super().__init__(FORK, run, get_model, sender)
        self._cursor = cursor
        self._kept: tuple[int, ...] = ()
        self._selected = ""

    def compose(self) -> ComposeResult:
        """The fields from top to bottom, in the order of the tab key."""
        with self.frame():
            yield from self.head()
            with Horizontal(classes="row"):
                yield Label("generation")
                yield Field(NEWEST, id="generation", compact=True)
                yield Label("", id="kept", markup=False)
            with Horizontal(classes="row"):
                yield Label("group")
                yield Field(placeholder="none", id="group", compact=True)
                yield Label("name", id="name-of")
                yield Field(placeholder="none", id="name", compact=True)
            with Horizontal(classes="row"):
                yield Label("find a setting")
                yield Field(placeholder="part of its name, e.g. sigma", id="find", compact=True)
            yield SettingsList(id="settings")
            with Horizontal(classes="row"):
                yield Label("its value")
                yield Field(id="value", compact=True)
            yield Static("", id="meaning", markup=False)
            yield from self.answer_box()
            with Vertical(id="foot"):  # which stays where a low screen scrolls the fields
                yield from self.foot()

    def loaded(self, shown: ShowResult) -> None:
        """Fill in the generation (the cursor's, or the newest) and select the first setting."""
        self._kept = shown.checkpoints.generations
        self.query_one("#kept", Label).update(f"kept: {generations_text(self._kept)}")
        generation = self.query_one("#generation", Input)
        with generation.prevent(Input.Changed):
            generation.value = nearest(self._kept, self._cursor)
        self._select(self.settings().names[0])
        self.query_one("#find", Input).focus()

    def fields(self) -> dict[str, Any]:
        """Generation, group, name, and the settings that differ."""
        changes, group, name = self.settings().changes(), self._text("group").strip(), self._text("name").strip()
        return {
            "generation": self._generation(),
            "changes": changes,
            "group": check_group(group) if group else "",
            "name": check_name(name) if name else "",
        }

    def _generation(self) -> int | None:
        text = self._text("generation").strip()
        if text in ("", NEWEST):
            return None
        if not (text.isdecimal() and text.isascii()) or len(text) > 18:
            raise UsageError(f"generation takes the number of a kept checkpoint or '{NEWEST}', not '{text[:40]}'")
        return int(text)

    def _text(self, field: str) -> str:
        return self.query_one(f"#{field}", Input).value

    def is_edited(self) -> bool:
        """Whether a setting, a group or a name was typed."""
        return super().is_edited() or bool(self._text("group") or self._text("name"))

    # Moving and typing ---------------------------------------------------------------------------------------

    def on_input_changed(self, event: Input.Changed) -> None:
        """Take over the texts of the fields. The event's text may be outdated, so the fields are read."""
        if self.form is None:
            return
        if event.input.id == "find":
            self._search()
        self._take_value()
        self.edited()

    async def action_field_done(self) -> None:
        """Enter moves from the search to the value, and from there to the next search."""
        if self.focused is None or self.focused.id != "value":
            await super().action_field_done()
            return
        await caught_up(self.focused)
        find = self.query_one("#find", Input)
        find.value = ""
        self.set_focus(find)  # at once: focus() of a widget waits for its turn behind the next key

    def on_settings_list_chosen(self, message: SettingsList.Chosen) -> None:
        """Select the setting that was clicked, and focus its value."""
        self._select(message.name)
        self.query_one("#value", Input).focus()

    async def action_step(self, by: int) -> None:
        """Step to the next kept generation in its field, elsewhere to the next setting."""
        if self.form is None:
            return
        if self.focused is not None:
            await caught_up(self.focused)
        if self.focused is not None and self.focused.id == "generation":
            field = self.query_one("#generation", Input)
            field.value = stepped(self._kept, field.value.strip(), by)
            field.cursor_position = len(field.value)
            return
        names = self._names()
        at = names.index(self._selected) + by if self._selected in names else 0
        if names:
            self._select(names[min(max(at, 0), len(names) - 1)])

    def _names(self) -> tuple[str, ...]:
        return shown(self.settings(), self._text("find"))

    def _search(self) -> None:
        """Select the first setting found, unless the selected one is among them."""
        form, search = self.settings(), self._text("find")
        found = [name for name in form.names if all(word in name for word in search.lower().split())]
        if found and self._selected not in found:
            self._select(found[0])

    def _select(self, name: str) -> None:
        self._take_value()
        self._selected = name
        field = self.query_one("#value", Input)
        with field.prevent(Input.Changed):
            field.value = self.settings().text(name)
        field.cursor_position = len(field.value)
        self.settle()

    def _take_value(self) -> None:
        if self._selected:
            self.form = self.settings().typed(self._selected, self._text("value"))

    def settle(self) -> None:
        """Update the list of settings too."""
        super().settle()
        if self.form is not None and self._selected:
            self.query_one(SettingsList).update_form(self.form, self._names(), self._selected)
            self.put("meaning", text_of_lines([meaning(self._selected)]))
