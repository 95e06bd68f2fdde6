"""Workers that are Slurm jobs, seen from the daemon's event loop.

One squeue asks for all of them. A job outlives its daemon; the next one finds it by its comment and goes on listening.
"""

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import structlog

from hades_protocol.errors import HadesError
from hades_protocol.run_spec import Resources
from hadesd.config import Slurm
from hadesd.storage.layout import RunPaths
from hadesd.supervisor.slurm import commands, job_files
from hadesd.supervisor.slurm.job import ALIVE, SlurmJob, SlurmState
from hadesd.supervisor.slurm.worker import Callbacks, SlurmWorker

SUBMISSIONS = 4
"""sbatch commands at the same time."""

NOT_ASKED = "squeue has not answered yet"

log = structlog.get_logger()


def may_have_job(directory: Path) -> bool:
    """Whether an earlier daemon submitted a job for the run, of whose end nothing is noted."""
    try:
        newest = job_files.newest_job(RunPaths(directory).slurm)
        return newest is not None and newest.exit_note() is None
    except OSError as error:
        log.warning("cannot look for a job", run=directory.name, why=error.strerror or str(error))
        return False


class SlurmExecutor:
    """All jobs of a daemon."""

    def __init__(self, settings: Slurm, loop: asyncio.AbstractEventLoop) -> None:
        self.settings = settings
        self._loop = loop
        self._workers: set[SlurmWorker] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._asked = asyncio.Event()
        self._polls = False
        self._queue: dict[int, SlurmJob] = {}
        self.submitting = asyncio.Semaphore(SUBMISSIONS)
        self._answered_at = -1.0  # monotonic time at which the newest answer of squeue was asked for
        self._answers = asyncio.Condition()
        self._silent = ""  # why squeue gives no answer

    def start(self, directory: Path, resources: Resources, callbacks: Callbacks) -> SlurmWorker:
        """Submit a job for a run, or go on listening to the one that it has."""
        worker = SlurmWorker(self, directory, resources, callbacks)
        self._workers.add(worker)
        self._spawn(worker.live())
        self._begin_to_ask()
        return worker

    def dismiss(self, directory: Path) -> None:
        """Have the job of a run that is not to compute end, if it left one."""
        self._spawn(self._dismiss(directory))

    async def _dismiss(self, directory: Path) -> None:
        run = directory.name
        try:
            if not await asyncio.to_thread(job_files.halt_newest, RunPaths(directory).slurm):
                return
        except OSError as error:  # what is in the queue is cancelled all the same
            log.warning("cannot have a job end", run=run, why=error.strerror or str(error))
        while (found := (await self.fresh())[0]) is None:
            await asyncio.sleep(self.settings.poll)
        wanted = {worker.token for worker in self._workers if worker.run == run}  # it was resumed meanwhile
        for job in found.values():
            if job.name.run == run and job.name.token not in wanted and job.meaning is SlurmState.WAITS:
                await self.cancel(job)

    async def cancel(self, job: SlurmJob, kill: bool = False) -> None:
        """scancel; where that fails it is the caller's to try again."""
        try:
            await commands.cancel(job.id, kill)
        except HadesError as error:
            log.warning("cannot cancel a job", run=job.name.run, job=job.id, why=str(error))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something to its end. A bug in it is the loop's to report."""
        self._watch(self._loop.create_task(work))

    def _watch(self, task: "asyncio.Task[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._loop.call_exception_handler({"message": "slurm", "exception": error})

    def forget(self, worker: SlurmWorker) -> None:
        """It has ended."""
        self._workers.discard(worker)

    async def close(self) -> None:
        """Listen no more. The jobs go on."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def fresh(self) -> tuple[dict[int, SlurmJob] | None, str]:
        """What squeue says when it is asked from now on, by id; None where it gives no answer, and why."""
        now = time.monotonic()
        self._asked.set()
        self._begin_to_ask()
        async with self._answers:
            await self._answers.wait_for(lambda: self._answered_at >= now)
            return (None if self._silent else self._queue), self._silent

    def newest(self) -> tuple[dict[int, SlurmJob], str, float]:
        """What squeue said last: jobs by id, why it gave no answer, and when it was asked (monotonic)."""
        silent = self._silent if self._answered_at >= 0 else NOT_ASKED
        return ({} if silent else self._queue), silent, self._answered_at

    def _begin_to_ask(self) -> None:
        if not self._polls:
            self._polls = True
            self._spawn(self._poll())

    async def _poll(self) -> None:
        while True:
            if self._workers or self._asked.is_set():
                self._asked.clear()
                await self._ask()
            try:
                await asyncio.wait_for(self._asked.wait(), self.settings.poll)
            except TimeoutError:
                continue

    async def _ask(self) -> None:
        asked_at, silent = time.monotonic(), ""
        try:
            self._queue = {job.id: job for job in await commands.queue()}
        except HadesError as error:
            silent = str(error)
        if silent != self._silent:
            log.warning("slurm", says=silent or "squeue answers again")
        async with self._answers:
            self._silent, self._answered_at = silent, asked_at
            self._answers.notify_all()
        if not silent:
            await self._cancel_strays()
        for worker in self._workers:
            worker.notify()

    async def _cancel_strays(self) -> None:
        """Cancel jobs of a run that has another one: sbatch can outlive the daemon that called it."""
        known = {worker.run: worker.id for worker in self._workers if worker.id is not None}
        for job in self._queue.values():
            if job.id != known.get(job.name.run, job.id) and job.meaning in ALIVE:
                log.warning("cancelling a job that nobody listens to", run=job.name.run, job=job.id)
                await self.cancel(job)
