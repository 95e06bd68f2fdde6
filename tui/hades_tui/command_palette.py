"""The entries of the command palette (ctrl+p): actions that a key would do now, runs to go to, themes."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol, cast

import msgspec
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
        """Yield the entries whose names match the query."""
        matcher = self.matcher(query)
        for entry in self._entries():
            if (score := matcher.match(entry.name)) > 0:
                yield Hit(score, matcher.highlight(entry.name), entry.do, text=entry.name, help=entry.help)

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
        seen = {"screen.commands"}
        for node, binding, enabled, tooltip in self.screen.active_bindings.values():
            has_name = binding.show or binding.tooltip  # keys that move a cursor have neither
            if binding.id is None or binding.id in seen or not enabled or not has_name:
                continue
            seen.add(binding.id)
            key = self.app.get_key_display(binding)
            do = partial(self.app.run_action, binding.action, node)
            yield PaletteEntry(
                f"{binding.id.partition('.')[0].capitalize()}: {describe_binding(binding, tooltip)}", f"key {key}", do
            )
