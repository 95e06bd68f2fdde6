"""The unit in a real systemd: started, watched, killed, stopped, with real workers under its hardening."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hades_protocol.run_state import RunState
from tests.helpers.processes.daemon import BIN, Home, until
from tests.helpers.processes.user_systemd import UserSystemd, user_systemd
from tests.integration.test_cli_and_daemon import TINY

S = RunState
UNIT = "hadesd.service"


@pytest.fixture
def systemd(home: Home) -> Iterator[UserSystemd]:
    handed = {name: os.environ[name] for name in os.environ if name.startswith(("JAX_", "XLA_", "PJRT_", "PYTHONPATH"))}
    with user_systemd({"HADES_HOME": str(home.paths.state), **handed}) as manager:
        yield manager


def hadesd(systemd: UserSystemd, *arguments: str) -> str:
    done = systemd.run([str(BIN / "hadesd"), *arguments])
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.timeout(600)
def test_a_service_from_install_to_uninstall(home: Home, systemd: UserSystemd) -> None:
    unit = Path(hadesd(systemd, "service", "install", "--now", "--grace", "30").strip())
    assert unit == systemd.directory / "config/systemd/user" / UNIT
    # What takes minutes in earnest takes seconds here.
    drop_in = unit.parent / f"{UNIT}.d/quick.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\nWatchdogSec=8\nRestartSec=1\n")
    systemd.systemctl("daemon-reload")
    systemd.systemctl("restart", UNIT)  # Type=notify: it is ready when this returns
    found = json.loads(hadesd(systemd, "service", "status", "--json"))
    assert (found["file"], found["systemd"]) == ("current", True)
    assert (found["service"]["enabled"], found["service"]["active"]) == ("enabled", "active")
    assert found["service"]["status"] == "no run is waiting or running"

    done = systemd.run([str(BIN / "hadesd"), *TINY, "--set=evolution.generations=100000"])
    assert done.returncode == 0, done.stderr
    assert "started a daemon" not in done.stderr, "the service serves"
    run = json.loads(done.stdout)["id"]
    worker = home.reaches(run, S.RUNNING, 2).worker_pid
    group = Path(f"/proc/{worker}/cgroup").read_text()
    assert f"/{UNIT}\n" in group, "the workers are in the service's control group"
    assert "NoNewPrivs:\t1" in Path(f"/proc/{worker}/status").read_text()
    assert "Seccomp:\t2" in Path(f"/proc/{worker}/status").read_text()
    until(lambda: systemd.property(UNIT, "StatusText").startswith(f"1 running; {run} generation "), "systemd sees it")

    def pid() -> int:
        return int(systemd.property(UNIT, "MainPID"))

    def restarted(times: int) -> bool:
        return systemd.property(UNIT, "NRestarts") == str(times) and systemd.property(UNIT, "ActiveState") == "active"

    os.kill(pid(), signal.SIGKILL)
    until(lambda: restarted(1), "started again after a kill")
    at = len(home.generations(run))
    home.reaches(run, S.RUNNING, at + 1)
    os.kill(pid(), signal.SIGSTOP)
    until(lambda: restarted(2), "the watchdog ended it")
    at = len(home.generations(run))
    home.reaches(run, S.RUNNING, at + 1)

    systemd.systemctl("stop", UNIT)
    assert systemd.property(UNIT, "Result") == "success"
    assert home.worker_pids() == []
    assert home.log()[-1]["event"] == "daemon stopped"
    assert home.generations(run) == list(range(1, len(home.generations(run)) + 1))
    hadesd(systemd, "service", "uninstall")
    assert not unit.exists()
    assert systemd.run(["systemctl", "--user", "is-enabled", UNIT]).stdout.strip() != "enabled"
