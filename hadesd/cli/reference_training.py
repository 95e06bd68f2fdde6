"""The part of `hadesd reference` that trains: settings, progress, what is stored and shown."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from hades_protocol.errors import UsageError
from hades_protocol.messages import Reference
from hades_protocol.run_spec import RunSpec, build_spec, spec_to_dict
from hades_protocol.settings import merge, parse_assignment, set_dotted
from hadesd.analysis.reference import store
from hadesd.analysis.reference.settings import PPO, build, defaults, plan
from hadesd.cli.computing import interruptible, prepare_computing
from hadesd.cli.output import duration, number, print_json, say
from hadesd.cli.reference import SCHEMA, line
from hadesd.cli.start import has_gpu
from hadesd.spec.environments import backend_for
from hadesd.spec.environments import find as find_environment
from hadesd.spec.presets import available, resolve
from hadesd.storage import records
from hadesd.storage.atomic import write_atomically

if TYPE_CHECKING:
    from hadesd.analysis.reference.training import Trained

EPISODES = 64


def train_and_report(args: argparse.Namespace, directory: Path | None) -> None:
    """Train PPO, store its return with the run (directory None: with no run), show it.

    Raises:
        UsageError: settings that are not accepted, or a place where nothing can be stored.
    """
    preset = args.preset or ("published" if has_gpu() else "cpu")
    if preset not in available():
        raise UsageError(f"unknown preset '{preset}'; there are: {', '.join(available())}")
    asked, other = _split([parse_assignment(text) for text in args.set or []])
    if args.steps is not None:
        asked["steps"] = args.steps
    spec = _spec(directory, args.env, preset, other)
    entry = find_environment(spec.env)
    if entry.family == "images":
        raise UsageError(f"{entry.name} is a set of images: there is no return that PPO could reach")
    values, words = defaults(entry, preset)
    settings = build(values, asked)
    if changed := sorted(asked.keys() - {"steps"}):
        words += f" but for {', '.join(changed)}"
    if directory is not None:
        store.check_writable(directory, args.name)
    if args.output is not None:
        _check_output(args.output)
    seeds = list(range(args.seeds)) if args.seeds is not None else [args.seed or 0]
    say(
        f"training PPO in {entry.name}: {plan(settings)[1]:,} steps of {settings.environments} environments"
        f"{f', {len(seeds)} seeds' if len(seeds) > 1 else ''}; {words} …"
    )
    trained = _train(spec, settings, seeds, args.episodes or EPISODES)
    document = _document(args.name, spec, settings, words, trained)
    if directory is not None:
        store.put(directory, document["reference"])
        document["run"] = directory.name
    _report(args, document, directory)


def _split(assignments: list[tuple[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """PPO's settings by field name, and nested settings of the run that decide how a policy is measured."""
    asked: dict[str, Any] = {}
    other: dict[str, Any] = {}
    for key, value in assignments:
        section, _, name = key.partition(".")
        if section == "ppo" and name:
            asked[name] = value
        elif section == "evaluation" or key == "backend":
            set_dotted(other, key, value)
        else:
            raise UsageError(f"--set {key}: PPO knows ppo.*, evaluation.* and backend; 'hadesd reference --help'")
    return asked, other


def _spec(directory: Path | None, env: str | None, preset: str, other: dict[str, Any]) -> RunSpec:
    """The run's settings, or the preset's for an environment; with what --set says of the measurement."""
    if directory is None:
        spec, _ = resolve(env=env, method=None, preset=preset, file_values=None, assignments=[], has_gpu=False)
    else:
        try:
            _, spec = records.load(directory)
        except records.Damaged as error:
            raise UsageError(str(error)) from None
    spec = build_spec(merge(spec_to_dict(spec), other))
    backend_for(find_environment(spec.env), spec.backend)
    return spec


def _check_output(output: Path) -> None:
    if output.is_dir() or not os.access(output.parent, os.W_OK):
        raise UsageError(f"{output} cannot be written: -o takes a file in a directory that exists")


def _train(spec: RunSpec, settings: PPO, seeds: list[int], environments: int) -> "list[Trained]":
    """One training after the other, with a line on stderr for each measurement."""
    prepare_computing(spec, "hadesd.analysis.reference.training")

    _, total = plan(settings)
    first: dict[int, tuple[int, float]] = {}  # a seed's first measurement after steps: before it, time is compilation

    def progress(seed: int, steps: int, value: float, seconds: float) -> None:
        left = ""
        if steps and steps > (since := first.setdefault(seed, (steps, seconds)))[0] and steps < total:
            left = f", {duration((seconds - since[1]) * (total - steps) / (steps - since[0]))} left"
        label = f"seed {seed}: " if len(seeds) > 1 else ""
        say(f"{label}{steps:>13,} steps   return {number(value):>8}   {duration(seconds)}{left}")

    def work() -> "list[Trained]":
        from hadesd.analysis.reference.training import train

        return [train(spec, settings, seed, environments, progress) for seed in seeds]

    return interruptible(work, lambda: say("interrupted: nothing was stored"))


def _document(name: str, spec: RunSpec, settings: PPO, words: str, trained: "list[Trained]") -> dict[str, Any]:
    """What --json prints and -o writes: the reference, and each seed with its learning curve."""
    from hadesd.analysis.reference.training import LIBRARY, library_version, reference_of

    return {
        "schema": SCHEMA,
        "environment": spec.env,
        "reference": reference_of(name, trained, words),
        "seeds": trained,
        "seconds": sum(one.seconds for one in trained),
        "library": {"name": LIBRARY, "version": library_version()},
        "settings": {"ppo": settings, "evaluation": spec.evaluation, "backend": spec.backend},
    }


def _report(args: argparse.Namespace, document: dict[str, Any], directory: Path | None) -> None:
    reference: Reference = document["reference"]
    if args.output is not None:
        data = msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"
        try:
            write_atomically(args.output, data)
        except OSError as error:
            say(f"cannot write {args.output}: {error.strerror or error}; the outcome follows")
    if args.json:
        print_json(document)
    else:
        print(line(reference))
    if unfinished := sum(one.unfinished for one in document["seeds"]):
        say(f"{unfinished} environments completed no episode: their return so far was counted")
    if directory is not None:
        say(f"{reference.name} is a reference of run {directory.name} now")
