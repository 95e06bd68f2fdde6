"""hadesd hooks: what config.toml says about hooks, and whether one works."""

import argparse
import os
import shlex
import socket
import sys
import time

import msgspec

from hades_protocol import commands
from hades_protocol.errors import ExitCode, NotFoundError, UsageError
from hades_protocol.paths import Paths
from hades_protocol.sync_client import ControlClient
from hadesd.cli.documents.setup import HooksDocument, HookTestDocument
from hadesd.cli.output import print_json, say
from hadesd.cli.parsing import RUN_HELP, Parser, Subparsers, add_json, add_verb
from hadesd.integrations.hooks.events import EVENTS, HookInput, commands_for, environment


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "hooks",
        "list the commands that are run when something happens to a run, or try one now",
        "hadesd hooks\nhadesd hooks --json\nhadesd hooks test finished\nhadesd hooks test failed @ --json",
    )
    parser.add_argument("action", nargs="?", choices=("list", "test"), default="list", help="list or test (list)")
    parser.add_argument("event", nargs="?", choices=EVENTS, metavar="EVENT", help=f"test: {', '.join(EVENTS)}")
    parser.add_argument(
        "run", nargs="?", default="@", metavar="RUN", help=f"test: the run that the hook gets; {RUN_HELP}"
    )
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """List or test; a test ends with 1 where a hook does."""
    if args.action == "test" and args.event is None:
        raise UsageError(f"'hadesd hooks test' takes an event: {', '.join(EVENTS)}")
    if args.action == "list" and args.event is not None:
        raise UsageError(f"'hadesd hooks list' takes no event; to try one: hadesd hooks test {args.event}")
    return _test(args) if args.action == "test" else _list(args)


def _list(args: argparse.Namespace) -> int:
    from hadesd.config import load_settings

    path = Paths().config_file
    hooks = load_settings(path, {}).hooks
    found = {name: command for name in (*EVENTS, "any") if (command := getattr(hooks, name))}
    if args.json:
        print_json(HooksDocument(config=str(path), hooks=found, timeout=hooks.timeout, at_once=hooks.at_once))
        return ExitCode.OK
    for name, command in found.items():
        print(f"{name:8}  {shlex.join(command)}")
    if not found:
        say(f"no hooks: set some in {path}, below [hooks] ('hadesd settings --daemon hooks')")
    return ExitCode.OK


def _test(args: argparse.Namespace) -> int:
    from hadesd.config import load_settings
    from hadesd.integrations.hooks.process import run_hook

    paths = Paths()
    hooks = load_settings(paths.config_file, {}).hooks
    wanted = commands_for(args.event, hooks)
    if not wanted:
        raise NotFoundError(f'no hook for {args.event}: set one in {paths.config_file}, [hooks] {args.event} = ["…"]')
    with ControlClient(paths) as client:
        summary = client.request(commands.Show, run=args.run).run
    hook_input = HookInput(
        event=args.event,
        time=time.time(),
        reason=summary.reason,
        run=summary,
        host=socket.gethostname(),
        state_directory=str(paths.state),
        test=True,
    )
    results = []
    for command in wanted:
        say(f"running {shlex.join(command)}")
        data = msgspec.json.encode(hook_input)
        result = run_hook(command, data, environment(hook_input, os.environ), paths.state, hooks.timeout)
        results.append(result)
        if not args.json:
            sys.stdout.write(result.output)
            sys.stdout.flush()
        say(result.problem or f"ok, after {result.seconds:.2g} s")
    if args.json:
        print_json(HookTestDocument(id=summary.id, input=hook_input, results=tuple(results)))
    return ExitCode.RUN_FAILED if any(result.problem for result in results) else ExitCode.OK
