"""Things that go wrong, really: each takes the soak and does its harm to a run or to the daemon."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hades_protocol.run_state import RunState

if TYPE_CHECKING:
    from tests.drills.soak.soak import Soak

LISTENER = """
import sys, zmq
socket = zmq.Context().socket(zmq.SUB)
socket.connect(sys.argv[1])
socket.subscribe(b"")
while True:
    socket.recv_multipart()
"""
"""A program that takes in every event, until it is stopped."""

Fault = Callable[["Soak", random.Random], str]


def kill_worker(soak: "Soak", chance: random.Random) -> str:
    """SIGKILL of a worker."""
    pids = soak.home.worker_pids()
    if not pids:
        return ""
    pid = chance.choice(pids)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return f"worker {pid}"


def kill_daemon(soak: "Soak", chance: random.Random) -> str:
    """SIGKILL of the daemon; the next one starts at once."""
    soak.daemon.kill()
    soak.restart_daemon()
    return f"daemon, now {soak.daemon.pid}"


def kill_everything(soak: "Soak", chance: random.Random) -> str:
    """SIGKILL of the daemon and of every worker, as when a machine loses power."""
    pids = soak.home.worker_pids()
    soak.daemon.kill()
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    soak.restart_daemon()
    return f"daemon and {len(pids)} workers"


def stop_daemon(soak: "Soak", chance: random.Random) -> str:
    """SIGTERM to the daemon, as at a shutdown: its workers commit and exit."""
    soak.daemon.send_signal(chance.choice([signal.SIGTERM, signal.SIGINT]))
    code = soak.daemon.wait(60)
    if code != 0:
        soak.wrong(f"the daemon ended with status {code} after SIGTERM")
    soak.restart_daemon()
    return f"daemon, now {soak.daemon.pid}"


def freeze_worker(soak: "Soak", chance: random.Random) -> str:
    """SIGSTOP of a worker for longer than the daemon's patience: it is killed and restarted."""
    pids = soak.home.worker_pids()
    if not pids:
        return ""
    pid = chance.choice(pids)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    return f"worker {pid}"


def _damage(soak: "Soak", chance: random.Random, harm: Callable[[Path], str]) -> str:
    """Harm the newest checkpoint of a run that computes, then kill its worker, so that it is needed."""
    run = soak.some_run(chance, RunState.RUNNING)
    if run is None or run.worker_pid is None:
        return ""
    with contextlib.suppress(ProcessLookupError):
        os.kill(run.worker_pid, signal.SIGKILL)
    time.sleep(0.1)  # its last commit is over
    steps = soak.checkpoints(run.id)
    if len(steps) < 4:
        return ""  # a run without an older checkpoint would rightly fail
    try:
        return f"{run.id}: checkpoint {steps[-1].name} {harm(steps[-1])}"
    except FileNotFoundError:
        return ""  # the next worker was faster and has moved it


def _largest(step: Path) -> Path:
    return max((file for file in step.rglob("*") if file.is_file()), key=lambda file: file.stat().st_size)


def truncate_checkpoint(soak: "Soak", chance: random.Random) -> str:
    """The newest checkpoint loses its second half."""

    def harm(step: Path) -> str:
        file = _largest(step)
        os.truncate(file, file.stat().st_size // 2)
        return "truncated"

    return _damage(soak, chance, harm)


def flip_bit(soak: "Soak", chance: random.Random) -> str:
    """One bit of the newest checkpoint's array changes."""

    def harm(step: Path) -> str:
        file = _largest(step)
        data = bytearray(file.read_bytes())
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        file.write_bytes(data)
        return "one bit flipped"

    return _damage(soak, chance, harm)


def delete_checkpoint(soak: "Soak", chance: random.Random) -> str:
    """The newest checkpoint is removed by somebody."""

    def harm(step: Path) -> str:
        subprocess.run(["rm", "-rf", str(step)], check=True)
        return "deleted"

    return _damage(soak, chance, harm)


def fill_disk(soak: "Soak", chance: random.Random) -> str:
    """The file system of the runs is full for a while."""
    if not soak.small_disk:
        return ""
    ballast = soak.home.paths.state / "ballast"
    with open(ballast, "wb") as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 65536)
            file.flush()
    time.sleep(chance.uniform(3.0, 8.0))
    ballast.unlink()
    return "until room was made"


def _remount_read_only(directory: str) -> bool:
    """A mount is busy while a file in it is open for writing, as one often is: try again; whether it came about."""
    for _ in range(100):
        done = subprocess.run(["mount", "-o", "remount,bind,ro", directory], check=False, capture_output=True)
        if done.returncode == 0:
            return True
        time.sleep(0.02)
    return False


def read_only(soak: "Soak", chance: random.Random) -> str:
    """A run's directory cannot be written for a while."""
    run = soak.some_run(chance, RunState.RUNNING)
    if not soak.small_disk or run is None:
        return ""
    subprocess.run(["mount", "--bind", run.directory, run.directory], check=True)
    if not _remount_read_only(run.directory):
        subprocess.run(["umount", run.directory], check=True)
        return ""
    time.sleep(chance.uniform(2.0, 6.0))
    subprocess.run(["umount", "-l", run.directory], check=True)
    return run.id


def storm(soak: "Soak", chance: random.Random) -> str:
    """Five hundred messages that make no sense, on the control socket."""
    import zmq

    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.connect(soak.home.paths.control_endpoint)
        for _ in range(500):
            dealer.send(chance.randbytes(chance.randrange(200)))
            time.sleep(0.001)
    return "500 messages"


def stalled_client(soak: "Soak", chance: random.Random) -> str:
    """A screen that is attached and stopped."""
    screen = subprocess.Popen([sys.executable, "-c", LISTENER, soak.home.paths.events_endpoint])
    time.sleep(1.0)
    screen.send_signal(signal.SIGSTOP)
    soak.stalled.append(screen)
    while len(soak.stalled) > 3:
        soak.stalled.pop(0).kill()
    return f"{len(soak.stalled)} stopped screens"


def second_daemon(soak: "Soak", chance: random.Random) -> str:
    """Somebody starts another daemon on the same directory."""
    done = soak.home.hadesd("serve")
    if done.returncode != 3 or done.stderr.count("\n") != 1:
        soak.wrong(f"a second daemon: status {done.returncode}, {done.stderr!r}")
    return "refused"


def half_a_request(soak: "Soak", chance: random.Random) -> str:
    """A connection that says half a greeting and stays."""
    talker = socket.socket(socket.AF_UNIX)
    talker.connect(str(soak.home.paths.control_socket))
    talker.send(b"\xff\0\0\0")
    soak.talkers.append(talker)
    while len(soak.talkers) > 5:
        soak.talkers.pop(0).close()
    return f"{len(soak.talkers)} open"


FAULTS: dict[Fault, int] = {
    kill_worker: 6,
    kill_daemon: 3,
    kill_everything: 2,
    stop_daemon: 2,
    freeze_worker: 2,
    truncate_checkpoint: 2,
    flip_bit: 2,
    delete_checkpoint: 2,
    fill_disk: 2,
    read_only: 1,
    storm: 1,
    stalled_client: 1,
    second_daemon: 1,
    half_a_request: 1,
}
"""With how often each comes, relative to the others."""
