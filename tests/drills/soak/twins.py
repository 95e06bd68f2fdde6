"""Undisturbed twins: the same settings, the same forks and resizes at the same generations, nothing else."""

from pathlib import Path

from hades_protocol import commands
from hades_protocol.run_state import RunState
from tests.drills.soak.specs import spec_of
from tests.drills.soak.story import Story, nested
from tests.helpers.processes.daemon import Home, until

KEEP_ALL = 1_000_000


class Twins:
    """Runs in a home of their own, one for each kind and story."""

    def __init__(self, home: Home, generations: int) -> None:
        self.home, self.generations = home, generations
        self.directories: dict[tuple[str, Story], Path] = {}

    def make(self, wanted: set[tuple[str, Story]]) -> None:
        """Compute the twins of all these, and those that they are forked from; as many at once as there are slots."""
        needed = {(kind, story[:length]) for kind, story in wanted for length in range(len(story) + 1)}
        for length in sorted({len(story) for _, story in needed}):
            begun = {key: self._begin(*key) for key in sorted(needed, key=repr) if len(key[1]) == length}
            for key, run in begun.items():
                until(lambda run=run: self.home.show(run).state == RunState.FINISHED, f"twin {run} of {key}", 1800)
                self.directories[key] = self.home.paths.runs / run

    def _begin(self, kind: str, story: Story) -> str:
        if not story:
            spec = spec_of(kind, self.generations)
            spec["checkpoints"] = {"keep_newest": KEEP_ALL}
            run: str = self.home.ask(commands.Start, spec=spec).id
            return run
        *before, last = story
        parent = self.directories[kind, tuple(before)].name
        forked = self.home.ask(commands.Fork, run=parent, generation=last.generation, changes=nested(last.changes))
        forked_run: str = forked.run.id
        return forked_run
