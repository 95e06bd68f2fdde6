"""The entries of the command palette (ctrl+p): actions that a key would do now, runs to go to, themes."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol, cast

import msgspec
from textual.binding import Binding
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from hades_tui.pages.help_text import describe_binding
from hades_tui.state.model import Model
from hades_tui.text.format import identity_line, state_text
from hades_tui.theme.themes import THEMES, Theme


class PaletteApp(Protocol):
    """What the palette needs of the application."""

    model: Model

    def use_theme(self, theme: Theme) -> None:
        """Switch the screen to a theme."""

    def go_to(self, run: str) -> None:
        """Select a run by its id."""

    def aim(self, action: str) -> str:
        """The runs that a run action would act on now, as a text; empty for none."""


class PaletteEntry(msgspec.Struct, frozen=True):
    """One line of the palette. do: called when it is chosen."""

    name: str
    help: str
    do: Callable[[], object]


class HadesCommands(Provider):
    """Provides the entries. Names of runs are plain text, never read as markup."""

    async def discover(self) -> Hits:
        """Yield all entries, before anything is typed."""
        for entry in self._entries():
            yield DiscoveryHit(Content(entry.name), entry.do, text=entry.name, help=entry.help)

    async def search(self, query: str) -> Hits:
        """Yield the entries that have to do with the query, each with how much."""
        matcher = self.matcher(query)
        for place, entry in enumerate(self._entries()):
            score = relevance(query, entry.name, entry.help, matcher.match(entry.name))
            if score > 0:
                before_later = score - place * 1e-6  # of equal ones the first comes first
                yield Hit(before_later, matcher.highlight(entry.name), entry.do, text=entry.name, help=entry.help)

    def _entries(self) -> Iterator[PaletteEntry]:
        yield from self._actions()
        app = cast(PaletteApp, self.app)
        for run in app.model.runs:
            yield PaletteEntry(
                f"Go to {run.id} {run.name}".rstrip(),
                f"{identity_line(run)}, {state_text(run)[0]}",
                partial(app.go_to, run.id),
            )
        for theme in THEMES.values():
            yield PaletteEntry(f"Theme {theme.name}", theme.about, partial(app.use_theme, theme))

    def _actions(self) -> Iterator[PaletteEntry]:
        """The actions, those on runs first: their names begin with what they do."""
        found: dict[str, PaletteEntry] = {}
        for node, binding, enabled, tooltip in self.screen.active_bindings.values():
            has_name = binding.show or binding.tooltip  # keys that move a cursor have neither
            if binding.id in (None, "screen.commands", *found) or not enabled or not has_name:
                continue
            assert binding.id is not None
            room, _, name = binding.id.partition(".")
            where = cast(PaletteApp, self.app).aim(name) if room == "run" else room
            key = f"key {self.app.get_key_display(binding)}"
            do = partial(self.app.run_action, binding.action, node)
            found[binding.id] = PaletteEntry(
                title_of(binding, tooltip), " · ".join(part for part in (where, key) if part), do
            )
        for name in sorted(found, key=lambda name: not name.startswith("run.")):
            yield found[name]


def title_of(binding: Binding, tooltip: str) -> str:
    """What a binding does, its short description first."""
    short, about = binding.description, describe_binding(binding, tooltip)
    return about if not short or about.lower().startswith(short.lower()) else f"{short}: {about}"


def relevance(query: str, name: str, about: str, fuzzy: float) -> float:
    """How much an entry has to do with what was typed, 0 to 1: the name that begins with it comes first.

    Then names in which every typed word begins a word, then those where it does in the name or the help, then texts
    that hold every word, and last those whose letters occur in the name in that order. fuzzy: score of the last, of
    which each rank keeps the order; 0 where they do not occur.
    """
    typed, name, about = query.lower().split(), name.lower(), about.lower()
    if not typed:
        return 0.0

    def begins(text: str) -> bool:
        words = re.split(r"[^\w@]+", text)
        return all(any(word.startswith(part) for word in words) or f" {part}" in f" {text}" for part in typed)

    ranks = (
        name.startswith(" ".join(typed)),
        begins(name),
        begins(f"{name} {about}"),
        all(part in f"{name} {about}" for part in typed),
        fuzzy > 0,
    )
    rank = next((len(ranks) - at for at, holds in enumerate(ranks) if holds), 0)
    return (rank + fuzzy / (1.0 + fuzzy)) / (len(ranks) + 1) if rank else 0.0
