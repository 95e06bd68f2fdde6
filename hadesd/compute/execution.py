"""What, besides the settings, decides the bits of a result: devices, threads, chunk, variables, versions."""

import functools
import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import jax

from hades_protocol.run_spec import RunSpec
from hadesd.compute.results import versions, versions_of
from hadesd.native import machine_code
from hadesd.spec import jax_variables
from hadesd.storage.checkpoints import Description

CPU_MODEL = ("vendor_id", "cpu family", "model", "CPU implementer", "CPU part")
CPU_FEATURES = re.compile(r"(s?sse|avx|fma|f16c|bmi|amx|asimd|sve|sme|fp)")
"""Of the flags that the kernel lists, those by which compilers choose instructions for arithmetic."""


@dataclass(frozen=True)
class Execution:
    """How a process computes.

    device: kind of each device; of a CPU also its features and, where code of ours runs, the compiler. threads: XLA's
    pool (PJRT_NPROC), whose size changes the bits of matrix products. physics: how environment steps are computed
    (native, xla, vmap); cloning: how policies are trained (native, xla). options: environment variables and flags that
    may change bits (hadesd.spec.jax_variables), as they were set.
    """

    devices: int
    platform: str
    device: str
    threads: int
    chunk: int
    physics: str
    cloning: str
    options: tuple[str, ...]

    @classmethod
    def current(cls, devices: Sequence[jax.Device], chunk: int, physics: str, cloning: str) -> "Execution":
        """How this process computes on these devices; threads: from PJRT_NPROC."""
        options = jax_variables.recorded(os.environ)
        return cls(
            devices=len(devices),
            platform=devices[0].platform,
            device=kind_of(devices[0], "native" in (physics, cloning), options),
            threads=int(os.environ.get("PJRT_NPROC", "0")),
            chunk=chunk,
            physics=physics,
            cloning=cloning,
            options=options,
        )

    @classmethod
    def of_manifest(cls, manifest: Description) -> "Execution":
        """Of the process that wrote a checkpoint."""
        return cls(**{field.name: getattr(manifest, field.name) for field in fields(cls)})

    def describe(self) -> dict[str, Any]:
        """Entries for a manifest and a log line."""
        return asdict(self)

    def differences(self, before: "Execution") -> list[str]:
        """In words, what changed against the process before."""
        names = {
            "devices": "devices",
            "platform": "platform",
            "device": "kind of device",
            "threads": "XLA threads",
            "chunk": "chunk",
            "physics": "physics",
            "cloning": "cloning",
            "options": "options",
        }
        earlier, now = asdict(before), asdict(self)
        return [
            f"{name} {_said(earlier[key])} -> {_said(now[key])}"
            for key, name in names.items()
            if earlier[key] != now[key]
        ]


def _said(value: Any) -> str:
    return (" ".join(value) or "none") if isinstance(value, tuple) else str(value)


def kind_of(device: jax.Device, native: bool, options: Sequence[str]) -> str:
    """What kind of device computes: other kinds round, vectorise and fuse otherwise.

    native: whether code of ours is computed with, not XLA's alone. options: as in Execution.
    """
    if device.platform != "cpu":
        return device.device_kind
    if native:
        return f"{_cpu()}, {machine_code.llvm()}"
    # Told to use no newer instructions, XLA makes the same code on every CPU.
    return "cpu" if any(option.startswith("--xla_cpu_max_isa=") for option in options) else _cpu()


def computation() -> dict[str, Any]:
    """How this process computes what is no run: all of its devices, with machine code where there is any."""
    devices, options = jax.local_devices(), jax_variables.recorded(os.environ)
    return {
        "platform": devices[0].platform,
        "device": kind_of(devices[0], not machine_code.unavailable(), options),
        "devices": len(devices),
        "threads": int(os.environ.get("PJRT_NPROC", "0")),
        "options": options,
        "versions": versions(),
    }


@functools.cache
def _cpu() -> str:
    """The CPU of this machine: vendor, family and model as the kernel numbers them, and a digest of its features."""
    try:
        first = Path("/proc/cpuinfo").read_text(errors="replace").split("\n\n")[0]
    except OSError:
        return os.uname().machine
    entries = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in first.splitlines())}
    model = " ".join(entries[name] for name in CPU_MODEL if name in entries) or os.uname().machine
    listed = (entries.get("flags") or entries.get("Features") or "").split()
    features = " ".join(sorted(flag for flag in listed if CPU_FEATURES.match(flag)))
    return f"{model}, features {hashlib.sha256(features.encode()).hexdigest()[:8]}"


def version_differences(manifest: Description, spec: RunSpec) -> list[str]:
    """In words, which packages changed since a checkpoint of a run was written."""
    saved, now = manifest.versions, versions_of(spec)
    return [f"{name} {saved[name]} -> {now[name]}" for name in now if name in saved and saved[name] != now[name]]
