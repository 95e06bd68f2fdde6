"""hadesd pause and cancel: what they say while they wait."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace

from hades_protocol.run_state import RunState, WorkerPhase
from hades_protocol.sync_client import ControlClient
from hadesd.cli.runs.transitions import _settle
from tests.helpers.protocol_server import a_run


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

    class Daemon:
        """Which says that the run has ended."""

        def request(self, *_: Any, **__: Any) -> SimpleNamespace:
            return SimpleNamespace(run=ended)

    assert _settle(cast(ControlClient, Daemon()), (asked,), wait=True) == (ended,)
    assert capsys.readouterr().err == f"{asked.id} cancelling: {says}\n"
