"""When a worker counts as hung."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadesd.config import Settings
from hadesd.supervisor import monitor

SETTINGS = Settings(hang_factor=20.0, hang_floor=600.0, hang_start=7200.0)


@pytest.mark.parametrize(
    ("phase", "seconds", "median", "why"),
    [
        ("evaluating", 312.0, 15.6, ""),  # the floor
        ("evaluating", 612.0, 15.6, "no generation for 612 s, 39 times the median of 15.6 s"),
        ("evaluating", 1900.0, 100.0, ""),  # the factor
        ("evaluating", 2001.0, 100.0, "no generation for 2001 s, 20 times the median of 100 s"),
        ("finishing", 700.0, 1.0, "no generation for 700 s, 700 times the median of 1 s"),
        ("compiling", 7000.0, 1.0, ""),
        ("compiling", 7201.0, 1.0, "still compiling after 7201 s"),
        ("evaluating", 7000.0, None, ""),  # nobody knows how long a generation takes
        (monitor.WAITS, 1e6, 1.0, ""),
    ],
)
def test_verdicts(phase: str, seconds: float, median: float | None, why: str) -> None:
    assert monitor.verdict(phase, seconds, median, SETTINGS) == why


@given(st.text(), st.floats(0, 1e9), st.none() | st.floats(0, 1e6))
def test_a_factor_of_zero_turns_it_off(phase: str, seconds: float, median: float | None) -> None:
    assert monitor.verdict(phase, seconds, median, Settings(hang_factor=0.0)) == ""


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_no_worker_hangs_within_the_floor_or_the_factor(seconds: float, median: float) -> None:
    limit = max(SETTINGS.hang_floor, SETTINGS.hang_factor * median)
    assert (monitor.verdict("evaluating", seconds, median, SETTINGS) == "") == (seconds <= limit)
