"""Forms and the daemon's answers to dry runs, as lines. Pure."""

import re
from collections.abc import Sequence

from hades_protocol.formatting import count_of
from hades_protocol.replies import ChangeResult, SettingChange
from hades_tui.pages.settings_form import Form, known, text_of
from hades_tui.text.format import Line

SHOWN_GENERATIONS = 10
"""Most kept generations that are listed in full."""

NEWEST = "newest"
"""Value of a fork's generation: the newest checkpoint at the time of the fork."""


def in_form(text: str) -> str:
    """A word of the daemon, which is for a command line as well, as a form has it: `--set name=value` without --set."""
    return re.sub(r"--(env|method|preset)(?=[ =])", r"\1", re.sub(r"--set (?=[a-z_.]+=)", "", text))


def setting_lines(form: Form, names: Sequence[str], selected: str, width: int, height: int) -> list[tuple[str, Line]]:
    """(name, line) of the visible rows of a list of settings, scrolled so that the selected one is visible."""
    at = names.index(selected) if selected in names else 0
    top = max(0, min(at - height // 2, len(names) - height))
    column = min(max((len(name) for name in form.names), default=0), width * 6 // 10)
    return [(name, _row(form, name, name == selected, column)) for name in names[top : top + height]]


def _row(form: Form, name: str, selected: bool, column: int) -> Line:
    mark = ("▸ ", "ember") if selected else ("  ", "text")
    if name not in form.texts:
        return [mark, ("  ", "text"), (f"{name:{column}}  ", "text"), (form.present(name), "dim")]
    bad = bool(form.problem(name))
    return [
        mark,
        ("✘ ", "bad") if bad else ("● ", "gold"),
        (f"{name:{column}}  ", "gold"),
        (f"{form.present(name)} → ", "dim"),
        (form.texts[name] or "…", "bad" if bad else "bold"),
    ]


def meaning(name: str) -> Line:
    """Description of a setting, and the values it accepts."""
    leaf = known()[name]
    return [(f"{leaf.description or name}: ", "dim"), (leaf.accepts, "dim")]


def generations_text(kept: Sequence[int]) -> str:
    """The generations of kept checkpoints as text; of many the first ones and the newest."""
    if not kept:
        return "none is kept"
    if len(kept) <= SHOWN_GENERATIONS:
        return ", ".join(map(str, kept))
    half = SHOWN_GENERATIONS // 2
    return f"{', '.join(map(str, kept[:half]))} … {', '.join(map(str, kept[-half:]))}"


def stepped(kept: Sequence[int], text: str, by: int) -> str:
    """The kept generation `by` steps from the one in a field; after the last comes NEWEST."""
    options = [*map(str, kept), NEWEST]
    if text in options:
        index = options.index(text) + by
    elif text.isdecimal():
        below = sum(generation < int(text) for generation in kept)
        index = below - 1 if by < 0 else below
    else:
        index = len(kept)
    return options[min(max(index, 0), len(kept))]


def nearest(kept: Sequence[int], cursor: int | None) -> str:
    """The newest kept generation up to the cursor's; NEWEST where there is none."""
    below = [generation for generation in kept if cursor is not None and generation <= cursor]
    return str(below[-1]) if below else NEWEST


def answer_lines(result: ChangeResult, edited: Sequence[str] = ()) -> list[Line]:
    """The result of a dry run. edited: names of settings whose change is shown elsewhere."""
    lines: list[Line] = [[("✔ ", "state.running"), (_begin(result.changes), "text")]]
    lines += [
        [("  ", "text"), (f"{change.name} {text_of(change.before)} → {text_of(change.after)}", "gold")]
        for change in result.changes
        if change.name not in edited
    ]
    return lines + [[("› ", "dim"), (in_form(note), "text")] for note in result.notes]


def _begin(changes: Sequence[SettingChange]) -> str:
    if not changes:
        return "nothing is changed: it computes what its parent does"
    return f"the daemon takes {count_of(len(changes), 'change')}"
