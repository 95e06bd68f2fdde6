"""The worker of a run that is a Slurm job: submitted or found again, listened to, and told of its end.

What its relay writes is read once a second, in threads: a shared directory may be slow.
"""

import asyncio
import contextlib
import secrets
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from hades_protocol import codec
from hades_protocol.errors import ExitCode, ProtocolMismatchError
from hades_protocol.messages import SlurmJobInfo
from hades_protocol.run_spec import Resources
from hades_protocol.run_state import WorkerPhase
from hadesd.logs import rotation
from hadesd.storage.layout import RunPaths
from hadesd.storage.locks import is_run_locked
from hadesd.storage.metric_lines import last_generation
from hadesd.supervisor.slurm import commands, job_files, options
from hadesd.supervisor.slurm.job import ALIVE, JobName, SlurmJob, SlurmState, Submission, script
from hadesd.supervisor.slurm.job_files import KILLED, JobFilesReader
from hadesd.supervisor.slurm.verdict import Facts, Standing, Verdict, decide
from hadesd.worker_protocol import ExitReport, Heartbeat, Resumed, from_worker

if TYPE_CHECKING:
    from hadesd.supervisor.slurm.executor import SlurmExecutor

READ_SECONDS = 1.0
"""How often the files of a job that computes are read."""

ANSWER_SECONDS = 20.0
"""How long a job of an earlier daemon is looked for before it is listened to unseen. Below heartbeat_timeout."""

JUST_ASKED = "Slurm has just been asked"
OTHERS_FIRST = "Slurm is asked for other runs first"

KEPT_DIRECTORIES = 3
"""Of jobs; so many stay in a run's, for their logs."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Callbacks:
    """What a worker tells, from the loop's thread.

    message: the body of a frame. exited: status, whether Slurm took the job away, and why in words; once, last of all.
    refused: Slurm does not want the job, and why; in place of exited. failed: so is what the system refused before it
    was submitted. changed: `slurm_job` or `waits_for` is another.
    """

    message: Callable[[bytes], None]
    exited: Callable[[int, bool, str], None]
    refused: Callable[[str], None]
    failed: Callable[[OSError], None]
    changed: Callable[[], None]


class SlurmWorker:
    """The job of one run: a WorkerHandle. slurm_job: as squeue had it. waits_for: why it does not compute yet."""

    pid: int | None = None

    def __init__(self, executor: "SlurmExecutor", directory: Path, resources: Resources, callbacks: Callbacks) -> None:
        self.run = directory.name
        self.slurm_job = SlurmJobInfo()
        self.waits_for = ""
        self._executor, self._directory, self._callbacks = executor, directory, callbacks
        self._options = options.of_run(executor.settings.options, resources.slurm)
        self._hosts = resources.hosts
        self._paths = RunPaths(directory)
        self.id: int | None = None  # of the job, once it is known
        self.token = ""  # of its submission
        self._halting: str | None = None  # as the relay is told
        self._told: str | None = None  # as it was told
        self._sent_away = False  # whether an earlier daemon had it end, for a resize say: that is no crash
        self._killed = False
        self._kill_at = 0.0  # monotonic time of the next scancel
        self._seen = False  # whether squeue has known the job
        self._has_spoken = False  # whether the worker has said something
        self._standing = Standing()
        self._wake = asyncio.Event()

    # What the supervisor does with it ------------------------------------------------------------------------

    def halt(self, discard: bool) -> None:
        """Have it commit and end; a job that is still in the queue is taken out of it."""
        self._halting = "discard" if discard else self._halting or ""
        self._wake.set()

    def kill(self) -> None:
        """SIGKILL to all that it started."""
        self._killed = True
        self._wake.set()

    def notify(self) -> None:
        """There is a new answer of squeue."""
        self._wake.set()

    # Its life ------------------------------------------------------------------------------------------------

    async def live(self) -> None:
        """From the submission to the end."""
        try:
            reader = await self._adopt() or await self._submit()
        except OSError as error:
            self._executor.forget(self)
            self._callbacks.failed(error)
            return
        if reader is not None:
            await self._listen(reader)
        self._executor.forget(self)

    async def _adopt(self) -> JobFilesReader | None:
        """The files of the job that an earlier daemon submitted, where it is still there; other jobs are cancelled.

        Where Slurm does not answer it is taken to be there: its files tell what becomes of it.
        """
        reader = job_files.newest_job(self._paths.slurm)
        if reader is None:
            return None  # it never had one
        if reader.exit_note() is not None:
            # It has ended, though Slurm may still be at it. An end that no daemon knows of is told now.
            return None if reader.is_halted() or reader.is_acknowledged() else await self._adopted(reader, None)
        self._says("the daemon looks for its job")
        try:
            queue, silent = await asyncio.wait_for(self._executor.fresh(), ANSWER_SECONDS)
        except TimeoutError:
            queue, silent = None, f"squeue has not answered within {ANSWER_SECONDS:g} s"
        alive = [job for job in (queue or {}).values() if job.name.run == self.run and job.meaning in ALIVE]
        for job in alive:
            if job.name.token != reader.token:
                log.warning("cancelling a job that nobody listens to", run=self.run, job=job.id)
                await self._executor.cancel(job)
        known = next((job for job in alive if job.name.token == reader.token), None)
        if known is None and not silent:
            return None
        return await self._adopted(reader, known)

    async def _adopted(self, reader: JobFilesReader, known: SlurmJob | None) -> JobFilesReader:
        """Go on where an earlier daemon stopped listening."""
        self.token, self.id, self._seen = reader.token, known.id if known is not None else None, True
        log.info("job adopted", run=self.run, job=self.id)
        self._sent_away = reader.is_halted()
        bodies = await self._read(reader)
        if bodies:  # of what it said, all but the end stands on the disk
            self._has_spoken, self.waits_for = True, ""
            self._callbacks.message(codec.encode(Resumed(generation=last_generation(self._paths.metrics))))
            if _is_exit_report(bodies[-1]):
                self._callbacks.message(bodies[-1])
        return reader

    async def _submit(self) -> JobFilesReader | None:
        """Submit a job; its files. None: it ended before that, which is told."""
        self.token = secrets.token_hex(8)
        job_directory = job_files.new_job_directory(self._paths.slurm, self.token)
        for old in job_files.job_directories(self._paths.slurm)[:-KEPT_DIRECTORIES]:
            shutil.rmtree(old, ignore_errors=True)
        relay = (sys.executable, "-m", "hadesd.supervisor.slurm.relay", str(self._directory), str(job_directory))
        (job_directory / "job.sh").write_text(script(relay, self._hosts))
        rotation.rotate(self._paths.worker_log)
        settings = self._executor.settings
        name = JobName(self.run, self.token)
        submission = Submission(
            name, self._directory, job_directory, self._options, settings.signal, settings.signal_seconds, self._hosts
        )
        while self._halting is None and not self._killed:
            if self._executor.submitting.locked():
                self._says(OTHERS_FIRST)
            try:
                async with self._executor.submitting:
                    if self._halting is not None or self._killed:
                        break  # while it waited
                    self.id = await commands.submit(submission.arguments())
            except commands.SilentError as error:
                self._says(str(error))
                await asyncio.sleep(settings.poll)
            except commands.RefusedError as error:
                self._callbacks.refused(str(error))
                return None
            else:
                log.info("job submitted", run=self.run, job=self.id)
                self._standing = Standing(submitted_at=time.monotonic())
                self._says(JUST_ASKED)
                return JobFilesReader(job_directory)
        self._callbacks.exited(int(ExitCode.CHECKPOINTED), False, "")
        return None

    async def _listen(self, reader: JobFilesReader) -> None:
        """Hand on what the worker says until it has ended."""
        while True:
            self._wake.clear()
            found, verdict = await self._state_of(reader)
            if verdict.kind == "waits":
                self._says(verdict.why)
                if found is not None and (self._halting is not None or self._killed):
                    await self._executor.cancel(found)
                await self._wake.wait()
                continue
            await self._hand_on(reader)
            if verdict.kind == "ended":
                await self._acknowledge_end(reader)
                self._end(verdict, await self._log_tail(reader, verdict))
                return
            why = verdict.why if self._seen else JUST_ASKED
            if why or verdict.kind == "suspended":
                self._says(why, standing_still=verdict.kind == "suspended")
            else:
                self._starts()
            await self._tell(reader, found)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), READ_SECONDS)

    async def _state_of(self, reader: JobFilesReader) -> tuple[SlurmJob | None, Verdict]:
        """The job as squeue has it, and what has become of it."""
        queue, silent, asked_at = self._executor.newest()
        found = self._find(queue)
        self._seen = self._seen or found is not None
        self._name(found)
        state = found.state if found is not None else None
        answered, since = self._standing.take_in(state, silent, asked_at, time.monotonic())
        if found is not None and found.meaning is SlurmState.WAITS:
            return found, decide(Facts(None, False, True, found, since))
        try:
            note = await asyncio.to_thread(reader.exit_note)
            locked = note is None and await asyncio.to_thread(is_run_locked, self._directory)
        except OSError as error:
            return found, Verdict("unclear", why=f"its directory cannot be read ({error.strerror or error})")
        status, signals = (note.status, note.signals) if note is not None else (None, ())
        return found, decide(Facts(status, locked, answered, found, since, signals))

    def _find(self, queue: dict[int, SlurmJob]) -> SlurmJob | None:
        """Its line of squeue. By the comment while the id is not known; an id may be given out again."""
        name = JobName(self.run, self.token)
        if self.id is not None:
            found = queue.get(self.id)
            return found if found is not None and found.name == name else None
        found = next((job for job in queue.values() if job.name == name), None)
        self.id = found.id if found is not None else None
        return found

    def _name(self, found: SlurmJob | None) -> None:
        if found is not None and (info := SlurmJobInfo(id=found.id, nodes=found.nodes)) != self.slurm_job:
            self.slurm_job = info
            self._callbacks.changed()

    async def _read(self, reader: JobFilesReader) -> list[bytes]:
        """What is new in its files. Damaged ones cost the job its life."""
        try:
            return await asyncio.to_thread(reader.read)
        except ValueError as error:
            log.error("the files of a job are damaged", run=self.run, why=str(error))
            self.kill()
            return []

    async def _hand_on(self, reader: JobFilesReader) -> None:
        try:
            bodies = await self._read(reader)
        except OSError as error:
            log.warning("cannot read the files of a job", run=self.run, why=str(error))
            return
        for body in bodies:
            if not self._has_spoken:
                self._has_spoken, self.waits_for = True, ""
            self._callbacks.message(body)

    async def _tell(self, reader: JobFilesReader, found: SlurmJob | None) -> None:
        """Hand on what the supervisor wants."""
        if self._halting is not None and self._halting != self._told:
            try:
                await asyncio.to_thread(reader.halt, self._halting == "discard")
                self._told = self._halting
            except OSError as error:  # it is tried again
                log.warning("cannot have a job end", run=self.run, why=error.strerror or str(error))
        if self._killed and found is not None and time.monotonic() >= self._kill_at:
            # SIGKILL at first; where that was not enough, Slurm's own way of clearing a job away.
            await self._executor.cancel(found, kill=not self._kill_at)
            self._kill_at = time.monotonic() + self._executor.settings.poll

    def _says(self, why: str, standing_still: bool = False) -> None:
        """It does not compute, and why: that it waits is a sign of life."""
        if self._has_spoken and not standing_still:
            return
        self._callbacks.message(codec.encode(Heartbeat(phase=WorkerPhase.WAITING_IN_SLURM, generation=0)))
        if why != self.waits_for:
            self.waits_for = why
            self._callbacks.changed()

    def _starts(self) -> None:
        """It has its nodes: it says nothing yet, or it was suspended and goes on."""
        if not self._has_spoken:
            self._callbacks.message(codec.encode(Heartbeat(phase=WorkerPhase.STARTING, generation=0)))
        if self.waits_for:
            self.waits_for = ""
            self._callbacks.changed()

    async def _acknowledge_end(self, reader: JobFilesReader) -> None:
        """Have no later daemon tell of this end again."""
        try:
            await asyncio.to_thread(reader.acknowledge)
        except OSError as error:
            log.warning("cannot acknowledge a job's end", run=self.run, why=error.strerror or str(error))

    async def _log_tail(self, reader: JobFilesReader, verdict: Verdict) -> str:
        """What the job's own log ends with, where Slurm alone says that it ended."""
        if verdict.status != KILLED or verdict.taken or not verdict.why:
            return ""
        try:
            return await asyncio.to_thread(reader.log_tail)
        except OSError as error:
            return f"its log cannot be read ({error.strerror or error})"

    def _end(self, verdict: Verdict, log_tail: str) -> None:
        """Tell of the end. A job that was taken out of the queue, as was asked, had nothing to commit."""
        log.info("job ended", run=self.run, job=self.id, status=verdict.status, why=verdict.why or None)
        nothing = self._halting is not None and not self._has_spoken and not self._killed and verdict.status < 0
        self._callbacks.exited(
            int(ExitCode.CHECKPOINTED) if nothing else verdict.status,
            verdict.taken or self._sent_away,
            "" if nothing else "; ".join(text for text in (verdict.why, log_tail) if text),
        )


def _is_exit_report(body: bytes) -> bool:
    try:
        return isinstance(from_worker(body), ExitReport)
    except ProtocolMismatchError:
        return False  # an older version's
