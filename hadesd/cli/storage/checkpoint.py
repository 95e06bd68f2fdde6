"""hadesd checkpoint: what a checkpoint holds, and its state as an npz. Reads the run directory; no daemon is needed."""

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from hades_protocol.errors import ExitCode, UsageError, WrongStateError
from hades_protocol.formatting import size
from hades_protocol.paths import Paths
from hadesd.cli.compute import interruptible, prepare_computing, require_daemon_extra
from hadesd.cli.documents.storage import CheckpointDocument, CheckpointLeaf, UnpackDocument
from hadesd.cli.output import print_json, refuse_existing, say
from hadesd.cli.parsing import RUN_HELP, Parser, Subparsers, add_json, add_verb, split_generation
from hadesd.cli.progress import LOADING, Progress
from hadesd.spec.user_files import as_argument
from hadesd.storage.checkpoints import Manifest, find_checkpoint, read_manifest
from hadesd.storage.layout import MANIFEST
from hadesd.storage.records import find_directory, load
from hadesd.storage.usage import tree_bytes

EXPLANATION = f"""\
A checkpoint is a directory RUN/checkpoints/GEN. Orbax holds the whole state of the evolution in it as one
packed array of bytes: one file instead of twenty makes a commit after every generation cheap, and one SHA-256
covers it. {MANIFEST} lists the arrays in it in their order, with path, dtype and shape, and how it was computed."""

ITEM_BYTES = {"bool": 1, "bfloat16": 2}
"""Bytes of an entry of the dtypes whose name does not end with their bits."""


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "checkpoint",
        "show what a checkpoint holds, or write its state as an npz",
        "hadesd checkpoint show @\nhadesd checkpoint show @@50 --json\nhadesd checkpoint unpack @@50 -o state50.npz",
    )
    parser.epilog = f"{parser.epilog}\n\n{EXPLANATION}"
    actions = parser.add_subparsers(required=True, metavar="ACTION", parser_class=Parser)
    _action(actions, "show", "list the arrays of a checkpoint's state and what else it says", "@@50 --json", _show)
    unpack = _action(
        actions,
        "unpack",
        "write a checkpoint's state as an npz: each array under its path, and what the checkpoint says as 'meta'",
        "@@50 -o state50.npz",
        _unpack,
    )
    unpack.add_argument("-o", "--output", metavar="FILE.npz", required=True, type=Path, help="where to write it")
    unpack.add_argument("--force", action="store_true", help="replace FILE.npz if it exists")
    return parser


def _action(
    actions: "Subparsers[Parser]",
    name: str,
    summary: str,
    example: str,
    carry_out: Callable[[argparse.Namespace], int],
) -> Parser:
    parser = add_verb(actions, name, summary, f"hadesd checkpoint {name} {example}")
    parser.set_defaults(carry_out=carry_out)
    parser.add_argument("run", metavar="RUN[@GEN]", help=f"{RUN_HELP}; @GEN: a kept generation (default: the newest)")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Carry out the action that was named."""
    code: int = args.carry_out(args)
    return code


def _find(text: str) -> Path:
    """RUN[@GEN] -> the directory of the checkpoint."""
    name, generation = split_generation(text)
    return find_checkpoint(find_directory(Paths().runs, name), generation)


def _show(args: argparse.Namespace) -> int:
    document = describe(_find(args.run))
    if args.json:
        print_json(document)
        return ExitCode.OK
    print("\n".join(_table(document.leaves)))
    print()
    width = max(map(len, document.metadata))
    for name, value in document.metadata.items():
        print(f"{name:{width}}  {value if isinstance(value, str) else json.dumps(value)}")
    say(
        f"{document.id}, generation {document.generation}: {len(document.leaves)} arrays, {size(document.state_bytes)} "
        f"packed as one; {size(document.bytes)} on disk in {document.directory}"
    )
    return ExitCode.OK


def describe(step: Path) -> CheckpointDocument:
    """What a checkpoint says of itself; the bytes of its state are not read.

    Raises:
        WrongStateError: its hades.json is damaged.
    """
    manifest = read_manifest(step)
    if manifest is None:
        raise _damaged(step, f"its {MANIFEST} cannot be read")
    try:
        leaves = tuple(_leaf(leaf.path, leaf.shape, leaf.dtype) for leaf in manifest.leaves)
    except ValueError:
        raise _damaged(step, f"its {MANIFEST} cannot be read") from None
    entries: dict[str, Any] = msgspec.to_builtins(manifest)
    return CheckpointDocument(
        id=step.parents[1].name,
        generation=int(step.name),
        directory=str(step),
        bytes=tree_bytes(step),
        state_bytes=sum(leaf.bytes for leaf in leaves),
        leaves=leaves,
        metadata={name: entries[name] for name in sorted(entries) if name not in ("leaves", "generation")},
    )


def _damaged(step: Path, why: str) -> WrongStateError:
    return WrongStateError(f"checkpoint {step.name} of run {step.parents[1].name} is damaged: {why}")


def _leaf(path: str, shape: tuple[int, ...], dtype: str) -> CheckpointLeaf:
    """dtype: as numpy calls it; the number at its end are the bits of an entry."""
    bits = dtype.lstrip("abcdefghijklmnopqrstuvwxyz")
    item = ITEM_BYTES[dtype] if dtype in ITEM_BYTES else int(bits) // 8
    return CheckpointLeaf(path=path, shape=shape, dtype=dtype, bytes=item * math.prod(shape))


def _table(leaves: tuple[CheckpointLeaf, ...]) -> list[str]:
    rows = [("PATH", "SHAPE", "DTYPE", "BYTES")]
    rows += [(leaf.path, str(list(leaf.shape)), leaf.dtype, str(leaf.bytes)) for leaf in leaves]
    path, shape, dtype, count = (max(len(row[i]) for row in rows) for i in range(4))
    return [f"{p:{path}}  {s:>{shape}}  {d:{dtype}}  {b:>{count}}" for p, s, d, b in rows]


def _unpack(args: argparse.Namespace) -> int:
    require_daemon_extra("checkpoint unpack")
    output: Path = args.output
    if output.suffix.lower() != ".npz":
        raise UsageError(
            f"{output}: the state is written as an npz file, e.g. -o {as_argument((output.stem or 'state') + '.npz')}"
        )
    refuse_existing(output, args.force)
    step = _find(args.run)
    with Progress(LOADING) as progress:
        prepare_computing(load(step.parents[1])[1], "hadesd.worker.checkpoints")
        progress.phase("reading the checkpoint")
        arrays, manifest = _load(step)
    from hadesd.compute.results import write_dataset

    try:
        write_dataset(output, arrays, json.dumps(msgspec.to_builtins(manifest), sort_keys=True))
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror or error}") from None
    leaves = tuple(_leaf(path, array.shape, str(array.dtype)) for path, array in arrays.items())
    document = UnpackDocument(
        id=step.parents[1].name,
        generation=int(step.name),
        file=str(output),
        bytes=output.stat().st_size,
        leaves=leaves,
    )
    if args.json:
        print_json(document)
    else:
        print(output)
        say(f"{len(leaves)} arrays of generation {document.generation} of run {document.id}, {size(document.bytes)}")
    return ExitCode.OK


def _load(step: Path) -> tuple[dict[str, Any], Manifest]:
    """The arrays of the state by path, and the manifest."""
    from hadesd.worker.checkpoints import CheckpointError, load_leaves

    try:
        return interruptible(lambda: load_leaves(step))
    except CheckpointError as error:
        raise _damaged(step, str(error)) from None
