"""A run as a run of Weights & Biases: numbers and settings, and nothing else of the machine.

Online the server says what it has. Offline nobody does, so what was handed over is noted in a file of ours. What a
run computed before it went back is not taken away again: Weights & Biases keeps what it was told first.
"""

from pathlib import Path
from typing import Any

import msgspec
import wandb

from hades_protocol.errors import HadesError
from hades_protocol.messages import GenerationMetrics, RunSummary
from hadesd.integrations.mirror.sink import Point, scalars
from hadesd.storage.atomic import write_atomically


class _Handed(msgspec.Struct, frozen=True):
    """What the file of ours holds."""

    generation: int


class WandbRun:
    """One run in a project; a Target. Weights & Biases hears of it with the first generation to be written.

    notes: directory for what was handed over.
    """

    def __init__(self, project: str, notes: Path, run: RunSummary, spec: dict[str, Any]) -> None:
        self._project = project
        self._summary = run
        self._spec = spec
        self._note = notes / f"{run.id}.json"
        self._run: Any = None
        self.newest = self._noted()

    def holds(self, metrics: GenerationMetrics) -> bool:
        """It cannot be looked up."""
        return True

    def write(self, points: list[Point]) -> None:
        """Log what is after the newest; nothing where it turns out only now that the server has less than that."""
        if self._run is None:
            expected = self.newest
            self._begin()
            if self.newest < expected:
                return
        for point in points:
            if point.metrics.generation > self.newest:
                self._run.log(scalars(point), step=point.metrics.generation)
                self.newest = point.metrics.generation
        write_atomically(self._note, msgspec.json.encode(_Handed(self.newest)))

    def cut(self, generation: int) -> None:
        """What was told stays told; the same generations come again and are passed over."""

    def close(self) -> None:
        """Hand over what waits to be sent."""
        if self._run is not None:
            self._run.finish()
            self._run = None

    def _begin(self) -> None:
        # No code, console, host name, hardware or git state: the numbers are what was asked for.
        quiet = wandb.Settings(
            console="off",
            disable_code=True,
            disable_git=True,
            disable_job_creation=True,
            host="hades",
            silent=True,
            x_disable_machine_info=True,
            x_disable_meta=True,
            x_disable_stats=True,
            x_save_requirements=False,
        )
        images = {name: value for name, value in self._spec.get("images", {}).items() if name != "directory"}
        try:
            self._run = wandb.init(
                project=self._project,
                id=self._summary.id,
                name=self._summary.name or self._summary.id,
                group=self._summary.group or None,
                tags=list(dict.fromkeys([self._summary.env, self._summary.method, *self._summary.tags])),
                config=self._spec | {"images": images},
                resume="allow",
                reinit="create_new",
                dir=self._note.parent,
                settings=quiet,
            )
        except wandb.Error as error:
            raise HadesError(
                f"Weights & Biases does not take it: {' '.join(str(error).split())}; "
                "see 'wandb login', or set WANDB_MODE=offline"
            ) from None
        if not self._run.offline:
            self.newest = self._run.step - 1 if self._run.resumed else 0

    def _noted(self) -> int:
        try:
            return msgspec.json.decode(self._note.read_bytes(), type=_Handed).generation
        except (FileNotFoundError, msgspec.DecodeError):
            return 0
