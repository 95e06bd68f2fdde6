"""What is said about GPUs."""

import pytest

from hades_protocol.formatting import duration, size
from hadesd.supervisor.scheduling.reasons import another_user_was_there, describe_process, no_memory, ours, waits_for


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.2, "1 s"), (2.4, "2 s"), (60, "1 min"), (200, "3 min 20 s"), (300, "5 min"), (5400, "1 h 30 min")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (512 * 2**20, "512 MiB"), (7.5 * 2**30, "7.5 GiB"), (31 * 2**30, "31 GiB")]
)
def test_size(count: int, text: str) -> None:
    assert size(count) == text


def test_a_process_of_unknown_memory() -> None:
    assert describe_process("alice", 7, None) == "alice (pid 7)"


def test_a_countdown_changes_every_ten_seconds_and_at_its_end_every_second() -> None:
    """Each change of the text is an event to all clients."""
    texts = {another_user_was_there(0, "alice", 300, left).text for left in range(241, 251)}
    assert texts == {"GPU 0 was used by alice: the run waits until it has been free for 5 min, 4 min 10 s to go"}
    assert another_user_was_there(0, "alice", 300, 4.0).text.endswith("4 s to go")


def test_long_lists_are_cut() -> None:
    many = [ours(index, ["a", "b", "c", "d", "e"]) for index in range(5)]
    assert many[0].text == "a, b, c and 2 more compute there"
    assert waits_for(1, 0, False, many).endswith("(a, b, c and 2 more compute there) or 2 more")
    full = [no_memory(index, 0.1, 0.9, "") for index in range(5)]
    assert waits_for(1, 0, False, full).endswith("the run may take 90%; and 2 more")
    assert waits_for(1, 0, False, full[:1]) == "GPU 0 has 10% of its memory free and the run may take 90%"
