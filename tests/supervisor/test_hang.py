"""When a worker counts as hung."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hades_protocol.run_state import WorkerPhase as P
from hadesd.config import Settings
from hadesd.supervisor.hang import hang_reason

SETTINGS = Settings(hang_factor=20.0, hang_floor=600.0, hang_start=7200.0)


@pytest.mark.parametrize(
    ("phase", "seconds", "median", "why"),
    [
        (P.EVALUATING, 312.0, 15.6, ""),  # the floor
        (P.EVALUATING, 612.0, 15.6, "no generation for 612 s, 39 times the median of 15.6 s"),
        (P.EVALUATING, 1900.0, 100.0, ""),  # the factor
        (P.EVALUATING, 2001.0, 100.0, "no generation for 2001 s, 20 times the median of 100 s"),
        (P.FINISHING, 700.0, 1.0, "no generation for 700 s, 700 times the median of 1 s"),
        (P.COMPILING, 7000.0, 1.0, ""),
        (P.COMPILING, 7201.0, 1.0, "still compiling after 7201 s"),
        (P.EVALUATING, 7000.0, None, ""),  # nobody knows how long a generation takes
        (P.WAITING_FOR_LOCK, 1e6, 1.0, ""),
    ],
)
def test_why_a_worker_counts_as_hung(phase: P, seconds: float, median: float | None, why: str) -> None:
    assert hang_reason(phase, seconds, median, SETTINGS) == why


@given(st.sampled_from(P), st.floats(0, 1e9), st.none() | st.floats(0, 1e6))
def test_a_factor_of_zero_turns_it_off(phase: P, seconds: float, median: float | None) -> None:
    assert hang_reason(phase, seconds, median, Settings(hang_factor=0.0)) == ""


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_no_worker_hangs_within_the_floor_or_the_factor(seconds: float, median: float) -> None:
    limit = max(SETTINGS.hang_floor, SETTINGS.hang_factor * median)
    assert (hang_reason(P.EVALUATING, seconds, median, SETTINGS) == "") == (seconds <= limit)
