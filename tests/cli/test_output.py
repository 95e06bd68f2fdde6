"""Numbers and tables for people."""

import dataclasses
import io
import json
import math
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest

from hades_protocol.messages import RunSummary
from hades_protocol.run_state import RunState, WorkerPhase
from hades_protocol.terminal import PrintableStream
from hadesd.analysis.datasets.reader import DatasetFile
from hadesd.cli.datasets import pairs
from hadesd.cli.output import describe_state, duration, number, print_json, table
from hadesd.cli.runs import groups
from hadesd.cli.runs.follow import progress
from hadesd.cli.runs.logs import readable


class Numbers(msgspec.Struct, frozen=True):
    """A document with numbers that JSON does not have, and with one that msgspec alone does not write."""

    values: tuple[float, ...]
    steps: int


def test_a_document_is_one_line_of_strict_json(capsys: pytest.CaptureFixture[str]) -> None:
    print_json(Numbers((1.5, math.nan, -math.inf), 10**30))
    (line,) = capsys.readouterr().out.splitlines()

    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is no JSON")

    assert json.loads(line, parse_constant=refuse) == {"values": [1.5, None, None], "steps": 10**30}


RUN = RunSummary(
    id="hopper-0101-abcd",
    state=RunState.RUNNING,
    env="hopper",
    method="hades-r",
    generation=12,
    generations=2000,
    fitness_mean=123.456,
    fitness_best=98765.4,
    seconds_per_generation=2.5,
    seconds_left=4970.0,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.0213, "0.021 s"),
        (9.6, "9.6 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (3599.6, "1 h 0 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (0.0, "0"), (123.456, "123.46"), (98765.4, "98765")])
def test_number(value: float | None, text: str) -> None:
    assert number(value) == text


def test_a_table_is_aligned_and_ends_with_the_reason() -> None:
    waiting = RunSummary(
        id="ant-0101-b", state=RunState.QUEUED, env="ant", method="es", generations=5, reason="waits for x"
    )
    lines = table([RUN, waiting], colour=False).splitlines()
    assert lines[0].split() == ["RUN", "STATE", "GENERATION", "MEAN", "BEST", "S/GEN", "LEFT", "WHY"]
    assert lines[1].split() == [
        "hopper-0101-abcd",
        "running",
        "12/2000",
        "123.46",
        "98765",
        "2.5",
        "1",
        "h",
        "22",
        "min",
    ]
    assert lines[2].endswith("waits for x")
    assert lines[1].index("12/2000") + len("12/2000") == lines[2].index("0/5") + len("0/5")


def as_it_leaves(text: str) -> str:
    out = io.StringIO()
    PrintableStream(out).write(text)
    return out.getvalue()


def test_a_run_that_compiles_says_so() -> None:
    compiling = msgspec.structs.replace(RUN, phase=WorkerPhase.COMPILING)
    assert describe_state(compiling) == "running (compiling)"
    assert progress(msgspec.structs.replace(compiling, seconds_left=None)).endswith("compiling")
    assert describe_state(msgspec.structs.replace(RUN, phase=WorkerPhase.EVALUATING)) == "running"


def test_colour_changes_no_width() -> None:
    plain, coloured = table([RUN], colour=False), table([RUN], colour=True)
    plain, coloured = (as_it_leaves(text) for text in (plain, coloured))
    assert "\x1b[32mrunning" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_progress_in_one_line() -> None:
    assert progress(RUN) == (
        "hopper-0101-abcd  generation 12/2000  mean 123.46  best 98765  2.5 s a generation  1 h 22 min left"
    )


def test_log_lines_are_readable() -> None:
    line = '{"event": "ready", "level": "info", "timestamp": "2026-01-02T03:04:05.6Z", "generation": 3}'
    assert readable(line, colour=False) == "2026-01-02 03:04:05  info     ready  generation=3"
    assert readable("Segmentation fault", colour=False) == "Segmentation fault"
    assert readable("[1, 2]", colour=False) == "[1, 2]"
    crashed = '{"event": "crashed", "level": "error", "timestamp": "", "exception": "Traceback\\n  x\\n"}'
    assert readable(crashed, colour=True).splitlines()[1:] == ["Traceback", "  x"]


def test_a_group_says_how_far_it_is_and_how_long_it_takes() -> None:
    waiting = msgspec.structs.replace(RUN, state=RunState.QUEUED, generation=0, seconds_per_generation=None)
    done = msgspec.structs.replace(RUN, state=RunState.FINISHED, generation=2000)
    text = groups.progress("g", (RUN, waiting, done))
    assert text.startswith("g  1 queued, 1 running, 1 finished  generation 2012/6000 of all (34%)")
    assert text.endswith("about 2 h 46 min left"), "(1988 + 2000) generations of 2.5 s, one worker"
    assert groups.seconds_left((waiting, done)) is None, "nothing computes"


def test_gpus_are_a_column_where_a_run_has_some() -> None:
    assert "GPU" not in table([RUN], colour=False)
    lines = table([RUN, msgspec.structs.replace(RUN, gpus=(0, 2), reason="why")], colour=False).splitlines()
    assert lines[0].split()[-2:] == ["GPU", "WHY"]
    assert lines[2].endswith(" 0,2  why")
    assert lines[1] == lines[1].rstrip()


def test_a_narrow_terminal_has_whole_lines_and_every_reason() -> None:
    reason = "waits for hopper-0101-abcd, ant-0101-cdef (2 of 2 slots taken)"
    waiting = msgspec.structs.replace(
        RUN, name="wide", group="sizes", tags=("one", "two"), note="n" * 30, reason=reason
    )
    for width in (40, 80, 120, 300):
        headings, first, *rest = table([RUN, waiting], colour=False, width=width).splitlines()
        assert len(headings) <= width
        assert len(first) <= width
        assert [line.strip() for line in rest[1:]] == ([] if width == 300 else [reason])
        assert {"RUN", "STATE", "GENERATION"} <= set(headings.split())
        assert ("NOTE" in headings) == (width > 120), "what needs most room goes first"
    assert table([RUN, waiting], colour=False) == table([RUN, waiting], colour=False, width=300)


def test_groups_are_a_column_where_there_are_some() -> None:
    assert "GROUP" not in table([RUN], colour=False)
    lines = table([RUN, msgspec.structs.replace(RUN, group="sizes", reason="why")], colour=False).splitlines()
    assert lines[0].split()[-2:] == ["GROUP", "WHY"]
    assert lines[2].endswith("sizes  why")


def test_on_a_narrow_terminal_a_pair_is_a_column() -> None:
    random = np.random.default_rng(0)
    hopper = DatasetFile(
        Path("h.npz"), random.normal(size=(4, 11)), random.normal(size=(4, 3)), meta={"environment": "hopper"}
    )
    wide, narrow = (pairs.lines_of(hopper, width) for width in (None, 80))
    assert max(map(len, wide)) > 80 >= max(map(len, narrow))
    assert narrow[0].split() == ["pair", "0", "1", "2", "3"]
    cells = [line.split()[-4:] for line in narrow[1:] if line.strip()]
    assert [list(column) for column in zip(*cells, strict=True)] == [line.split()[1:] for line in wide[1:]]
    many = dataclasses.replace(hopper, states=np.zeros((40, 11)), actions=np.zeros((40, 3)))
    assert pairs.lines_of(many, 80) == pairs.lines_of(many), "neither fits"
