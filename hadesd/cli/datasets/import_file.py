"""hadesd import: a complete dataset file out of somebody else's states and actions. No daemon is needed."""

import argparse
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hades_protocol.errors import NotFoundError, UsageError
from hades_protocol.formatting import count_of
from hades_protocol.settings import parse_assignment
from hadesd.cli.compute import require_daemon_extra
from hadesd.cli.documents.datasets import ImportDocument
from hadesd.cli.output import print_json, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_verb
from hadesd.spec.own_code import evaluate_command

if TYPE_CHECKING:
    from hades_protocol.run_spec import RunSpec
    from hadesd.analysis.datasets.importing import Imported
    from hadesd.spec.environments import EnvironmentInfo

KEPT = {"method": str, "generation": int, "generations": int, "seed": int, "versions": dict}
"""What a file says of its own making outlives the import."""

EXAMPLES = """\
hadesd import theirs.npz --env CartPole-v1 --set policy.width=64 -o cartpole.npz
hadesd import demonstrations.csv --env hopper --normalisation none -o hopper.npz --card
hadesd import cartpole.safetensors -o cartpole.npz"""


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "import",
        "make a complete dataset file out of somebody else's states and actions "
        "(npz, csv, json, safetensors, or a directory of Hugging Face's or Minari's); integer labels become one-hots",
        EXAMPLES,
    )
    parser.add_argument(
        "file", metavar="FILE", type=Path, help="states and actions; obs_mean and obs_var if it has them"
    )
    parser.add_argument("-o", "--output", metavar="OUT", required=True, type=Path, help="where to write it")
    parser.add_argument("--env", metavar="E", help="environment (default: what the file says)")
    parser.add_argument(
        "--normalisation",
        choices=("none", "fixed", "running"),
        help="units of the states (default: what the file says; else fixed with obs_mean and obs_var, none without)",
    )
    parser.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="how to train on it, e.g. policy.width=64"
    )
    parser.add_argument("--card", action="store_true", help="also write OUT.md: what it is and how to use it")
    parser.add_argument("--force", action="store_true", help="replace what exists")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Read the file, check its arrays against the environment, write the dataset."""
    assignments = [parse_assignment(text) for text in args.set]
    require_daemon_extra("import")
    from hadesd.cli.datasets.export import check_output

    if not args.file.exists():
        raise NotFoundError(f"there is no file {args.file}")
    check_output(args.output, None, args.force, args.card)
    from hadesd.analysis.datasets import formats, importing
    from hadesd.analysis.datasets.reader import read_meta

    content = formats.read(args.file)
    file_meta = read_meta(args.file, content.arrays)
    name = args.env or file_meta.get("environment")
    if not isinstance(name, str):
        raise UsageError(f"{args.file} does not say which environment it is for: use --env, e.g. --env CartPole-v1")
    imported = importing.fit(args.file, content, _entry(args, name, file_meta))
    spec = _settings(args, imported, file_meta, name, assignments)
    meta = _meta(args.file, spec, file_meta)
    return _write(args, imported, meta)


def _entry(args: argparse.Namespace, name: str, file_meta: dict[str, Any]) -> "EnvironmentInfo":
    """The environment, without importing what the file alone names: it tells itself what is needed."""
    from hadesd.spec import environments, own_code

    if name == file_meta.get("environment") and (entry := environments.of_meta(file_meta)) is not None:
        return entry
    if own_code.is_code(name) and name != args.env:
        raise UsageError(
            f"{args.file} names code, {name}, and does not say its sizes: if you trust that package, --env {name}"
        )
    return environments.described(name, own_code.describe(name)) if own_code.is_own(name) else environments.find(name)


def _settings(
    args: argparse.Namespace,
    imported: "Imported",
    file_meta: dict[str, Any],
    env: str,
    assignments: list[tuple[str, Any]],
) -> "RunSpec":
    """How to train on it: the published settings, under the file's, under those of the command line."""
    from hadesd.analysis.datasets.reader import DatasetFile, complete_file_hint
    from hadesd.cli.datasets.inputs import settings_for

    for note in imported.notes:
        say(f"note: {note}")
    arrays = imported.arrays
    normalisation = args.normalisation or file_meta.get("normalisation")
    if normalisation is None and "evaluation.normalisation" not in dict(assignments):
        normalisation = "fixed" if "obs_mean" in arrays else "none"
        units = {"fixed": "normalised with its obs_mean and obs_var", "none": "in the environment's own units"}
        say(f"its states are taken to be {units[normalisation]}; --normalisation says otherwise")
    chosen = [("evaluation.normalisation", normalisation)] if normalisation is not None else []
    dataset = DatasetFile(args.file, arrays["states"], arrays["actions"], meta=file_meta)
    spec = settings_for(dataset, env, [*chosen, *assignments], trusted=None)
    if spec.evaluation.normalisation == "fixed" and "obs_mean" not in arrays:
        raise UsageError(
            f"{args.file} has no obs_mean and obs_var, which fixed normalisation needs: add them to it"
            + complete_file_hint(file_meta)
        )
    return spec


def _meta(file: Path, spec: "RunSpec", file_meta: dict[str, Any]) -> dict[str, Any]:
    """What the new file says of itself, in the terms of our exports."""
    from hadesd.cli.compute import prepare_computing

    prepare_computing(spec, "hadesd.compute.results")
    from hadesd.analysis.datasets import formats
    from hadesd.compute.results import dataset_meta

    meta: dict[str, Any] = json.loads(dataset_meta(spec, 0))
    meta |= {"method": "imported"} | {
        key: file_meta[key] for key, kind in KEPT.items() if _is(file_meta.get(key), kind)
    }
    meta["policy"]["init_seed"] = spec.policy.init_seed
    meta["source"] = {"file": file.name, "sha256": hashlib.sha256(formats.data_file(file).read_bytes()).hexdigest()}
    return meta


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _write(args: argparse.Namespace, imported: "Imported", meta: dict[str, Any]) -> int:
    from hadesd.analysis.datasets import formats
    from hadesd.analysis.datasets.card import Origin
    from hadesd.analysis.datasets.reader import load
    from hadesd.cli.datasets.export import write_card

    arrays = imported.arrays
    if meta["normalisation"] != "fixed":
        arrays = {name: array for name, array in arrays.items() if not name.startswith("obs_")}
    try:
        files = formats.write(args.output, arrays, json.dumps(meta))
    except OSError as error:
        raise UsageError(f"cannot write {args.output}: {error.strerror or error}") from None
    if args.card:
        files.append(write_card(load(args.output), args.output, Origin()))
    pairs = len(arrays["states"])
    if args.json:
        document = ImportDocument(
            file=str(files[0]),
            files=tuple(str(path) for path in files),
            env=meta["environment"],
            pairs=pairs,
            normalisation=meta["normalisation"],
            method=meta["method"],
        )
        print_json(document)
    else:
        print(files[0])
        say(
            f"{count_of(pairs, 'pair')} of {meta['environment']}, states in {meta['units']} units; "
            f"try it: {evaluate_command(args.output, meta['environment'])}"
        )
    return 0
