"""The end of a log, read backwards, across its rotations."""

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hades_protocol.messages import LogLine
from hadesd.logs import reader
from hadesd.logs.reader import MAX_TEXT, read_log


def entry(number: int, level: str = "info") -> str:
    return json.dumps({"event": f"event {number}", "level": level, "timestamp": f"2026-11-21T15:00:{number % 60:02}Z"})


def texts(found: tuple[LogLine, ...]) -> list[str]:
    return [line.text for line in found]


def test_no_log_no_lines(tmp_path: Path) -> None:
    assert read_log(tmp_path / "worker.log", 10, "info", "") == ()


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    written=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=30)),
    cuts=st.lists(st.integers(0, 40), max_size=2),
    count=st.integers(1, 50),
    block=st.integers(1, 64),
)
def test_the_last_lines_whatever_the_blocks_and_rotations(
    tmp_path_factory: pytest.TempPathFactory, written: list[str], cuts: list[int], count: int, block: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "worker.log"
    borders = [0, *sorted(min(cut, len(written)) for cut in cuts), len(written)]
    parts = [written[a:b] for a, b in itertools.pairwise(borders)]
    for age, part in enumerate(reversed(parts)):
        name = path if age == 0 else path.with_name(f"worker.log.{age}")
        name.write_text("".join(line + "\n" for line in part), encoding="utf-8", newline="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "BLOCK", block)
        found = read_log(path, count, "debug", "")
    expected = [line for line in written if line]
    assert [line.text for line in found] == [reader.parse(line).text for line in expected][-count:]


def test_levels_and_search(tmp_path: Path) -> None:
    path = tmp_path / "worker.log"
    path.write_text("\n".join([entry(1), entry(2, "warning"), entry(3, "error"), entry(4, "debug")]) + "\n")
    assert texts(read_log(path, 10, "debug", "")) == ["event 1", "event 2", "event 3", "event 4"]
    assert texts(read_log(path, 10, "info", "")) == ["event 1", "event 2", "event 3"]
    assert texts(read_log(path, 10, "error", "")) == ["event 3"]
    assert texts(read_log(path, 10, "debug", "EVENT 2")) == ["event 2"]
    assert texts(read_log(path, 1, "info", "")) == ["event 3"]


def test_a_line_of_others_has_the_time_of_the_one_before_it(tmp_path: Path) -> None:
    path = tmp_path / "worker.log"
    path.write_text(
        "\n".join(["first words", entry(7), "Fatal Python error", "  in thread 1", entry(9), "last"]) + "\n"
    )
    found = read_log(path, 10, "warning", "")
    assert texts(found) == ["first words", "Fatal Python error", "  in thread 1", "last"]
    seconds = [line.time % 60 for line in found]
    assert seconds == [0.0, 7.0, 7.0, 9.0]
    assert found[0].time == 0.0
    assert read_log(path, 1, "warning", "fatal")[0].time % 60 == 7.0


def test_only_the_end_is_looked_through(tmp_path: Path) -> None:
    path = tmp_path / "worker.log"
    path.write_text("".join(entry(n) + "\n" for n in range(1000)))
    size = path.stat().st_size
    found = texts(read_log(path, 2000, "info", "", limit=size // 2))
    assert 450 < len(found) < 550
    assert found[-1] == "event 999"
    assert read_log(path, 1, "info", "event 3 ", limit=size // 2) == ()


def test_a_giant_line_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "worker.log"
    path.write_text("x" * 200_000)
    (found,) = read_log(path, 5, "info", "")
    assert len(found.text) < MAX_TEXT + 10


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "worker.log"
    path.write_bytes(b"\xff\xfe broken \x1b[2J\n")
    (found,) = read_log(path, 5, "info", "BROKEN")
    assert "\x1b" not in found.text
