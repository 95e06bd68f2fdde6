"""A run over the nodes of the user's own job: what is said where the two do not fit."""

from pathlib import Path

import pytest

from hades_protocol.errors import UsageError
from hadesd.supervisor.slurm import allocation

TWO_NODES = {"SLURM_JOB_NUM_NODES": "2", "SLURMD_NODENAME": "n1"}


def test_the_nodes_of_a_job() -> None:
    assert allocation.nodes({}) == 1
    assert allocation.nodes({"SLURM_JOB_NUM_NODES": "2"}) == 1, "salloc's shell on a login node is on none of them"
    assert allocation.nodes(TWO_NODES) == 2


def test_a_job_of_too_few_nodes() -> None:
    allocation.check(2, TWO_NODES)
    allocation.check(1, TWO_NODES)
    allocation.check(4, {})  # all of them on this machine
    with pytest.raises(UsageError, match="--nodes=3"):
        allocation.check(3, TWO_NODES)


def test_the_step_is_on_the_other_nodes() -> None:
    command = allocation.step_command(Path("/runs/a"), 3, TWO_NODES)
    assert {"--nodes=2", "--ntasks=2", "--exclude=n1"} <= set(command)
