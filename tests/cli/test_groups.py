"""Which runs of a group a verb is sent to; real daemons and groups: test_sweep.py."""

from typing import Any

import pytest

from hades_protocol import commands, replies
from hades_protocol.messages import RunSummary
from hades_protocol.run_state import RunState
from hadesd.cli.groups import change
from tests.helpers.protocol_server import FakeDaemon, a_run

S = RunState


class Line:
    """Answers a snapshot with these runs, and every change with the run as it was; remembers who was changed."""

    def __init__(self, *runs: RunSummary) -> None:
        self.daemon = FakeDaemon(runs=runs)
        self.changed: list[str] = []

    def request(self, kind: type[commands.Request], **fields: Any) -> replies.SnapshotResult | RunSummary:
        if kind is commands.Snapshot:
            return self.daemon.snapshot()
        self.changed.append(fields["run"])
        return self.daemon.runs[fields["run"]]


@pytest.mark.parametrize(
    ("state", "reason", "is_asked"),
    [
        (S.RUNNING, "", True),
        (S.STOPPING, "GPU 0 is alice's", True),  # it comes back by itself
        (S.PAUSED, "no room on /data", True),  # so does this
        (S.PAUSED, "", False),
        (S.PAUSING, "", False),
        (S.FINISHED, "", False),
    ],
)
def test_a_pause_reaches_every_run_that_would_compute_again(state: S, reason: str, is_asked: bool) -> None:
    line = Line(a_run("other", S.QUEUED, group="g"), a_run("one", state, group="g", reason=reason))
    change(line, commands.Pause, "g")  # type: ignore[arg-type]
    assert line.changed == ["other", "one"][: 1 + is_asked]
