"""Verbs on several runs at once, with a real daemon and workers that only count."""

import json

from hades_protocol.errors import ExitCode
from hades_protocol.run_state import RunState
from tests.helpers.processes.daemon import Home


def test_several_runs_are_changed_by_one_command_and_a_slip_changes_none(home: Home) -> None:
    home.fake_daemon()
    runs = [home.start(seed=seed) for seed in range(3)]
    slip = home.hadesd("cancel", *runs[:2], "nothing")
    assert (slip.returncode, slip.stderr.count("\n")) == (ExitCode.NOT_FOUND_OR_STATE, 1)
    assert not [run for run in runs if home.show(run).state == RunState.CANCELLED]
    first = home.hadesd("cancel", runs[0], runs[1], runs[0], "--json")
    assert first.returncode == 0, first.stderr
    assert [run["id"] for run in json.loads(first.stdout)["runs"]] == runs[:2]
    second = home.hadesd("cancel", *runs)
    assert second.returncode == ExitCode.NOT_FOUND_OR_STATE
    assert f"{runs[2]} is cancelled" in second.stderr
    assert sum(line.startswith("hadesd: ") for line in second.stderr.splitlines()) == 2
    assert {home.show(run).state for run in runs} == {RunState.CANCELLED}
