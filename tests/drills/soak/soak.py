"""The soak: runs for hours, while things go wrong and people ask for this and that. `make drill` runs it.

    python -m tests.drills.soak --minutes 120 --seed 1 --report soak.json

Several runs compute at once under a real daemon on a small file system of its own. Every 20 to 60 seconds a fault
happens, in between a verb. At the end every run is let finish and compared, byte for byte, with its twin: a run with
the same settings, forks and resizes that nobody disturbed.
"""

import contextlib
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from hades_protocol import commands, replies
from hades_protocol.errors import HadesError
from hades_protocol.messages import RunSummary
from hades_protocol.run_state import RunState
from tests.drills.soak.faults import FAULTS
from tests.drills.soak.specs import KINDS, spec_of
from tests.drills.soak.story import Step, Story, dotted, resizes
from tests.drills.soak.twins import Twins
from tests.drills.soak.verbs import REFUSALS, VERBS
from tests.helpers.processes.daemon import Home, until

AT_ONCE = 3
DAEMON_FLAGS = ("--slots", str(AT_ONCE), "--heartbeat-timeout", "10", "--grace", "30")
DISK = "size=1g,mode=0700"
MOST_RESUMES = 8
"""Of a run that fails again and again: a fault may fail a run, but not for ever."""


class Soak:
    """One soak, from its first run to its verdict."""

    def __init__(self, minutes: float, seed: int, generations: int, pace: tuple[float, float]) -> None:
        self.chance = random.Random(seed)
        self.minutes, self.generations, self.pace = minutes, generations, pace
        self.home = _home("soak")
        self.small_disk = _mount(self.home.paths.state)
        self.twins = Twins(_home("twin"), generations)
        self.kinds: dict[str, str] = {}
        self.origins: dict[str, Story] = {}
        self.faults: Counter[str] = Counter()
        self.verbs: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.problems: list[str] = []
        self.stalled: list[subprocess.Popen[bytes]] = []
        self.talkers: list[socket.socket] = []
        self.samples: list[tuple[float, int, int, int]] = []
        self.forks = self.resizes = 0
        self.most_changes = max(3, int(minutes / 8))  # forks, and resizes: each needs a twin of its own at the end
        self.daemon = self.home.daemon(*DAEMON_FLAGS)

    # What faults and verbs use -------------------------------------------------------------------------------

    def wrong(self, text: str) -> None:
        """Something that must not happen did."""
        say(f"WRONG: {text}")
        self.problems.append(text)

    def restart_daemon(self) -> None:
        """The daemon is gone: start the next one."""
        self.daemon.wait(60)
        self.daemon = self.home.daemon(*DAEMON_FLAGS)

    def runs(self) -> tuple[RunSummary, ...]:
        """All runs of the soak."""
        snapshot: replies.SnapshotResult = self.home.ask(commands.Snapshot)
        return snapshot.runs

    def some_run(self, chance: random.Random, *states: RunState) -> RunSummary | None:
        """A run in one of the states."""
        fits = [run for run in self.runs() if run.state in states]
        return chance.choice(fits) if fits else None

    def checkpoints(self, run: str) -> list[Path]:
        """The steps that a run keeps, ascending; none before its first commit."""
        directory = self.home.paths.runs / run / "checkpoints"
        if not directory.exists():
            return []
        return sorted((step for step in directory.iterdir() if step.name.isdigit()), key=lambda step: int(step.name))

    def is_changed_often(self, run: str) -> bool:
        """Whether the twin of a run would already need several runs of its own."""
        return len(self.story(run)) >= 3

    def story(self, run: str) -> Story:
        """What took effect in a run so far."""
        return self.origins[run] + resizes(self.home.paths.runs / run)

    def note_fork(self, parent: str, result: replies.ChangeResult, changes: dict[str, Any]) -> None:
        """Remember where a fork came from: what its parent had been told before that generation, and its changes."""
        assert result.run is not None
        before = tuple(step for step in resizes(self.home.paths.runs / parent) if step.generation < result.generation)
        own = (Step(result.generation, dotted(changes)),) if changes else ()
        self.origins[result.run.id] = self.origins[parent] + before + own
        self.kinds[result.run.id] = self.kinds[parent]
        self.forks += 1

    # The course ----------------------------------------------------------------------------------------------

    def run(self) -> dict[str, Any]:
        """Disturb, let finish, compare; what came of it."""
        try:
            began = time.monotonic()
            self._disturb()
            disturbed = time.monotonic() - began
            self._let_finish()
            equal = self._compare()
            self._look_for_leftovers()
            return self._report(disturbed, equal)
        finally:
            self._close()

    def _disturb(self) -> None:
        end = time.monotonic() + 60 * self.minutes
        fault_at = time.monotonic() + self.pace[0]
        self._submit()
        while time.monotonic() < end:
            time.sleep(self.chance.uniform(*self.pace) / 4)
            self._sample()
            self._submit()
            self._ask()
            if time.monotonic() >= fault_at:
                self._fault()
                fault_at = time.monotonic() + self.chance.uniform(*self.pace)

    def _submit(self) -> None:
        """Keep enough runs alive, one kind after the other."""
        going = [r for r in self.runs() if r.state in (RunState.RUNNING, RunState.STARTING, RunState.QUEUED)]
        for _ in range(AT_ONCE + 1 - len(going)):
            kind = list(KINDS)[len(self.kinds) % len(KINDS)]
            try:
                run = self.home.ask(commands.Start, spec=spec_of(kind, self.generations)).id
            except HadesError as error:
                self.refused[f"start: {error.code}"] += 1
                return
            self.kinds[run], self.origins[run] = kind, ()

    def _fault(self) -> None:
        fault = self.chance.choices(list(FAULTS), weights=list(FAULTS.values()))[0]
        if what := fault(self, self.chance):
            self.faults[fault.__name__] += 1
            say(f"fault {fault.__name__}: {what}")

    def _ask(self) -> None:
        verb = self.chance.choices(list(VERBS), weights=list(VERBS.values()))[0]
        try:
            if what := verb(self, self.chance):
                self.verbs[verb.__name__] += 1
                say(f"verb {verb.__name__}: {what}")
        except REFUSALS as error:
            self.refused[f"{verb.__name__}: {error.code}"] += 1
        except HadesError as error:
            self.wrong(f"{verb.__name__}: {error}")

    def _sample(self) -> None:
        status = Path(f"/proc/{self.daemon.pid}/status").read_text()
        resident = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
        descriptors = len(os.listdir(f"/proc/{self.daemon.pid}/fd"))
        self.samples.append((time.monotonic(), self.daemon.pid, resident, descriptors))

    def _let_finish(self) -> None:
        """No more faults: everything that was paused, cancelled or has failed goes on, to its end."""
        say("no more faults; every run goes on to its end")
        self._release()

        resumed: Counter[str] = Counter()

        def all_done() -> bool:
            for run in self.runs():
                if run.state in (RunState.PAUSED, RunState.CANCELLED, RunState.FAILED):
                    resumed[run.id] += 1
                    if resumed[run.id] <= MOST_RESUMES:
                        with contextlib.suppress(*REFUSALS):
                            self.home.ask(commands.Resume, run=run.id)
            self._sample()
            time.sleep(2.0)
            return all(run.state == RunState.FINISHED or resumed[run.id] > MOST_RESUMES for run in self.runs())

        until(all_done, "every run finishes", 60 * max(30.0, self.minutes))
        for run in self.runs():
            if run.state != RunState.FINISHED:
                self.wrong(f"{run.id} does not go on: {run.state}, {run.reason}")
                del self.kinds[run.id]

    def _release(self) -> None:
        for screen in self.stalled:
            screen.kill()
            screen.wait()
        for talker in self.talkers:
            talker.close()
        self.stalled.clear()
        self.talkers.clear()

    # The verdict ---------------------------------------------------------------------------------------------

    def _compare(self) -> int:
        """Every run with its twin; the number of those that are equal."""
        self.twins.home.daemon("--slots", "2")
        stories = {run: self.story(run) for run in self.kinds}
        self.twins.make({(self.kinds[run], story) for run, story in stories.items()})
        equal = 0
        for run, kind in self.kinds.items():
            story = stories[run]
            mine = self.home.paths.runs / run
            twin = self.twins.directories[kind, story]
            if self.home.generations(run) != list(range(1, self.generations + 1)):
                self.wrong(f"{run}: its metrics do not have each generation once, in order")
            names = ("metrics.jsonl",) if kind == "direct" else ("metrics.jsonl", "dataset.npz")
            if differing := [name for name in names if (mine / name).read_bytes() != (twin / name).read_bytes()]:
                self.wrong(f"{run} ({kind}, {story}) differs from its twin {twin} in {differing}")
            else:
                equal += 1
        say(f"{equal} of {len(self.kinds)} runs equal their twins")
        return equal

    def _look_for_leftovers(self) -> None:
        """After a stop no process of the soak may be left."""
        self.daemon.terminate()
        if self.daemon.wait(60) != 0:
            self.wrong("the daemon did not stop in good order at the end")
        if orphans := self.home.worker_pids():
            self.wrong(f"orphans: {orphans}")

    def _report(self, seconds: float, equal: int) -> dict[str, Any]:
        lives = dict.fromkeys(pid for _, pid, _, _ in self.samples)
        growth = [self._growth(pid) for pid in lives]
        return {
            "minutes": round(seconds / 60, 1),
            "runs": len(self.kinds),
            "equal to their twin": equal,
            "of them forks": self.forks,
            "of them with resizes": sum(bool(resizes(self.home.paths.runs / run)) for run in self.kinds),
            "faults": dict(self.faults),
            "faults in all": self.faults.total(),
            "verbs": dict(self.verbs),
            "verbs in all": self.verbs.total(),
            "refused": dict(self.refused),
            "daemons": len(lives),
            "daemon, largest resident kB": max(resident for _, _, resident, _ in self.samples),
            "daemon, longest life: minutes, kB at first and last, descriptors at first and last": max(growth),
            "daemon, most descriptors": max(count for *_, count in self.samples),
            "problems": self.problems,
        }

    def _growth(self, pid: int) -> tuple[float, int, int, int, int]:
        mine = [sample for sample in self.samples if sample[1] == pid]
        first, last = mine[0], mine[-1]
        return round((last[0] - first[0]) / 60, 1), first[2], last[2], first[3], last[3]

    def _close(self) -> None:
        self._release()
        self.home.close()
        self.twins.home.close()
        if self.small_disk:
            subprocess.run(["umount", "-l", str(self.home.paths.state)], check=True)
        shutil.rmtree(self.home.paths.state, ignore_errors=True)


def _home(name: str) -> Home:
    home = Home(Path(tempfile.mkdtemp(prefix=f"hades-{name}-", dir="/tmp")))
    # Not on the small disk, and warm from one soak to the next.
    home.environ.setdefault("JAX_COMPILATION_CACHE_DIR", "/tmp/hades-soak-cache")
    return home


def _mount(directory: Path) -> bool:
    """A small file system for the runs; False where we may not mount: then no disk is filled."""
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", DISK, "hades-soak", str(directory)], capture_output=True)
    if done.returncode != 0:
        say(f"no small disk, so none is filled: {done.stderr.decode().strip()}")
    return done.returncode == 0


def say(text: str) -> None:
    """A line with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)
