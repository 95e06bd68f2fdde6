"""A machine with GPUs for tests: NVML alone is a fake (fake_nvml), who uses a GPU is a real process."""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FAKE_NVML = Path(__file__).with_name("fake_nvml")
GIB = 2**30
NOBODY = 65534


class FakeGpus:
    """The state of the fake driver; each change is seen by its next reading."""

    def __init__(self, file: Path, count: int) -> None:
        self.file = file
        self.state: dict[str, Any] = {"gpus": [{} for _ in range(count)]}
        self.write()

    @property
    def environ(self) -> dict[str, str]:
        """What makes a process see these GPUs."""
        return {"HADES_FAKE_NVML": str(self.file), "PYTHONPATH": str(FAKE_NVML)}

    def use(self, index: int, *processes: tuple[int, int], used: int | None = None) -> None:
        """Who computes on a GPU from now on: process ids with their bytes."""
        memory = sum(bytes_ for _, bytes_ in processes) if used is None else used
        self.state["gpus"][index] |= {
            "used": memory,
            "processes": [{"pid": pid, "memory": bytes_} for pid, bytes_ in processes],
        }
        self.write()

    def write(self) -> None:
        """In one step: the daemon reads at any time."""
        temporary = self.file.with_suffix(".tmp")
        temporary.write_text(json.dumps(self.state))
        temporary.replace(self.file)


@contextlib.contextmanager
def process_of_another_user() -> Iterator[int]:
    """The id of a real process that belongs to somebody else."""
    if os.getuid() != 0:
        yield 1  # init is root's
        return
    process = subprocess.Popen(["sleep", "600"], user=NOBODY, stdin=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()
