"""The unit file on disk, and what systemd says of it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from hades_protocol.errors import HadesError, NotFoundError, UsageError, WrongStateError
from hades_protocol.paths import config_home, hades_home, xdg
from hadesd.service.units import Placement, is_sealed, sealed, system_unit, user_unit
from hadesd.storage.atomic import write_atomically

USER_UNIT, SYSTEM_UNIT = "hadesd.service", "hadesd@.service"
SYSTEM_DIRECTORY = Path("/etc/systemd/system")
BOOTED = Path("/run/systemd/system")
"""A directory where systemd is the machine's first process; see sd_booted(3)."""

LINGER = Path("/var/lib/systemd/linger")
"""Holds a file for each user whose services go on without a login."""

KEPT = ("HADES_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
"""Variables that say where things lie: the unit's daemon must find the same places as the user's commands."""

SYSTEMCTL_SECONDS = 120.0
"""For an answer. Starting and stopping take what they take: systemd itself ends a stop, after TimeoutStopSec."""

FileState = Literal["absent", "current", "outdated", "edited"]


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Where a unit goes. instance: the user of a system unit; empty for a user's own or for the template."""

    system: bool
    directory: Path
    instance: str = ""

    @property
    def path(self) -> Path:
        """The unit file."""
        return self.directory / (SYSTEM_UNIT if self.system else USER_UNIT)

    @property
    def name(self) -> str:
        """The unit's name for systemctl."""
        return f"hadesd@{self.instance}.service" if self.system else USER_UNIT


class UnitStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What systemd says of the unit. Texts are its own words."""

    enabled: str  # enabled, disabled
    active: str  # active, inactive, failed, activating
    pid: int | None  # of the daemon; null where it does not run
    restarts: int  # by systemd, since the unit was started
    result: str  # success, exit-code, watchdog
    status: str  # the daemon's own status line


def unit_directory(system: bool, environ: Mapping[str, str]) -> Path:
    """Where systemd looks for units that an administrator or a user adds."""
    if system:
        return SYSTEM_DIRECTORY
    return config_home(environ) / "systemd/user"


def placement(system: bool, environ: Mapping[str, str], grace: float, options: tuple[str, ...]) -> Placement:
    """This very installation: its interpreter and the directories that its commands use.

    options: further ones for `hadesd serve`.
    """
    names = KEPT[:1] if system else KEPT
    return Placement(
        # -P: a directory called hadesd in the unit's working directory is not imported.
        command=(sys.executable, "-P", "-m", "hadesd.cli.main", "serve", *options),
        environment={name: str(path) for name in names if (path := _place(name, environ)) is not None},
        grace=grace,
    )


def _place(name: str, environ: Mapping[str, str]) -> Path | None:
    if name == "HADES_HOME":
        return hades_home(home, environ) if (home := environ.get(name)) else None
    return xdg(name.removeprefix("XDG_"), environ)


def unit_text(system: bool, where: Placement) -> str:
    """The unit file's content.

    Raises:
        UsageError: a path cannot be written into a unit.
    """
    try:
        return sealed(system_unit(where) if system else user_unit(where))
    except ValueError as error:
        raise UsageError(f"cannot write a unit: {error}") from None


def file_state(path: Path, text: str) -> FileState:
    """How the file stands to what would be written."""
    if path.is_symlink():
        return "edited"  # somebody put it there
    found = _read(path)
    if found is None:
        return "absent"
    if found == text:
        return "current"
    return "outdated" if is_sealed(found) else "edited"


def grace_asked(path: Path) -> float | None:
    """The grace that an installed unit gives its daemon; None where it leaves that to config.toml."""
    found = re.search(r"^ExecStart=.* serve --grace ([0-9.]+)$", _read(path) or "", re.MULTILINE)
    return None if found is None else float(found[1])


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None


def write(path: Path, text: str, force: bool) -> Path | None:
    """Write the unit; where an edited one stood there and that is meant, the copy that was kept of it.

    Raises:
        WrongStateError: it was edited by hand, and not forced.
        UsageError: it cannot be written.
    """
    edited = file_state(path, text) == "edited"
    if edited and not force:
        raise WrongStateError(
            f"{path} was not written by 'hadesd service install', or edited since: nothing done; --force replaces it "
            "(to change a setting or two, 'systemctl edit' keeps this file as it is)"
        )
    kept = path.with_name(f"{path.name}.old") if edited else None
    try:
        if kept is not None:
            shutil.copy2(path, kept)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
        path.chmod(0o644)
    except OSError as error:
        raise UsageError(_cannot(path, error)) from None
    return kept


def check_removable(path: Path, force: bool) -> None:
    """See that there is a unit that is ours to remove.

    Raises:
        NotFoundError: there is none.
        WrongStateError: it was edited by hand, and not forced.
    """
    state = file_state(path, "")
    if state == "absent":
        raise NotFoundError(f"there is no {path}: nothing to remove")
    if state == "edited" and not force:
        raise WrongStateError(
            f"{path} was not written by 'hadesd service install', or edited since: --force removes it"
        )


def remove(path: Path) -> None:
    """Remove the unit.

    Raises:
        UsageError: it cannot be removed.
    """
    try:
        path.unlink()
    except OSError as error:
        raise UsageError(_cannot(path, error)) from None


def _cannot(path: Path, error: OSError) -> str:
    advice = "; a system unit needs root: sudo" if isinstance(error, PermissionError) else ""
    return f"cannot write {path}: {error.strerror or error}{advice}"


class Systemctl:
    """systemctl, for the system's manager or for the user's."""

    def __init__(self, system: bool) -> None:
        self._scope = "--system" if system else "--user"

    @property
    def command(self) -> str:
        """The command as a person types it."""
        return "systemctl" if self._scope == "--system" else "systemctl --user"

    def why_not(self) -> str:
        """Why there is no manager to talk to; empty where there is one."""
        if shutil.which("systemctl") is None:
            return "there is no systemctl here"
        if not BOOTED.is_dir():
            return "systemd does not run here"
        done = self._run("show", "--property=Version", seconds=SYSTEMCTL_SECONDS)
        last = (done.stderr.strip().splitlines() or [""])[-1]
        return "" if done.returncode == 0 else f"systemd cannot be reached ({last or f'status {done.returncode}'})"

    def do(self, *arguments: str) -> None:
        """Have it done, however long it takes.

        Raises:
            HadesError: systemctl says why not.
        """
        done = self._run(*arguments)
        if done.returncode != 0:
            why = " ".join(done.stderr.split()) or f"status {done.returncode}"
            raise HadesError(f"'{self.command} {' '.join(arguments)}' failed: {why}")

    def status(self, unit: str) -> UnitStatus:
        """What it says of a unit.

        Raises:
            HadesError: it does not answer, or does not know.
        """
        names = ("UnitFileState", "ActiveState", "MainPID", "NRestarts", "Result", "StatusText")
        done = self._run("show", unit, f"--property={','.join(names)}", seconds=SYSTEMCTL_SECONDS)
        if done.returncode != 0:
            raise HadesError(f"'{self.command} show {unit}' failed: {' '.join(done.stderr.split())}")
        said = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
        return UnitStatus(
            enabled=said.get("UnitFileState", ""),
            active=said.get("ActiveState", ""),
            pid=int(said.get("MainPID") or 0) or None,
            restarts=int(said.get("NRestarts") or 0),
            result=said.get("Result", ""),
            status=said.get("StatusText", ""),
        )

    def _run(self, *arguments: str, seconds: float | None = None) -> "subprocess.CompletedProcess[str]":
        try:
            return subprocess.run(
                ["systemctl", self._scope, "--no-pager", *arguments],
                capture_output=True,
                text=True,
                timeout=seconds,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "LC_ALL": "C"},
            )
        except subprocess.TimeoutExpired:
            said = f"'{self.command} {' '.join(arguments)}' gave no answer within {seconds:g} s"
            raise HadesError(f"{said}: systemd is not well; look with 'systemctl status', then try again") from None


def lingers(user: str) -> bool:
    """Whether the user's services go on without a login."""
    return (LINGER / user).exists()
