"""A supervisor and its Control in this process, without sockets: workers are told apart by hand or refused."""

import itertools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hades_protocol import codec, commands, replies, version
from hades_protocol.messages import DaemonInfo
from hades_protocol.paths import Paths
from hadesd.config import Settings
from hadesd.daemon.requests import Control
from hadesd.supervisor.executors import Executors
from hadesd.supervisor.jobs.process import Finished, JobHandle, StartJob
from hadesd.supervisor.publisher import Publisher
from hadesd.supervisor.run import StartWorker, WorkerHandle
from hadesd.supervisor.scheduling.gpu_pool import GpuPool
from hadesd.supervisor.supervisor import Supervisor


def no_worker(
    directory: Path, environment: Mapping[str, str], on_message: Callable[[bytes], None], on_exit: Callable[[int], None]
) -> WorkerHandle:
    """For a daemon without slots."""
    raise AssertionError("there are no slots: no worker is ever started")


def no_job(
    arguments: Sequence[str], environment: Mapping[str, str], directory: Path, on_exit: Callable[[Finished], None]
) -> JobHandle:
    """For runs without datasets."""
    raise AssertionError("there are no datasets: no job is ever started")


class InProcessDaemon:
    """A daemon's supervisor and Control on a state directory. It has taken in the runs that are there."""

    def __init__(
        self,
        home: Path,
        slots: int = 0,
        start_worker: StartWorker = no_worker,
        start_job: StartJob = no_job,
        settings: Settings | None = None,
    ) -> None:
        self.home = home
        self.paths = Paths({"HADES_HOME": str(home)})
        self.paths.make_private()
        session = "in-process"
        info = DaemonInfo(
            session=session,
            pid=os.getpid(),
            version="0",
            protocol_major=version.MAJOR,
            started_at=time.time(),
            state_directory=str(home),
            slots=slots,
            gpus=0,
        )
        self.supervisor = Supervisor(
            info=info,
            paths=self.paths,
            settings=settings or Settings(),
            publisher=Publisher(session, lambda topic, body: None, time.time),
            executors=Executors(start_worker),
            start_job=start_job,
            call_later=lambda seconds, job: None,
            gpu_pool=GpuPool(list, 0.0),
            environ={},
        )
        self.supervisor.load()
        self.stopped = 0
        self.control = Control(self.supervisor, self._stop, lambda request: None)
        self._ids = itertools.count()

    def _stop(self) -> None:
        self.stopped += 1

    def ask(self, kind: type[commands.Request], **fields: Any) -> replies.Reply:
        """The reply to a request."""
        request = kind(request_id=str(next(self._ids)), **fields)
        data = self.control.answer([codec.encode(request)])
        assert data is not None
        return codec.decode(data, replies.Reply)

    def result(self, kind: type[commands.Request], **fields: Any) -> Any:
        """What a request that is carried out gives."""
        reply = self.ask(kind, **fields)
        assert reply.error is None, reply.error
        return commands.result_of(reply, kind)
