"""A number of one run that no message can hold: that file counts as damaged, and all other runs are seen."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from msgspec.structs import asdict, replace

from hades_protocol import commands, events
from hades_protocol.messages import Reference
from hades_protocol.paths import Paths
from hadesd.storage import metric_lines, records
from hadesd.storage.checkpoints import generations
from hadesd.storage.resume_records import ResumeKind, append_resume_record
from hadesd.supervisor.publisher import Publisher
from tests.helpers.protocol.in_process_daemon import InProcessDaemon
from tests.helpers.runs.manifests import write_manifest
from tests.helpers.runs.specs import tiny
from tests.supervisor.history.test_history import metrics, timing

HUGE = (2**70, -(2**70), 1e300)
LINES = ("metrics.jsonl", "timings.jsonl", "resumes.jsonl", "references.json")


def a_run(runs: Path) -> Path:
    """A run directory in which every file has a number that a message may hold."""
    parent = records.Lineage(run="cartpole-0101-aaaa", generation=1)
    record = records.create(runs, tiny(), 1.0, parent=parent)
    directory = runs / record.id
    record = replace(
        record,
        outcome=records.RunOutcome(kind=records.RunState.FINISHED, at=1.0),
        crashes=(1.0,),
        restarts=1,
        unknown={"newer": {"number": 1}},
    )
    records.save(directory, record)
    for generation in range(1, 4):
        metric_lines.append(directory / "metrics.jsonl", metrics(generation))
        metric_lines.append(directory / "timings.jsonl", timing(generation))
    append_resume_record(directory, 1, ResumeKind.RESUME, "", bit_exact=True)
    reference = asdict(Reference(name="PPO", value=1.0, sem=1.0, env_steps=1))
    (directory / "references.json").write_text(json.dumps([reference]))
    checkpoint = directory / "checkpoints/3"
    checkpoint.mkdir(parents=True)
    write_manifest(checkpoint, 3, fitness_mean=10**400)
    (directory / f"checkpoints/{'9' * 40}").mkdir()
    (directory / "checkpoints/\u0663").mkdir()  # a three, and no name of ours
    return directory


def numbers(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways to all numbers in a JSON value."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from numbers(inner, (*way, key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield way


def changed(value: Any, way: tuple[Any, ...], number: Any) -> Any:
    """A copy in which the number at the end of a way is another one."""
    copy: Any = json.loads(json.dumps(value))
    inner = copy
    for key in way[:-1]:
        inner = inner[key]
    inner[way[-1]] = number
    return copy


def test_whatever_number_a_file_of_one_run_holds_the_others_are_seen(tmp_path: Path) -> None:
    runs = Paths({"HADES_HOME": str(tmp_path)}).runs
    runs.mkdir(mode=0o700)
    sound, hostile = a_run(runs), a_run(runs)
    problems, tried = [], 0
    for name in ("run.json", *LINES):
        path = hostile / name
        text = path.read_text()
        first, rest = (text, "") if name.endswith(".json") else text.split("\n", 1)
        for way in numbers(json.loads(first)):
            for number in HUGE:
                tried += 1
                path.write_text(json.dumps(changed(json.loads(first), way, number)) + "\n" + rest)
                daemon = InProcessDaemon(tmp_path)
                seen = [run["id"] for run in daemon.ask(commands.Snapshot).result["runs"]]
                if sound.name not in seen or (name != "run.json" and hostile.name not in seen):
                    problems.append((name, way, number, seen))
                for run in seen:
                    asked = [(commands.Show, {}), (commands.History, {}), (commands.Note, {"text": "x"})]
                    replies = [daemon.ask(kind, run=run, **fields) for kind, fields in asked]
                    problems += [(name, way, number, reply.error) for reply in replies if reply.error is not None]
        path.write_text(text)
    assert tried > 60
    assert problems == []


def test_sums_of_what_is_allowed_go_no_further_than_a_message(tmp_path: Path) -> None:
    home = Paths({"HADES_HOME": str(tmp_path)})
    home.make_private()
    directory = a_run(home.runs)
    path = directory / "metrics.jsonl"
    path.unlink()
    for generation in range(1, 1100):
        metric_lines.append(path, replace(metrics(generation), env_steps=2**53 - 1))
    assert InProcessDaemon(tmp_path).result(commands.History, run=directory.name).env_steps[-1] == 2**63 - 1


def test_a_summary_that_cannot_be_sent_is_left_out_and_said_once(tmp_path: Path) -> None:
    home = Paths({"HADES_HOME": str(tmp_path)})
    home.make_private()
    first, second = (records.create(home.runs, tiny(), 1.0).id for _ in range(2))
    daemon = InProcessDaemon(tmp_path)
    managed_run = daemon.supervisor.find(first)
    managed_run.run = replace(managed_run.run, reason="half a surrogate pair: \ud800")
    with structlog.testing.capture_logs() as told:
        for _ in range(2):
            assert [run["id"] for run in daemon.ask(commands.Snapshot).result["runs"]] == [second]
    assert [(line["event"], line["run"]) for line in told] == [("run left out of the list", first)]


def test_an_event_that_cannot_be_sent_has_no_number() -> None:
    sent: list[bytes] = []
    publisher = Publisher("s", lambda topic, body: sent.append(body), lambda: 0.0)
    with structlog.testing.capture_logs() as told:
        publisher.publish(events.RunRemoved, run_id="\ud800")
    publisher.publish(events.RunRemoved, run_id="a")
    assert [events.decode_event(body).seq for body in sent] == [1]
    assert [line["event"] for line in told] == ["event left out"]


@pytest.mark.parametrize("name", ["0", "01", "-1", "1" * 16, "\u0663", "1.0"])
def test_what_is_no_number_of_ours_is_no_checkpoint(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / "7").mkdir()
    assert generations(tmp_path) == [7]
