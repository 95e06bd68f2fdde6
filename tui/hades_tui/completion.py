"""What the shell is told when somebody presses tab behind `hades-tui` (argcomplete's protocol).

`hadesd completion --install` sets it up for both commands.
"""

import argparse
from typing import Any

import argcomplete

from hades_protocol.paths import Paths
from hades_protocol.sync_client import runs_if_reachable


def answer(parser: argparse.ArgumentParser) -> None:
    """Print the completions of COMP_LINE and end the process: commands, options, themes, and runs."""
    for commands in parser._subparsers._group_actions if parser._subparsers else ():
        for command in dict(commands.choices or {}).values():
            for action in command._actions:
                completer = _themes if action.dest == "theme" else _runs if "RUN" in str(action.metavar) else None
                if completer is not None:
                    action.completer = completer
    argcomplete.autocomplete(parser, always_complete_options="long")


def _runs(**_: Any) -> dict[str, str]:
    found = runs_if_reachable(Paths())
    ids = {run.id: f"{run.state}, generation {run.generation}" for run in found}
    return ids | {run.name: f"{run.id}, {ids[run.id]}" for run in found if run.name}


def _themes(**_: Any) -> list[str]:
    from hades_tui.theme.themes import THEMES

    return list(THEMES)
