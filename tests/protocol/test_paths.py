"""Where things lie."""

import os
from pathlib import Path

import pytest

from hades_protocol.errors import UsageError
from hades_protocol.paths import MAX_SOCKET_PATH, Paths


def test_hades_home_moves_everything(tmp_path: Path) -> None:
    paths = Paths({"HADES_HOME": str(tmp_path), "XDG_STATE_HOME": "/elsewhere", "HOME": "/root"})
    for path in (paths.state, paths.runtime, paths.cache, paths.config_file, paths.runs, paths.control_socket):
        assert path.is_relative_to(tmp_path)


def test_xdg_directories() -> None:
    paths = Paths({"HOME": "/home/ada", "XDG_RUNTIME_DIR": "/run/user/1"})
    assert paths.state == Path("/home/ada/.local/state/hades")
    assert paths.control_endpoint == "ipc:///run/user/1/hades/control.sock"
    assert Paths({"HOME": "/home/ada"}).events_socket == Path("/home/ada/.local/state/hades/run/events.sock")


def test_a_socket_path_that_linux_cannot_bind_is_refused() -> None:
    room = MAX_SOCKET_PATH - len("/run/control.sock")
    fits = Paths({"HADES_HOME": "/" + "x" * (room - 1)})
    assert len(fits.control_endpoint) == len("ipc://") + MAX_SOCKET_PATH
    with pytest.raises(UsageError, match="longer than 107 bytes"):
        _ = Paths({"HADES_HOME": "/" + "x" * room}).control_endpoint


def test_directories_are_private_even_where_they_were_not(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    paths = Paths({"HADES_HOME": str(home)})
    paths.make_private()
    for directory in (paths.state, paths.runs, paths.runtime, paths.cache):
        assert directory.stat().st_mode & 0o777 == 0o700


def test_a_place_that_cannot_be_a_directory_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="set HADES_HOME to another place"):
        Paths({"HADES_HOME": str(tmp_path / "file" / "home")}).make_private()


def test_the_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HADES_HOME", str(tmp_path))
    assert Paths().state == Path(os.environ["HADES_HOME"])
