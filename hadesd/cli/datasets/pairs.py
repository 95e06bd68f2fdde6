"""hadesd pairs: the state-action pairs of a dataset, as a table."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hades_protocol.paths import Paths
from hades_protocol.sync_client import ControlClient
from hadesd.cli.datasets.inputs import DATASET_HELP, DATASET_METAVAR, find_dataset
from hadesd.cli.documents.datasets import PairsDocument
from hadesd.cli.output import print_json, say, terminal_width
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_verb, split_generation
from hadesd.spec import environments
from hadesd.storage.datasets import is_dataset_name

if TYPE_CHECKING:
    import numpy as np

    from hadesd.analysis.datasets.reader import DatasetFile

MOST_COLUMNS = 24


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "pairs",
        "print the state-action pairs of a run or of an exported file",
        "hadesd pairs @\nhadesd pairs cartpole.npz\nhadesd pairs cartpole.csv --json",
    )
    parser.add_argument("what", metavar=DATASET_METAVAR, help=f"a dataset: {DATASET_HELP}")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Print the pairs of a run's newest commit, or of a file; of a merged one those of each environment."""
    from hadesd.analysis.datasets import merging

    dataset = _read(args.what, Paths())
    if args.json:
        print_json(_document(dataset))
        return 0
    width = terminal_width(sys.stdout)
    for part in merging.parts_of(dataset) if merging.is_merged(dataset) else [dataset]:
        if part.meta:
            say(_origin(part.meta))
        print("\n".join(lines_of(part, width)))
    return 0


def lines_of(dataset: "DatasetFile", width: int | None = None) -> list[str]:
    """The pairs as a table, one line each; one column each where only that fits a terminal. width: of the terminal."""
    table = _table(dataset)
    if width is None or max(map(len, table)) <= width:
        return table
    turned = _turned(dataset)
    return turned if max(map(len, turned)) <= width else table


def _origin(meta: dict[str, Any]) -> str:
    known = [str(meta[key]) for key in ("environment", "method") if key in meta]
    if meta.get("generation") is not None:
        known.append(f"generation {meta['generation']}")
    return f"{', '.join(known) or 'origin unknown'}; states in {meta.get('units', 'unknown')} units"


def _read(what: str, paths: Paths) -> "DatasetFile":
    """The dataset of a file, of a run on this disk, or of a run of the daemon that HADES_CONNECT names."""
    from hadesd.analysis.datasets.reader import load

    if is_dataset_name(what):
        return load(Path(what))
    if paths.connect:
        from hadesd.analysis.datasets.wire import ask_for_dataset

        name, generation = split_generation(what)
        with ControlClient(paths) as client:
            return ask_for_dataset(client, name, generation)
    return load(find_dataset(what)[0])


def _document(dataset: "DatasetFile") -> PairsDocument:
    return PairsDocument(states=dataset.states.tolist(), actions=dataset.actions.tolist(), meta=dataset.meta)


def _table(dataset: "DatasetFile") -> list[str]:
    """One line a pair: the state's entries, then the action."""
    entry = environments.of_meta(dataset.meta)
    states, names, shown = _entries(dataset, entry)
    grouped = entry is None or not entry.discrete  # where a name can be one of both
    titles = [f"state: {names[0]}" if grouped else names[0], *names[1:shown]]
    width = max(9, *(len(title) + 1 for title in titles))
    more = f"  … {len(names) - shown} more" if shown < len(names) else ""
    label, cells = _actions(entry, dataset.actions.tolist())
    lines = ["pair" + "".join(f"{title:>{width}}" for title in titles) + more + label]
    for i, (state, action) in enumerate(zip(states, cells, strict=True)):
        entries = "".join(f"{value:>{width}.3f}" for value in state[:shown])
        lines.append(f"{i:>4}{entries}{'…'.rjust(len(more)) if more else ''}{action}")
    return lines


def _turned(dataset: "DatasetFile") -> list[str]:
    """One line an entry of the states, then of the actions; one column a pair."""
    entry = environments.of_meta(dataset.meta)
    states, names, shown = _entries(dataset, entry)
    rows = [(name, [f"{value:.3f}" for value in states[:, i]]) for i, name in enumerate(names[:shown])]
    if shown < len(names):
        rows.append((f"… {len(names) - shown} more", []))
    acting = _names(entry.action_names if entry else (), dataset.actions.shape[1], "a")
    rows.append(("", []))
    if entry is not None and entry.discrete:
        rows.append(("action", [_likeliest(acting, action) for action in dataset.actions.tolist()]))
    else:
        rows += [
            (f"action {name}", [f"{value:.3f}" for value in dataset.actions[:, i]]) for i, name in enumerate(acting)
        ]
    rows.insert(0, ("pair", [str(i) for i in range(len(states))]))
    left = max(len(title) for title, _ in rows)
    width = max(9, *(len(cell) + 1 for _, cells in rows for cell in cells))
    lines = (f"{title:<{left}}" + "".join(f"{cell:>{width}}" for cell in cells) for title, cells in rows)
    return [line.rstrip() for line in lines]


def _entries(dataset: "DatasetFile", entry: environments.EnvironmentInfo | None) -> tuple["np.ndarray", list[str], int]:
    """The states [D, n], the names of their n entries, and how many of these are shown."""
    states = dataset.states.reshape(len(dataset.states), -1)
    names = _names(entry.observation_names if entry else (), states.shape[1], "s")
    return states, names, min(len(names), MOST_COLUMNS)


def _names(known: tuple[str, ...], count: int, letter: str) -> list[str]:
    return list(known) if len(known) == count else [f"{letter}{i}" for i in range(count)]


def _actions(entry: environments.EnvironmentInfo | None, actions: list[list[float]]) -> tuple[str, list[str]]:
    """The title above the actions, and a text for each pair: the likeliest one, or a column for each number."""
    names = _names(entry.action_names if entry else (), len(actions[0]), "a")
    if entry is not None and entry.discrete:
        return "   action", [f"   {_likeliest(names, action)}" for action in actions]
    titles = [f"action: {names[0]}", *names[1:]]
    width = max(9, *(len(title) + 1 for title in titles))
    cells = ["  " + "".join(f"{value:>{width}.3f}" for value in action) for action in actions]
    return "  " + "".join(f"{title:>{width}}" for title in titles), cells


def _likeliest(names: list[str], action: list[float]) -> str:
    best = max(range(len(action)), key=action.__getitem__)
    return names[best] if action[best] > 0.999 else f"{names[best]} ({action[best]:.0%})"
