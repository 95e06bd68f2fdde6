"""Event files: every generation once, whatever happened to whoever wrote them."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hades_protocol.messages import GenerationTiming
from hadesd.integrations.mirror.sink import Point
from hadesd.integrations.mirror.tensorboard import EventFile
from tests.integrations.board import curve, events
from tests.integrations.summaries import metrics, summary

SPEC: dict[str, Any] = {"env": "CartPole-v1", "dataset": {"pairs": 2}}


def opened(tmp_path: Path) -> EventFile:
    return EventFile(tmp_path, summary("r", tmp_path, 0), SPEC)


def points(*generations: int) -> list[Point]:
    return [Point(metrics(g, mean=g / 10)) for g in generations]


def the_file(tmp_path: Path) -> Path:
    (path,) = (tmp_path / "r").glob("*tfevents*")
    return path


def steps(tmp_path: Path) -> list[int]:
    return [step for step, _ in curve(tmp_path / "r")]


def test_numbers_times_and_settings(tmp_path: Path) -> None:
    timing = GenerationTiming(generation=1, seconds=2.5, committed_at=1000.0)
    file = opened(tmp_path)
    file.write([Point(metrics(1, evaluated=7.0), timing), Point(metrics(2))])
    version, settings, first, second = events(tmp_path / "r")
    assert version.file_version == "brain.Event:2"
    assert '"pairs": 2' in settings.summary.value[0].tensor.string_val[0].decode()
    assert (first.step, first.wall_time) == (1, 1000.0)
    values = {value.tag: value.simple_value for value in first.summary.value}
    assert values["fitness/evaluated_mean"] == 7.0
    assert values["time/seconds_per_generation"] == 2.5
    assert "fitness/worst" not in values  # null
    assert "time/seconds_per_generation" not in {value.tag for value in second.summary.value}


def test_it_goes_on_where_it_ended(tmp_path: Path) -> None:
    opened(tmp_path).write(points(1, 2))
    again = opened(tmp_path)
    assert again.newest == 2
    assert again.holds(metrics(2, mean=0.2))
    assert not again.holds(metrics(2, mean=0.3))
    assert not again.holds(metrics(3, mean=0.2))
    again.write(points(3))
    assert steps(tmp_path) == [1, 2, 3]


@given(st.data())
def test_wherever_a_kill_cut_it(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    tmp_path = tmp_path_factory.mktemp("board")
    opened(tmp_path).write(points(1, 2, 3))
    path = the_file(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    again = opened(tmp_path)
    again.write(points(*range(again.newest + 1, 5)))
    assert steps(tmp_path) == [1, 2, 3, 4]


def test_a_last_record_with_a_wrong_byte_is_written_again(tmp_path: Path) -> None:
    opened(tmp_path).write(points(1, 2))
    path = the_file(tmp_path)
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)
    again = opened(tmp_path)
    assert again.newest == 1
    again.write(points(2))
    assert steps(tmp_path) == [1, 2]


def test_what_a_run_that_went_back_computed_is_gone(tmp_path: Path) -> None:
    file = opened(tmp_path)
    file.write(points(1, 2, 3))
    before = the_file(tmp_path)
    file.cut(1)
    after = the_file(tmp_path)
    assert after.name > before.name  # TensorBoard goes on to it
    assert [event.step for event in events(tmp_path / "r") if event.HasField("session_log")] == [0]
    file.write([Point(metrics(2, mean=9.0))])
    assert curve(tmp_path / "r") == [(1, pytest.approx(0.1)), (2, 9.0)]
    file.cut(0)
    assert (file.newest, steps(tmp_path)) == (0, [])


def test_a_kill_between_the_new_file_and_the_end_of_the_old_one(tmp_path: Path) -> None:
    file = opened(tmp_path)
    file.write(points(1, 2, 3))
    old = the_file(tmp_path)
    content = old.read_bytes()
    file.cut(1)
    old.write_bytes(content)
    (tmp_path / "r" / ".hades-new").write_bytes(b"half a fi")
    again = opened(tmp_path)
    assert again.newest == 1
    again.cut(0)
    again.write(points(1))
    assert steps(tmp_path) == [1]


def test_event_files_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    other = tmp_path / "r" / "events.out.tfevents.1.elsewhere"
    other.write_bytes(b"theirs")
    file = opened(tmp_path)
    file.write(points(1))
    file.cut(0)
    assert other.read_bytes() == b"theirs"
