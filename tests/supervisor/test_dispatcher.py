"""What a machine refuses at once."""

import pytest

from hades_protocol.errors import UsageError
from hadesd.supervisor.scheduling.scheduler import check_gpus


@pytest.mark.parametrize(
    ("gpus", "present", "why"),
    [
        ("1", None, "there is no GPU here that JAX can use"),
        ("0,1", None, "there is no GPU here that JAX can use"),
        ("3", [0, 1], "it asks for 3 GPUs, and this machine has GPUs 0 to 1"),
        ("0,5", [0, 1], "there is no GPU 5 here"),
    ],
)
def test_gpus_that_a_machine_does_not_have_are_one_line(gpus: str, present: list[int] | None, why: str) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        check_gpus(gpus, present)
    assert str(caught.value).startswith(f"resources.gpus = {gpus} cannot be met: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("gpus", "present"), [("auto", None), ("auto", [2]), ("1", [2]), ("2,", [2])])
def test_others_are_taken(gpus: str, present: list[int] | None) -> None:
    check_gpus(gpus, present)
