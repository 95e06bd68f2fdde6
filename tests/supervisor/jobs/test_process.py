"""A job's real process: what it says is bounded, and it ends with its parent."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hadesd.supervisor.jobs.process import MAX_ANSWER, MAX_ERRORS, Finished, JobProcess

pytestmark = pytest.mark.process

# The daemon's process id comes first.
PYTHON = (sys.executable, "-c")


async def finished(program: str, directory: Path, kill: bool = False) -> Finished:
    """Run a program as a job, to its end."""
    ended: asyncio.Future[Finished] = asyncio.get_running_loop().create_future()
    job = JobProcess((), os.environ, directory, ended.set_result, command=(*PYTHON, program))
    if kill:
        job.kill()
    async with asyncio.timeout(60):
        return await ended


async def test_status_answer_and_complaints(tmp_path: Path) -> None:
    program = "import sys; print('[1, 2]'); print('naïve', file=sys.stderr); sys.exit(3)"
    assert await finished(program, tmp_path) == Finished(3, b"[1, 2]\n", "naïve\n")


async def test_where_it_works(tmp_path: Path) -> None:
    found = await finished("import os; print(os.getcwd())", tmp_path)
    assert found.answer.decode().strip() == str(tmp_path.resolve())


async def test_one_that_says_too_much_is_ended(tmp_path: Path) -> None:
    found = await finished("import os\nwhile True: os.write(1, b'x' * 65536)", tmp_path)
    assert found.code == -signal.SIGKILL
    assert MAX_ANSWER < len(found.answer) <= MAX_ANSWER + 3 * 65536


async def test_of_its_complaints_the_end_is_kept(tmp_path: Path) -> None:
    program = "import os\nfor _ in range(40): os.write(2, b'x' * 65536)\nos.write(2, b'the end')"
    found = await finished(program, tmp_path)
    assert found.code == 0
    assert len(found.errors) == MAX_ERRORS
    assert found.errors.endswith("the end")


async def test_killed(tmp_path: Path) -> None:
    assert (await finished("import time; time.sleep(1000)", tmp_path, kill=True)).code == -signal.SIGKILL


async def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        JobProcess((), os.environ, tmp_path, print, command=(str(tmp_path / "nothing"),))


def test_a_verb_runs_as_a_child_at_nice_10() -> None:
    program = "import os, sys, hadesd.cli.main as m; m.main = lambda a: print(a, os.nice(0)); sys.argv[0] = 'x'; \
        from hadesd.cli import job; job.main(sys.argv[1:])"
    done = subprocess.run(
        [*PYTHON, program, str(os.getpid()), "pairs", "@"], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == f"['pairs', '@'] {min(19, os.nice(0) + 10)}\n"


def test_a_verb_whose_parent_is_gone_already_does_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hadesd.cli.job", "1", "settings"], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (256 - signal.SIGKILL, "")


def test_it_ends_with_its_parent_however_that_ends(tmp_path: Path) -> None:
    # The child waits for a verb that never ends: its standard input is a pipe that nobody closes.
    read, write = os.pipe()
    child = "import sys, hadesd.cli.main as m; m.main = lambda a: (print('ready', flush=True), sys.stdin.read()); \
        from hadesd.cli import job; job.main(sys.argv[1:])"
    parent = f"""
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {child!r}, str(os.getpid())], stdin={read}, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
sys.stdin.read()
"""
    process = subprocess.Popen(
        [*PYTHON, parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=(read,)
    )
    try:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        process.kill()
        process.wait(60)
        deadline = time.monotonic() + 60
        while Path(f"/proc/{pid}").exists() and "zombie" not in Path(f"/proc/{pid}/status").read_text():
            assert time.monotonic() < deadline, "the child outlives its parent"
            time.sleep(0.02)
    finally:
        process.kill()
        process.communicate()
        os.close(read)
        os.close(write)
