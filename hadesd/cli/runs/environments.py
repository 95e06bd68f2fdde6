"""hadesd environments: what --env takes; and a look at an environment of one's own, as its author needs it."""

import argparse
import json
import math
from typing import Any

import msgspec

from hades_protocol.errors import ExitCode, UsageError
from hades_protocol.run_spec import OwnEnvironment
from hadesd.cli.output import number, print_json, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_verb
from hadesd.cli.progress import Progress

EXAMPLES = """\
hadesd environments
hadesd environments hopper
hadesd environments --json"""

UNLIMITED_STEPS = 1000
"""Steps of the episode that is tried where an environment says no time limit."""


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "environments",
        "list the environments, those of installed packages too, or look at one: package.module:name is imported, "
        "checked and tried out with random actions",
        EXAMPLES,
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="one of them, or package.module:name")
    parser.add_argument(
        "--toml", action="store_true", help="print one of your own as a spec file, for a machine without its package"
    )
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Print the list, or what one environment is."""
    from hadesd.spec import environments, own_code

    if args.name is None:
        return _list(args)
    if not own_code.is_own(args.name):
        entry = environments.find(args.name, own_code.entry_points)
        if args.toml:
            raise UsageError(f"{entry.name} is no environment of your own: hades knows it everywhere")
        return _show_known(args, entry)
    from hadesd.cli.compute import require_daemon_extra

    require_daemon_extra("environments")
    with Progress(f"importing {args.name}, an episode of random actions"):
        described, episode = own_code.try_out(args.name, UNLIMITED_STEPS)
    if args.toml:
        print("\n".join(_toml(args.name, described)))
    elif args.json:
        _print_document(args.name, described, episode)
    else:
        print("\n".join(_about(args.name, described, episode)))
    if not episode["finite"]:
        say(f"{args.name} gives rewards or observations that are not finite: runs rank such candidates last")
        return ExitCode.RUN_FAILED
    return ExitCode.OK


def _list(args: argparse.Namespace) -> int:
    if args.toml:
        raise UsageError("--toml prints one environment of your own: name it")
    from hadesd.cli.documents.setup import EnvironmentsDocument
    from hadesd.spec.environments import ENVIRONMENTS

    known = tuple(_known(entry) for entry in ENVIRONMENTS.values())
    own = _offered()
    if args.json:
        print_json(EnvironmentsDocument(environments=known + own, own_environment=None, episode=None))
        return ExitCode.OK
    width = max(len(one.name) for one in known + own)
    shapes = [" x ".join(map(str, one.observation or ())) for one in known]
    across = max(map(len, (*shapes, "OBSERVATION")))
    print(f"{'NAME':{width}}  FAMILY   {'OBSERVATION':>{across}}  ACTIONS")
    for one, shape in zip(known, shapes, strict=True):
        kind = "one of" if one.discrete else "vector of"
        print(f"{one.name:{width}}  {one.family:7}  {shape:>{across}}  {kind} {one.actions}")
    for one in own:
        print(f"{one.name:{width}}  {one.family:7}  {'':>{across}}  {one.code} ({one.package})")
    return ExitCode.OK


def _known(entry: Any) -> Any:
    from hadesd.cli.documents.setup import ListedEnvironment

    return ListedEnvironment(
        name=entry.name,
        family=entry.family,
        observation=entry.observation,
        discrete=entry.discrete,
        actions=entry.actions,
        code="",
        package="",
    )


def _offered() -> tuple[Any, ...]:
    """The environments of installed packages, none of which is imported."""
    from hadesd.spec import own_code
    from hadesd.spec.environments import is_known

    return tuple(
        _own(name, point.value, f"{point.dist.name} {point.dist.version}" if point.dist else "", None)
        for name, points in own_code.entry_points().items()
        for point in points
        if not is_known(name)
    )


def _own(name: str, code: str, package: str, described: OwnEnvironment | None) -> Any:
    from hadesd.cli.documents.setup import ListedEnvironment

    return ListedEnvironment(
        name=name,
        family="own",
        observation=described.observation if described else None,
        discrete=described.discrete if described else None,
        actions=described.actions if described else None,
        code=code,
        package=package,
    )


def _show_known(args: argparse.Namespace, entry: Any) -> int:
    from hadesd.cli.documents.setup import EnvironmentsDocument

    if args.json:
        print_json(EnvironmentsDocument(environments=(_known(entry),), own_environment=None, episode=None))
        return ExitCode.OK
    shape = " x ".join(map(str, entry.observation))
    print(f"{entry.name}  {entry.family}")
    print(f"observation  {shape}  {' '.join(entry.observation_names)}".rstrip())
    kind = "one of" if entry.discrete else "vector of"
    print(f"action       {kind} {entry.actions}  {' '.join(entry.action_names)}".rstrip())
    if entry.episode_steps:
        print(f"time limit   {entry.episode_steps} steps")
    return ExitCode.OK


def _print_document(name: str, described: OwnEnvironment, episode: dict[str, Any]) -> None:
    from hadesd.cli.documents.setup import EnvironmentsDocument, RandomEpisode
    from hadesd.spec import own_code

    total = episode["return"]
    print_json(
        EnvironmentsDocument(
            environments=(_own(name, own_code.target_of(name), _package(described), described),),
            own_environment=described,
            episode=RandomEpisode(
                returned=total if math.isfinite(total) else None,
                steps=episode["steps"],
                ended=episode["ended"],
                finite=episode["finite"],
            ),
        )
    )


def _about(name: str, described: OwnEnvironment, episode: dict[str, Any]) -> list[str]:
    from hadesd.spec import own_code

    code = own_code.target_of(name)
    package = _package(described)
    lines = [f"{name}  {'' if code == name else f'{code}  '}{package}".rstrip()]
    shape = " x ".join(map(str, described.observation))
    names = list(described.observation_names)
    if described.observation_units and len(names) == len(described.observation_units):
        names = [f"{n} [{u}]" if u else n for n, u in zip(names, described.observation_units, strict=True)]
    lines.append(f"observation  {shape}  {', '.join(names)}".rstrip())
    kind = "one of" if described.discrete else "vector of"
    lines.append(f"action       {kind} {described.actions}  {', '.join(described.action_names)}".rstrip())
    lines.append(f"time limit   {f'{described.steps} steps' if described.steps else 'not said'}")
    ended = "" if episode["ended"] else ", and did not end"
    lines.append(f"tried        random actions: return {number(episode['return'])} in {episode['steps']} steps{ended}")
    return lines


def _package(described: OwnEnvironment) -> str:
    return f"{described.distribution} {described.version}".strip() or "of no installed package"


def _toml(name: str, described: OwnEnvironment) -> list[str]:
    """Lines of a spec file. (JSON's texts, lists and numbers are those of TOML.)"""
    values = msgspec.to_builtins(described)
    return [f"env = {json.dumps(name)}", "", "[own_environment]"] + [
        f"{k} = {json.dumps(v)}" for k, v in values.items()
    ]
