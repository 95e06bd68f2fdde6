"""`hades-tui`: the command line of the screen. Slow imports happen inside the commands that need them."""

import argparse
import json
import os
import sys
from collections.abc import Sequence

from hades_protocol.errors import NO_ROOM, ExitCode, HadesError, UsageError
from hades_protocol.paths import Paths
from hades_protocol.stdio import DUMB, complain, describe_bug, flush_output
from hades_protocol.terminal import printable_output
from hades_tui.options import parser


@printable_output()
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code. Errors are one line on stderr."""
    try:
        if "_ARGCOMPLETE" in os.environ:
            from hades_tui.completion import answer

            answer(parser())
        options = parser().parse_args(argv)
        return {"attach": _attach, "events": _events, "keys": _keys}[options.command](options)
    except HadesError as error:
        complain(f"hades-tui: {' '.join(str(error).splitlines())}")
        return error.exit_code
    except BrokenPipeError:  # the reader of --once has seen enough
        return ExitCode.OK
    except Exception as error:  # noqa: BLE001 — the last resort: a line instead of a traceback
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            complain(f"hades-tui: {error.strerror or error}: make room, then try again")
        else:
            complain(f"hades-tui: internal error: {describe_bug('hades-tui', error)}")
        return ExitCode.RUN_FAILED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    finally:
        flush_output("hades-tui")


def _attach(options: argparse.Namespace) -> int:
    for name in ("json", "width", "height"):
        if getattr(options, name) and not options.once:
            raise UsageError(f"--{name} is for the screen as text: add --once")
    is_screen = all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))  # Textual draws on stderr
    if not options.once and not is_screen:
        raise UsageError("attach needs a terminal; 'hades-tui attach --once' prints the screen as text")
    if not options.once and (term := os.environ.get("TERM")) in DUMB:
        raise UsageError(
            f"attach needs a terminal whose cursor moves, not TERM={term}; 'hades-tui attach --once' prints text"
        )
    from hades_tui import attach
    from hades_tui.preferences import load_preferences, preferences_file

    preferences = load_preferences(preferences_file(Paths()))
    return attach.until_ended((attach.print_plain if options.once else attach.screen)(options, preferences))


def _events(options: argparse.Namespace) -> int:
    from hades_tui import attach

    return attach.until_ended(attach.print_events(options))


def _keys(options: argparse.Namespace) -> int:
    """List the keys in force, as text or JSON."""
    from hades_tui.keymap import all_actions, preferred_keymap, remapped
    from hades_tui.preferences import load_preferences, preferences_file

    actions = all_actions()
    file = preferences_file(Paths())
    wanted = load_preferences(file).keys
    in_force = remapped(actions, preferred_keymap(wanted, file, actions))
    if options.json:
        listing = [
            {"id": action.id, "keys": action.keys, "about": action.about, "remapped": action.id in wanted}
            for action in in_force
        ]
        print(json.dumps({"actions": listing}))
        return ExitCode.OK
    widths = [max(len(text) for text in texts) for texts in zip(*((a.id, a.shown_keys) for a in in_force), strict=True)]
    for action in in_force:
        print(f"{action.id:<{widths[0]}}  {action.shown_keys:<{widths[1]}}  {action.about}")
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
