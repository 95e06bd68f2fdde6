"""One daemon per state directory."""

from pathlib import Path

import pytest

from hades_protocol.errors import WrongStateError
from hadesd.storage.locks import DaemonLock, is_locked


def test_the_second_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "daemon.lock"
    assert not is_locked(path)
    first = DaemonLock(path)
    assert is_locked(path)
    with pytest.raises(WrongStateError, match=r"a daemon already runs for .* \(pid \d+\)"):
        DaemonLock(path)
    first.release()
    assert not is_locked(path)
    DaemonLock(path).release()


def test_a_longer_pid_of_before_does_not_shine_through(tmp_path: Path) -> None:
    path = tmp_path / "daemon.lock"
    path.write_text("4194304000000\n")
    lock = DaemonLock(path)
    assert len(path.read_text()) < 10
    lock.release()
