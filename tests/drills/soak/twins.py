"""Undisturbed twins: the same settings, the same forks and resizes at the same generations, nothing else."""

from pathlib import Path

from hades_protocol import commands
from hades_protocol.run_state import RunState
from tests.drills.soak.specs import spec_of
from tests.drills.soak.story import Story, nested
from tests.helpers.daemon import Home

KEEP_ALL = 1_000_000


class Twins:
    """Runs in a home of their own, one for each story; made when they are first asked for."""

    def __init__(self, home: Home, generations: int) -> None:
        self.home, self.generations = home, generations
        self._runs: dict[tuple[str, Story], str] = {}

    def begin(self, kind: str) -> None:
        """Queue the twin of an undisturbed run of a kind."""
        spec = spec_of(kind, self.generations)
        spec["checkpoints"] = {"keep_newest": KEEP_ALL}
        self._runs[kind, ()] = self.home.ask(commands.Start, spec=spec).id

    def directory(self, kind: str, story: Story) -> Path:
        """The run directory of a finished twin."""
        run = self._run(kind, story)
        self.home.reaches(run, RunState.FINISHED)
        return self.home.paths.runs / run

    def _run(self, kind: str, story: Story) -> str:
        if (kind, story) not in self._runs:
            *before, last = story
            parent = self.directory(kind, tuple(before))
            forked = self.home.ask(
                commands.Fork, run=parent.name, generation=last.generation, changes=nested(last.changes)
            )
            self._runs[kind, story] = forked.run.id
        return self._runs[kind, story]
