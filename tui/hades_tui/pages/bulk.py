"""The list of runs in a dialog about several of them: what happens to each, and which are refused. Pure."""

from collections.abc import Iterable

from hades_protocol.formatting import count_of
from hades_protocol.messages import RunSummary
from hades_tui.run_actions import RunAction
from hades_tui.text.format import Line, state_text

Planned = tuple[RunSummary, str]
"""A run, and why nothing is sent about it; an empty text where the action is."""


def bulk_lines(action: RunAction, plan: Iterable[Planned]) -> list[Line]:
    """A line a run, below those to which the same happens what that is; then the refused ones with the reason."""
    alike: dict[str, list[RunSummary]] = {}
    refused: list[Line] = []
    for run, why in plan:
        if why:
            refused.append([("✘ ", "bad"), (why, "warn")])
        else:
            alike.setdefault(action.will(run), []).append(run)
    lines: list[Line] = []
    for will, runs in alike.items():
        lines += [[("✔ ", "state.running"), (run.id, "bold"), ("  ", "text"), state_text(run)] for run in runs]
        lines += [[(will, "text")], []]
    return lines + refused if refused else lines[:-1]


def question(action: RunAction, runs: int) -> str:
    """The question of the dialog."""
    return f"{first_upper(action.about(count_of(runs, 'run')))}?"


def first_upper(text: str) -> str:
    """The text with its first letter as a capital."""
    return text[:1].upper() + text[1:]
