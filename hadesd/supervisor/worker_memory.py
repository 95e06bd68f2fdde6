"""How much memory a run's worker process takes now."""

from collections.abc import Iterable
from pathlib import Path

from hades_protocol.messages import GpuInfo


def taken(run: str, pid: int | None, gpus: Iterable[GpuInfo]) -> tuple[int, str] | None:
    """Bytes, and of what: of its GPUs where the driver says so, else of the machine; None without a worker."""
    if pid is None:
        return None
    on_gpus = sum(process.memory for gpu in gpus for process in gpu.processes if process.run == run)
    if on_gpus:
        return on_gpus, "of GPU memory"
    resident = resident_bytes(pid)
    return None if resident is None else (resident, "of main memory")


def resident_bytes(pid: int) -> int | None:
    """Resident set of a process; None where it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # it has ended: /proc says so with several errors
        return None
    fields = dict(line.split(":", 1) for line in lines)
    # A process that ended and is not reaped yet has no VmRSS.
    return int(fields["VmRSS"].split()[0]) * 1024 if "VmRSS" in fields else None
