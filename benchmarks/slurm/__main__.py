"""What a Slurm job costs over a process of the daemon's own, on a real Slurm of one machine.

    python -m benchmarks.slurm                 # as root, with Debian's slurmctld, slurmd, slurm-client, munge
    python -m benchmarks.slurm --waiting 1000  # also: CPU time of a daemon with so many jobs in the queue

Rounds alternate: a local run, then the same as a job. Start: from the request until the first generation is committed,
caches warm. A generation: the median of the newest ones of a run whose generations take about half a second.
"""

import argparse
import statistics
import sys
import time
from typing import Any

from benchmarks.record import record
from hades_protocol import commands
from hades_protocol.messages import RunSummary
from tests.helpers.processes.daemon import Home, a_home, until
from tests.helpers.processes.slurm_cluster import Cluster, a_cluster, lacking

CONFIG = """\
[slurm]
options = ["--partition=low", "--time=30"]
jobs = 10000
poll = 10
"""

SPEC = {
    "env": "CartPole-v1",
    "preset": "cpu",
    "dataset": {"pairs": 2},
    "evolution": {"population": 640, "generations": 1_000_000, "shaping": "ranks"},
    "cloning": {"epochs": 100},
    "policy": {"width": 64, "depth": 2, "inits": 4},
    "evaluation": {"environments": 4, "steps": 200, "normalisation": "none"},
    "resources": {"devices": 2},
}

GENERATIONS = 30
SETTLE_SECONDS, WATCH_SECONDS = 20.0, 60.0


def main() -> int:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--waiting", type=int, default=0, help="jobs in the queue (0: not measured)")
    options = parser.parse_args()
    if why := lacking():
        print(f"no Slurm here: {why}", file=sys.stderr)
        return 1
    found: dict[str, Any] = {"local": [], "slurm": []}
    with a_cluster() as cluster, a_home() as home:
        _prepare(home, cluster)
        home.daemon()
        _measure(home, "local")  # fills the caches
        for _ in range(options.rounds):
            for executor in ("local", "slurm"):
                found[executor].append(_measure(home, executor))
                start, generation = found[executor][-1]
                print(f"{executor:6} start {start:.2f} s, a generation {generation:.3f} s", flush=True)
        if options.waiting:
            found["waiting"] = _waiting(home, cluster, options.waiting)
    starts = {name: statistics.median(start for start, _ in found[name]) for name in ("local", "slurm")}
    ratios = [job / local for (_, local), (_, job) in zip(found["local"], found["slurm"], strict=True)]
    print(f"start: local {starts['local']:.2f} s, slurm {starts['slurm']:.2f} s (medians of {options.rounds} rounds)")
    print(f"a generation: {statistics.median(ratios):.3f} times the local one (median)")
    record("slurm", {**found, "start": starts, "ratio": statistics.median(ratios)})
    return 0


def _prepare(home: Home, cluster: Cluster) -> None:
    home.environ.update(cluster.environ)
    home.paths.make_private()
    home.paths.config_file.write_text(CONFIG)


def _measure(home: Home, executor: str) -> tuple[float, float]:
    """Seconds from the request to the first generation, and of a generation."""
    spec = {**SPEC, "resources": {**SPEC["resources"], "executor": executor}}  # type: ignore[dict-item]
    began = time.time()
    summary: RunSummary = home.ask(commands.Start, spec=spec)
    until(lambda: home.show(summary.id).generation >= GENERATIONS, f"{GENERATIONS} generations", 600)
    shown = home.show(summary.id)
    history = home.ask(commands.History, run=summary.id, after=0, points=GENERATIONS)
    home.ask(commands.Cancel, run=summary.id)
    until(lambda: home.show(summary.id).state == "cancelled", "it has ended", 120)
    assert shown.seconds_per_generation is not None
    return history.committed_at[0] - began, shown.seconds_per_generation


def _waiting(home: Home, cluster: Cluster, count: int) -> dict[str, float]:
    """Shares of a core that the daemon and its squeue take while so many jobs wait."""
    daemon = home.ask(commands.Hello).pid
    resources = {**SPEC["resources"], "executor": "slurm", "slurm": "--begin=now+2hours"}  # type: ignore[dict-item]
    for seed in range(count):
        home.ask(commands.Start, spec={**SPEC, "seed": seed, "resources": resources})
    until(lambda: len(cluster.jobs()) >= count, lambda: f"{count} jobs, but {len(cluster.jobs())}", 900)
    time.sleep(SETTLE_SECONDS)
    own, children = _cpu_seconds(daemon)
    time.sleep(WATCH_SECONDS)
    after = _cpu_seconds(daemon)
    shares = {"daemon": (after[0] - own) / WATCH_SECONDS, "squeue": (after[1] - children) / WATCH_SECONDS}
    print(f"{count} jobs in the queue: daemon {shares['daemon']:.1%} of a core, squeue {shares['squeue']:.1%}")
    cluster.run("scancel", "--me")
    return shares


def _cpu_seconds(pid: int) -> tuple[float, float]:
    """CPU time of a process, and of the children that it has waited for."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    user, system, children_user, children_system = (int(field) / 100 for field in fields[11:15])
    return user + system, children_user + children_system


if __name__ == "__main__":
    sys.exit(main())
