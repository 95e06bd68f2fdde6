import errno
import re
import resource
import subprocess
import sys

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from hades_protocol.messages import GenerationMetrics, GenerationTiming
from hadesd.storage import metric_lines
from hadesd.storage.layout import damaged_lines


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
    last, damaged = metric_lines.cut(path, GenerationMetrics, keep)
    assert (last, damaged) == (min(written, keep), 0)
    content = path.read_bytes() if path.exists() else b""
    assert content == b"".join(msgspec.json.encode(line(g)) + b"\n" for g in range(1, last + 1))


def test_a_file_that_is_not_there_has_no_lines(tmp_path):
    assert metric_lines.cut(tmp_path / "timings.jsonl", GenerationTiming, 5) == (0, 0)
    assert metric_lines.generations(tmp_path / "timings.jsonl", GenerationTiming) == frozenset()


def garble(data: bytes, at: int) -> bytes:
    return data[: at + 1] + b"\xff" + data[at + 2 :]


def zero(data: bytes, at: int) -> bytes:
    return b"\0" * (len(data) - 1) + b"\n"


def say_another_generation(data: bytes, at: int) -> bytes:
    """As one flipped bit of its number does."""
    return re.sub(rb'"generation":(\d+)', lambda found: b'"generation":%d' % (int(found[1]) ^ (1 << at % 12)), data)


def overflow(data: bytes, at: int) -> bytes:
    return data.replace(b'"generation":', b'"generation":%d' % 2**70)


@given(
    count=st.integers(3, 300),
    hit=st.integers(0),
    at=st.integers(0, 90),
    how=st.sampled_from([garble, zero, say_another_generation, overflow]),
    data=st.data(),
)
def test_a_damaged_line_costs_itself_and_no_other(tmp_path_factory, count, hit, at, how, data):
    path = tmp_path_factory.mktemp("damage") / "metrics.jsonl"
    lines = [msgspec.json.encode(line(g)) + b"\n" for g in range(1, count + 1)]
    hit %= count - 1  # the last line has nothing after it that says which generation it is of
    sound = lines[hit]
    lines[hit] = how(sound, at)
    path.write_bytes(b"".join(lines))
    rest = [g for g in range(1, count + 1) if g != hit + 1]
    told = []

    def read(**part):
        return [m.generation for m in metric_lines.read_lines(path, GenerationMetrics, **part)]

    found = metric_lines.read_lines(path, GenerationMetrics, say=lambda path, lines: told.append(lines))
    assert [m.generation for m in found] == rest
    assert told == [1]
    after, upto = sorted((data.draw(st.integers(0, count)), data.draw(st.integers(0, count))))
    assert read(after=after, upto=upto) == [g for g in rest if after < g <= upto]
    assert metric_lines.generations(path, GenerationMetrics) == set(rest)
    with open(path, "rb") as file:
        path.with_name("fork.jsonl").write_bytes(path.read_bytes()[: metric_lines.end_of(file, upto)])
    forked = metric_lines.read_lines(path.with_name("fork.jsonl"), GenerationMetrics, upto=upto)
    assert [m.generation for m in forked] == [g for g in rest if g <= upto]
    keep = data.draw(st.integers(1, count))
    expected = [g for g in rest if g <= keep]
    aside = metric_lines.cut(path, GenerationMetrics, keep)
    assert path.read_bytes() == b"".join(lines[g - 1] for g in expected)
    assert aside == (max(expected, default=0), int(hit < keep))
    assert read() == expected
    kept = damaged_lines(path).read_bytes() if hit < keep else b""
    assert kept == (lines[hit] if hit < keep else b"")


def test_a_line_after_one_that_was_cut_short_can_be_read(tmp_path):
    path = tmp_path / "resumes.jsonl"
    path.write_bytes(b'{"generation":1, "kin')
    metric_lines.append(path, line(2))
    assert path.read_bytes().splitlines()[1:] == [msgspec.json.encode(line(2))]


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
