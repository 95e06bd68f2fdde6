"""hadesd gpus, priority, and what start takes about GPUs and the queue; no daemon runs here."""

import json
from pathlib import Path

import msgspec
import pytest

from hades_protocol.messages import GpuInfo, GpuProcess
from hades_protocol.run_spec import Resources
from hadesd.cli.daemon.gpus import table
from hadesd.cli.gpu_options import GPUS
from hadesd.cli.main import main

GIB = 2**30


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HADES_HOME", str(tmp_path / "h"))
    return tmp_path / "h"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["start", "--gpus", "0"], "'0' is neither auto, nor a number of GPUs, nor indices such as 0,2"),
        (["start", "--gpus", "0,,2"], "neither auto"),
        (["start", "--priority", "1001"], "'1001' is no integer from -1000 to 1000"),
        (["start", "--priority", "high"], "'high' is no integer"),
        (["start", "--yield-cooldown", "60"], "--yield-cooldown goes with --yield-to-others"),
        (["start", "--yield-to-others", "--yield-cooldown", "-1"], "resources.yield_cooldown = -1.0 is not accepted"),
        (["priority", "@", "many"], "'many' is no integer"),
        (["priority", "@"], "N"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_starts_no_daemon(
    arguments: list[str], why: str, capsys: pytest.CaptureFixture[str], nowhere: Path
) -> None:
    if arguments[0] == "start":
        arguments = [*arguments, "--env", "CartPole-v1", "--preset", "cpu"]
    try:
        code = main(arguments)
    except SystemExit as end:
        code = int(end.code or 0)
    out, err = capsys.readouterr()
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert why in err
    assert not nowhere.exists()


def test_without_a_daemon_a_priority_cannot_be_changed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["priority", "@", "3"]) == 4
    assert "no daemon runs" in capsys.readouterr().err


def test_a_machine_without_gpus_says_so_and_prints_an_empty_list(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    assert main(["gpus"]) == 0
    assert capsys.readouterr() == (
        "",
        "no GPU that JAX can use: runs compute on the CPU ('hadesd doctor' says more)\n",
    )
    assert main(["gpus", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"from_daemon": False, "gpus": [], "jobs": []}


@pytest.mark.parametrize("text", ["auto", "1", "16", "0,", "0,2", "3,1,0", "0", "", "a", "0,,1", ",", "01", "-1", "1 "])
def test_the_option_takes_what_the_setting_takes(text: str) -> None:
    try:
        msgspec.convert({"gpus": text}, Resources)
    except msgspec.ValidationError:
        assert not GPUS.fullmatch(text)
    else:
        assert GPUS.fullmatch(text)


def test_the_table_says_who_uses_what() -> None:
    free = GpuInfo(index=0, uuid="GPU-0", name="NVIDIA H200", memory_total=141 * GIB, memory_used=0, utilisation=0.0)
    busy = msgspec.structs.replace(
        free,
        index=1,
        memory_used=71 * GIB,
        utilisation=0.97,
        processes=(
            GpuProcess(pid=7, user="me", memory=40 * GIB, run="ant-1121-abcd"),
            GpuProcess(pid=8, user="me", memory=0),
            GpuProcess(pid=9, user="alice", memory=31 * GIB, other=True),
        ),
        runs=("ant-1121-abcd", "pusher-1121-efgh"),
    )
    silent = GpuInfo(index=2, uuid="GPU-2", name="GB10", memory_total=0, memory_used=0)
    assert table((free, busy, silent)).splitlines() == [
        "GPU  NAME                    MEMORY  BUSY  WHO",
        "  0  NVIDIA H200     0 B of 141 GiB    0%  nobody",
        "  1  NVIDIA H200  71 GiB of 141 GiB   97%  "
        "run ant-1121-abcd (40 GiB), me (pid 8), alice (pid 9, 31 GiB), run pusher-1121-efgh",
        "  2  GB10                         –     –  nobody",
    ]
