"""The keys, and what the screen shows."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from hades_tui.view import Line
from hades_tui.widgets.titles import title_of

KEYS = (
    ("↑ ↓  k j", "select a run; in the pairs: scroll"),
    ("← →", "scroll the pairs sideways"),
    ("Tab", "next panel"),
    ("z", "let the panel fill the screen, and back"),
    ("l", "curve: linear or logarithmic"),
    ("P", "pause: finish the generation, commit, free the device"),
    ("R", "resume from the newest commit"),
    ("C", "cancel: commit, and end the run"),
    ("?", "this help"),
    ("q", "leave; runs go on"),
)

MEANING = (
    ("● live", "link.live", "everything up to this second is shown"),
    ("↻ resyncing", "link.resyncing", "something was missed and is asked for again"),
    ("▲ stale for 5s", "link.stale", "no word from the daemon; reconnects by itself"),
    ("mean", "mean", "mean fitness of the population, with its spread"),
    ("best", "best", "best candidate of the generation"),
    ("best so far", "ever", "best of all generations"),
)


def help_text(readonly: bool) -> str:
    """The page as markup."""
    lines: list[Line] = [[("Keys", "title")]]
    for key, meaning in KEYS:
        if not (readonly and key in "PRC"):
            lines.append([(f"  {key:<10} ", "gold"), (meaning, "text")])
    lines += [[], [("What it says", "title")]]
    for word, hue, meaning in MEANING:
        lines.append([("  ", "text"), (f"{word:<15}", hue), (f" {meaning}", "text")])
    return "\n".join(title_of(line) for line in lines)


class HelpScreen(ModalScreen[None]):
    """Any of the keys that leave a page leaves it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("question_mark,escape,q,enter", "dismiss", "Close")]

    def __init__(self, readonly: bool) -> None:
        super().__init__()
        self._readonly = readonly

    def compose(self) -> ComposeResult:
        """One page."""
        with VerticalScroll(id="help"):
            yield Static(help_text(self._readonly))
