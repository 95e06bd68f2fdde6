"""What the help says: the keys as they are bound right now, and what the signs mean. Pure, but for Textual's words."""

from collections.abc import Callable, Iterable

import msgspec
from textual.binding import ActiveBinding, Binding

from hades_protocol.resync import LinkPhase
from hades_tui.text.format import Line
from hades_tui.theme.glyphs import Glyphs

TITLES = {"run": "The selected run: asks first", "screen": "Everywhere"}
"""What the last sections are called; every other one has the name of its panel."""

KEYS_WIDTH = 12


class Entry(msgspec.Struct, frozen=True):
    """An action that a key would do now. `names`: of its keys."""

    id: str
    names: tuple[str, ...]
    about: str


def entries(active: Iterable[ActiveBinding], name_of: Callable[[Binding], str]) -> list[Entry]:
    """The actions with ids among the bindings in force, each once, with all its keys."""
    found: dict[str, Entry] = {}
    for _, binding, enabled, tooltip in active:
        if binding.id is None or not enabled:
            continue
        known = found.get(binding.id, Entry(binding.id, (), about(binding, tooltip)))
        found[binding.id] = msgspec.structs.replace(known, names=(*known.names, name_of(binding)))
    return list(found.values())


def about(binding: Binding, tooltip: str = "") -> str:
    """What a binding does, in words."""
    words = (binding.id or "").partition(".")[2].replace("-", " ").capitalize()
    return tooltip or binding.tooltip or binding.description or words


def help_lines(known: Iterable[Entry], glyphs: Glyphs) -> list[Line]:
    """The page: the focused panel's keys first, those that work everywhere last, then what the link says."""
    sections: dict[str, list[Entry]] = {}
    for entry in known:
        sections.setdefault(entry.id.partition(".")[0], []).append(entry)
    lines: list[Line] = []
    for name in sorted(sections, key=lambda name: [*TITLES].index(name) if name in TITLES else -1):
        lines += [[(TITLES.get(name, name.capitalize()), "title")]]
        lines += [_line(entry) for entry in sections[name]]
        lines.append([])
    lines += [[("Any of them by its name: see Commands. Other keys: tui.toml, 'hades-tui keys'", "dim")], []]
    return lines + _meaning(glyphs)


def _line(entry: Entry) -> Line:
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
    for word, hue, meaning in rows:
        lines.append([("  ", "text"), (word, hue), (" " * (KEYS_WIDTH + 1 - len(word)), "text"), (meaning, "text")])
    return lines
