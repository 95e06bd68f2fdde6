"""Verbs that compute: Ctrl-C is heard in the middle of it, whatever jax is doing. Real processes, real signals."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from hades_protocol.errors import ExitCode, NotFoundError
from hadesd.cli.compute import interruptible
from hadesd.compute.results import dataset_meta, write_dataset
from tests.helpers.runs.specs import tiny

PREAMBLE = """
import sys, threading
from hades_protocol.errors import UsageError
from hadesd.cli.compute import interruptible
from hadesd.cli.errors import report_error

def work():
    print("computing", file=sys.__stdout__, flush=True)
    threading.Event().wait()

def run(interrupted):
    try:
        interruptible(work, interrupted)
    except BaseException as error:
        sys.exit(report_error(error))

"""


def interrupt(script: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run a script, press Ctrl-C once it says that it computes; what became of it."""
    with subprocess.Popen(
        [sys.executable, "-c", PREAMBLE + script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"HADES_HOME": str(tmp_path)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "computing\n"
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    return subprocess.CompletedProcess([], process.returncode, out, err)


def test_what_is_printed_meanwhile_is_no_result(capsys: pytest.CaptureFixture[str]) -> None:
    interruptible(lambda: sys.stdout.write("an environment says hello\n"))
    sys.stdout.write("{}\n")
    assert capsys.readouterr() == ("{}\n", "an environment says hello\n")


def test_a_result_comes_back_and_an_error_too():
    assert interruptible(lambda: 3) == 3

    def fail() -> None:
        raise NotFoundError("nothing there")

    with pytest.raises(NotFoundError, match="nothing there"):
        interruptible(fail)


def test_ctrl_c_ends_the_process_though_the_work_goes_on(tmp_path):
    ended = interrupt("run(lambda: None)", tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (ExitCode.INTERRUPTED, "", "")


def test_after_ctrl_c_it_tells_what_there_is(tmp_path):
    ended = interrupt("run(lambda: print('so far'))", tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (ExitCode.INTERRUPTED, "so far\n", "")


@pytest.mark.parametrize(
    ("raised", "code", "line"),
    [
        ("UsageError('it cannot be written')", ExitCode.USAGE, "hadesd: it cannot be written\n"),
        ("ValueError('oh')", ExitCode.RUN_FAILED, "hadesd: internal error: ValueError: oh (a bug"),
    ],
)
def test_what_cannot_be_told_is_an_error_in_one_line(raised, code, line, tmp_path):
    ended = interrupt(f"def so_far():\n    raise {raised}\n\nrun(so_far)", tmp_path)
    assert ended.returncode == code
    assert ended.stderr.startswith(line)
    assert "Traceback" not in ended.stderr


def test_ctrl_c_while_policies_are_trained(tmp_path):
    states = np.array([[0.0, 0.5, -0.1, -2.0], [0.0, -0.5, 0.1, 2.0]], np.float32)
    path = tmp_path / "d.npz"
    write_dataset(path, {"states": states, "actions": np.eye(2, dtype=np.float32)}, dataset_meta(tiny(), 4))
    command = [sys.executable, "-m", "hadesd.cli.main", "evaluate", str(path), "--set", "cloning.epochs=1000000"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "training" in process.stderr.readline()
        time.sleep(2)  # anywhere in tracing or compiling: it must not matter
        process.send_signal(signal.SIGINT)
        try:
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, err) == (ExitCode.INTERRUPTED, "")


@pytest.mark.process
@pytest.mark.parametrize(("given", "then"), [({}, "3"), ({"TF_CPP_MIN_LOG_LEVEL": "0"}, "0")])
def test_xla_does_not_write_across_the_progress_line_unless_asked_to(given: dict[str, str], then: str) -> None:
    """A compilation of two minutes is an error to it, which level 2 would show."""
    script = (
        "import os; from hadesd.cli.compute import prepare_computing; from hades_protocol.run_spec import RunSpec\n"
        "prepare_computing(RunSpec(env='CartPole-v1'), 'json'); print(os.environ['TF_CPP_MIN_LOG_LEVEL'])"
    )
    environ = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"} | given
    done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout == f"{then}\n"
