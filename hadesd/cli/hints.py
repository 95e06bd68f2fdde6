"""What was meant by a word that is none of ours: the verbs and options of other programs, and slips of the finger."""

from collections.abc import Iterable

ELSEWHERE = {
    "attach": "hades-tui attach",
    "checkpoints": "hadesd checkpoint show RUN",
    "clean": "hadesd gc",
    "config": "hadesd settings",
    "continue": "hadesd resume",
    "create": "hadesd start",
    "delete": "hadesd rm",
    "describe": "hadesd status RUN",
    "devices": "hadesd gpus",
    "distil": "hadesd start",
    "distill": "hadesd start",
    "download": "hadesd export",
    "edit": "hadesd resize",
    "eval": "hadesd evaluate",
    "follow": "hadesd logs RUN --follow",
    "halt": "hadesd stop",
    "info": "hadesd status RUN",
    "interrupt": "hadesd pause",
    "kill": "hadesd cancel",
    "launch": "hadesd start",
    "list": "hadesd status",
    "load": "hadesd import",
    "log": "hadesd logs",
    "ls": "hadesd status",
    "monitor": "hades-tui attach",
    "new": "hadesd start",
    "plot": "hadesd report",
    "prune": "hadesd retain",
    "ps": "hadesd status",
    "queue": "hadesd status",
    "remove": "hadesd rm",
    "restart": "hadesd resume",
    "restore": "hadesd archive --restore",
    "save": "hadesd export",
    "show": "hadesd status RUN",
    "shutdown": "hadesd stop",
    "submit": "hadesd start",
    "suspend": "hadesd pause",
    "tail": "hadesd logs RUN --follow",
    "terminate": "hadesd cancel",
    "test": "hadesd evaluate",
    "top": "hades-tui attach",
    "train": "hadesd start",
    "tui": "hades-tui attach",
    "unpause": "hadesd resume",
    "version": "hadesd --version",
    "watch": "hades-tui attach",
}
"""Verbs of other programs -> the command that does the same here."""


def nearest_verb(word: str, verbs: Iterable[str]) -> str:
    """The end of the sentence "there is no verb ...": a question with the nearest ones; empty where none is near."""
    import difflib

    if word.lower() in ELSEWHERE:
        return f"; did you mean '{ELSEWHERE[word.lower()]}'?"
    close = difflib.get_close_matches(word.lower(), verbs, n=2)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def nearest_option(word: str, options: Iterable[str]) -> str:
    """As nearest_verb, for an option with or without its value."""
    import difflib

    name = word.partition("=")[0]
    close = difflib.get_close_matches(name.lower(), list(options), n=1, cutoff=0.75)
    return f"; did you mean {close[0]}?" if close else ""
