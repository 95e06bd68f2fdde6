"""Keeps what was measured: a JSON file in benchmarks/results with the figures, the machine, the commit, the command."""

import datetime
import json
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PACKAGES = ("jax", "jaxlib", "brax", "gymnax", "evosax", "mujoco", "numpy", "llvmlite", "orbax-checkpoint")


def record(name: str, figures: Any, directory: Path | None = None) -> Path:
    """Write the figures to a file of their own, say where on stderr, and return its path.

    directory: HADES_BENCH_RESULTS or benchmarks/results where it is not given.
    """
    now = datetime.datetime.now(datetime.UTC)
    document = {
        "schema": 1,
        "benchmark": name,
        "at": now.isoformat(timespec="seconds"),
        "command": sys.orig_argv[1:],
        "commit": commit(ROOT),
        "machine": machine(),
        "figures": figures,
    }
    place = directory or Path(os.environ.get("HADES_BENCH_RESULTS") or RESULTS)
    place.mkdir(parents=True, exist_ok=True)
    file = place / f"{now:%Y%m%dT%H%M%S}-{name}-{document['commit']['id'][:8]}.json"
    file.write_text(json.dumps(document, indent=1) + "\n")
    print(f"written: {file}", file=sys.stderr)
    return file


def commit(root: Path) -> dict[str, Any]:
    """The commit of a tree, and whether it holds changes beside it; unknown where the tree is a plain copy."""
    found = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if found.returncode:
        return {"id": "unknown", "dirty": None}
    status = subprocess.run(
        ["git", "-C", str(root), "status", "--porcelain", "--", ".", ":!benchmarks/results"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {"id": found.stdout.strip(), "dirty": bool(status.stdout.strip())}


def machine() -> dict[str, Any]:
    """The processor, cores, memory, load and versions, found without importing jax."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory / 2**30, 1),
        "load_average": [round(value, 2) for value in os.getloadavg()],
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model", "cpu model")):
            return line.partition(":")[2].strip()
    return platform.processor()


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
