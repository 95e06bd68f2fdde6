"""hadesd evaluate: train fresh policies on a dataset and report their return. No daemon is needed."""

import argparse
from pathlib import Path
from typing import Any

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import spec_to_dict
from hades_protocol.settings import parse_assignment
from hadesd.cli.extras import require_daemon_extra
from hadesd.cli.file_settings import check_range, settings_for
from hadesd.cli.output import number, print_json, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_verb
from hadesd.spec import environments

SCHEMA = 1


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """The verb's arguments."""
    parser = add_verb(
        subparsers,
        "evaluate",
        "train fresh policies on a dataset and report their return",
        "hadesd evaluate cartpole.npz --inits 10\n"
        "hadesd evaluate plain.npz --env CartPole-v1 --set evaluation.normalisation=none --set policy.width=64\n"
        "hadesd evaluate both.npz -o both.svg",
    )
    parser.add_argument(
        "file", metavar="FILE.npz", type=Path, help="an exported or merged dataset, or any npz with states and actions"
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
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        help="merged files: draw normalised fitness into FILE.png or FILE.svg",
    )
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Train, roll out, report."""
    for name, low, high in (("inits", 1, 100_000), ("episodes", 1, 1_000_000), ("seed", 0, 2**32 - 1)):
        check_range(name, getattr(args, name), low, high)
    assignments = [parse_assignment(text) for text in args.set]
    require_daemon_extra("evaluate")
    from hadesd.analysis.datasets.reader import load

    dataset = load(args.file)
    if "parts" in dataset.meta:
        if args.output is not None:
            from hadesd.analysis.pictures.style import check_path

            check_path(args.output)
        from hadesd.cli.evaluate_merged import evaluate_merged

        return evaluate_merged(args, dataset, assignments)
    if args.output is not None:
        raise UsageError("-o draws what one policy returns in several environments: it is for merged files")
    spec = settings_for(dataset, args.env, assignments)
    from hadesd.cli.computing import interruptible, prepare_computing

    images = environments.find(spec.env).family == "images"
    prepare_computing(
        spec, "hadesd.analysis.evaluation.image_accuracy" if images else "hadesd.analysis.evaluation.evaluate"
    )
    sections = ("backend", "policy", "cloning", "evaluation")
    settings = {"settings": {key: spec_to_dict(spec)[key] for key in sections}}
    head = {"schema": SCHEMA, "file": str(args.file), "environment": spec.env, "pairs": len(dataset.states)}
    if images:
        from hadesd.cli.evaluate_images import evaluate_images

        return evaluate_images(dataset, spec, args.inits, args.seed, head | settings if args.json else None)
    from hadesd.analysis.evaluation.evaluate import evaluate

    say(
        f"training {args.inits} policies on {len(dataset.states)} pairs of {spec.env} "
        f"({spec.policy.depth} x {spec.policy.width} {spec.policy.activation}, {spec.cloning.epochs} epochs) …"
    )
    summary = interruptible(lambda: evaluate(dataset, spec, args.inits, args.episodes, args.seed).summary())
    if args.json:
        print_json(head | summary | settings)
    else:
        _show(summary)
    return 0


def _show(summary: dict[str, Any]) -> None:
    per_init = summary["return_per_init"]
    print(
        f"return {number(summary['return_mean'])} ± {number(summary['return_std'])} "
        f"(mean ± standard deviation over {len(per_init)} policies; {summary['episodes_completed']} completed episodes)"
    )
    print("per policy: " + "  ".join(number(value) for value in per_init))
