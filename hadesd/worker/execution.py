"""What, besides the settings, decides the bits of a result: devices, threads, chunk, versions."""

import os
from dataclasses import asdict, dataclass
from typing import Any

from hadesd.worker.report import versions


@dataclass(frozen=True)
class Execution:
    """How a process computes. `threads`: XLA's pool (PJRT_NPROC), whose size changes the bits of matrix products."""

    devices: int
    platform: str
    threads: int
    chunk: int

    @classmethod
    def current(cls, devices: int, platform: str, chunk: int) -> "Execution":
        """Of this process."""
        return cls(devices, platform, int(os.environ.get("PJRT_NPROC", "0")), chunk)

    @classmethod
    def of_manifest(cls, manifest: dict[str, Any], default: "Execution") -> "Execution":
        """Of the process that wrote a checkpoint; what it does not say is taken from `default`."""
        return cls(**{name: manifest.get(name, value) for name, value in asdict(default).items()})

    def describe(self) -> dict[str, Any]:
        """Entries for a manifest and a log line."""
        return asdict(self)

    def differences(self, before: "Execution") -> list[str]:
        """In words, what changed against the process before."""
        names = {"devices": "devices", "platform": "platform", "threads": "XLA threads", "chunk": "chunk"}
        then, now = asdict(before), asdict(self)
        return [f"{words} {then[key]} -> {now[key]}" for key, words in names.items() if then[key] != now[key]]


def version_differences(manifest: dict[str, Any]) -> list[str]:
    """In words, which packages changed since a checkpoint was written."""
    then, now = manifest.get("versions", {}), versions()
    return [f"{name} {then[name]} -> {now[name]}" for name in now if name in then and then[name] != now[name]]
