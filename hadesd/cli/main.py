"""`hadesd`: finds the verb and imports its module alone, so that `hadesd status` starts fast."""

import argparse
import importlib
import os
import sys
from typing import Any

from hades_protocol.errors import ExitCode
from hades_protocol.stdio import flush_output
from hades_protocol.terminal import printable_output
from hadesd.cli.errors import report_error
from hadesd.cli.parsing import Parser, Subparsers

SECTIONS = {
    "runs": {
        "start": "start a distillation (and a daemon, if none runs)",
        "run": "compute one run in the foreground, for batch systems: exit code 75 means start it again",
        "sweep": "queue every combination of settings as one group of runs, or show one",
        "status": "list the runs, show one, or the settings in which two differ",
        "compare": "put runs and groups side by side: a table, and a picture or a page",
        "wait": "wait for the end of a run; the exit code is its outcome",
        "logs": "show what a run's worker wrote",
        "pause": "commit the generation and end the worker; resume goes on from there",
        "resume": "queue a paused, failed or cancelled run again",
        "cancel": "end a run; its last commit stays, and resume would go on from it",
        "fork": "start a new run from a checkpoint of another one, with changed settings",
        "resize": "change population, pairs, inits, environments or GPUs of a run that goes on",
        "priority": "start queued runs before or after others",
        "note": "write a note on runs, or print it",
        "rename": "give a run a name, by which every verb finds it",
        "tag": "put tags on runs and take others away",
        "environments": "list the environments, those of installed packages too, or look at one",
    },
    "datasets": {
        "export": "copy a run's dataset into a file",
        "import": "make a complete dataset file out of somebody else's states and actions",
        "pairs": "print the state-action pairs of a run or of an exported file",
        "evaluate": "train fresh policies on a dataset and report their return",
        "transfer": "train policies of many shapes and settings on datasets and compare them",
        "merge": "put datasets for several environments into one file",
        "reference": "train PPO in a run's environment, as a level to compare with",
        "report": "write a run as one HTML file for people: curve, pairs, a rollout, settings",
    },
    "storage": {
        "rm": "remove runs for good, after showing what they take and asking",
        "archive": "pack runs into a file each and remove them, or bring one back",
        "retain": "change which checkpoints runs keep, and delete the others",
        "checkpoint": "show what a checkpoint holds, or write its state as an npz",
        "gc": "delete what crashes and removed runs left behind",
    },
    "daemon": {
        "serve": "run the daemon in the foreground",
        "stop": "stop the daemon; its workers commit first",
        "service": "install the daemon as a systemd unit, remove it, or show how it is",
        "doctor": "check the installation, the directories, the daemon and the devices",
        "settings": "list every setting of a run with its range, default and meaning",
        "paths": "print where this installation has its files and sockets",
        "gpus": "list the GPUs that runs may use, and who uses them",
        "keys": "make and list the keys with which clients on other machines attach over TCP",
        "hooks": "list the commands that are run when something happens to a run, or try one",
        "mirror": "copy every generation to TensorBoard or Weights & Biases",
        "completion": "have the shell complete verbs, runs, settings and environments",
    },
}
"""Verbs by the folder that holds their modules, each with a summary; --help lists them so."""

VERBS = {verb: section for section, verbs in SECTIONS.items() for verb in verbs}

MODULES = {
    "import": "import_file",
    **dict.fromkeys(("pause", "resume", "cancel"), "transitions"),
    **dict.fromkeys(("rename", "tag"), "labels"),
}
"""Verbs whose module is not called as they are."""

EPILOG = """\
exit codes:
  0 ok   1 run failed   2 usage   3 not found or wrong state   4 no daemon answers
  5 protocol mismatch   75 checkpointed, please restart   130 Ctrl-C

begin with:
  hadesd start --env CartPole-v1
  hadesd status
  hades-tui attach"""


@printable_output()
def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code. An error that a person may see is one line on stderr."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        return _dispatch(arguments)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 — the last resort: a line instead of a traceback
        return report_error(error)
    finally:
        flush_output("hadesd")


def _dispatch(arguments: list[str]) -> int:
    parser = _parser()
    if "_ARGCOMPLETE" in os.environ:
        from hadesd.cli.completion import answer

        answer(parser, {verb: SECTIONS[section][verb] for verb, section in VERBS.items()}, add_verb_parser)
    if not arguments:
        parser.print_help(sys.stderr)
        return ExitCode.USAGE
    verb = arguments[0]
    if verb not in VERBS:
        if not verb.startswith("-"):
            from hadesd.cli.hints import nearest_verb

            parser.error(f"there is no verb '{verb}'{nearest_verb(verb, VERBS)}")
        parser.parse_args(arguments)  # --help and --version end here
        parser.error(f"a verb comes first, not {verb}")
    subparsers = parser.add_subparsers(prog="hadesd", parser_class=Parser)
    module = add_verb_parser(verb, subparsers)
    code: int = module.run(subparsers.choices[verb].parse_args(arguments[1:]))
    return code


def add_verb_parser(verb: str, subparsers: "Subparsers[Parser]") -> Any:
    """Import a verb's module and add its parser; the module."""
    module = importlib.import_module(f"hadesd.cli.{VERBS[verb]}.{MODULES.get(verb, verb)}")
    module.add_parser(subparsers)
    return module


def _parser() -> Parser:
    width = max(map(len, VERBS))
    listed = "".join(
        f"\n{section}:\n" + "".join(f"  {verb:{width}}  {summary}\n" for verb, summary in verbs.items())
        for section, verbs in SECTIONS.items()
    )
    parser = Parser(
        prog="hadesd",
        usage="hadesd VERB [...]",
        description="Distils reinforcement-learning behaviour into a handful of state-action pairs.",
        epilog=f"verbs (each has --help):\n{listed}\n{EPILOG}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    return parser


class _Version(argparse.Action):
    """Looks the version up only when asked for: reading package metadata takes its time."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib import metadata

        print(f"hadesd {metadata.version('hades-distil')}")
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
