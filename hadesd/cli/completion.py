"""What the shell is told when somebody presses tab behind `hadesd`: verbs, options, runs, settings, environments.

The shell calls `hadesd` itself with _ARGCOMPLETE set (argcomplete's protocol); `hadesd completion` sets that up.
"""

import argparse
import os
import typing
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import argcomplete
import msgspec
from argcomplete.completers import FilesCompleter

from hadesd.cli.parsing import Parser, Subparsers

if TYPE_CHECKING:
    from pathlib import Path

Completer = Callable[..., Iterable[str]]


def answer(parser: Parser, verbs: dict[str, str], add_parser: Callable[[str, "Subparsers[Parser]"], None]) -> None:
    """Print the completions of COMP_LINE and end the process.

    verbs: with their summaries. add_parser: adds the parser of a verb; only the one that is typed is made.
    """
    line = os.environ.get("COMP_LINE", "")[: int(os.environ.get("COMP_POINT", "0"))]
    words = line.split()
    # The verb is complete once something is behind it.
    verb = words[1] if len(words) > 2 or (len(words) == 2 and line[-1:].isspace()) else ""
    subparsers = parser.add_subparsers(prog="hadesd", parser_class=Parser)
    if verb in verbs:
        add_parser(verb, subparsers)
        for action in subparsers.choices[verb]._actions:
            completer = completer_of(action)
            if completer is not None:
                action.completer = completer  # type: ignore[attr-defined]
    else:
        for name, summary in verbs.items():
            subparsers.add_parser(name, help=summary)
    argcomplete.autocomplete(parser, always_complete_options="long")


def completer_of(action: argparse.Action) -> Completer | None:
    """What completes the value of an option or argument; None leaves it to argcomplete: choices, files."""
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    if "RUN" in metavar:
        return _runs_and_files if "FILE" in metavar else _runs_and_groups if "GROUP" in metavar else _runs
    known: dict[str, Completer] = {
        "env": _environments,
        "preset": _presets,
        "method": _methods,
        "set": _settings,
        "assignments": _settings,
        "part": _setting_names,
        "group": _groups,
        "show": _groups,
        "tags": _tags,
        "add": _tags,
        "remove": _tags,
    }
    return known.get(action.dest)


class OfferedRun(msgspec.Struct, frozen=True):
    """A run as far as it is completed. about: what it does, for shells that show that."""

    id: str
    about: str = ""
    group: str = ""
    name: str = ""
    tags: tuple[str, ...] = ()


def _known() -> list[OfferedRun]:
    """The runs of the daemon; where none answers, those in the directories."""
    from hades_protocol.paths import Paths
    from hades_protocol.sync_client import runs_if_reachable

    paths = Paths()
    if found := runs_if_reachable(paths):
        about = ((run, f"{run.state}, generation {run.generation}") for run in found)
        return [OfferedRun(run.id, text, run.group, run.name, run.tags) for run, text in about]
    place = paths.runs
    directories = sorted(place.iterdir()) if place.is_dir() else []
    return [_on_disk(entry) for entry in directories if entry.is_dir() and not entry.name.startswith(".")]


def _on_disk(directory: "Path") -> OfferedRun:
    """A run from its record; of one that cannot be read the id alone."""
    from hadesd.storage.layout import RunPaths

    try:
        return msgspec.json.decode(RunPaths(directory).record.read_bytes(), type=OfferedRun)
    except (OSError, ValueError):  # msgspec's errors are ValueErrors
        return OfferedRun(directory.name)


def _runs(**_: Any) -> dict[str, str]:
    """Ids and names, each with what the run does."""
    found = _known()
    named = {run.name: ", ".join(filter(None, (run.id, run.about))) for run in found if run.name}
    return {run.id: run.about for run in found} | named


def _runs_and_files(prefix: str, **_: Any) -> dict[str, str]:
    files = FilesCompleter()(prefix)
    return {name: about for name, about in _runs().items() if name.startswith(prefix)} | dict.fromkeys(files, "")


def _runs_and_groups(**_: Any) -> dict[str, str]:
    return dict.fromkeys(_groups(), "a group") | _runs()


def _groups(**_: Any) -> set[str]:
    return {run.group for run in _known() if run.group}


def _tags(**_: Any) -> set[str]:
    return {tag for run in _known() for tag in run.tags}


def _environments(**_: Any) -> list[str]:
    from hadesd.spec import environments

    return list(environments.ENVIRONMENTS)


def _presets(**_: Any) -> list[str]:
    from hadesd.spec.presets.layers import available

    return available()


def _methods(**_: Any) -> tuple[str, ...]:
    from hades_protocol.run_spec import Method

    return typing.get_args(Method)


def _setting_names(**_: Any) -> list[str]:
    from hades_protocol.run_spec import RunSpec
    from hades_protocol.settings import leaves

    return list(leaves(RunSpec))


def _settings(prefix: str, **_: Any) -> list[str]:
    """NAME= until there is an =, then the values of settings that have a choice of few."""
    from hades_protocol.run_spec import RunSpec
    from hades_protocol.settings import words_of

    name, sep, _value = prefix.partition("=")
    if not sep:
        return [f"{each}=" for each in _setting_names()]
    words = _environments() if name == "env" else words_of(RunSpec, name)
    return [f"{name}={word}" for word in words]
