"""Children that the system refuses to start."""

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hades_protocol import version
from hades_protocol.messages import DaemonInfo
from hades_protocol.paths import Paths
from hades_protocol.run_state import RunState
from hadesd.config import Settings
from hadesd.storage import records
from hadesd.supervisor.child_process import OUT_OF_RESOURCES, start_child
from hadesd.supervisor.executors import Executors
from hadesd.supervisor.publisher import Publisher
from hadesd.supervisor.run import WorkerHandle
from hadesd.supervisor.scheduling.gpu_pool import GpuPool
from hadesd.supervisor.supervisor import Supervisor
from tests.helpers.runs.specs import tiny


def test_a_child_that_cannot_be_watched_is_not_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    pids = []

    def refuse(pid: int) -> int:
        pids.append(pid)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(os, "pidfd_open", refuse)
    before = sorted(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="Too many open files"):
        start_child(
            [sys.executable, "-c", "import time; time.sleep(100)"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    (pid,) = pids
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert sorted(os.listdir("/proc/self/fd")) == before


class Lacking:
    """A machine that lacks something, as often as it is asked for a worker."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.asked = 0

    def start(
        self,
        directory: Path,
        environment: Mapping[str, str],
        on_message: Callable[[bytes], None],
        on_exit: Callable[[int], None],
    ) -> WorkerHandle:
        self.asked += 1
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.parametrize("number", OUT_OF_RESOURCES, ids=errno.errorcode.__getitem__)
def test_a_run_waits_with_the_reason_for_as_long_as_the_machine_has_no_room_for_a_worker(
    tmp_path: Path, number: int
) -> None:
    paths = Paths({"HADES_HOME": str(tmp_path)})
    paths.make_private()
    run = records.create(paths.runs, tiny(), time.time()).id
    lacking, later = Lacking(number), list[Callable[[], None]]()
    info = DaemonInfo(
        session="s",
        pid=os.getpid(),
        version="0",
        protocol_major=version.MAJOR,
        started_at=time.time(),
        state_directory=str(tmp_path),
        slots=1,
        gpus=0,
    )
    supervisor = Supervisor(
        info=info,
        paths=paths,
        settings=Settings(),
        publisher=Publisher("s", lambda topic, body: None, time.time),
        executors=Executors(lacking.start),
        start_job=lambda *_: pytest.fail("no job is asked for"),
        call_later=lambda seconds, call: later.append(call),
        gpu_pool=GpuPool(list, 0.0),
        environ={},
    )
    supervisor.load()
    for attempt in range(1, 8):
        (summary,) = supervisor.summaries()
        assert (lacking.asked, summary.state, summary.restarts) == (attempt, RunState.BACKOFF, 0)
        assert os.strerror(number) in summary.reason
        later.pop()()
    assert not later[1:]
    assert [entry.what for entry in supervisor.show(run).history] == ["submitted"]
