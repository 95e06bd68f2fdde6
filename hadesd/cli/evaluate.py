"""hadesd evaluate: train fresh policies on a dataset and report their return. No daemon is needed."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import RunSpec, build_spec, spec_to_dict
from hades_protocol.settings import merge, parse_assignment, set_dotted
from hadesd.cli.extras import require_daemon_extra
from hadesd.cli.output import number, print_json, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_verb

if TYPE_CHECKING:
    from hadesd.analysis.datasets import DatasetFile

SCHEMA = 1


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """The verb's arguments."""
    parser = add_verb(
        subparsers,
        "evaluate",
        "train fresh policies on a dataset and report their return",
        "hadesd evaluate cartpole.npz --inits 10\n"
        "hadesd evaluate plain.npz --env CartPole-v1 --set evaluation.normalisation=none --set policy.width=64",
    )
    parser.add_argument(
        "file", metavar="FILE.npz", type=Path, help="an exported dataset, or any npz with states and actions"
    )
    parser.add_argument("--env", metavar="E", help="environment (default: what the file says)")
    parser.add_argument("--inits", metavar="N", type=int, default=10, help="policies to train (default: %(default)s)")
    parser.add_argument(
        "--episodes",
        metavar="M",
        type=int,
        default=16,
        help="environments for each policy, in groups of evaluation.environments (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", metavar="N", type=int, default=0, help="root of its random numbers (default: %(default)s)"
    )
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="a setting, over the file's")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Train, roll out, report."""
    for name, low, high in (("inits", 1, 100_000), ("episodes", 1, 1_000_000), ("seed", 0, 2**32 - 1)):
        value = getattr(args, name)
        if not low <= value <= high:
            raise UsageError(f"--{name} is {value}: it takes an integer from {low} to {high}")
    assignments = [parse_assignment(text) for text in args.set]
    require_daemon_extra("evaluate")
    from hadesd.analysis.datasets import load

    dataset = load(args.file)
    spec = _settings(dataset, args.env, assignments)
    from hadesd.cli.computing import prepare_computing

    prepare_computing(spec)
    from hadesd.analysis.evaluate import evaluate

    say(
        f"training {args.inits} policies on {len(dataset.states)} pairs of {spec.env} "
        f"({spec.policy.depth} x {spec.policy.width} {spec.policy.activation}, {spec.cloning.epochs} epochs) …"
    )
    summary = evaluate(dataset, spec, args.inits, args.episodes, args.seed).summary()
    if args.json:
        settings = {key: spec_to_dict(spec)[key] for key in ("backend", "policy", "cloning", "evaluation")}
        head = {"schema": SCHEMA, "file": str(args.file), "environment": spec.env, "pairs": len(dataset.states)}
        print_json(head | summary | {"settings": settings})
    else:
        _show(summary)
    return 0


def _settings(dataset: "DatasetFile", env: str | None, assignments: list[tuple[str, Any]]) -> RunSpec:
    """The published settings, under what the file says, under what the command line says."""
    from hadesd import catalogue
    from hadesd.analysis.datasets import settings_from_meta
    from hadesd.presets import resolve

    asked: dict[str, Any] = settings_from_meta(dataset.meta)
    if env is not None:
        asked["env"] = env
    for key, value in assignments:
        set_dotted(asked, key, value)
    if not isinstance(asked.get("env"), str):
        raise UsageError(f"{dataset.path} does not say which environment it is for: use --env, e.g. --env CartPole-v1")
    entry = catalogue.find(asked["env"])
    if not dataset.meta:
        say("the file says nothing of its settings: the published ones are used where --set gives none")
    base, _ = resolve(
        env=entry.name, method="hades-r", preset="published", file_values=None, assignments=[], has_gpu=False
    )
    # Of the published settings only those of the inner loop matter here; the method and its k do not.
    values = {key: spec_to_dict(base)[key] for key in ("policy", "cloning", "evaluation")}
    values = merge(values, asked) | {"env": entry.name, "method": "hades-r"}
    values["policy"] = values["policy"] | {"inits": None}
    spec = build_spec(values)
    catalogue.backend_for(entry, spec.backend)
    return spec


def _show(summary: dict[str, Any]) -> None:
    per_init = summary["return_per_init"]
    print(
        f"return {number(summary['return_mean'])} ± {number(summary['return_std'])} "
        f"(mean ± standard deviation over {len(per_init)} policies; {summary['episodes_completed']} completed episodes)"
    )
    print("per policy: " + "  ".join(number(value) for value in per_init))
