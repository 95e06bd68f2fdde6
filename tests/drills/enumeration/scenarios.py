"""What is interrupted: a new run, one that goes on, a resize, a fork, and the verbs that move or delete runs.

Each is done to a home that holds its beginning (`prepare`, `act`), and brought to its end afterwards without faults
(`finish`), as a person or a daemon would. The end is compared with that of a twin that nothing happened to.
"""

import shutil
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from hades_protocol.run_spec import RunSpec, spec_to_dict
from hadesd.spec.changes import forked, resized
from hadesd.storage import records
from hadesd.storage.archive import SUFFIX
from hadesd.storage.fork import copy_history
from tests.drills.enumeration.bench import Heard, Results, hadesd, make_run, results, worker
from tests.helpers.runs.specs import tiny

RUN = "cartpole-1"
GENERATIONS = 4
HALFWAY = 2
SIZES: dict[str, Any] = {"evolution": {"population": 6}, "dataset": {"pairs": 3}}
"""After a resize."""


def silent(what: str, generation: int) -> None:
    """Nobody listens."""


def spec_of(**sections: Any) -> RunSpec:
    """The settings of all runs: a generation and its checkpoint take milliseconds."""
    return tiny(
        evolution={"generations": GENERATIONS},
        evaluation={"mean_every": 2},
        checkpoints={"keep_newest": 2},
        resources={"devices": 1},
        **sections,
    )


class LostError(AssertionError):
    """Something is lost or other than it should be."""


class Scenario:
    """A new run. The base of all others."""

    name = "new run"

    def prepare(self, home: Path) -> None:
        """What is there before. home: an empty directory."""
        make_run(home / "runs" / RUN, spec_of())

    def act(self, home: Path, heard: Heard) -> str:
        """Do what is interrupted; how it ended, in a word before a colon."""
        return worker(home / "runs" / RUN, heard)

    def finish(self, home: Path, heard: Heard) -> None:
        """Bring it to its end, without faults.

        Raises:
            LostError: that cannot be done.
        """
        self.end(home / "runs" / RUN, heard)

    def end(self, directory: Path, heard: Heard = silent) -> None:
        """Compute a run to its end."""
        ended = worker(directory, heard)
        if ended != "finished":
            raise LostError(f"without faults it ended as {ended}")

    def results(self, home: Path) -> Results:
        """What has to equal the twin's."""
        return results(home / "runs" / RUN)


class Halted(Scenario):
    """A run that was halted on its way goes on."""

    name = "resume"

    def prepare(self, home: Path) -> None:
        super().prepare(home)
        worker(home / "runs" / RUN, halt_after=HALFWAY)


class Resize(Halted):
    """Other sizes are written into run.json, and the next worker brings the state to them."""

    name = "resize"

    def act(self, home: Path, heard: Heard) -> str:
        try:
            self._write(home)
        except OSError as error:
            return f"refused: {error}"
        return super().act(home, heard)

    def finish(self, home: Path, heard: Heard) -> None:
        self._write(home)
        super().finish(home, heard)

    def _write(self, home: Path) -> None:
        record, spec = records.load(home / "runs" / RUN)
        if spec.evolution.population != SIZES["evolution"]["population"]:
            after = resized(spec, SIZES)[0]
            records.save(home / "runs" / RUN, replace(record, spec=spec_to_dict(after)))


class Fork(Halted):
    """A run is made from another one's checkpoint, and computed."""

    name = "fork"

    def act(self, home: Path, heard: Heard) -> str:
        try:
            self._fork(home)
        except records.UsageError as error:
            return f"refused: {error}"
        return "done"

    def finish(self, home: Path, heard: Heard) -> None:
        (child,) = self._children(home) or [self._fork(home)]
        self.end(child)
        self.end(home / "runs" / RUN)

    def results(self, home: Path) -> Results:
        (child,) = self._children(home)
        return {f"fork, {name}": value for name, value in results(child).items()} | super().results(home)

    def _children(self, home: Path) -> list[Path]:
        return [home / "runs" / record.id for record, _ in records.scan(home / "runs")[0] if record.id != RUN]

    def _fork(self, home: Path) -> Path:
        parent = home / "runs" / RUN
        spec = forked(records.load(parent)[1], {}, HALFWAY)[0]
        record = records.create(home / "runs", spec, 1.0, fill=lambda child: copy_history(parent, child, HALFWAY))
        return home / "runs" / record.id


class Verb(Halted):
    """A verb on a paused run, without a daemon."""

    arguments: tuple[str, ...] = ()

    def prepare(self, home: Path) -> None:
        super().prepare(home)
        (home / "archives").mkdir()
        directory = home / "runs" / RUN
        record, _ = records.load(directory)
        records.save(directory, replace(record, desired="pause"))

    def act(self, home: Path, heard: Heard) -> str:
        code, said = self.command(home)
        if "internal error" in said:
            raise LostError(f"an error that nobody foresaw: {said}")
        return "done" if code == 0 else f"refused: {said}"

    def command(self, home: Path) -> tuple[int, str]:
        """The verb."""
        raise NotImplementedError

    def again(self, home: Path) -> None:
        """The verb, which now must do it."""
        code, said = self.command(home)
        if code != 0:
            raise LostError(f"without faults it says: {said}")

    def is_there(self, home: Path) -> bool:
        """Whether the run is where runs are."""
        found, problems = records.scan(home / "runs")
        if problems:
            raise LostError(f"a directory that is no run: {problems[0]}")
        return bool(found)


class Retain(Verb):
    """Checkpoints are pruned by another rule."""

    name = "retain"

    def prepare(self, home: Path) -> None:
        spec = replace(spec_of(), checkpoints=replace(spec_of().checkpoints, keep_newest=GENERATIONS))
        make_run(home / "runs" / RUN, spec)
        worker(home / "runs" / RUN, halt_after=GENERATIONS - 1)
        record, _ = records.load(home / "runs" / RUN)
        records.save(home / "runs" / RUN, replace(record, desired="pause"))

    def command(self, home: Path) -> tuple[int, str]:
        return hadesd("retain", RUN, "--keep-newest", "2", "--yes")

    def finish(self, home: Path, heard: Heard) -> None:
        self.again(home)
        self.end(home / "runs" / RUN, heard)


class Archive(Verb):
    """A run is packed and removed."""

    name = "archive"

    def command(self, home: Path) -> tuple[int, str]:
        return hadesd("archive", RUN, "-o", str(home / "archives"), "--yes")

    def finish(self, home: Path, heard: Heard) -> None:
        packed = home / "archives" / f"{RUN}{SUFFIX}"
        if self.is_there(home):
            packed.unlink(missing_ok=True)
            self.again(home)
        restore = hadesd("archive", "--restore", str(packed))
        if restore[0] != 0:
            raise LostError(f"the run is gone, and of its archive it is said: {restore[1]}")
        self.end(home / "runs" / RUN, heard)


class Restore(Verb):
    """A run comes back out of its archive."""

    name = "restore"

    def prepare(self, home: Path) -> None:
        super().prepare(home)
        hadesd("archive", RUN, "-o", str(home / "archives"), "--yes")

    def command(self, home: Path) -> tuple[int, str]:
        return hadesd("archive", "--restore", str(home / "archives" / f"{RUN}{SUFFIX}"))

    def finish(self, home: Path, heard: Heard) -> None:
        if not self.is_there(home):
            self.again(home)
        self.end(home / "runs" / RUN, heard)


class Remove(Verb):
    """A run is removed for good; until it is, it is whole."""

    name = "rm"

    def command(self, home: Path) -> tuple[int, str]:
        return hadesd("rm", RUN, "--yes")

    def finish(self, home: Path, heard: Heard) -> None:
        if self.is_there(home):
            copy = home / "copy"
            shutil.copytree(home / "runs", copy)
            self.end(copy / RUN, heard)
            shutil.rmtree(copy)
            self.again(home)
        hadesd("gc", "--yes")

    def results(self, home: Path) -> Results:
        return {"runs": " ".join(path.name for path in (home / "runs").iterdir())}


SCENARIOS: tuple[Scenario, ...] = (
    *(Scenario(), Halted(), Resize(), Fork()),
    *(Retain(), Archive(), Restore(), Remove()),
)
