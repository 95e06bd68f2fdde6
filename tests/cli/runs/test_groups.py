"""Which runs of a group a verb is sent to; real daemons and groups: test_sweep.py."""

from typing import Any

import pytest

from hades_protocol import commands, replies
from hades_protocol.errors import ExitCode, InternalError, WrongStateError
from hades_protocol.messages import RunSummary
from hades_protocol.run_state import RunState
from hadesd.cli.runs.transitions import change_group
from tests.helpers.protocol.protocol_server import FakeDaemon, a_run

S = RunState


class Line:
    """Answers a snapshot with these runs, and every change with the run as it was; remembers who was changed."""

    def __init__(self, *runs: RunSummary) -> None:
        self.daemon = FakeDaemon(runs=runs)
        self.changed: list[str] = []

    refuses = False
    broken: str | None = None

    def request(self, kind: type[commands.Request], **fields: Any) -> replies.SnapshotResult | RunSummary:
        if kind is commands.Snapshot:
            return self.daemon.snapshot()
        if self.refuses:
            raise WrongStateError("it ended meanwhile")
        if fields["run"] == self.broken:
            raise InternalError("its directory cannot be written")
        self.changed.append(fields["run"])
        return self.daemon.runs[fields["run"]]


@pytest.mark.parametrize(
    ("state", "waits_for_room", "is_asked"),
    [
        (S.RUNNING, False, True),
        (S.STOPPING, False, True),  # it yields, say, and comes back by itself
        (S.PAUSED, True, True),  # so does this
        (S.PAUSED, False, False),
        (S.PAUSING, False, False),
        (S.FINISHED, False, False),
    ],
)
def test_a_pause_reaches_every_run_that_would_compute_again(state: S, waits_for_room: bool, is_asked: bool) -> None:
    line = Line(a_run("other", S.QUEUED, group="g"), a_run("one", state, group="g", waits_for_room=waits_for_room))
    change_group(line, commands.Pause, "g")  # type: ignore[arg-type]
    assert line.changed == ["other", "one"][: 1 + is_asked]


def test_a_cancel_reaches_the_runs_that_failed() -> None:
    states = {"one": S.RUNNING, "two": S.FAILED, "three": S.FINISHED, "four": S.CANCELLED}
    line = Line(*(a_run(name, state, group="g") for name, state in states.items()))
    change_group(line, commands.Cancel, "g")  # type: ignore[arg-type]
    assert line.changed == ["one", "two"]


def test_where_every_run_has_ended_meanwhile_nothing_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    line = Line(a_run("one", S.RUNNING, group="g"))
    line.refuses = True
    with pytest.raises(WrongStateError, match="group g is 1 running: nothing was done"):
        change_group(line, commands.Pause, "g")  # type: ignore[arg-type]
    assert capsys.readouterr().err == "it ended meanwhile\n"


def test_a_run_that_cannot_be_changed_keeps_no_other_from_it(capsys: pytest.CaptureFixture[str]) -> None:
    line = Line(*(a_run(name, S.RUNNING, group="g") for name in ("one", "two", "three")))
    line.broken = "two"
    changed, code = change_group(line, commands.Pause, "g")  # type: ignore[arg-type]
    assert [run.id for run in changed] == line.changed == ["one", "three"]
    assert code == ExitCode.RUN_FAILED
    assert capsys.readouterr().err == "hadesd: its directory cannot be written\n"
