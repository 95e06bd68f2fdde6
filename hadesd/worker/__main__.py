"""`python -m hadesd.worker RUN_DIR`: compute one run until it is finished or asked to halt.

Exit status: 0 finished, 75 to be started again (it was halted, or a disk is full), 1 failed for good. Anything
else is a crash.
"""

import os
import sys
from pathlib import Path
from typing import TextIO, cast

import structlog

from hades_protocol.errors import ExitCode, HadesError
from hades_protocol.run_state import WorkerPhase
from hadesd.logs.streams import FaultTolerantStream, configure
from hadesd.niceness import give_way
from hadesd.storage import records
from hadesd.storage.layout import RunPaths
from hadesd.storage.locks import PAUSE, open_lock_file, try_lock
from hadesd.worker import faults, hosts
from hadesd.worker.channel import Channel
from hadesd.worker_protocol import RANK, ExitReport, WorkerOutcome

log = structlog.get_logger()


def main(arguments: list[str]) -> int:
    """Run the worker; the exit status."""
    _configure_log()
    directory = Path(arguments[0])
    if RANK in os.environ:
        return _take_part(directory)
    channel = Channel.from_environment()
    channel.open()
    give_way()
    try:
        lock = _take_lock(directory, channel)
        if lock is None:
            return _end(channel, WorkerOutcome.CHECKPOINTED, 0, ExitCode.CHECKPOINTED)
        spec = records.load(directory)[1]
        group = hosts.begin(directory, spec)
        with channel.idle():
            from hadesd.compute.jax_setup import collect_rarely, prepare

            collect_rarely()
            prepare()
            from hadesd.worker.runner import Runner

        runner = Runner(directory, spec, channel, group)
        generation = runner.run()
    except HadesError as error:
        log.error("failed", reason=str(error))
        return _end(channel, WorkerOutcome.FAILED, 0, ExitCode.RUN_FAILED, str(error))
    except Exception as error:
        if found := faults.ending(error, directory):
            log.error("cannot go on", reason=found.reason, error=repr(error))
            return _end(channel, found.outcome, found.generation, found.status, found.reason)
        # Not a settings error: the supervisor counts it as a crash and tries again.
        log.error("crashed", error=repr(error), exc_info=True)
        raise
    if generation >= spec.evolution.generations or runner.target_reached:
        return _end(channel, WorkerOutcome.FINISHED, generation, ExitCode.OK, runner.target_reached)
    log.info("halted", reason=channel.halt_reason, generation=generation)
    return _end(channel, WorkerOutcome.CHECKPOINTED, generation, ExitCode.CHECKPOINTED, channel.halt_reason)


def _take_part(directory: Path) -> int:
    """Share the population of another worker's run; the exit status."""
    hosts.go_with_parent()
    give_way()
    spec = records.load(directory)[1]
    from hadesd.compute.jax_setup import collect_rarely, prepare

    collect_rarely()
    prepare()
    from hadesd.worker import member

    return member.run(directory, spec)


def _end(channel: Channel, outcome: WorkerOutcome, generation: int, status: ExitCode, reason: str = "") -> int:
    channel.report(ExitReport(outcome=outcome, generation=generation, reason=reason))
    return int(status)


def _take_lock(directory: Path, channel: Channel) -> int | None:
    """The run's lock, held until this process ends; None when asked to halt while waiting.

    An earlier worker that outlived its supervisor holds it until it has committed its generation.
    """
    fd = open_lock_file(RunPaths(directory).lock)
    while not try_lock(fd, attempts=1):
        channel.phase(WorkerPhase.WAITING_FOR_LOCK, 0)
        if channel.wait(PAUSE):
            return None
    return fd


def _configure_log() -> None:
    """JSON lines on stderr, which the supervisor appends to worker.log.

    Whoever writes to one of the streams, a library of ours perhaps: a full disk must not end the run for that.
    """
    sys.stdout, sys.stderr = FaultTolerantStream(sys.stdout.fileno()), FaultTolerantStream(sys.stderr.fileno())
    configure(cast(TextIO, sys.stderr))


if __name__ == "__main__":
    # os._exit, because XLA's threads and orbax's executors can hold up an interpreter's way out by seconds.
    os._exit(main(sys.argv[1:]))
