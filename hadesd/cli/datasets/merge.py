"""hadesd merge: datasets for several environments in one file."""

import argparse
import json
from pathlib import Path
from typing import Any

from hades_protocol.errors import UsageError
from hadesd.cli.compute import require_daemon_extra
from hadesd.cli.datasets.inputs import DATASET_HELP, DATASET_METAVAR, find_dataset, settings_for
from hadesd.cli.documents.datasets import MergeDocument, MergedPart
from hadesd.cli.output import print_json, refuse_existing, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_verb
from hadesd.spec.user_files import as_argument


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "merge",
        "put datasets for several environments into one file, which trains one policy for all of them",
        "hadesd merge hopper.npz halfcheetah.npz -o both.npz\n"
        "hadesd evaluate both.npz -o both.svg\n"
        "hadesd evaluate both.npz --env hopper",
    )
    parser.add_argument("what", metavar=DATASET_METAVAR, nargs="+", help=f"datasets, each {DATASET_HELP}")
    parser.add_argument("-o", "--output", metavar="FILE.npz", required=True, type=Path, help="where to write it")
    parser.add_argument("--force", action="store_true", help="replace FILE.npz if it exists")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Write the file and say what is in it."""
    require_daemon_extra("merge")
    if args.output.suffix.lower() != ".npz":
        name = as_argument(f"{args.output.stem or 'both'}.npz")
        raise UsageError(f"{args.output}: merged datasets are npz files, e.g. -o {name}")
    refuse_existing(args.output, args.force)
    from hadesd.analysis.datasets import formats, merging
    from hadesd.analysis.datasets.reader import load

    loaded = [load(find_dataset(text)[0]) for text in args.what]
    datasets = [part for one in loaded for part in (merging.parts_of(one) if merging.is_merged(one) else [one])]
    hint = "only files that say so can be merged; exports do"
    specs = [settings_for(dataset, None, [], hint, trusted=None) for dataset in datasets]
    arrays, meta = merging.merge(datasets, specs)
    try:
        formats.write(args.output, arrays, json.dumps(meta))
    except OSError as error:
        raise UsageError(f"cannot write {args.output}: {error.strerror or error}") from None
    for note in merging.notes(specs):
        say(note)
    if args.json:
        document = MergeDocument(
            file=str(args.output),
            envs=tuple(meta["environments"]),
            pairs=len(arrays["states"]),
            parts=tuple(_part(part) for part in meta["parts"]),
        )
        print_json(document)
    else:
        print(args.output)
        parts = ", ".join(f"{part['pairs']} of {part['meta']['environment']}" for part in meta["parts"])
        say(
            f"{len(arrays['states'])} pairs ({parts}), states {list(arrays['states'].shape[1:])}, "
            f"{arrays['actions'].shape[1]} actions; try it: hadesd evaluate {as_argument(args.output)}"
        )
    return 0


def _part(part: dict[str, Any]) -> MergedPart:
    """part: an entry of `parts` in the meta of a merged file."""
    return MergedPart(
        env=part["meta"]["environment"],
        pairs=part["pairs"],
        observation=tuple(part["observation"]),
        actions=part["actions"],
        normalisation=part["meta"]["normalisation"],
    )
