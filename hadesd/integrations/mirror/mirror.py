"""Follows the daemon as any client does and keeps a copy of every generation elsewhere, each exactly once.

The truth about what was copied is the copy itself (Target.newest). What is missing comes from the history, page by
page; what comes live is taken where it is the next one, and is else a reason to ask the history again.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hades_protocol.async_client import AsyncClient
from hades_protocol.errors import NotFoundError, ProtocolMismatchError, UnreachableError
from hades_protocol.events import GenerationCommitted, HistoryCut, RunChanged, RunRemoved
from hades_protocol.messages import RunSummary
from hades_protocol.replies import SnapshotResult
from hades_protocol.resync import LinkPhase, LinkStatus
from hades_protocol.run_state import ENDED
from hadesd.integrations.mirror.sink import Point, Target, Timings
from hadesd.storage.records import find

PAGE = 500
"""Generations asked for at once: some 100 kB, a few milliseconds of the daemon's time."""

RETRY_SECONDS = 1.0

OpenTarget = Callable[[RunSummary, dict[str, Any]], Target]
"""A run and its settings -> its place in the mirror."""


class _Followed:
    """A run that is mirrored. seen: number of the last event that its history already contained."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.seen = 0


class Mirror:
    """Copies some runs, or all that there are and will be.

    wanted: runs as people name them; none: all.
    local: the run directories are on this machine.
    say: shows a line to a person.
    """

    def __init__(
        self,
        client: AsyncClient,
        open_target: OpenTarget,
        wanted: Sequence[str],
        local: bool,
        say: Callable[[str], None],
    ) -> None:
        self._client = client
        self._open_target = open_target
        self._wanted = wanted
        self._local = local
        self._say = say
        self._chosen: set[str] | None = None  # ids; None: all
        self._runs: dict[str, RunSummary] = {}
        self._followed: dict[str, _Followed] = {}
        self._complete: dict[str, int] = {}  # runs that had ended when all of them was copied
        self.copied = 0

    async def run(self, once: bool) -> None:
        """Mirror until cancelled; once: what there is now. Ends by itself where every wanted run has ended.

        Raises:
            UnreachableError: once, and no daemon answers.
            HadesError: there is no such run, the daemon speaks another protocol, or the copy cannot be written.
        """
        try:
            if once:
                return await self._take_in(await self._client.snapshot())
            while True:
                try:
                    return await self._follow()
                except UnreachableError as error:  # in the middle of a question
                    self._say(f"asking again: {error}")
                    await asyncio.sleep(RETRY_SECONDS)
        finally:
            for run in tuple(self._followed):
                self._let_go(run)

    async def _follow(self) -> None:
        async with contextlib.aclosing(self._client.attach()) as stream:
            async for item in stream:
                match item:
                    case LinkStatus():
                        self._tell(item)
                    case SnapshotResult():
                        await self._take_in(item)
                    case RunChanged():
                        await self._on_run(item.run)
                    case GenerationCommitted():
                        await self._on_generation(item)
                    case HistoryCut():
                        self._on_cut(item)
                    case RunRemoved():
                        self._forget(item.run_id)
                if self._has_all():
                    return

    def _tell(self, status: LinkStatus) -> None:
        if status.phase == LinkPhase.MISMATCH:
            raise ProtocolMismatchError(status.text)
        if status.phase == LinkPhase.STALE:
            self._say("waiting for the daemon" + (f": {status.text}" if status.text else ""))

    async def _take_in(self, snapshot: SnapshotResult) -> None:
        self._runs = {run.id: run for run in snapshot.runs}
        if self._wanted and self._chosen is None:
            self._chosen = {find(name, snapshot.runs) for name in self._wanted}
        for gone in set(self._followed) - set(self._runs):
            self._forget(gone)
        for run in snapshot.runs:
            await self._catch_up(run, verify=True)
        count = len(self._runs if self._chosen is None else self._chosen)
        self._say(f"{count} {'run is' if count == 1 else 'runs are'} up to date")

    async def _on_run(self, run: RunSummary) -> None:
        self._runs[run.id] = run
        if run.id not in self._followed or run.state in ENDED:
            await self._catch_up(run, verify=False)

    async def _on_generation(self, event: GenerationCommitted) -> None:
        followed = self._followed.get(event.run_id)
        generation = event.metrics.generation
        if followed is None:
            if (run := self._runs.get(event.run_id)) is not None:
                await self._catch_up(run, verify=False)
        elif event.seq <= followed.seen or generation <= followed.target.newest:
            return
        elif generation == followed.target.newest + 1:
            self._write(followed, [Point(event.metrics, event.timing)])
        else:
            await self._page(self._runs[event.run_id], followed)

    def _on_cut(self, event: HistoryCut) -> None:
        followed = self._followed.get(event.run_id)
        if followed is not None and event.seq > followed.seen and event.generation < followed.target.newest:
            followed.target.cut(event.generation)

    async def _catch_up(self, run: RunSummary, verify: bool) -> None:
        """Copy what is missing of a run, where it is wanted; one that has ended is then let go.

        verify: events were missed, perhaps one that said that the run went back and computed something else since.
        """
        if self._chosen is not None and run.id not in self._chosen:
            return
        if run.state in ENDED and self._complete.get(run.id) == run.generation:
            return
        try:
            followed = self._followed.get(run.id)
            if followed is None:
                spec = (await self._client.show(run.id)).spec
                followed = self._followed[run.id] = _Followed(self._open_target(run, spec))
            if verify:
                await self._verify(run, followed)
            await self._page(run, followed)
        except NotFoundError:  # it was removed since
            self._forget(run.id)
            return
        if run.state in ENDED:
            self._complete[run.id] = followed.target.newest
            self._let_go(run.id)

    async def _verify(self, run: RunSummary, followed: _Followed) -> None:
        target = followed.target
        if target.newest > run.generation:
            target.cut(run.generation)
        if newest := target.newest:
            result = await self._client.history(run.id, PAGE, after=newest - 1, upto=newest)
            if not result.metrics or not target.holds(result.metrics[0]):
                self._say(f"{run.id} went back and computed anew while nobody looked: copied from its beginning")
                target.cut(0)

    async def _page(self, run: RunSummary, followed: _Followed) -> None:
        target = followed.target
        timings = Timings(Path(run.directory)) if self._local else None
        while True:
            after = target.newest
            result = await self._client.history(run.id, PAGE, after=after, upto=after + PAGE)
            followed.seen = result.seq
            if not result.metrics:
                return
            known = timings.upto(result.metrics[-1].generation) if timings is not None else {}
            self._write(followed, [Point(m, known.get(m.generation)) for m in result.metrics])

    def _write(self, followed: _Followed, points: list[Point]) -> None:
        followed.target.write(points)
        self.copied += len(points)

    def _has_all(self) -> bool:
        """Whether all wanted runs have ended and are copied."""
        if self._chosen is None:
            return False
        return all(run not in self._runs or self._runs[run].state in ENDED for run in self._chosen)

    def _let_go(self, run: str) -> None:
        if (followed := self._followed.pop(run, None)) is not None:
            followed.target.close()

    def _forget(self, run: str) -> None:
        self._runs.pop(run, None)
        self._complete.pop(run, None)
        self._let_go(run)
