"""Options of sbatch in all the ways that people write them."""

import shlex

import pytest

from hades_protocol.errors import UsageError
from hadesd.supervisor.slurm.options import check, names_gpu


def test_which_options_ask_for_gpus() -> None:
    yes = ("--gres=gpu:1", "--gres gpu:a100:2", "--gres=lustre:1,gpu:1", "-G 1", "-G2", "--gpus=1", "--gpus-per-node 4")
    no = ("--partition=gpu", "-p gpu", "--gres=lustre:1", "--job-name=gpu", "--output=/gpu/log --time=5", "")
    assert [text for text in yes if not names_gpu(shlex.split(text))] == []
    assert [text for text in no if names_gpu(shlex.split(text))] == []


def test_what_cannot_be_a_run() -> None:
    for text in (
        "--array=0-3",
        "-a 0-3",
        "-a0-3",
        "--time=5 --wait",
        "-W",
        "--wrap=date",
        "--nodes=2",
        "-N2",
        "-N 1-4",
    ):
        with pytest.raises(UsageError):
            check(shlex.split(text), hosts=1)
    for text in ("--nodes=1", "-N 1-1", "--time=5 --nodelist=n2", "--account=W"):
        check(shlex.split(text), hosts=1)
    check(["--nodes=4"], hosts=4)
