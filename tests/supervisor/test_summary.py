"""A run on one line: what is known of the time that is left."""

from pathlib import Path

from msgspec.structs import replace

from hades_protocol.messages import GenerationMetrics, GenerationTiming
from hades_protocol.run_spec import spec_to_dict
from hades_protocol.run_state import RunState, WorkerPhase
from hadesd.storage.records import RunRecord
from hadesd.supervisor.history.history import History
from hadesd.supervisor.lifecycle.state import from_record
from hadesd.supervisor.run import ManagedRun, summarise
from tests.helpers.runs.specs import tiny


def test_while_it_compiles_nobody_knows_how_long_it_takes(tmp_path: Path) -> None:
    spec = tiny(evolution={"generations": 10})
    record = RunRecord(schema=1, id="run", created_at=0.0, spec=spec_to_dict(spec))
    history = History(tmp_path)
    values = dict.fromkeys(
        ("fitness_mean", "fitness_best", "fitness_worst", "fitness_std", "best_so_far", "sigma"), 1.0
    )
    for generation in (1, 2, 3):
        counts = {"episodes": 1, "unfinished": 0, "nan": 0, "env_steps": 1}
        metrics = GenerationMetrics(generation=generation, **values, **counts)
        history.add(metrics, GenerationTiming(generation=generation, seconds=2.0, committed_at=1.0))
    run = replace(from_record(record, spec, 3), state=RunState.RUNNING, phase=WorkerPhase.EVALUATING)
    managed_run = ManagedRun(tmp_path, record, spec, run, history)
    assert summarise(managed_run).seconds_left == 14.0
    managed_run.run = replace(run, phase=WorkerPhase.COMPILING)
    found = summarise(managed_run)
    assert (found.phase, found.seconds_left, found.seconds_per_generation) == ("compiling", None, 2.0)
