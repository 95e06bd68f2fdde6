"""Forms and what the daemon says about them, as lines. Pure."""

from collections.abc import Sequence

from hades_protocol.replies import ChangeResult, SettingChange
from hades_tui.pages.settings_form import Form, known, text_of
from hades_tui.text.format import Line

SHOWN_GENERATIONS = 10
"""Kept generations that are listed before some are left out."""

NEWEST = "newest"
"""In the field of a fork's generation: the newest checkpoint there is when the fork is made."""


def setting_lines(form: Form, names: Sequence[str], selected: str, width: int, height: int) -> list[tuple[str, Line]]:
    """The rows of a list of settings that is scrolled such that the selected one is in sight: name, line."""
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
    """What a setting is, and what it takes."""
    leaf = known()[name]
    return [(f"{leaf.description or name}: ", "dim"), (leaf.accepts, "dim")]


def generations_text(kept: Sequence[int]) -> str:
    """The generations of kept checkpoints on a line; of many the first ones and the newest."""
    if not kept:
        return "none is kept"
    if len(kept) <= SHOWN_GENERATIONS:
        return ", ".join(map(str, kept))
    half = SHOWN_GENERATIONS // 2
    return f"{', '.join(map(str, kept[:half]))} … {', '.join(map(str, kept[-half:]))}"


def stepped(kept: Sequence[int], text: str, by: int) -> str:
    """The kept generation next to the one in a field; after the last of them comes NEWEST."""
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
    """The newest kept generation that is not above the cursor's; without one the newest of all."""
    below = [generation for generation in kept if cursor is not None and generation <= cursor]
    return str(below[-1]) if below else NEWEST


def answer_lines(result: ChangeResult, edited: Sequence[str] = ()) -> list[Line]:
    """What a dry run says. edited: names whose change is on the screen already."""
    lines: list[Line] = [[("✔ ", "state.running"), (_begin(result.changes), "text")]]
    lines += [
        [("  ", "text"), (f"{change.name} {text_of(change.before)} → {text_of(change.after)}", "gold")]
        for change in result.changes
        if change.name not in edited
    ]
    return lines + [[("› ", "dim"), (note, "text")] for note in result.notes]


def _begin(changes: Sequence[SettingChange]) -> str:
    if not changes:
        return "nothing is changed: it computes what its parent does"
    return f"the daemon takes {len(changes)} change{'' if len(changes) == 1 else 's'}"
