"""hadesd rename and tag: what people call runs; and the same as options of the verbs that make runs."""

import argparse

from hades_protocol import commands, replies
from hades_protocol.errors import UsageError
from hades_protocol.messages import RunSummary
from hades_protocol.names import Labels, check_group, check_name, check_tags
from hades_protocol.paths import Paths
from hades_protocol.sync_client import ControlClient
from hadesd.cli.output import print_json, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_run, add_runs_or_group, add_verb
from hadesd.cli.runs.bulk import change

TAG_EXAMPLES = """\
hadesd tag @ --add baseline --add paper
hadesd tag --group sizes --add paper --remove draft
hadesd status --tag paper"""


def add_parser(subparsers: "Subparsers[Parser]") -> None:
    """The arguments of the two verbs."""
    rename = add_verb(
        subparsers,
        "rename",
        "give a run a name, by which every verb finds it, in place of the one before",
        "hadesd rename @ baseline\nhadesd pause baseline\nhadesd rename baseline --clear",
    )
    add_run(rename)
    what = rename.add_mutually_exclusive_group(required=True)
    what.add_argument("name", metavar="NAME", nargs="?", help="up to 63 letters, digits, dots, underscores and dashes")
    what.add_argument("--clear", action="store_true", help="take the name away")
    add_json(rename)
    rename.set_defaults(do=_rename)
    tag = add_verb(
        subparsers, "tag", "put tags on runs and take others away; 'status --tag T' finds them", TAG_EXAMPLES
    )
    add_runs_or_group(tag)
    tag.add_argument("--add", metavar="T", action="append", default=[], help="put it on the runs; repeatable")
    tag.add_argument("--remove", metavar="T", action="append", default=[], help="take it from them; repeatable")
    add_json(tag)
    tag.set_defaults(do=_tag)


def run(args: argparse.Namespace) -> int:
    """Ask the daemon for the name, or for the tags of each run."""
    code: int = args.do(args)
    return code


def _rename(args: argparse.Namespace) -> int:
    name = "" if args.clear else check_name(args.name)
    with ControlClient(Paths()) as client:
        summary: RunSummary = client.request(commands.Rename, run=args.run, name=name)
        tell_of_namesakes(client, summary)
    if args.json:
        print_json(summary)
    else:
        say(f"{summary.id} is called {summary.name}" if summary.name else f"{summary.id} has no name any more")
    return 0


def _tag(args: argparse.Namespace) -> int:
    add, remove = check_tags(args.add), tuple(args.remove)
    if not add and not remove:
        raise UsageError("name the tags: --add T, --remove T or both")
    if both := sorted({*add} & {*remove}):
        raise UsageError(f"'{both[0]}' is to be added and removed: choose one of them")
    return change(args, commands.Tag, _tags_of, add=add, remove=remove)


def _tags_of(summary: RunSummary) -> str:
    return f"{summary.id}: {', '.join(summary.tags) or 'no tags'}"


def add_labels(parser: Parser, group_help: str) -> None:
    """Add the options; `labels` reads them."""
    parser.add_argument("--group", metavar="G", help=group_help)
    parser.add_argument("--name", metavar="NAME", help="what to call the run: a word by which every verb finds it")
    add_tags(parser)


def add_tags(parser: Parser) -> None:
    """Add --tag."""
    parser.add_argument(
        "--tag", metavar="T", action="append", default=[], dest="tags", help="a word to find it by; repeatable"
    )


def labels(args: argparse.Namespace) -> Labels:
    """What the options say.

    Raises:
        UsageError: a name that is not accepted, an empty one too: it is a variable of a script that was not set.
    """
    group = "" if args.group is None else check_group(args.group)
    return Labels(group, "" if args.name is None else check_name(args.name), check_tags(args.tags))


def tell_of_namesakes(client: ControlClient, run: RunSummary) -> None:
    """Say where other runs have the name too: a verb takes their ids alone then."""
    if not run.name:
        return
    snapshot: replies.SnapshotResult = client.request(commands.Snapshot)
    others = [other.id for other in snapshot.runs if other.name == run.name and other.id != run.id]
    if others:
        say(f"{', '.join(others[-5:])} {'is' if len(others) == 1 else 'are'} called {run.name} too: name them by id")
