"""The text of the units: what systemd-analyze says of it, quoting, and the seal."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadesd.service.units import MARGIN, Placement, is_sealed, quoted, sealed, system_unit, user_unit

ROOT = Path(__file__).parents[2]
EXAMPLE = Placement(command=("/opt/hades/bin/hadesd", "serve"))
HERE = Placement(
    command=(sys.executable, "-P", "-m", "hadesd.cli.main", "serve"), environment={"HADES_HOME": "/tmp/a b"}
)

USER_EXPOSURE, SYSTEM_EXPOSURE = 70, 30
"""The most that systemd-analyze may find, in tenths. A user's unit has no sandboxes that need namespaces."""

needs_analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
UNITS = [("hadesd.service", user_unit), ("hadesd@.service", system_unit)]


def analyze(directory: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    runtime = directory / "runtime"
    runtime.mkdir(mode=0o700, exist_ok=True)
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(runtime), "SYSTEMD_PAGER": "cat", "NO_COLOR": "1"}
    return subprocess.run(["systemd-analyze", *arguments], env=environ, capture_output=True, text=True)


@needs_analyze
@pytest.mark.parametrize("placement", [HERE, Placement(command=HERE.command)], ids=["with HADES_HOME", "without"])
@pytest.mark.parametrize(("name", "unit"), UNITS, ids=["user", "system"])
def test_systemd_has_nothing_to_say_against_it(tmp_path: Path, name: str, unit, placement: Placement) -> None:
    (tmp_path / name).write_text(sealed(unit(placement)))
    scope = "--system" if "@" in name else "--user"
    done = analyze(tmp_path, scope, "verify", str(tmp_path / name))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs_analyze
@pytest.mark.parametrize(("name", "unit"), UNITS, ids=["user", "system"])
def test_verify_would_notice_a_misspelt_setting(tmp_path: Path, name: str, unit) -> None:
    (tmp_path / name).write_text(unit(HERE).replace("WatchdogSec", "WachdogSec"))
    done = analyze(tmp_path, "--system" if "@" in name else "--user", "verify", str(tmp_path / name))
    assert "WachdogSec" in done.stderr


@needs_analyze
@pytest.mark.parametrize(
    ("name", "unit", "most"),
    [("hadesd.service", user_unit, USER_EXPOSURE), ("hadesd@.service", system_unit, SYSTEM_EXPOSURE)],
    ids=["user", "system"],
)
def test_its_exposure_is_below_the_threshold(tmp_path: Path, name: str, unit, most: int) -> None:
    (tmp_path / name).write_text(unit(HERE))
    done = analyze(tmp_path, "security", "--offline=true", f"--threshold={most}", str(tmp_path / name))
    assert done.returncode == 0, done.stdout[-200:]
    assert "Overall exposure level" in done.stdout


@pytest.mark.parametrize(("name", "unit"), UNITS, ids=["user", "system"])
def test_the_examples_in_the_repository_are_what_the_program_writes(name: str, unit) -> None:
    assert (ROOT / "systemd" / name).read_text() == unit(EXAMPLE)


@pytest.mark.parametrize("grace", [0.0, 60.0, 300.5])
@pytest.mark.parametrize("unit", [user_unit, system_unit])
def test_systemd_waits_longer_than_the_daemon(unit, grace: float) -> None:
    text = unit(Placement(command=("/bin/true",), grace=grace))
    (stop,) = re.findall(r"^TimeoutStopSec=(.*)$", text, re.MULTILINE)
    assert float(stop) == grace + MARGIN


@pytest.mark.parametrize("unit", [user_unit, system_unit])
@pytest.mark.parametrize(
    "setting",
    # XLA compiles and runs; the GPUs are devices; ProtectClock and DeviceAllow would forbid all other devices.
    ["MemoryDenyWriteExecute", "PrivateDevices", "DevicePolicy", "DeviceAllow", "ProtectClock", "PrivateUsers"],
)
def test_nothing_is_set_that_breaks_what_computes(unit, setting: str) -> None:
    assert not re.search(rf"^{setting}=(?!no)", unit(HERE), re.MULTILINE)


def test_the_system_units_state_is_the_users_own_or_where_hades_home_says() -> None:
    own = system_unit(Placement(command=("/bin/true",)))
    assert "StateDirectory=hades/%i\n" in own
    assert "Environment=HADES_HOME=/var/lib/hades/%i\n" in own
    given_one = system_unit(HERE)
    assert 'ReadWritePaths="/tmp/a b"\n' in given_one
    assert 'Environment="HADES_HOME=/tmp/a b"\n' in given_one
    assert "/var/lib/hades" not in given_one


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("/opt/hades/bin/python3.11", "/opt/hades/bin/python3.11"),
        ("/srv/my env/python", '"/srv/my env/python"'),
        ("/srv/100%/python", "/srv/100%%/python"),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("", '""'),
    ],
)
def test_words_are_quoted_for_systemd(word: str, written: str) -> None:
    assert quoted(word) == written


@given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"])))
def test_a_quoted_word_is_one_word_and_means_itself(word: str) -> None:
    text = quoted(word)
    assert shlex.split(text.replace("%%", "%")) == [word]
    assert re.fullmatch(r"(?:[^%]|%%)*", text)


@pytest.mark.parametrize("word", ["a\nb", "\0", "\x1b[2J"])
def test_a_path_with_a_control_character_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        quoted(word)


@given(st.text(), st.text())
def test_a_seal_breaks_with_the_text(text: str, other: str) -> None:
    assert is_sealed(sealed(text))
    assert not is_sealed(text)
    if other != text:
        assert not is_sealed(sealed(text).partition("\n")[0] + "\n" + other)
