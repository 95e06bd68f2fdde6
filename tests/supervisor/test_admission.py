"""What the daemon refuses before a run is queued, and what it advises instead."""

from pathlib import Path
from typing import Any

import pytest

from hades_protocol import commands
from hades_protocol.errors import UsageError
from hadesd.config import Settings
from hadesd.supervisor.admission import Admission
from hadesd.supervisor.dispatcher import Dispatcher
from hadesd.supervisor.scheduling.gpu_pool import GpuPool
from tests.helpers.protocol.in_process_daemon import InProcessDaemon
from tests.helpers.runs.specs import tiny

MAZE, NET = "pack.module:Maze", "pack.module:Net"


@pytest.mark.parametrize(
    ("spec", "command"),
    [
        ({"env": MAZE}, f"hadesd start --env {MAZE}"),
        ({"policy": {"kind": NET}}, f"hadesd start --set policy.kind={NET}"),
        ({"env": "hopper", "policy": {"kind": NET}}, f"hadesd start --env hopper --set policy.kind={NET}"),
        ({"env": MAZE, "policy": {"kind": NET}}, f"hadesd start --env {MAZE} --set policy.kind={NET}"),
    ],
)
def test_code_of_ones_own_is_referred_to_the_command_that_takes_it(
    tmp_path: Path, spec: dict[str, Any], command: str
) -> None:
    error = InProcessDaemon(tmp_path).ask(commands.Plan, spec=spec).error
    assert error is not None
    assert error.code == "usage"
    assert error.message.endswith(f"is code of your own, which the daemon does not run: use '{command}'")


def test_a_fork_may_keep_what_others_may_not_ask_for() -> None:
    """Where a daemon listens over TCP: the code that its parent names, and its parent's options of sbatch."""
    settings = Settings(listen="tcp://127.0.0.1:7001")
    admission = Admission(settings, Dispatcher(1, GpuPool(list, 0.0), jobs=1), (), has_gpus=False)
    own = tiny(policy={"kind": NET})
    job = tiny(resources={"executor": "slurm", "slurm": "--partition=long"})
    admission.check(tiny())
    for spec, why in ((own, r"own_code = \['pack'\]"), (job, "leave --slurm out")):
        with pytest.raises(UsageError, match=why):
            admission.check(spec)
        with pytest.raises(UsageError, match=why):
            admission.check(spec, tiny())
        admission.check(spec, spec)


def test_a_name_that_people_call_another_run_by_is_refused() -> None:
    admission = Admission(Settings(), Dispatcher(1, GpuPool(list, 0.0), jobs=1), ("cartpole-1130-g3sj",), False)
    for name, why in (("cartpole-1130-g3sj", "is the id of a run"), ("g3sj", "is what people call run cartpole-1130-")):
        with pytest.raises(UsageError, match=why):
            admission.check_name(name)
    for name in ("", "g3s", "cartpole", "1130"):
        admission.check_name(name)
