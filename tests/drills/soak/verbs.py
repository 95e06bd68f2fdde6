"""What people ask in the meantime. A verb that means nothing by now is refused; that is right, and counted apart."""

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from hades_protocol import commands
from hades_protocol.errors import NotFoundError, UsageError, WrongStateError
from hades_protocol.run_state import RunState
from tests.drills.soak.specs import FORKS, RESIZES

if TYPE_CHECKING:
    from tests.drills.soak.soak import Soak

S = RunState
Verb = Callable[["Soak", random.Random], str]

REFUSALS = (WrongStateError, NotFoundError, UsageError)


def pause(soak: "Soak", chance: random.Random) -> str:
    """hadesd pause"""
    run = soak.some_run(chance, S.RUNNING, S.QUEUED)
    return soak.home.ask(commands.Pause, run=run.id).id if run else ""


def resume(soak: "Soak", chance: random.Random) -> str:
    """hadesd resume"""
    run = soak.some_run(chance, S.PAUSED, S.FAILED, S.CANCELLED)
    return soak.home.ask(commands.Resume, run=run.id).id if run else ""


def cancel(soak: "Soak", chance: random.Random) -> str:
    """hadesd cancel; somebody resumes it later"""
    run = soak.some_run(chance, S.RUNNING, S.PAUSED)
    return soak.home.ask(commands.Cancel, run=run.id).id if run else ""


def resize(soak: "Soak", chance: random.Random) -> str:
    """hadesd resize"""
    run = soak.some_run(chance, S.RUNNING, S.PAUSED)
    if run is None or run.generation < 5 or soak.resizes >= soak.most_changes or soak.is_changed_often(run.id):
        return ""
    changes = chance.choice(RESIZES)
    soak.home.ask(commands.Resize, run=run.id, changes=changes)
    soak.resizes += 1
    return f"{run.id}: {changes}"


def fork(soak: "Soak", chance: random.Random) -> str:
    """hadesd fork"""
    run = soak.some_run(chance, S.RUNNING, S.PAUSED, S.FINISHED)
    if run is None or soak.forks >= soak.most_changes or soak.is_changed_often(run.id):
        return ""
    kept = soak.checkpoints(run.id)[:-1]
    generation = int(chance.choice(kept).name) if kept and chance.random() < 0.7 else None
    changes = chance.choice(FORKS)
    result = soak.home.ask(commands.Fork, run=run.id, generation=generation, changes=changes)
    soak.note_fork(run.id, result, changes)
    return f"{result.run.id} from {run.id}@{result.generation}: {changes}"


def prioritise(soak: "Soak", chance: random.Random) -> str:
    """hadesd priority"""
    run = soak.some_run(chance, *S)
    return soak.home.ask(commands.Priority, run=run.id, priority=chance.randint(-5, 5)).id if run else ""


def look(soak: "Soak", chance: random.Random) -> str:
    """hadesd status, logs, and what a screen asks for"""
    run = soak.some_run(chance, S.RUNNING, S.FINISHED)
    if run is None:
        return ""
    history = soak.home.ask(commands.History, run=run.id, points=1000)
    generations = [metrics.generation for metrics in history.metrics]
    if generations != sorted(set(generations)):
        soak.wrong(f"{run.id}: its history has generations twice or out of order")
    soak.home.ask(commands.Show, run=run.id)
    return run.id


def export(soak: "Soak", chance: random.Random) -> str:
    """hadesd export"""
    run = soak.some_run(chance, S.RUNNING, S.FINISHED)
    if run is None or run.method == "es" or run.generation < 1:
        return ""
    done = soak.home.hadesd("export", run.id, "-o", f"/tmp/{soak.home.paths.state.name}.npz", "--force")
    if done.returncode != 0:
        soak.wrong(f"export of {run.id}: status {done.returncode}, {done.stderr.strip()!r}")
    return run.id


VERBS: dict[Verb, int] = {pause: 3, resume: 5, cancel: 1, resize: 3, fork: 3, prioritise: 1, look: 3, export: 1}
"""With how often each comes, relative to the others."""
