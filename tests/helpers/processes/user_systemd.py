"""A real systemd in user mode, on machines whose first process is another: for root, in mounts and cgroups of its own.

It sees only the units of the directory that it is given, and is gone with everything that it started at the end.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.helpers.processes.daemon import until

SYSTEMD = Path("/lib/systemd/systemd")

START = """\
for procs in "$@"; do echo $$ > "$procs" || exit 1; done
mkdir -p /run/systemd || exit 1
mount -t tmpfs tmpfs /run/systemd || exit 1
mkdir /run/systemd/system
exec /lib/systemd/systemd --user --unit=nothing.target
"""


class UserSystemd:
    """The manager, and commands that reach it."""

    def __init__(self, directory: Path, process: "subprocess.Popen[bytes]", environ: dict[str, str]) -> None:
        self.directory = directory
        self.process = process
        self.environ = environ

    def run(self, command: Sequence[str], timeout: float = 120.0) -> "subprocess.CompletedProcess[str]":
        """Run a command beside the manager."""
        return subprocess.run(
            ["nsenter", "-t", str(self.process.pid), "-m", *command],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )

    def systemctl(self, *arguments: str) -> str:
        """What systemctl prints."""
        done = self.run(["systemctl", "--user", "--no-pager", *arguments])
        assert done.returncode == 0, done.stderr
        return done.stdout

    def property(self, unit: str, name: str) -> str:
        """One property of a unit."""
        return self.systemctl("show", unit, "--value", f"--property={name}").strip()


@contextlib.contextmanager
def user_systemd(extra: dict[str, str]) -> Iterator[UserSystemd]:
    """Start one; the test is skipped where that is not possible. extra: variables for it and its services."""
    if os.getuid() != 0 or not SYSTEMD.exists() or shutil.which("nsenter") is None:
        pytest.skip("needs root and systemd")
    directory = Path(tempfile.mkdtemp(prefix="hades-systemd-", dir="/tmp"))
    groups = [group / f"hades-test-{os.getpid()}" for group in _cgroups()]
    environ = _environment(directory) | extra
    process: subprocess.Popen[bytes] | None = None
    try:
        for group in groups:
            try:
                group.mkdir()
            except OSError as error:
                pytest.skip(f"cannot make the control group {group}: {error}")
        procs = [str(group / "cgroup.procs") for group in groups]
        with open(directory / "log", "wb") as log:
            process = subprocess.Popen(
                ["unshare", "-m", "--propagation", "private", "bash", "-c", START, "systemd", *procs],
                env=environ,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        manager = UserSystemd(directory, process, environ)
        until(lambda: process.poll() is not None or (directory / "run/systemd/private").exists(), "systemd is up")
        if process.poll() is not None:
            pytest.skip(f"systemd does not start here: {(directory / 'log').read_text()[-300:]}")
        yield manager
    finally:
        if process is not None:
            _end(process, groups)
        for group in groups:
            _remove_group(group)
        shutil.rmtree(directory, ignore_errors=True)


def _environment(directory: Path) -> dict[str, str]:
    for name in ("home", "run", "config/systemd/user"):
        (directory / name).mkdir(parents=True, mode=0o700)
    (directory / "config/systemd/user/nothing.target").write_text("[Unit]\nDescription=nothing\n")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(directory / "home"),
        "XDG_RUNTIME_DIR": str(directory / "run"),
        "XDG_CONFIG_HOME": str(directory / "config"),
        "XDG_CONFIG_DIRS": "/nonexistent",
        "XDG_DATA_DIRS": "/nonexistent",
        "SYSTEMD_LOG_TARGET": "console",
    }


def _cgroups() -> list[Path]:
    """Our own control groups in the hierarchies that systemd uses."""
    mounts = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, kind = line.partition(" - ")
        words = kind.split()
        if words[0] == "cgroup2" or (words[0] == "cgroup" and "name=systemd" in words[-1]):
            mounts[words[0]] = Path(fields.split()[4])
    found = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        kind = "cgroup2" if controllers == "" else "cgroup" if controllers == "name=systemd" else ""
        if kind in mounts:
            found.append(mounts[kind] / path.lstrip("/"))
    if not found:
        pytest.skip("no control groups here")
    return found


def _end(process: "subprocess.Popen[bytes]", groups: list[Path]) -> None:
    """Kill the manager and what it started: everything in its control groups."""
    process.kill()
    process.wait(60)

    def empty() -> bool:
        pids = {
            int(pid) for group in groups for procs in group.rglob("cgroup.procs") for pid in procs.read_text().split()
        }
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not pids

    until(empty, "its processes are gone")


def _remove_group(group: Path) -> None:
    if group.is_dir():
        for directory in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
            directory.rmdir()
        group.rmdir()
