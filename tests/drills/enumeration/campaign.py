"""Every call that changes a file, one after the other, meets every fault; each disturbed life must end like its twin's.

For each scenario a twin is made and its calls are noted; the notes must account for every byte that it left. Then, for
the n-th call, a home is disturbed there and brought to its end without faults. Killed processes and power cuts need no
second life: the notes say what was on the disk before the n-th call.
"""

import errno
import os
import random
import shutil
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.drills.enumeration.replay import Loss, Tree, files_of
from tests.drills.enumeration.scenarios import LostError, Results, Scenario
from tests.helpers.faults.fault_injector import Injector, Mode, Note, Operation, read_notes


class Fault(NamedTuple):
    """What happens at a call: it fails or is cut short (mode), or it is never made (loss)."""

    name: str
    mode: Mode = Mode.OFF
    error: int = errno.EIO
    loss: Loss | None = None


FAULTS = (
    Fault("EIO once", Mode.FAIL_ONCE, errno.EIO),
    Fault("EIO from then on", Mode.FAIL_FROM, errno.EIO),
    Fault("ENOSPC once", Mode.FAIL_ONCE, errno.ENOSPC),
    Fault("ENOSPC from then on", Mode.FAIL_FROM, errno.ENOSPC),
    Fault("short write", Mode.SHORT),
    Fault("SIGKILL", loss=Loss.KILL),
    *(Fault(f"power {loss}", loss=loss) for loss in Loss if loss != Loss.KILL),
)
FEW = tuple(fault for fault in FAULTS if fault.name in ("EIO once", "ENOSPC from then on", "short write", "SIGKILL"))


class Case(NamedTuple):
    """A fault at a call, counted from 1."""

    call: int
    fault: Fault


class Heard:
    """What a worker reported: the newest of each."""

    def __init__(self, injector: Injector | None = None) -> None:
        self._injector = injector
        self.newest: Counter[str] = Counter()

    def __call__(self, what: str, generation: int) -> None:
        self.newest[what] = generation
        if self._injector is not None:
            self._injector.mark(what, generation)


class Twin(NamedTuple):
    """A scenario's undisturbed life: the home before, the number of calls, and the notes of those that went well."""

    before: Path
    calls: int
    notes: list[Note]
    results: Results


class Campaign:
    """Cases of one process; its files are below `directory`."""

    def __init__(self, directory: Path) -> None:
        self._home, self._directory = directory.resolve() / "home", directory.resolve()
        os.environ["HADES_HOME"] = str(self._home)
        self._injector = Injector.of_this_process()
        self.calls: dict[str, int] = {}
        self.outcomes: dict[tuple[str, str], Counter[str]] = {}
        self.problems: list[str] = []

    def run(self, scenario: Scenario, faults: Sequence[Fault], share: float = 1.0, seed: int = 0) -> None:
        """Cases of a scenario: every call with every fault, or a share of them that the seed draws."""
        twin = self._twin(scenario)
        self.calls[scenario.name] = twin.calls
        cases = [Case(call, fault) for call in range(1, twin.calls + 1) for fault in faults]
        chance = random.Random(f"{seed} {scenario.name}")
        cases = sorted(chance.sample(cases, round(share * len(cases))), key=lambda case: case.call)
        for case in cases:
            if case.fault.loss is None:
                self._note(scenario, case, self._disturbed, twin)
        for call, tree, floors in self._states(twin):
            for case in cases:
                if case.call == call and case.fault.loss is not None:
                    self._note(scenario, case, self._ended, tree, floors, twin)

    def document(self) -> dict[str, Any]:
        """Calls, cases, outcomes and problems, for JSON."""
        return {
            "calls": self.calls,
            "cases": sum(counter.total() for counter in self.outcomes.values()),
            "outcomes": {f"{name}: {fault}": dict(counter) for (name, fault), counter in self.outcomes.items()},
            "problems": self.problems,
        }

    def _note(self, scenario: Scenario, case: Case, what: Any, *arguments: Any) -> None:
        try:
            outcome: str = what(scenario, case, *arguments)
        except Exception as error:  # noqa: BLE001 — every fault that is found is wanted, not the first alone
            outcome = "PROBLEM"
            where = "" if isinstance(error, LostError) else traceback.format_exc()
            self.problems.append(f"{scenario.name}, {case.fault.name} at call {case.call}: {error} {where}".strip())
        counter = self.outcomes.setdefault((scenario.name, case.fault.name), Counter())
        counter[outcome.partition(":")[0]] += 1

    def _twin(self, scenario: Scenario) -> Twin:
        before, notes = (self._directory / f"{scenario.name}.{what}" for what in ("before", "notes"))
        self._clear()
        self._home.mkdir()
        scenario.prepare(self._home)
        shutil.copytree(self._home, before)
        tree = Tree(self._home)
        with self._injector.armed(self._home, Mode.COUNT, notes=notes):
            scenario.act(self._home, Heard(self._injector))
        calls, noted = self._injector.count, read_notes(notes)
        for note in noted:
            tree.apply(note)
        if tree.files() != files_of(self._home):
            raise AssertionError(f"{scenario.name}: a call changed a file and was not noted")
        scenario.finish(self._home, Heard())
        return Twin(before, calls, noted, scenario.results(self._home))

    def _disturbed(self, scenario: Scenario, case: Case, twin: Twin) -> str:
        self._clear()
        shutil.copytree(twin.before, self._home)
        heard, fault = Heard(), case.fault
        with self._injector.armed(self._home, fault.mode, case.call, fault.error):
            outcome = scenario.act(self._home, heard)
        if not self._injector.hits:
            outcome = "not met"
        self._finish(scenario, twin, heard.newest["committed"])
        return outcome

    def _ended(self, scenario: Scenario, case: Case, tree: Tree, floors: Counter[str], twin: Twin) -> str:
        assert case.fault.loss is not None
        self._clear()
        tree.write(self._home, case.fault.loss)
        self._finish(scenario, twin, floors["committed" if case.fault.loss == Loss.KILL else "durable"])
        return "ended there"

    def _states(self, twin: Twin) -> Iterator[tuple[int, Tree, Counter[str]]]:
        """Before each call that went well: its number, what is on the disk, and what the worker had reported."""
        tree, floors, number = Tree(twin.before, root=self._home), Counter[str](), 0
        for note in twin.notes:
            if note.operation == Operation.MARK:
                floors[note.path] = note.offset
                continue
            number += 1
            yield number, tree, floors
            tree.apply(note)

    def _finish(self, scenario: Scenario, twin: Twin, committed: int) -> None:
        """Bring the home to its end, and compare. committed: the generation that must not be lost.

        Raises:
            LostError: something is.
        """
        heard = Heard()
        scenario.finish(self._home, heard)
        if "resumed" in heard.newest and heard.newest["resumed"] < committed:
            raise LostError(f"generation {committed} was reported; the next worker is at {heard.newest['resumed']}")
        found, wanted = scenario.results(self._home), twin.results
        unlike = [name for name in sorted(found.keys() | wanted.keys()) if found.get(name) != wanted.get(name)]
        for name in unlike[:1]:
            raise LostError(
                f"unlike its twin in {', '.join(unlike)}; {name}: {_change(wanted.get(name), found.get(name))}"
            )

    def _clear(self) -> None:
        shutil.rmtree(self._home, ignore_errors=True)


def _change(before: bytes | str | None, after: bytes | str | None) -> str:
    """The first difference."""
    if before is None or after is None:
        return "is new" if before is None else "is gone"
    both = zip(before, after, strict=False)
    at = next((i for i, (one, other) in enumerate(both) if one != other), min(len(before), len(after)))
    return f"{before[at : at + 80]!r} became {after[at : at + 80]!r} at {at} of {len(before)}"
