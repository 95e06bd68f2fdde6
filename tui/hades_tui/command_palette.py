"""What ctrl+p offers: every action that a key would do now, every run to go to, every theme."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Protocol, cast

import msgspec
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from hades_tui.pages.help_text import about
from hades_tui.state.model import Model
from hades_tui.text.format import identity_line, state_word
from hades_tui.theme.themes import THEMES, Theme


class Commanded(Protocol):
    """The application, as commands see it."""

    model: Model

    def use_theme(self, theme: Theme) -> None:
        """Another theme."""

    def go_to(self, run: str) -> None:
        """Another run."""


class Offer(msgspec.Struct, frozen=True):
    """One line of the palette."""

    name: str
    help: str
    do: Callable[[], object]


class HadesCommands(Provider):
    """Names from outside are shown as they are, never read as markup."""

    async def discover(self) -> Hits:
        """All of it, before anything is typed."""
        for offer in self._offers():
            yield DiscoveryHit(Content(offer.name), offer.do, text=offer.name, help=offer.help)

    async def search(self, query: str) -> Hits:
        """What fits the letters typed so far."""
        matcher = self.matcher(query)
        for offer in self._offers():
            if (score := matcher.match(offer.name)) > 0:
                yield Hit(score, matcher.highlight(offer.name), offer.do, text=offer.name, help=offer.help)

    def _offers(self) -> Iterator[Offer]:
        yield from self._actions()
        app = cast(Commanded, self.app)
        for run in app.model.runs:
            yield Offer(f"Go to {run.id}", f"{identity_line(run)}, {state_word(run)[0]}", partial(app.go_to, run.id))
        for theme in THEMES.values():
            yield Offer(f"Theme {theme.name}", theme.about, partial(app.use_theme, theme))

    def _actions(self) -> Iterator[Offer]:
        seen = {"screen.commands"}
        for node, binding, enabled, tooltip in self.screen.active_bindings.values():
            is_worth_a_name = binding.show or binding.tooltip  # moving about is not
            if binding.id is None or binding.id in seen or not enabled or not is_worth_a_name:
                continue
            seen.add(binding.id)
            key = self.app.get_key_display(binding)
            do = partial(self.app.run_action, binding.action, node)
            yield Offer(f"{binding.id.partition('.')[0].capitalize()}: {about(binding, tooltip)}", f"key {key}", do)
