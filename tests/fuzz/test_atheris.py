"""libFuzzer on the codec, guided by coverage, for as many inputs as a few seconds allow."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from hades_protocol.codec import encode
from hades_protocol.commands import Hello, Show, Start
from hades_protocol.replies import Reply
from tests.helpers.faults.fuzz import FuzzSource
from tests.helpers.protocol.protocol_server import FakeDaemon, a_dataset, a_run
from tests.helpers.runs.specs import TINY

ROOT = Path(__file__).parents[2]
INPUTS = 50_000

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris is not installed: pip install -e '.[fuzz]'"
)


def a_corpus(directory: Path) -> None:
    """Valid messages of every kind, and some invalid ones."""
    daemon = FakeDaemon(runs=(a_run("one"),))
    valid = [
        *(daemon.commit("one"), daemon.heartbeat(), daemon.publish_dataset("one", a_dataset())),
        *(Hello(request_id="1"), Show(request_id="1", run="one"), Start(request_id="1", spec=TINY)),
        Reply(request_id="1", result={"a": [1]}),
    ]
    frames = [encode(message) for message in valid]
    for seed in range(30):
        frames += [frame for frame in FuzzSource(seed).message()[:1] if len(frame) < 2000]
    for number, frame in enumerate(frames):
        (directory / str(number)).write_bytes(frame)


def fuzz(tmp_path: Path, module: str) -> "subprocess.CompletedProcess[str]":
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    a_corpus(corpus)
    limits = [f"-runs={INPUTS}", "-seed=1", "-timeout=20", "-rss_limit_mb=2048", f"-artifact_prefix={tmp_path}/"]
    return subprocess.run(
        [sys.executable, "-m", module, *limits, str(corpus)], capture_output=True, text=True, cwd=ROOT, timeout=250
    )


def test_the_codec_under_libfuzzer(tmp_path: Path) -> None:
    done = fuzz(tmp_path, "tests.fuzz.fuzz_codec")
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"Done {INPUTS}" in done.stderr
    assert not list(tmp_path.glob("crash-*"))
