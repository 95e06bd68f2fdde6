"""hadesd pause and cancel: what they say while they wait."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace

from hades_protocol.messages import RunSummary
from hades_protocol.run_state import RunState, WorkerPhase
from hades_protocol.sync_client import ControlClient
from hadesd.cli.runs.transitions import _settle
from tests.helpers.protocol.protocol_server import a_run


@pytest.mark.parametrize(
    ("phase", "says"),
    [
        (WorkerPhase.EVALUATING, "its worker finishes the generation and commits"),
        (WorkerPhase.WAITING_IN_SLURM, "its job leaves Slurm's queue"),
    ],
)
def test_a_cancelled_run_says_what_is_waited_for(
    phase: WorkerPhase, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = replace(a_run("one"), state=RunState.CANCELLING, phase=phase)
    ended = replace(asked, state=RunState.CANCELLED)

    assert _settle(daemon([ended]), (asked,), wait=True) == (ended,)
    assert capsys.readouterr().err == f"{asked.id} cancelling: {says}\n"


def daemon(answers: list[RunSummary | BaseException]) -> ControlClient:
    """One that answers so, in turn."""

    class Daemon:
        def request(self, *_: Any, **__: Any) -> SimpleNamespace:
            answer = answers.pop(0)
            if isinstance(answer, BaseException):
                raise answer
            return SimpleNamespace(run=answer)

    return cast(ControlClient, Daemon())


def test_of_several_all_are_named_before_the_first_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    pausing = tuple(replace(a_run(name), state=RunState.PAUSING) for name in ("one", "two"))
    paused = replace(a_run("three"), state=RunState.PAUSED)
    with pytest.raises(KeyboardInterrupt):
        _settle(daemon([KeyboardInterrupt()]), (*pausing, paused), wait=True)
    told = capsys.readouterr().err
    assert [line.split()[:2] for line in told.splitlines()] == [[run.id, "pausing:"] for run in pausing]
    ended = tuple(replace(run, state=RunState.PAUSED) for run in pausing)
    assert _settle(daemon([pausing[0], *ended]), (*pausing, paused), wait=True) == (*ended, paused)
    assert _settle(daemon([]), pausing, wait=False) == pausing
