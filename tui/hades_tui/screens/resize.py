"""The form that resizes a run."""

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Label, Static

from hades_protocol.replies import ShowResult
from hades_protocol.run_spec import RESIZABLE, build_spec
from hades_tui.pages.form_view import meaning
from hades_tui.pages.settings_form import UNSET
from hades_tui.screens.change import ChangeScreen, text_of_lines
from hades_tui.screens.sending import NotYet
from hades_tui.widgets.fields import Field

FIELDS = {name.replace(".", "-"): name for name in RESIZABLE}
"""Id of a field -> setting."""


class ResizeScreen(ChangeScreen):
    """A field for each size, with its present value beside it."""

    SIZES = RESIZABLE
    DEFAULT_CSS = """
    ResizeScreen .present { width: 14; color: $dim; }
    ResizeScreen #meaning { height: 2; margin: 1 0 0 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "arrow(1)", "Next", show=False, priority=True, id="resize.next"),
        Binding("enter", "field_done", "Next", show=False, priority=True, id="resize.next"),
        Binding("up", "arrow(-1)", "Previous", show=False, priority=True, id="resize.previous"),
    ]

    def compose(self) -> ComposeResult:
        """Present and new sizes, the result of the dry run, the buttons."""
        with self.frame():
            yield from self.head()
            for field, name in FIELDS.items():
                with Horizontal(classes="row"):
                    yield Label(name.rpartition(".")[2])
                    yield Label("", id=f"{field}-now", classes="present", markup=False)
                    yield Field(id=field, compact=True)
            yield Static("", id="meaning", markup=False)
            yield from self.answer_box()
            yield from self.foot()

    def loaded(self, shown: ShowResult) -> None:
        """Fill every field with its present value."""
        form = self.settings()
        inits = build_spec(dict(form.spec)).inits
        for field, name in FIELDS.items():
            present = form.present(name)
            by_itself = f" ({inits})" if name == "policy.inits" and present == UNSET else ""
            self.query_one(f"#{field}-now", Label).update(f"{present}{by_itself} →")
            entry = self.query_one(f"#{field}", Input)
            with entry.prevent(Input.Changed):
                entry.value = present
        self.query_one(f"#{next(iter(FIELDS))}", Input).focus()

    def fields(self) -> dict[str, Any]:
        """The sizes that differ."""
        changes = self.settings().changes()
        if not changes:
            raise NotYet("Nothing is changed yet.")
        return {"changes": changes}

    def on_input_changed(self) -> None:
        """Take over the texts of all fields."""
        form = self.settings()
        for field, name in FIELDS.items():
            form = form.typed(name, self.query_one(f"#{field}", Input).value)
        self.form = form
        self.edited()

    def settle(self) -> None:
        """Update the description of the focused field too."""
        super().settle()
        name = FIELDS.get(self.focused.id or "") if self.focused is not None else None
        self.put("meaning", text_of_lines([meaning(name)] if name else []))
