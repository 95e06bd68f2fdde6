"""How much room a run waits for on a full disk."""

from pathlib import Path

import pytest

from hadesd.supervisor.disk_room import RETRY_SECONDS, SPARE_BYTES, bytes_needed, is_enough


def test_the_newest_checkpoint_must_fit_four_times(tmp_path: Path) -> None:
    assert bytes_needed(tmp_path) == SPARE_BYTES
    for generation, size in ((9, 5000), (10, 70)):
        state = tmp_path / "checkpoints" / str(generation) / "state"
        state.mkdir(parents=True)
        (state / "leaf").write_bytes(b"x" * size)
    assert bytes_needed(tmp_path) == 4 * 70 + SPARE_BYTES


@pytest.mark.parametrize(
    ("free", "free_when_full", "waited", "enough"),
    [
        (99, 0, 1e9, False),
        (100, 99, 0.0, True),
        (100, 100, RETRY_SECONDS - 1, False),  # bytes were not what was missing
        (100, 100, RETRY_SECONDS, True),
    ],
)
def test_when_another_attempt_is_worth_it(free: int, free_when_full: int, waited: float, enough: bool) -> None:
    assert is_enough(100, free, free_when_full, waited) is enough
