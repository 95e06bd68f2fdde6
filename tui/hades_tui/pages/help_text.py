"""The help page: the keys in force and the meaning of the signs. Pure."""

from collections.abc import Callable, Iterable

import msgspec
from textual.binding import ActiveBinding, Binding

from hades_protocol.resync import LinkPhase
from hades_tui.text.format import Line
from hades_tui.theme.glyphs import Glyphs

TITLES = {"run": "The selected run, or the marked ones: asks first", "screen": "Everywhere"}
"""Titles of the last sections, by the first part of an action's id; other sections have the name of their panel."""

KEYS_WIDTH = 14


class HelpEntry(msgspec.Struct, frozen=True):
    """An action that a key would do now. names: its keys as they are shown."""

    id: str
    names: tuple[str, ...]
    about: str


def entries(active: Iterable[ActiveBinding], name_of: Callable[[Binding], str]) -> list[HelpEntry]:
    """The actions with ids among the bindings in force, each once, with all its keys."""
    found: dict[str, HelpEntry] = {}
    for _, binding, enabled, tooltip in active:
        if binding.id is None or not enabled:
            continue
        known = found.get(binding.id, HelpEntry(binding.id, (), describe_binding(binding, tooltip)))
        found[binding.id] = msgspec.structs.replace(known, names=(*known.names, name_of(binding)))
    return list(found.values())


def describe_binding(binding: Binding, tooltip: str = "") -> str:
    """The description of a binding for help and palette."""
    from_id = (binding.id or "").partition(".")[2].replace("-", " ").capitalize()
    return tooltip or binding.tooltip or binding.description or from_id


def help_lines(known: Iterable[HelpEntry], glyphs: Glyphs) -> list[Line]:
    """The page: keys of the focused panel, of the selected run, of the screen, then the meaning of the signs."""
    sections: dict[str, list[HelpEntry]] = {}
    for entry in known:
        sections.setdefault(entry.id.partition(".")[0], []).append(entry)
    lines: list[Line] = []
    for name in sorted(sections, key=lambda name: [*TITLES].index(name) if name in TITLES else -1):
        lines += [[(TITLES.get(name, name.capitalize()), "title")]]
        lines += [_line(entry) for entry in sections[name]]
        lines.append([])
    lines += [[("Any of them by its name: ctrl+p. Other keys: tui.toml, 'hades-tui keys'", "dim")], []]
    return lines + _meaning(glyphs)


def _line(entry: HelpEntry) -> Line:
    return [(f"  {' '.join(entry.names):<{KEYS_WIDTH}} ", "gold"), (entry.about, "text")]


def _meaning(glyphs: Glyphs) -> list[Line]:
    rows = (
        (f"{glyphs.links[LinkPhase.LIVE]} live", "link.live", "everything up to this second is shown"),
        (f"{glyphs.links[LinkPhase.RESYNCING]} resyncing", "link.resyncing", "something was missed, and is asked for"),
        (
            f"{glyphs.links[LinkPhase.STALE]} stale for 5s",
            "link.stale",
            "no word from the daemon; reconnects by itself",
        ),
        ("mean", "mean", "mean fitness of the population, with its spread"),
        ("best", "best", "best candidate of the generation"),
        ("best so far", "ever", "best of all generations"),
    )
    lines: list[Line] = [[("What it says", "title")]]
    for sign, hue, meaning in rows:
        lines.append([("  ", "text"), (sign, hue), (" " * (KEYS_WIDTH + 1 - len(sign)), "text"), (meaning, "text")])
    return lines
