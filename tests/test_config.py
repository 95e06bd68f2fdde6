"""The daemon's settings: config.toml, then flags."""

from pathlib import Path

import pytest

from hades_protocol.errors import UsageError
from hadesd.config import Settings, load_settings


def test_defaults_without_a_file(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "config.toml", {"slots": None}) == Settings(
        slots=None, grace=60.0, heartbeat_timeout=60.0, log_level="info"
    )


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("slots = 3\ngrace = 10\n")
    found = load_settings(path, {"slots": 1, "grace": None})
    assert (found.slots, found.grace) == (1, 10.0)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("slotz = 3", "unknown setting 'slotz'; did you mean 'slots'"),
        ("colour = 3", "unknown setting 'colour'; it takes slots, grace, heartbeat_timeout, hang_factor"),
        ("slots = 0", "slots = 0 is not accepted: it takes an integer, at least 1 and at most 1024"),
        ("grace = 'long'", 'grace = "long" is not accepted'),
        ("slots =", "is not valid TOML"),
        ("[hooks]\nfinished = 'notify-send'", 'e.g. ["notify-send", "hades"]; a shell only where it is named'),
        ("[hooks]\nfinished = []", "hooks.finished = [] is not accepted: it takes a list of one or more texts"),
        ("[hooks]\nfinished = ['a', 3]", 'hooks.finished = ["a", 3] is not accepted'),
        ("[hooks]\nfinshed = ['a']", "unknown setting 'hooks.finshed'; did you mean 'hooks.finished'"),
        ("[hooks]\ntimeout = 0", "hooks.timeout = 0 is not accepted: it takes a number, above 0"),
        ("hooks = 3", "unknown setting 'hooks'; it is a section: [hooks] and below it finished"),
        ("[slots]\nx = 1", 'slots = {"x": 1} is not accepted'),
        ("[prometheus]\naddress = '0.0.0.0'", "set prometheus.expose = true where that is meant"),
        ("[prometheus]\naddress = 'localhost'", "it takes an IP address, e.g. 127.0.0.1"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_settings(path, {})
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_flag_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"slots = 5000 is not accepted: it takes an integer, .* at most 1024$"):
        load_settings(tmp_path / "config.toml", {"slots": 5000})


def test_sections(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        "slots = 2\n[hooks]\nany = ['echo', 'hi']\n[prometheus]\nport = 9464\naddress = '0.0.0.0'\nexpose = true\n"
    )
    found = load_settings(path, {"slots": 1})
    assert (found.slots, found.hooks.any, found.hooks.failed) == (1, ("echo", "hi"), None)
    assert (found.prometheus.port, found.prometheus.address) == (9464, "0.0.0.0")


def test_hooks_that_others_may_write_are_not_run(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[hooks]\nany = ['echo', 'hi']\n")
    for path, mode, before in ((file, 0o664, 0o644), (file, 0o646, 0o644), (tmp_path, 0o777, 0o700)):
        path.chmod(mode)
        with pytest.raises(UsageError, match=f"chmod go-w {path}"):
            load_settings(file, {})
        path.chmod(before)
        assert load_settings(file, {}).hooks.any == ("echo", "hi")
    file.write_text("slots = 2\n[hooks]\ntimeout = 3.0\n")
    file.chmod(0o666)
    assert load_settings(file, {}).slots == 2, "no command is in it"
