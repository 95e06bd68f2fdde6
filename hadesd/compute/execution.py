"""What, besides the settings, decides the bits of a result: devices, threads, chunk, versions."""

import os
from dataclasses import asdict, dataclass, fields
from typing import Any

from hadesd.compute.results import versions


@dataclass(frozen=True)
class Execution:
    """How a process computes.

    threads: XLA's pool (PJRT_NPROC), whose size changes the bits of matrix products. physics: how environment steps
    are computed (native, xla, vmap); cloning: how policies are trained (native, xla).
    """

    devices: int
    platform: str
    threads: int
    chunk: int
    physics: str
    cloning: str

    @classmethod
    def current(cls, devices: int, platform: str, chunk: int, physics: str, cloning: str) -> "Execution":
        """How this process computes; threads: from PJRT_NPROC."""
        return cls(devices, platform, int(os.environ.get("PJRT_NPROC", "0")), chunk, physics, cloning)

    @classmethod
    def of_manifest(cls, manifest: dict[str, Any]) -> "Execution":
        """Of the process that wrote a checkpoint."""
        return cls(**{field.name: manifest[field.name] for field in fields(cls)})

    def describe(self) -> dict[str, Any]:
        """Entries for a manifest and a log line."""
        return asdict(self)

    def differences(self, before: "Execution") -> list[str]:
        """In words, what changed against the process before."""
        names = {
            "devices": "devices",
            "platform": "platform",
            "threads": "XLA threads",
            "chunk": "chunk",
            "physics": "physics",
            "cloning": "cloning",
        }
        earlier, now = asdict(before), asdict(self)
        return [f"{name} {earlier[key]} -> {now[key]}" for key, name in names.items() if earlier[key] != now[key]]


def version_differences(manifest: dict[str, Any]) -> list[str]:
    """In words, which packages changed since a checkpoint was written."""
    saved, now = manifest["versions"], versions()
    return [f"{name} {saved[name]} -> {now[name]}" for name in now if name in saved and saved[name] != now[name]]
