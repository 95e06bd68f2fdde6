"""Browses the pairs of the selected run's kept generations: requests to send, and what the answers change.

No Textual, no I/O: the owner calls `follow` with every model and `press` with every key, sends what `take_questions`
returns, and hands each answer to `answer`.
"""

import msgspec

from hades_protocol.errors import HadesError, NotFoundError
from hades_protocol.messages import CheckpointList, DatasetSnapshot
from hades_tui.connection import Connection
from hades_tui.pairs import timeline
from hades_tui.pairs.timeline import Shown, Timeline
from hades_tui.state.model import Model

OLDER, NEWER, COMPARE = "older", "newer", "compare"


class Question(msgspec.Struct, frozen=True):
    """A request to send. generation: whose pairs; None for the list of kept generations.

    epoch: number that changes whenever answers still to come become void.
    """

    run: str
    generation: int | None
    epoch: int


Answer = CheckpointList | DatasetSnapshot | HadesError


async def ask(connection: Connection, question: Question) -> Answer:
    """Send a question and return the daemon's answer, or the error."""
    try:
        if question.generation is None:
            return (await connection.show(question.run)).checkpoints
        return await connection.dataset(question.run, question.generation)
    except HadesError as error:
        return error


class GenerationBrowser:
    """A timeline of the selected run, with the requests that it still needs."""

    def __init__(self) -> None:
        self.timeline = Timeline()
        self._model = Model()
        self._epoch = 0
        self._asked: set[int | None] = set()
        self._listed_at: int | None = None  # the run's generation when the list was requested
        self._wants_list = False
        self._pressed: list[str] = []  # keys that wait for the list of kept generations
        self._relocated = False  # whether since the last key what it chose was gone, and the nearest taken

    @property
    def has_pairs(self) -> bool:
        """Whether the selected run's method has pairs."""
        return self._model.run is not None and self._model.run.method != "es"

    @property
    def newest(self) -> int:
        """The newest known generation; 0 without a run."""
        run, dataset = self._model.run, self._model.dataset
        return dataset.generation if dataset is not None else run.generation if run is not None else 0

    @property
    def is_asking(self) -> bool:
        """Whether the list of kept generations is requested."""
        return None in self._asked or self._wants_list

    def follow(self, model: Model) -> None:
        """Take another model. Another run, a run that went back or a new snapshot restarts the timeline."""
        before, self._model = self._model, model
        now, then = model.run, before.run
        if now is None or then is None or now.id != then.id:
            self._restart(Timeline())
        elif model.daemon is not before.daemon:  # a snapshot: something may have been missed
            self._restart(timeline.forget(self.timeline))
        elif now.generation < then.generation:
            self._restart(timeline.cut(self.timeline, now.generation))

    def ensure_listed(self) -> None:
        """Request the list of kept generations unless it is known."""
        run = self._model.run
        if run is None or not self.has_pairs or None in self._asked:
            return
        if self.timeline.kept is None or run.generation != self._listed_at:
            self._wants_list = True

    def press(self, key: str) -> None:
        """Handle OLDER, NEWER or COMPARE, at once or when the list of kept generations is known as it is now."""
        if not self.has_pairs:
            return
        self._relocated = False
        self.ensure_listed()
        ends = key == COMPARE and self.timeline.base is not None  # which takes no list
        if self.is_asking and (self._pressed or not ends):
            self._pressed.append(key)
        else:
            self._do(key)

    def take_questions(self) -> list[Question]:
        """The requests to send now; each is returned once."""
        run = self._model.run
        if run is None:
            return []
        wanted: list[int | None] = [g for g in sorted(self.timeline.wanted) if g not in self._asked]
        if self._wants_list and None not in self._asked:
            wanted.append(None)
            self._wants_list, self._listed_at = False, run.generation
        self._asked.update(wanted)
        return [Question(run.id, generation, self._epoch) for generation in wanted]

    def answer(self, question: Question, answer: Answer) -> bool:
        """Take an answer of the daemon; returns False where it is void by now."""
        if question.epoch != self._epoch:
            return False
        generation = question.generation
        self._asked.discard(generation)
        if generation is None:
            self._listed(answer)
        elif isinstance(answer, DatasetSnapshot):
            self.timeline = timeline.with_dataset(self.timeline, generation, answer)
        else:
            gone = isinstance(answer, NotFoundError)
            why = f"The pairs of generation {generation} are gone by now." if gone else str(answer)
            self.timeline = timeline.with_failure(self.timeline, generation, why)
            self._wants_list = gone
        return True

    def shown(self) -> Shown:
        """What to show; neither dataset nor absence where the newest pairs are not loaded."""
        return timeline.shown(self.timeline, self._model.dataset) if self.has_pairs else Shown()

    def _listed(self, answer: Answer) -> None:
        if isinstance(answer, CheckpointList):
            kept = timeline.with_kept(self.timeline, answer.with_pairs)
            self.timeline = timeline.relocated(kept, self.newest, again=self._relocated)
            self._relocated = self.timeline is not kept
        else:
            self.timeline = timeline.without_kept(self.timeline, str(answer))
        pressed, self._pressed = self._pressed, []
        for key in pressed if self.timeline.kept is not None else ():
            self._do(key)

    def _do(self, key: str) -> None:
        if key == COMPARE:
            self.timeline = timeline.compare(self.timeline, self.newest)
        else:
            self.timeline = timeline.step(self.timeline, -1 if key == OLDER else 1, self.newest)

    def _restart(self, start: Timeline) -> None:
        self._epoch += 1
        self._asked, self._pressed, self._listed_at, self._wants_list = set(), [], None, False
        self._relocated = False
        self.timeline = start
