"""Hosts of a run compute alike, or the group does not begin: each works out the population for itself."""

import msgspec
import pytest

from hadesd.compute.execution import Execution
from hadesd.worker.group import GroupError
from hadesd.worker.start import Start, check_alike

HERE = Execution(4, "cpu", "A 6 1, features 0", 4, 8, "native", "native", ())
VERSIONS = {"jax": "0.10.0", "brax": "0.14"}


@pytest.mark.parametrize(
    ("execution", "versions", "says"),
    [
        (Execution(4, "cpu", "B 6 2, features 1", 4, 8, "native", "native", ()), VERSIONS, "kind of device A 6 1"),
        (Execution(8, "cpu", "A 6 1, features 0", 4, 8, "native", "native", ()), VERSIONS, "devices 4 -> 8"),
        (HERE, {"jax": "0.11.0", "brax": "0.14"}, "jax 0.10.0 -> 0.11.0"),
        (HERE, VERSIONS | {"mujoco": "3.3"}, "mujoco none -> 3.3"),
    ],
)
def test_a_host_that_computes_otherwise_says_how(execution: Execution, versions: dict[str, str], says: str) -> None:
    begun = msgspec.msgpack.decode(msgspec.msgpack.encode(Start(7, [], HERE, VERSIONS)), type=Start)
    check_alike(begun, HERE, dict(VERSIONS))
    with pytest.raises(GroupError, match=says):
        check_alike(begun, execution, versions)
