"""Runs as jobs of a real Slurm under random faults: none is lost, all end with the bits of undisturbed ones.

Four virtual nodes on this machine, and a slow disk; a run that has finished is followed by another one. A fault is a
signal to a job, a preemption, a death of slurmctld, of a slurmd, of the daemon or of a worker, a pause, a restart of
anything. In the end every run is let finish and compared with a twin that a worker computed alone; then no job and no
process may be left.
"""

import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hades_protocol import commands
from hades_protocol.errors import HadesError
from hades_protocol.messages import RunSummary
from hades_protocol.run_spec import build_spec
from hades_protocol.run_state import RunState
from hades_protocol.settings import merge
from tests.helpers.faults import fault_injector
from tests.helpers.faults.fault_injector import VARIABLE, Injector, Mode
from tests.helpers.processes import worker_process
from tests.helpers.processes.daemon import a_home, until
from tests.helpers.processes.slurm_cluster import a_cluster
from tests.helpers.runs.specs import TINY

S = RunState

CONFIG = """\
[slurm]
options = ["--partition=low", "--cpus-per-task=1", "--time=2"]
signal_seconds = 60
poll = 1
"""
"""A time limit of two minutes, and a warning a minute before it: runs cross many of them."""

END_SECONDS = 1800.0

SLOW_MS = 50
"""So much longer does an fsync take while faults are made, so that a run sees many of them, and its twin ends soon."""


def say(text: str) -> None:
    """A line for whoever watches."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


class Drill:
    """One drill."""

    def __init__(self, minutes: float, seed: int, runs: int, generations: int, pace: tuple[float, float]) -> None:
        self.minutes, self.runs, self.pace = minutes, runs, pace
        self.random = random.Random(seed)
        self.done: Counter[str] = Counter()
        self.problems: list[str] = []
        self.ids: list[str] = []
        self.generations = generations

    def run(self) -> dict[str, Any]:
        """Drill, and tell what came of it."""
        with a_cluster(4) as self.cluster, a_home() as self.home:
            self.home.environ.update(self.cluster.environ)
            self.home.environ.update(fault_injector.build(self.home.paths.state))
            self.home.paths.make_private()
            self.home.paths.config_file.write_text(CONFIG)
            self.daemon = self.home.daemon()
            with Injector(Path(self.home.environ[VARIABLE])).armed(self.home.paths.runs, Mode.SLOW, SLOW_MS):
                self._disturb()
            self._let_finish()
            self._compare()
            self._leave_nothing()
            history = Counter(
                str(entry.what) for run in self.ids for entry in self.home.ask(commands.Show, run=run).history
            )
            directories = sum(len(list((self.home.paths.runs / run / "slurm-jobs").iterdir())) for run in self.ids)
        return {
            "minutes": self.minutes,
            "runs": len(self.ids),
            "faults": dict(self.done),
            "history": dict(history),
            "jobs kept on the disk": directories,
            "problems": self.problems,
        }

    # Faults --------------------------------------------------------------------------------------------------

    def _disturb(self) -> None:
        faults: list[tuple[str, Callable[[], bool]]] = [
            ("signal to a job", self._signal),
            ("preemption", self._preempt),
            ("slurmctld killed", self._kill_controller),
            ("slurmd killed", self._kill_node),
            ("daemon killed", self._kill_daemon),
            ("daemon stopped", self._stop_daemon),
            ("worker killed", self._kill_worker),
            ("paused and resumed", self._pause),
        ]
        end = time.monotonic() + 60 * self.minutes
        while time.monotonic() < end:
            for _ in range(self.runs - sum(summary.state != S.FINISHED for summary in self._summaries())):
                self.ids.append(self.home.ask(commands.Start, spec=self._spec(len(self.ids))).id)
            time.sleep(self.random.uniform(*self.pace))
            name, fault = self.random.choice(faults)
            if fault():
                self.done[name] += 1
                say(f"{name}; {self._standing()}")
            self._resume_nodes()
            for summary in self._summaries():
                if summary.state == S.FAILED:  # three crashes of ours within ten minutes: that is the policy
                    self._ask(commands.Resume, summary.id)
                    self.done["resumed after three crashes"] += 1

    def _standing(self) -> str:
        return " ".join(f"{one.state}:{one.generation}" for one in self._summaries() if one.state != S.FINISHED)

    def _spec(self, seed: int) -> dict[str, Any]:
        return merge(
            TINY,
            {
                "seed": seed,
                "evolution": {"generations": self.generations},
                "evaluation": {"steps": 200},
                "resources": {"devices": 1, "executor": "slurm"},
            },
        )

    def _summaries(self) -> tuple[RunSummary, ...]:
        found: tuple[RunSummary, ...] = self.home.ask(commands.Snapshot).runs
        return found

    def _ask(self, kind: type[commands.Request], run: str) -> bool:
        try:
            self.home.ask(kind, run=run)
        except HadesError:  # its state does not admit it now
            return False
        return True

    def _signal(self) -> bool:
        jobs = self.cluster.run("squeue", "-h", "-t", "R", "-o", "%A", check=False).split()
        if not jobs:
            return False
        how = self.random.choice([("TERM",), ("USR1",), ("USR2",), ("KILL", "--full"), ()])
        options = [f"--signal={how[0]}", *how[1:]] if how else []
        self.cluster.run("scancel", *options, self.random.choice(jobs), check=False)
        return True

    def _preempt(self) -> bool:
        self.cluster.preempt(self.random.choice(self.cluster.names), self.random.randint(1, 8), check=False)
        return True

    def _kill_controller(self) -> bool:
        self.cluster.kill_controller()
        time.sleep(self.random.uniform(0, 20))
        self.cluster.start_controller()
        return True

    def _resume_nodes(self) -> None:
        """Slurm drains a node when slurmctld died before it had written that a job started there."""
        for name in self.cluster.resume_nodes():
            self.done["node that Slurm drained"] += 1
            say(f"{name} was drained, and is resumed")

    def _kill_node(self) -> bool:
        node = self.random.choice(self.cluster.names)
        self.cluster.kill_node(node)
        time.sleep(self.random.uniform(0, 30))
        self.cluster.start_node(node)
        return True

    def _kill_daemon(self) -> bool:
        os.kill(self.daemon.pid, signal.SIGKILL)
        self.daemon.wait()
        time.sleep(self.random.uniform(0, 10))
        self.daemon = self.home.daemon()
        return True

    def _stop_daemon(self) -> bool:
        self.daemon.terminate()
        self.daemon.wait(120)
        time.sleep(self.random.uniform(0, 10))
        self.daemon = self.home.daemon()
        return True

    def _kill_worker(self) -> bool:
        pids = self.home.worker_pids()
        if not pids:
            return False
        try:
            os.kill(self.random.choice(pids), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def _pause(self) -> bool:
        run = self.random.choice(self.ids)
        if not self._ask(commands.Pause, run):
            return False
        time.sleep(self.random.uniform(0, 5))
        until(lambda: self.home.show(run).state != S.PAUSING, f"{run} is paused", 300)
        return self._ask(commands.Resume, run)

    # The end -------------------------------------------------------------------------------------------------

    def _let_finish(self) -> None:
        def all_finished() -> bool:
            self._resume_nodes()
            for summary in self._summaries():
                if summary.state in (S.PAUSED, S.FAILED):
                    self._ask(commands.Resume, summary.id)
            return all(summary.state == S.FINISHED for summary in self._summaries())

        try:
            until(all_finished, lambda: f"every run is finished, but: {self._standing()}", END_SECONDS)
        except AssertionError as error:
            self.problems.append(str(error))

    def _compare(self) -> None:
        for seed, run in enumerate(self.ids):
            directory = self.home.paths.runs / run
            twin = worker_process.make_run(self.home.paths.state / "twins" / run, build_spec(self._spec(seed)))
            worker_process.finish(twin, timeout=600)
            if worker_process.results(directory) != worker_process.results(twin):
                self.problems.append(f"{run} is not what its twin is")
            generations = self.home.generations(run)
            if generations != list(range(1, len(generations) + 1)):
                self.problems.append(f"{run} lacks generations, or has some twice")

    def _leave_nothing(self) -> None:
        for what, left in (("jobs", self.cluster.jobs), ("processes", self._processes)):
            try:
                until(lambda left=left: not left(), lambda what=what, left=left: f"{what} are left: {left()}", 120)
            except AssertionError as error:
                self.problems.append(str(error))

    def _processes(self) -> list[str]:
        mark = os.fsencode(self.home.paths.runs) + b"/"
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:  # it has ended
                continue
            if mark in command:
                found.append(command.replace(b"\0", b" ").decode(errors="replace"))
        return found
