"""What the daemon tells when a worker has ended."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from hades_protocol.messages import DatasetSnapshot
from hades_protocol.run_spec import spec_to_dict
from hadesd.compute import results
from hadesd.storage.datasets import read_dataset
from hadesd.storage.layout import RunPaths
from hadesd.storage.records import RunRecord
from hadesd.supervisor.history.history import History
from hadesd.supervisor.lifecycle.state import from_record
from hadesd.supervisor.run import ManagedRun
from hadesd.supervisor.worker_reports import WorkerMessageHandler
from tests.helpers.runs.specs import tiny


class Publisher:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.datasets: list[DatasetSnapshot] = []

    def offer_dataset(self, run: str, dataset: DatasetSnapshot) -> None:
        self.datasets.append(dataset)


@pytest.fixture
def managed_run(tmp_path: Path) -> ManagedRun:
    spec = tiny()
    record = RunRecord(schema=1, id="run", created_at=0.0, spec=spec_to_dict(spec))
    return ManagedRun(tmp_path, record, spec, from_record(record, spec, 7), History(tmp_path))


def after_the_end(managed_run: ManagedRun) -> list[DatasetSnapshot]:
    publisher = Publisher()
    handler = WorkerMessageHandler(publisher, lambda *_: None, lambda *_: None)  # type: ignore[arg-type]
    handler.on_exit(managed_run, 75)
    assert managed_run.dataset is None
    return publisher.datasets


def commit(managed_run: ManagedRun, generation: int) -> DatasetSnapshot:
    """Write dataset.npz as a worker does."""
    arrays = {"states": np.zeros((2, 4), np.float32), "actions": np.zeros((2, 2), np.float32)}
    meta = results.dataset_meta(managed_run.spec, generation)
    results.replace_dataset(RunPaths(managed_run.directory).dataset, results.dataset_bytes(arrays, meta))
    return read_dataset(managed_run.directory, "run")


def test_the_dataset_that_was_committed_last_is_shown(managed_run: ManagedRun) -> None:
    newest = commit(managed_run, 7)
    managed_run.dataset = replace(newest, generation=6)
    (shown,) = after_the_end(managed_run)
    assert shown.generation == 7
    managed_run.dataset = newest
    assert after_the_end(managed_run) == [], "it is shown already"


def test_a_run_whose_dataset_is_gone_ends_all_the_same(managed_run: ManagedRun) -> None:
    managed_run.dataset = replace(commit(managed_run, 7), generation=6)
    RunPaths(managed_run.directory).dataset.write_bytes(b"damaged")
    assert after_the_end(managed_run) == []
