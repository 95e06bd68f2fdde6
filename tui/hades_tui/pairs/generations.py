"""The past of the selected run's pairs: what to ask the daemon for, and what its answers change. No Textual, no I/O.

Whoever holds it calls `follow` with every model, `press` with every key, sends what `take_questions` returns, and hands
each answer to `answer`. Answers to questions that were asked before something became void are dropped.
"""

import msgspec

from hades_protocol.errors import HadesError, NotFoundError
from hades_protocol.messages import CheckpointList, DatasetSnapshot
from hades_tui.connection import Connection
from hades_tui.pairs import timeline as times
from hades_tui.pairs.timeline import Shown, Timeline
from hades_tui.state.model import Model

OLDER, NEWER, COMPARE = "older", "newer", "compare"


class Question(msgspec.Struct, frozen=True):
    """generation: whose pairs; None for the generations that are kept. epoch: changes when answers become void."""

    run: str
    generation: int | None
    epoch: int


Answer = CheckpointList | DatasetSnapshot | HadesError


async def ask(connection: Connection, question: Question) -> Answer:
    """The daemon's answer, or why there is none."""
    try:
        if question.generation is None:
            return (await connection.show(question.run)).checkpoints
        return await connection.dataset(question.run, question.generation)
    except HadesError as error:
        return error


class Past:
    """A timeline that follows the selected run."""

    def __init__(self) -> None:
        self.timeline = Timeline()
        self._model = Model()
        self._epoch = 0
        self._asked: set[int | None] = set()
        self._listed_at: int | None = None  # the run's generation when it was asked what is kept
        self._wants_list = False
        self._pressed: list[str] = []  # before it was known what is kept

    @property
    def has_pairs(self) -> bool:
        """Whether the selected run is of a kind that has pairs."""
        return self._model.run is not None and self._model.run.method != "es"

    @property
    def newest(self) -> int:
        """The newest generation that is known of."""
        run, dataset = self._model.run, self._model.dataset
        return dataset.generation if dataset is not None else run.generation if run is not None else 0

    @property
    def is_asking(self) -> bool:
        """Whether the daemon is being asked which generations are kept."""
        return None in self._asked or self._wants_list

    def follow(self, model: Model) -> None:
        """Another model: another run, a run that went back, a daemon that was away."""
        before, self._model = self._model, model
        now, then = model.run, before.run
        if now is None or then is None or now.id != then.id:
            self._restart(Timeline())
        elif model.daemon is not before.daemon:  # a snapshot: something may have been missed
            self._restart(times.forget(self.timeline))
        elif now.generation < then.generation:
            self._restart(times.cut(self.timeline, now.generation))

    def look(self) -> None:
        """The panel is in use: it shall be known what is kept, unless it is."""
        run = self._model.run
        if run is None or not self.has_pairs or None in self._asked:
            return
        if self.timeline.kept is None or run.generation != self._listed_at:
            self._wants_list = True

    def press(self, key: str) -> None:
        """OLDER, NEWER or COMPARE: done when it is known what is kept."""
        if not self.has_pairs:
            return
        self.look()
        if self.timeline.kept is None:
            self._pressed.append(key)
        else:
            self._do(key)

    def take_questions(self) -> list[Question]:
        """What is to be asked now, each once."""
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
        """The daemon has answered; False where the answer is void by now."""
        if question.epoch != self._epoch:
            return False
        generation = question.generation
        self._asked.discard(generation)
        if generation is None:
            self._listed(answer)
        elif isinstance(answer, DatasetSnapshot):
            self.timeline = times.with_dataset(self.timeline, generation, answer)
        else:
            gone = isinstance(answer, NotFoundError)
            why = f"The pairs of generation {generation} are gone by now. [ and ] show others." if gone else str(answer)
            self.timeline = times.with_failure(self.timeline, generation, why)
            self._wants_list = gone
        return True

    def shown(self) -> Shown:
        """What is to be shown; neither dataset nor absence where nothing is known of the newest."""
        return times.shown(self.timeline, self._model.dataset) if self.has_pairs else Shown()

    def _listed(self, answer: Answer) -> None:
        if isinstance(answer, CheckpointList):
            self.timeline = times.with_kept(self.timeline, answer.with_pairs)
            pressed, self._pressed = self._pressed, []
            for key in pressed:
                self._do(key)
        else:
            self._pressed = []
            self.timeline = times.without_kept(self.timeline, str(answer))

    def _do(self, key: str) -> None:
        if key == COMPARE:
            self.timeline = times.compare(self.timeline, self.newest)
        else:
            self.timeline = times.step(self.timeline, -1 if key == OLDER else 1, self.newest)

    def _restart(self, timeline: Timeline) -> None:
        self._epoch += 1
        self._asked, self._pressed, self._listed_at, self._wants_list = set(), [], None, False
        self.timeline = timeline
