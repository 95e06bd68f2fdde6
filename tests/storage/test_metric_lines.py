import errno
import resource
import subprocess
import sys

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from hades_protocol.messages import GenerationMetrics, GenerationTiming
from hadesd.storage import metric_lines


def line(generation: int) -> GenerationMetrics:
    return GenerationMetrics(
        generation=generation,
        fitness_mean=generation / 7,
        fitness_best=None,
        fitness_worst=0.0,
        fitness_std=1.0,
        best_so_far=2.0,
        sigma=0.1,
        episodes=3,
        unfinished=0,
        nan=0,
        env_steps=10,
    )


@given(written=st.integers(0, 8), keep=st.integers(0, 10), torn=st.integers(0, 40))
def test_cutting_keeps_whole_lines_up_to_the_generation(tmp_path_factory, written, keep, torn):
    path = tmp_path_factory.mktemp("records") / "metrics.jsonl"
    for generation in range(1, written + 1):
        metric_lines.append(path, line(generation))
    whole = path.read_bytes() if path.exists() else b""
    if torn:
        path.write_bytes(whole + msgspec.json.encode(line(written + 1))[:torn])
    last = metric_lines.cut(path, GenerationMetrics, keep)
    assert last == min(written, keep)
    content = path.read_bytes() if path.exists() else b""
    assert content == b"".join(msgspec.json.encode(line(g)) + b"\n" for g in range(1, last + 1))


def test_a_file_that_is_not_there_has_no_lines(tmp_path):
    assert metric_lines.cut(tmp_path / "timings.jsonl", GenerationTiming, 5) == 0


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.storage.test_metric_lines import line
from hadesd.storage import metric_lines
path = Path(sys.argv[1])
for g in range(1, 4):
    metric_lines.append(path, line(g))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
size = path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, size + 20))
try:
    metric_lines.append(path, line(4))
except OSError as error:
    print(error.errno, path.stat().st_size == size)
"""


def test_a_line_that_does_not_fit_leaves_nothing_behind(tmp_path):
    """A file size limit makes the kernel write a part of the line and refuse the rest, as a full disk does."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY, "this test sets a limit of its own"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "metrics.jsonl"), "."],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [str(errno.ENOSPC), "True"], done.stderr
