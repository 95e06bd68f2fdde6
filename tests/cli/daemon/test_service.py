"""`hadesd service` where systemd does not run: the file is written, found again, protected; and what it says.

With a real systemd: tests/integration/test_user_systemd.py.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hades_protocol.errors import HadesError
from hadesd.service import install
from tests.helpers.processes.daemon import Home

pytestmark = pytest.mark.skipif(install.BOOTED.is_dir(), reason="systemd runs here: its units are left alone")


@pytest.fixture
def unit(home: Home) -> Path:
    """Where the unit goes; HOME is the test's."""
    home.paths.state.chmod(0o700)
    home.environ["HOME"] = str(home.paths.state)
    home.environ.pop("XDG_CONFIG_HOME", None)
    return home.paths.state / ".config/systemd/user/hadesd.service"


def test_install_writes_this_installation_and_says_what_to_run_later(home: Home, unit: Path) -> None:
    done = home.hadesd("service", "install")
    assert (done.returncode, done.stdout) == (0, f"{unit}\n"), done.stderr
    text = unit.read_text()
    assert f"\nExecStart={sys.executable} -P -m hadesd.cli.main serve\n" in text
    assert f"\nEnvironment=HADES_HOME={home.paths.state}\n" in text
    assert "\nTimeoutStopSec=90\n" in text
    assert unit.stat().st_mode & 0o777 == 0o644
    first, second = done.stderr.splitlines()
    assert first.startswith("systemd does not run here: where it does, systemctl --user daemon-reload && systemctl")
    assert "loginctl enable-linger" in second


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_installed_unit_passes_verify_without_a_word(home: Home, unit: Path) -> None:
    assert home.hadesd("service", "install", "--grace", "120").returncode == 0
    home.paths.make_private()
    environ = {**home.environ, "XDG_RUNTIME_DIR": str(home.paths.runtime)}
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(unit)], env=environ, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_command_of_the_unit_is_one_that_serves(home: Home, unit: Path) -> None:
    assert home.hadesd("service", "install", "--grace", "7").returncode == 0
    (line,) = [line for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
    home.answering(home.spawn(line.removeprefix("ExecStart=").split()))


def test_the_grace_is_that_of_the_option_or_of_the_configuration(home: Home, unit: Path) -> None:
    home.paths.config_file.write_text("grace = 600\n")
    assert home.hadesd("service", "install").returncode == 0
    assert "\nTimeoutStopSec=630\n" in unit.read_text()
    assert home.hadesd("service", "install", "--grace", "120").returncode == 0
    assert "serve --grace 120\n" in unit.read_text()
    assert "\nTimeoutStopSec=150\n" in unit.read_text()
    assert json.loads(home.hadesd("service", "status", "--json").stdout)["file"] == "current"


def test_a_unit_that_was_edited_is_never_lost(home: Home, unit: Path) -> None:
    assert home.hadesd("service", "install").returncode == 0
    edited = unit.read_text().replace("Nice=5", "Nice=1")
    unit.write_text(edited)
    for action in ("install", "uninstall"):
        refused = home.hadesd("service", action)
        assert (refused.returncode, refused.stderr.count("\n")) == (3, 1)
        assert "or edited since" in refused.stderr
        assert unit.read_text() == edited
    assert json.loads(home.hadesd("service", "status", "--json").stdout)["file"] == "edited"
    assert home.hadesd("service", "install", "--force").returncode == 0
    assert "Nice=5" in unit.read_text()
    assert unit.with_name("hadesd.service.old").read_text() == edited


def test_a_unit_of_another_version_is_replaced_and_removed(home: Home, unit: Path) -> None:
    assert home.hadesd("service", "install").returncode == 0
    other = home.paths.state / "moved"
    home.environ["HADES_HOME"] = str(other)
    assert json.loads(home.hadesd("service", "status", "--json").stdout)["file"] == "outdated"
    assert home.hadesd("service", "install").returncode == 0
    assert f"HADES_HOME={other}\n" in unit.read_text()
    assert home.hadesd("service", "uninstall").returncode == 0
    assert not unit.exists()


def test_status_and_uninstall_of_nothing(home: Home, unit: Path) -> None:
    status = home.hadesd("service", "status", "--json")
    found = json.loads(status.stdout)
    assert status.returncode == 3
    assert (found["file"], found["systemd"], found["service"]) == ("absent", False, None)
    assert home.hadesd("service", "status").stdout.startswith(f"{unit}: not installed: hadesd service install\n")
    gone = home.hadesd("service", "uninstall")
    assert (gone.returncode, gone.stderr) == (3, f"hadesd: there is no {unit}: nothing to remove\n")


def test_a_dry_run_prints_the_unit_and_writes_nothing(home: Home, unit: Path) -> None:
    done = home.hadesd("service", "install", "--dry-run")
    assert done.returncode == 0
    assert done.stdout.startswith("# Written by 'hadesd service install'")
    assert done.stderr == f"would be written to {unit}\n"
    assert not unit.exists()


def test_a_system_unit_goes_where_it_is_told_and_runs_as_its_user(home: Home) -> None:
    home.environ.pop("HADES_HOME")
    place = home.paths.state / "units"
    done = home.hadesd("service", "install", "--system", "--for", "ada", "--directory", str(place))
    assert done.returncode == 0, done.stderr
    text = (place / "hadesd@.service").read_text()
    assert "\nUser=%i\n" in text
    assert "systemctl enable --now hadesd@ada.service" in done.stderr
    assert "export HADES_HOME=/var/lib/hades/ada" in done.stderr
    again = home.hadesd("service", "uninstall", "--system", "--directory", str(place))
    assert again.returncode == 0, again.stderr
    assert list(place.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["install", "--system"], 2, "--system needs a user to run as: --for USER"),
        (["install", "--for", "ada"], 2, "--for goes with --system"),
        (["install", "--grace", "-1"], 2, "grace = -1"),
        (["install", "--user", "--system"], 2, "not allowed with argument --user"),
        (["restart"], 2, "invalid choice"),
        (["install", "--json"], 2, "--json goes with 'hadesd service status'"),
        (["install", "--directory", "/proc/units"], 2, "cannot write /proc/units/hadesd.service"),
    ],
)
def test_bad_input_is_one_line(home: Home, unit: Path, arguments: list[str], code: int, why: str) -> None:
    home.environ.pop("SUDO_USER", None)
    done = home.hadesd("service", *arguments)
    assert done.returncode == code
    assert why in done.stderr
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)


def test_an_unreadable_place_is_one_line(home: Home, unit: Path) -> None:
    unit.mkdir(parents=True)
    done = home.hadesd("service", "status")
    assert done.returncode == 2
    assert done.stderr == f"hadesd: cannot read {unit}: Is a directory\n"


def test_it_says_where_systemctl_is_missing(home: Home, unit: Path, tmp_path: Path) -> None:
    home.environ["PATH"] = str(tmp_path)
    done = home.hadesd("service", "install")
    assert done.returncode == 0
    assert done.stderr.startswith("there is no systemctl here: ")
    assert os.listdir(unit.parent) == ["hadesd.service"]


@pytest.mark.process
def test_a_systemctl_that_does_not_answer_is_given_up_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "systemctl"
    slow.write_text("#!/bin/sh\nexec sleep 1000\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(install, "SYSTEMCTL_SECONDS", 0.2)
    with pytest.raises(HadesError, match=r"'systemctl --user show hadesd.service .*' gave no answer within 0\.2 s"):
        install.Systemctl(system=False).status("hadesd.service")


@pytest.mark.process
def test_a_stop_may_take_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the daemon's grace, which may be hours."""
    slow = tmp_path / "systemctl"
    slow.write_text(f"#!/bin/sh\nsleep 0.5\necho $@ > {tmp_path}/done\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(install, "SYSTEMCTL_SECONDS", 0.1)
    install.Systemctl(system=False).do("stop", "hadesd.service")
    assert (tmp_path / "done").read_text() == "--user --no-pager stop hadesd.service\n"
