"""Every reader of metrics.jsonl makes the same of a line that cannot be read."""

from pathlib import Path

import pytest

from hades_protocol.names import Labels
from hadesd.analysis.members import read_group
from hadesd.analysis.report import run_data
from hadesd.storage import metric_lines, records
from hadesd.supervisor.history.history import History
from hadesd.worker.best_dataset import Best
from tests.helpers.runs.specs import tiny
from tests.worker.test_best_dataset import line


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A run of four generations in the group `sizes`; the line of the second is damaged."""
    record = records.create(tmp_path, tiny(), 0.0, labels=Labels("sizes"))
    path = tmp_path / record.id / "metrics.jsonl"
    for generation in range(1, 5):
        metric_lines.append(path, line(generation, 10.0 * generation))
    path.write_bytes(path.read_bytes().replace(b'"generation":2,', b'"generation":2;'))
    return path.parent


def test_it_is_skipped_and_the_rest_is_read(directory: Path) -> None:
    report = run_data.of_run(directory)
    best = Best(directory)
    best.recall(4)
    found = {
        "report": [m.generation for m in report.metrics],
        "sweep": [m.generation for m in read_group(directory.parent, "sizes")[0].metrics],
        "screen": [m.generation for m, _, _ in History(directory).select(0, 100).points],
        "export": [m.generation for m in metric_lines.read_metrics(directory)],
    }
    assert found == {reader: [1, 3, 4] for reader in found}
    assert best.generation == 4
    assert report.problems == ["1 line of metrics.jsonl cannot be read: left out"]


def test_a_fork_at_the_generation_after_it_knows_where_it_began(directory: Path) -> None:
    parent = records.load(directory)[0]
    at_fork = [run_data._at_fork(directory.parent, records.Lineage(run=parent.id, generation=g)) for g in (1, 2, 3)]
    assert [m and m.generation for m in at_fork] == [1, None, 3]
