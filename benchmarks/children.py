"""Both sides of a measurement: the trees that are compared, and the processes that compute when they are asked."""

import contextlib
import importlib.metadata
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hades_protocol.run_spec import RunSpec
from hades_protocol.settings import leaves

ROOT = Path(__file__).resolve().parents[1]
CHILD = Path(__file__).with_name("generation_child.py")
DROPPED = ("PYTHONPATH", "JAX_COMPILATION_CACHE_DIR", "HADES_CONNECT")
"""Variables of the caller that would take a side to other code, to another's cache, or to another's daemon."""


class SideError(RuntimeError):
    """A side ended, or did not answer in time."""


@dataclass(frozen=True)
class Tree:
    """Code to be measured, and the interpreter that it is measured with."""

    name: str
    root: Path
    python: str = sys.executable

    def environment(self, home: Path) -> dict[str, str]:
        """Variables with which this tree's code is imported, and with everything of hades below `home`."""
        kept = {name: value for name, value in os.environ.items() if name not in DROPPED}
        path = os.pathsep.join(map(str, (self.root, self.root / "protocol", self.root / "tui")))
        return kept | {"PYTHONPATH": path, "HADES_HOME": str(home)}


HERE = Tree("here", ROOT)


@contextlib.contextmanager
def tree_at(commit: str) -> Iterator[Tree]:
    """The tree of a commit in a directory of its own, with what its lock file asks for; removed in the end."""
    place = Path(tempfile.mkdtemp(prefix="hades-tree-", dir="/tmp"))
    root = place / "tree"
    git = ["git", "-C", str(ROOT), "worktree"]
    try:
        subprocess.run([*git, "add", "--quiet", "--detach", str(root), commit], check=True, stdout=sys.stderr)
        yield Tree(commit, root, _interpreter(root, place))
    finally:
        if root.exists():
            subprocess.run([*git, "remove", "--force", str(root)], check=True, stdout=sys.stderr)
        shutil.rmtree(place)


def _interpreter(root: Path, place: Path) -> str:
    """This one, where it has every package of the tree's lock file in that version; else a new environment."""
    lacking = [line for line in _locked(root / "requirements.lock") if not _installed(*line.split("=="))]
    if not lacking:
        return sys.executable
    print(f"installing what {root} is locked to (other here: {', '.join(lacking)})", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", str(place / "venv")], check=True)
    python = str(place / "venv/bin/python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "-r", str(root / "requirements.lock")], check=True, stdout=sys.stderr)
    # Its metadata (the version of hades itself); the code is taken by PYTHONPATH.
    subprocess.run([*install, "--no-deps", "--editable", str(root)], check=True, stdout=sys.stderr)
    return python


def _locked(file: Path) -> list[str]:
    """name==version of the packages that are meant for every Linux machine."""
    lines = [line.strip() for line in file.read_text().splitlines()]
    return [line for line in lines if "==" in line and not line.startswith("#") and ";" not in line]


def _installed(name: str, version: str) -> bool:
    try:
        return importlib.metadata.version(name) == version
    except importlib.metadata.PackageNotFoundError:
        return False


class Side:
    """A process that holds one compiled generation, and computes only while it is asked.

    home: where its caches lie and its log goes; assignments: dotted names and values laid over the spec.
    """

    def __init__(
        self,
        name: str,
        tree: Tree,
        spec: Mapping[str, Any],
        home: Path,
        assignments: Sequence[tuple[str, Any]] = (),
        environment: Mapping[str, str] | None = None,
        gpu: bool = True,
    ) -> None:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.name = name
        self._log = home / f"{name}.log"
        job = home / f"{name}.json"
        document = {"spec": spec, "root": str(tree.root), "assignments": list(assignments), "gpu": gpu}
        job.write_text(json.dumps(document))
        began = time.perf_counter()
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                [tree.python, "-P", str(CHILD), str(job)],
                env={**tree.environment(home), **(environment or {})},
                cwd=home,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        self._began = began
        self._buffer = b""

    def ready(self, timeout: float) -> dict[str, Any]:
        """Wait until it has compiled; what it says of its start, with the seconds from its exec as `seconds`."""
        answer = self._answer(timeout)
        answer["seconds"] = time.perf_counter() - self._began
        known = leaves(RunSpec)
        for name, value in answer["unknown_settings"].items():
            if name not in known or value != known[name].default:
                print(f"{self.name} has no setting {name} ({value}): left out", file=sys.stderr)
        return answer

    def ask(self, do: str, timeout: float = 600.0, **arguments: Any) -> dict[str, Any]:
        """One request and its answer (generation_child.Side)."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None
        return self._answer(timeout)

    def close(self) -> None:
        """End it."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def __enter__(self) -> "Side":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer(self, timeout: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        deadline = time.monotonic() + timeout
        while b"\n" not in self._buffer:
            if not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise self._error(f"did not answer within {timeout:.0f} s")
            if not (data := os.read(descriptor, 65536)):
                raise self._ended()
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _ended(self) -> SideError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10.0)  # its last words come after it has stopped answering
        return self._error("ended")

    def _error(self, what: str) -> SideError:
        text = self._log.read_text(errors="replace").strip()
        return SideError(f"{self.name} {what}; the end of its log: {text[-1500:] or 'empty'}")


@contextlib.contextmanager
def a_home(name: str) -> Iterator[Path]:
    """An empty directory with a short path, as sockets need; removed in the end."""
    home = Path(tempfile.mkdtemp(prefix=f"hades-{name}-", dir="/tmp"))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)
