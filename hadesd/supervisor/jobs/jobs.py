"""Jobs: what the daemon does with a run's results beside the run, each in a child process of its own.

Called from one thread, and nothing waits: the processes are the loop's.
"""

import contextlib
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import structlog
from msgspec.structs import replace

from hades_protocol import commands, events
from hades_protocol.errors import HadesError, InternalError, NotFoundError, WrongStateError
from hades_protocol.messages import ExportFormat, Job, JobState, JobVerb
from hades_protocol.paths import Paths
from hadesd.spec import own_code
from hadesd.storage import disk, removal
from hadesd.storage.datasets import read_dataset
from hadesd.storage.layout import DATASET, RunPaths
from hadesd.supervisor.jobs import results
from hadesd.supervisor.jobs.process import Finished, JobHandle, StartJob
from hadesd.supervisor.publisher import Publisher
from hadesd.supervisor.run import ManagedRun

AT_ONCE = 2
"""Jobs of all runs; of one run there is one at a time."""

REMEMBERED = 20
"""Jobs that have ended of which clients are told."""

UNFINISHED = ".job-"
"""How the directory in `exports` begins in which a job works."""

STEM = "pairs"
"""Of the files that an export writes there, before their generation is known."""

LIMIT_SECONDS = 3600.0
TAKING_AWAY = (JobVerb.DELETE, JobVerb.ARCHIVE)
"""What removes its run: it goes on when the run is gone."""

ARCHIVES = "archives"
"""Directory beside those of the runs, for archives that clients ask for."""

log = structlog.get_logger()

End = Callable[[Finished], tuple[str, Path | str]]
"""Makes text and file of a job, or none, out of what its process answered. Raises results.NoAnswer or OSError."""


class _Work:
    """A job that is at work."""

    def __init__(self, job: Job, directory: Path, *, own: bool = True) -> None:
        self.job = job
        self.directory = directory
        self.own = own  # whether the directory was made for it, and goes after it
        self.handle: JobHandle | None = None
        self.made: Path | None = None  # a file in `exports` that goes again where the job does not begin
        self.ends_at = time.monotonic() + LIMIT_SECONDS
        self.killed = ""  # why we ended it


class Jobs:
    """The jobs of a daemon, newest last. environ: the daemon's own environment."""

    def __init__(self, publisher: Publisher, start: StartJob, paths: Paths, environ: Mapping[str, str]) -> None:
        self._publisher = publisher
        self._start = start
        self._paths = paths
        self._environ = _environment(paths, environ)
        self._jobs: dict[str, Job] = {}
        self._at_work: dict[str, _Work] = {}

    def all(self) -> tuple[Job, ...]:
        """Those at work, and the newest that ended."""
        return tuple(self._jobs.values())

    def export(self, managed_run: ManagedRun, format: ExportFormat, best: bool) -> Job:
        """Write the newest mean dataset, or the best one, to a file.

        Raises:
            NotFoundError: there is no such dataset yet.
            WrongStateError: too many jobs are at work.
            InternalError: no process could be started, or the disk refused.
        """
        run, directory = managed_run.run.id, managed_run.directory
        exports = RunPaths(directory).exports

        def end(finished: Finished) -> tuple[str, Path]:
            found = results.read_answer(finished, results.Exported)
            name = f"{run}-{'best' if best else 'generation'}-{found.generation}"
            for path in map(Path, found.files):
                os.replace(path, exports / path.name.replace(STEM, name, 1))
            return results.exported(found), exports / f"{name}.{format}"

        _refuse_without(run, directory, best)
        with self._preparing(run, JobVerb.EXPORT, directory) as work:
            target = work.directory / f"{STEM}.{format}"
            arguments = ["export", run, "-o", str(target), *(["--best"] if best else []), "--json"]
            return self._begin(work, arguments, end)

    def evaluate(self, managed_run: ManagedRun) -> Job:
        """Train fresh policies on the newest mean dataset, of which a copy is kept beside the result.

        Raises:
            HadesError: as for `export`.
        """
        run, directory = managed_run.run.id, managed_run.directory
        paths = RunPaths(directory)
        _refuse_without(run, directory, best=False)
        with self._preparing(run, JobVerb.EVALUATE, directory) as work:
            # The worker replaces its own with every generation: what is said must be true of one of them.
            copy = work.directory / DATASET
            shutil.copyfile(paths.dataset, copy)
            generation = read_dataset(work.directory, run).generation
            stem = f"{run}-generation-{generation}"
            pairs, result = (paths.exports / f"{stem}{suffix}" for suffix in (".npz", "-evaluation.json"))
            if not pairs.exists():
                work.made = pairs
            os.replace(copy, pairs)

            def end(finished: Finished) -> tuple[str, Path]:
                text = results.evaluated(results.read_answer(finished, results.Evaluated), generation)
                partial = work.directory / result.name
                partial.write_bytes(finished.answer)
                os.replace(partial, result)
                return text, result

            trust = [word for name in own_code.named_by(managed_run.spec) for word in ("--trust", name)]
            return self._begin(work, ["evaluate", str(pairs), "--json", *trust], end)

    def delete(self, managed_run: ManagedRun) -> Job:
        """Remove a run and delete its files.

        Raises:
            WrongStateError: something works on the run, or too many jobs are at work.
            InternalError: no process could be started.
        """

        def end(finished: Finished) -> tuple[str, str]:
            return results.deleted(results.read_answer(finished, results.Deleted)), ""

        return self._store(managed_run, JobVerb.DELETE, ["rm"], end)

    def archive(self, managed_run: ManagedRun) -> Job:
        """Pack a run into a file in the directory of archives, and remove it.

        Raises:
            HadesError: as for `delete`.
        """

        def end(finished: Finished) -> tuple[str, str]:
            found = results.read_answer(finished, results.Archived)
            return results.archived(found), found.archives[0].file

        return self._store(managed_run, JobVerb.ARCHIVE, ["archive", "-o", str(self._paths.state / ARCHIVES)], end)

    def prune(self, managed_run: ManagedRun, request: commands.Prune) -> Job:
        """Change a run's retention and delete the checkpoints that it does not keep.

        Raises:
            HadesError: as for `delete`.
        """

        def end(finished: Finished) -> tuple[str, str]:
            return results.pruned(results.read_answer(finished, results.Pruned)), ""

        arguments = ["retain"]
        for option, value in (("--keep-newest", request.keep_newest), ("--keep-every", request.keep_every)):
            arguments += [option, str(value)] if value is not None else []
        if request.keep_best is not None:
            arguments.append("--keep-best" if request.keep_best else "--no-keep-best")
        return self._store(managed_run, JobVerb.PRUNE, arguments, end)

    def _store(self, managed_run: ManagedRun, verb: JobVerb, arguments: list[str], end: End) -> Job:
        """Have a verb about what runs have on disk do its work: it asks the daemon for what only that may do."""
        run = managed_run.run.id
        removal.check_removable(run, managed_run.run.state, managed_run.is_locked())
        self._refuse_more(run)
        job = Job(id=secrets.token_hex(4), run=run, verb=verb, state=JobState.RUNNING, started_at=time.time())
        try:
            if verb is JobVerb.ARCHIVE:
                (self._paths.state / ARCHIVES).mkdir(mode=0o700, exist_ok=True)
            return self._begin(_Work(job, self._paths.state, own=False), [*arguments, run, "--yes", "--json"], end)
        except OSError as error:
            raise InternalError(f"cannot {verb} {run} ({error.strerror or error}), so nothing was done") from None

    def tick(self) -> None:
        """Once a second: end what takes too long."""
        for work in tuple(self._at_work.values()):
            if time.monotonic() > work.ends_at:
                self._kill(work, f"ended after {LIMIT_SECONDS / 60:.0f} minutes, its time limit")

    def drop(self, run: str) -> None:
        """End the job of a run that is removed."""
        for work in tuple(self._at_work.values()):
            if work.job.run == run and work.job.verb not in TAKING_AWAY:
                self._kill(work, "ended because the run was removed")

    def stop(self) -> None:
        """End all of them."""
        for work in tuple(self._at_work.values()):
            self._kill(work, "ended because the daemon stops")

    @contextlib.contextmanager
    def _preparing(self, run: str, verb: JobVerb, directory: Path) -> Iterator[_Work]:
        """A directory for a job; it goes again where the job does not begin."""
        self._refuse_more(run)
        exports = RunPaths(directory).exports
        job = Job(id=secrets.token_hex(4), run=run, verb=verb, state=JobState.RUNNING, started_at=time.time())
        work = _Work(job, exports / f"{UNFINISHED}{job.id}")
        try:
            exports.mkdir(mode=0o700, exist_ok=True)
            _sweep(exports)
            work.directory.mkdir(mode=0o700)
            yield work
        except OSError as error:
            _undo(work)
            why = disk.directory_problem(directory) or error.strerror or str(error)
            raise InternalError(f"cannot {verb} {run} ({why}), so nothing was done") from None
        except HadesError:
            _undo(work)
            raise

    def _refuse_more(self, run: str) -> None:
        busy = {work.job.run: f"the {work.job.verb.noun} of {work.job.run}" for work in self._at_work.values()}
        if run in busy:
            raise WrongStateError(f"{busy[run]} is at work: one job of a run at a time, so wait for its end")
        if len(busy) >= AT_ONCE:
            listed = " and ".join(busy.values())
            raise WrongStateError(f"{listed} are at work: {AT_ONCE} jobs at a time, so wait for the end of one")

    def _begin(self, work: _Work, arguments: list[str], end: End) -> Job:
        def on_exit(finished: Finished) -> None:
            self._finish(work, finished, end)

        work.handle = self._start(arguments, self._environ, work.directory, on_exit)
        self._at_work[work.job.id] = work
        log.info("job began", job=work.job.id, run=work.job.run, verb=work.job.verb)
        self._note(work.job)
        return work.job

    def _finish(self, work: _Work, finished: Finished, end: End) -> None:
        del self._at_work[work.job.id]
        state, path = JobState.FAILED, ""
        try:
            if work.killed:
                raise results.NoAnswer(work.killed)
            text, file = end(finished)
            state, path = JobState.DONE, str(file)
        except results.NoAnswer as error:
            text = str(error)
        except OSError as error:
            text = f"its result cannot be written: {error.strerror or error}"
        if work.own:
            shutil.rmtree(work.directory, ignore_errors=True)  # what stays is swept before the run's next job
        log.info("job ended", job=work.job.id, run=work.job.run, verb=work.job.verb, state=state, text=text)
        self._note(replace(work.job, state=state, text=text, path=path))

    def _note(self, job: Job) -> None:
        self._jobs[job.id] = job
        ended = [other for other in self._jobs if other not in self._at_work]
        for other in ended[:-REMEMBERED]:
            del self._jobs[other]
        self._publisher.publish(events.JobChanged, job=job)

    def _kill(self, work: _Work, why: str) -> None:
        work.killed = work.killed or why
        if work.handle is not None:
            work.handle.kill()


def _refuse_without(run: str, directory: Path, best: bool) -> None:
    """Before anything is made: there must be a dataset that can be read."""
    if best and not RunPaths(directory).best.is_file():
        raise NotFoundError(
            f"run {run} has no best dataset: no mean dataset of it was evaluated so far (evaluation.mean_every); "
            "export the newest one instead"
        )
    read_dataset(directory, run)


def _undo(work: _Work) -> None:
    """Leave nothing of a job that did not begin."""
    shutil.rmtree(work.directory, ignore_errors=True)
    with contextlib.suppress(OSError):
        if work.made is not None:
            work.made.unlink(missing_ok=True)
        work.directory.parent.rmdir()  # where it was made for this job, and is empty again


def _sweep(exports: Path) -> None:
    """Remove what the job of a daemon that was killed left half done."""
    for path in exports.glob(f"{UNFINISHED}*"):
        shutil.rmtree(path)


def _environment(paths: Paths, environ: Mapping[str, str]) -> dict[str, str]:
    """Of a job, which finds this daemon. It computes on the CPU: a run must not find its GPU's memory taken."""
    env = {**environ, **paths.variables, "JAX_PLATFORMS": "cpu", "NO_COLOR": "1"}
    env.setdefault("JAX_COMPILATION_CACHE_DIR", str(paths.cache / "jax"))
    env.pop("HADES_CONNECT", None)
    return env
