"""What an exchange between the processes that share a run costs, on one machine.

`python -m benchmarks.slurm.exchange [--hosts 2,4] [--population 2048]`

Each process hands over 12 bytes for each of its candidates, as in a generation, and gets those of all; the median of
the first process's times. Over a network its round trip comes on top.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.record import record
from hadesd.distill.share import Share
from hadesd.worker.group import GroupEnded, Leader, Member

BYTES = 12
"""A fitness float32, two int32: RolloutResult."""

NONCE = "bench"
TURNS = 300


def main() -> int:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", default="2,4")
    parser.add_argument("--population", type=int, default=2048)
    parser.add_argument("--member", nargs=3, metavar=("RANK", "SIZE", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.member:
        return _member(int(options.member[0]), int(options.member[1]), Path(options.member[2]), options.population)
    os.environ.setdefault("HADES_GROUP_ADDRESS", "127.0.0.1")
    found = {}
    for size in map(int, options.hosts.split(",")):
        found[size] = _measure(size, options.population)
        print(f"{size} hosts, population {options.population}: {found[size] * 1e3:.2f} ms an exchange (median)")
    record("exchange", {"population": options.population, "seconds": {str(size): s for size, s in found.items()}})
    return 0


def _measure(size: int, population: int) -> float:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "group.json"
        leader = Leader(size, file, NONCE)
        command = [sys.executable, "-m", "benchmarks.slurm.exchange", "--population", str(population), "--member"]
        members = [subprocess.Popen([*command, str(rank), str(size), str(file)]) for rank in range(1, size)]
        leader.rendezvous(b"")
        body, taken = bytes(BYTES * -(-population // size)), []
        for _ in range(TURNS):
            began = time.perf_counter()
            leader.all_gather_bytes(body)
            taken.append(time.perf_counter() - began)
        leader.end()
        leader.close()
        for member in members:
            member.wait()
    return statistics.median(taken[TURNS // 10 :])


def _member(rank: int, size: int, file: Path, population: int) -> int:
    member = Member(Share(rank, size), file, NONCE)
    member.header()
    body = bytes(BYTES * -(-population // size))
    try:
        while True:
            member.all_gather_bytes(body)
    except GroupEnded:
        member.close()
        return 0


if __name__ == "__main__":
    sys.exit(main())
