"""hadesd service: the daemon as a systemd unit."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from hades_protocol.errors import ExitCode, UsageError
from hades_protocol.paths import Paths
from hades_protocol.sync_client import listens
from hadesd.cli.documents.setup import ServiceDocument
from hadesd.cli.output import print_json, say
from hadesd.cli.parsing import Parser, Subparsers, add_json, add_verb

if TYPE_CHECKING:
    from hadesd.service.install import Site, Systemctl

EXAMPLES = """\
hadesd service install                     # a unit of your own; starts with your first login
hadesd service install --now --grace 120   # and starts it at once
hadesd service install --dry-run           # prints the unit
hadesd service status --json
hadesd service uninstall
hadesd service install --system --for ada  # as root: from boot on, as user ada, runs in /var/lib/hades/ada"""

ACTIONS = ("install", "uninstall", "status")


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "service",
        "install the daemon as a systemd unit, remove it, or show how it is; exit code of status: 3 not installed",
        EXAMPLES,
    )
    parser.add_argument("action", choices=ACTIONS, metavar="ACTION", help="install, uninstall or status")
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument("--user", action="store_true", help="a unit of your own, without root (default)")
    scope.add_argument("--system", action="store_true", help="a unit of the system's, for the user of --for")
    parser.add_argument("--for", metavar="USER", dest="instance", help="--system: as whom it runs ($SUDO_USER)")
    parser.add_argument("--grace", type=float, metavar="S", help="install: seconds that workers get to commit")
    parser.add_argument("--now", action="store_true", help="install: start it as well")
    parser.add_argument("--dry-run", action="store_true", help="install: print the unit and write nothing")
    parser.add_argument("--force", action="store_true", help="replace or remove a unit that was edited by hand")
    parser.add_argument("--directory", metavar="DIR", type=Path, help="where the unit file goes, if not to systemd's")
    add_json(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Install the unit, remove it, or show how it is."""
    from hadesd.service.install import Site, Systemctl, unit_directory

    instance = args.instance or os.environ.get("SUDO_USER", "")
    if args.instance and not args.system:
        raise UsageError("--for goes with --system: your own unit runs as you")
    if args.json and args.action != "status":
        raise UsageError(f"--json goes with 'hadesd service status': {args.action} prints no document")
    if args.system and not instance and args.action != "uninstall" and not args.dry_run:
        raise UsageError("--system needs a user to run as: --for USER")
    directory = args.directory or unit_directory(args.system, os.environ)
    site = Site(system=args.system, directory=directory.absolute(), instance=instance)
    systemctl = Systemctl(args.system)
    match args.action:
        case "install":
            return _install(args, site, systemctl)
        case "uninstall":
            return _uninstall(args, site, systemctl)
    return _status(args, site, systemctl)


def _wanted(site: "Site", asked: float | None) -> str:
    """The unit as it would be written now; asked: the grace."""
    from hadesd.config import load_settings
    from hadesd.service.install import placement, unit_text

    # The configuration of a system unit's daemon is in its own directory; ours says nothing about it.
    config = Path(os.devnull) if site.system else Paths().config_file
    grace = load_settings(config, {"grace": asked}).grace
    options = () if asked is None else ("--grace", f"{asked:g}")
    return unit_text(site.system, placement(site.system, os.environ, grace, options))


def _install(args: argparse.Namespace, site: "Site", systemctl: "Systemctl") -> int:
    from hadesd.service.install import lingers, write
    from hadesd.supervisor.scheduling.nvml import login_name

    text = _wanted(site, args.grace)
    if args.dry_run:
        say(f"would be written to {site.path}")
        print(text, end="")
        return 0
    if kept := write(site.path, text, args.force):
        say(f"the edited unit is kept as {kept}")
    print(site.path)
    start = "enable --now" if args.now else "enable"
    if why := _unreachable(args, systemctl):
        say(f"{why}: where it does, {systemctl.command} daemon-reload && {systemctl.command} enable --now {site.name}")
    else:
        systemctl.do("daemon-reload")
        if args.now and not site.system and listens(Paths()) and systemctl.status(site.name).active != "active":
            say("a daemon runs already, started by hand: 'hadesd stop', then")
            start, args.now = "enable", False
        systemctl.do(*start.split(), site.name)
        say(f"{site.name} is enabled" + (" and runs" if args.now else f"; {systemctl.command} start {site.name}"))
    if site.system:
        say(f"its runs: export HADES_HOME=/var/lib/hades/{site.instance}    (for {site.instance}'s commands)")
    elif not lingers(user := login_name(os.getuid())):
        say(f"it ends when you log out and starts when you log in, unless: loginctl enable-linger {user}")
    return 0


def _uninstall(args: argparse.Namespace, site: "Site", systemctl: "Systemctl") -> int:
    from hadesd.service.install import check_removable, remove

    check_removable(site.path, args.force)
    if why := _unreachable(args, systemctl):
        say(f"{why}: nothing to stop")
    else:
        everybody = "hadesd@*.service" if site.system else site.name
        systemctl.do("stop", everybody)
        systemctl.do("disable", site.path.name)
    remove(site.path)
    if not _unreachable(args, systemctl):
        systemctl.do("daemon-reload")
    say(f"removed {site.path}; runs and settings stay where they are")
    return 0


def _status(args: argparse.Namespace, site: "Site", systemctl: "Systemctl") -> int:
    from hadesd.service.install import file_state, grace_asked, lingers
    from hadesd.supervisor.scheduling.nvml import login_name

    state = file_state(site.path, _wanted(site, grace_asked(site.path)))
    why = _unreachable(args, systemctl)
    found = systemctl.status(site.name) if not why and state != "absent" else None
    user = site.instance or login_name(os.getuid())
    document = ServiceDocument(
        unit=str(site.path),
        file=state,
        name=site.name,
        systemd=not why,
        unreachable=why,
        service=found,
        linger=None if site.system else lingers(user),
    )
    if args.json:
        print_json(document)
    else:
        descriptions = {
            "absent": "not installed: hadesd service install",
            "current": "installed",
            "outdated": "installed, but not as it would be today: hadesd service install",
            "edited": "installed, and edited by hand",
        }
        print(f"{site.path}: {descriptions[state]}")
        if found is not None:
            pid = f", pid {found.pid}" if found.pid else ""
            print(f"{site.name}: {found.enabled}, {found.active}{pid}, {found.restarts} restarts, {found.result}")
            if found.status:
                print(found.status)
        if why:
            print(why)
        if document.linger is False:
            print(f"it ends when you log out: loginctl enable-linger {user}")
    return ExitCode.NOT_FOUND_OR_STATE if state == "absent" else ExitCode.OK


def _unreachable(args: argparse.Namespace, systemctl: "Systemctl") -> str:
    """Why systemd is left alone; empty where it is not."""
    if args.directory is not None:
        return "the unit is in a directory of your choice, which systemd may not read"
    return systemctl.why_not()
