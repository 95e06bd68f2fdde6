"""A process that shares a run's population with its worker: it evaluates its part of every generation, and commits
nothing. What it needs to begin rank 0 broadcasts; it ends when that does.
"""

import os
import signal
from dataclasses import replace
from pathlib import Path
from types import FrameType

import msgspec
import structlog

from hades_protocol.errors import ExitCode
from hades_protocol.run_spec import RunSpec
from hadesd.distill.share import Share
from hadesd.worker.group import GroupEnded, GroupError, Member
from hadesd.worker.start import Header, Start, check_alike, unpacked
from hadesd.worker_protocol import FILE, NONCE, RANK

log = structlog.get_logger()


def run(directory: Path, spec: RunSpec) -> int:
    """Take part until rank 0 has ended; the exit status."""
    rank = int(os.environ.pop(RANK))
    asked: list[str] = []
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, lambda number, frame: _ask(asked, number, frame))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    file, nonce = Path(os.environ.pop(FILE)), os.environ.pop(NONCE)
    try:
        _take_part(Member(Share(rank, spec.resources.hosts), file, nonce, asked), spec, asked)
    except GroupEnded:
        log.info("member ended", rank=rank)
    except GroupError as error:
        log.error("member ends", rank=rank, why=str(error))
        return int(ExitCode.RUN_FAILED)
    return int(ExitCode.OK)


def _ask(asked: list[str], number: int, frame: FrameType | None) -> None:
    asked.append(f"signal {signal.Signals(number).name}")


def _take_part(group: Member, spec: RunSpec, asked: list[str]) -> None:
    header = msgspec.msgpack.decode(group.header(), type=Header)
    from hadesd.compute import build, results
    from hadesd.distill.generation import GenerationStep, init_state

    problem, mean = build.build(spec, header.physics, header.cloning)
    mesh, execution = build.placed(spec, problem)
    like = init_state(problem, mean)
    begun = msgspec.msgpack.decode(group.receive_broadcast(), type=Start)
    chunk = begun.execution.chunk
    try:
        check_alike(begun, replace(execution, chunk=chunk), results.versions_of(spec))
    except GroupError as error:
        group.refuse(str(error))
        raise
    state = unpacked(like, begun.leaves, mesh)
    step = GenerationStep(problem, mesh, chunk, group)
    step.compile(state)
    log.info("member ready", rank=group.share.rank, generation=begun.generation)
    while True:
        group.asked = asked[0] if asked else ""
        state, _ = step(state)
        step.prepare(state)
