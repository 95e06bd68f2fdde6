"""Run directories: the truth on disk. The daemon can be deleted and rebuilt from them."""

import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from hades_protocol.commands import PriorityValue
from hades_protocol.errors import HadesError, NotFoundError, UsageError
from hades_protocol.messages import Count, HistoryEntry, HistoryKind, Lineage, Mark, MarkKind, UnixTime
from hades_protocol.names import Labels
from hades_protocol.run_spec import RunSpec, build_spec, spec_to_dict
from hades_protocol.run_state import ENDED, RunState
from hadesd.spec.environments import short_name
from hadesd.storage.atomic import sync_renames, write_atomically
from hadesd.storage.layout import RunPaths
from hadesd.storage.resume_records import newest_resume_records

SCHEMA = 1
ID_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # no i, l, o, 0, 1: ids are read aloud and typed
MAX_ENTRIES = 2000
"""Of a run's history and of its resume records: the newest."""


Desired = Literal["run", "pause", "cancel"]


class RunOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended. kind: one of the states in ENDED."""

    kind: RunState
    at: UnixTime
    reason: str = ""
    log_tail: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in ENDED:
            raise ValueError(f"{self.kind} is not how a run ends")


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What run.json holds. Fields that this version does not know are kept in `unknown` and written back."""

    schema: int
    id: str
    created_at: UnixTime
    spec: dict[str, Any]
    preset: str = ""
    group: str = ""
    name: str = ""
    tags: tuple[str, ...] = ()
    priority: PriorityValue = 0
    parent: Lineage | None = None
    desired: Desired = "run"
    queued_at: UnixTime = 0.0
    outcome: RunOutcome | None = None
    restarts: Count = 0
    crashes: tuple[UnixTime, ...] = ()
    note: str = ""
    history: tuple[HistoryEntry, ...] = ()
    unknown: dict[str, Any] = {}


class DamagedRunError(Exception):
    """A run directory that cannot be used. Its text is one line; the directory stays as it is."""


def new_id(env: str, now: float) -> str:
    """A run id such as `cartpole-0121-k3f9`: environment, month and day, chance."""
    name = re.sub(r"[^a-z0-9]", "", short_name(env).lower())[:20] or "run"
    day = time.strftime("%m%d", time.localtime(now))
    return f"{name}-{day}-{''.join(secrets.choice(ALPHABET) for _ in range(4))}"


def create(
    runs: Path,
    spec: RunSpec,
    now: float,
    labels: Labels = Labels(),  # noqa: B008 — it cannot be changed
    priority: int = 0,
    parent: Lineage | None = None,
    submitted: str = "",
    fill: Callable[[Path], None] = lambda directory: None,
) -> RunRecord:
    """Make a run directory with its run.json; it appears whole or not at all.

    parent: what it is a fork of; submitted: how it differs. fill: puts further files into the directory.

    Raises:
        UsageError: the runs directory cannot be written.
        HadesError: of `fill`.
    """
    try:
        for _ in range(100):
            run_id = new_id(spec.env, now)
            at = parent.generation if parent else 0
            kind = HistoryKind.FORKED if parent else HistoryKind.SUBMITTED
            first = HistoryEntry(at=now, what=kind, generation=at, reason=submitted)
            record = RunRecord(
                schema=SCHEMA,
                id=run_id,
                created_at=now,
                queued_at=now,
                spec=spec_to_dict(spec),
                preset=spec.preset,
                group=labels.group,
                name=labels.name,
                tags=labels.tags,
                priority=priority,
                parent=parent,
                history=(first,),
            )
            if _place(runs, record, fill):
                return record
    except OSError as error:
        raise UsageError(
            f"cannot create a run in {runs}: {error.strerror or error}; "
            "make room or make it writable, or set HADES_HOME to another place"
        ) from None
    raise UsageError(f"no free run id for {spec.env} today: remove old runs from {runs}")


def _place(runs: Path, record: RunRecord, fill: Callable[[Path], None]) -> bool:
    hidden = runs / f".new-{record.id}"  # a scan skips names with a dot
    hidden.mkdir(mode=0o700)
    try:
        fill(hidden)
        save(hidden, record)
        os.rename(hidden, runs / record.id)
    except BaseException as error:
        shutil.rmtree(hidden, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    sync_renames(runs)
    return True


def save(directory: Path, record: RunRecord) -> None:
    """Replace run.json.

    Raises:
        OSError: it could not be written; the old one stands.
    """
    values = msgspec.to_builtins(record)
    unknown = values.pop("unknown")
    write_atomically(
        RunPaths(directory).record, msgspec.json.format(msgspec.json.encode(unknown | values), indent=1) + b"\n"
    )


def load(directory: Path) -> tuple[RunRecord, RunSpec]:
    """Read and check a run directory.

    Raises:
        DamagedRunError: it is not one, or this version cannot understand it.
    """
    path = RunPaths(directory).record
    try:
        raw = msgspec.json.decode(path.read_bytes())
        record = msgspec.convert(raw, RunRecord)
        msgspec.json.encode(raw)  # what is not known is written back: it must be possible
    except FileNotFoundError:
        raise DamagedRunError(f"{path} is missing: not a run, skipped") from None
    except OSError as error:
        raise DamagedRunError(f"cannot read {path}: {error.strerror or error}; run skipped") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError) as error:
        raise DamagedRunError(f"{path} is damaged ({error}); run skipped, nothing deleted") from None
    if record.schema > SCHEMA:
        raise DamagedRunError(f"{path} has schema {record.schema}, newer than this version's {SCHEMA}; run skipped")
    if record.id != directory.name:
        raise DamagedRunError(f"{path} belongs to run {record.id!r}, not to {directory.name!r} (a copy?); run skipped")
    try:
        spec = build_spec(record.spec)
    except HadesError as error:
        raise DamagedRunError(f"{path}: {error}; run skipped") from None
    known = set(RunRecord.__struct_fields__)
    return msgspec.structs.replace(record, unknown={k: v for k, v in raw.items() if k not in known}), spec


def scan(runs: Path) -> tuple[list[tuple[RunRecord, RunSpec]], list[str]]:
    """Every usable run, oldest first, and one line for each directory that is not usable."""
    found: list[tuple[RunRecord, RunSpec]] = []
    problems: list[str] = []
    for directory in sorted(runs.iterdir()):
        if directory.name.startswith("."):
            continue
        if not ID_PATTERN.fullmatch(directory.name) or not os.path.isdir(directory):
            problems.append(f"{directory} is not a run: ignored")
            continue
        try:
            found.append(load(directory))
        except DamagedRunError as error:
            problems.append(str(error))
    return sorted(found, key=lambda pair: (pair[0].created_at, pair[0].id)), problems


class KnownRun(Protocol):
    """What a run is found by: of a RunRecord and of a RunSummary."""

    @property
    def id(self) -> str:
        """Unique."""

    @property
    def name(self) -> str:
        """What people call it; empty for nothing."""

    @property
    def group(self) -> str:
        """Of the runs that belong together; empty for none."""

    @property
    def created_at(self) -> float:
        """Unix time."""


def find(name: str, runs: Iterable[KnownRun]) -> str:
    """The id that a person means: an id, a name, a unique prefix of an id or of its last part, or @ for the newest.

    Raises:
        NotFoundError: no run or several runs fit.
    """
    known = {run.id: run for run in runs}
    if not known:
        raise NotFoundError("there is no run yet: begin with 'hadesd start --env CartPole-v1'")
    if not name:
        raise NotFoundError("the name of the run is empty: give an id, a name, or @ for the newest")
    if name == "@":
        return max(known, key=lambda run: (known[run].created_at, run))
    if name in known:
        return name
    called = sorted(run.id for run in known.values() if run.name == name)
    if len(called) > 1:
        raise NotFoundError(f"'{name}' is the name of {len(called)} runs: {_listed(called)}; give the id")
    fits = called or sorted(run for run in known if run.startswith(name))
    if not fits:  # all runs of a day in one environment begin alike: people tell them apart by the end
        fits = sorted(run for run in known if run.rpartition("-")[2].startswith(name))
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise NotFoundError(f"'{name}' fits {len(fits)} runs: {_listed(fits)}; give more of the id")
    raise NotFoundError(f"there is no run '{name[:80]}': {_hint(name, known.values())}")


def _hint(name: str, runs: Iterable[KnownRun]) -> str:
    if any(run.group == name for run in runs):
        return f"it is a group, which --group {name} means where a verb takes groups"
    if name.rpartition("@")[2].isdigit():
        return "this verb takes no @GENERATION; export, evaluate, pairs, transfer, merge, fork and checkpoint do"
    return "'hadesd status' lists them"


def _listed(runs: list[str]) -> str:
    return ", ".join(runs[:5]) + (", …" if len(runs) > 5 else "")


def find_directory(runs: Path, name: str) -> Path:
    """The directory of a run named as in `find`, straight from the disk: no daemon is needed.

    Raises:
        NotFoundError: no run or several runs fit.
    """
    records = scan(runs)[0] if runs.is_dir() else []
    return runs / find(name, (record for record, _ in records))


def read_history(record: RunRecord, directory: Path) -> tuple[HistoryEntry, ...]:
    """What happened to a run, in order: the entries in run.json and the resume records of its workers."""
    resumes = (
        HistoryEntry(
            at=resume.time,
            what=HistoryKind(resume.kind),
            generation=resume.generation,
            reason=resume.text,
            bit_exact=resume.bit_exact,
        )
        for resume in newest_resume_records(directory, MAX_ENTRIES)
    )
    return tuple(sorted((*record.history, *resumes), key=lambda entry: entry.at))


def marks(record: RunRecord, directory: Path) -> tuple[Mark, ...]:
    """What happened at which generation, for curves; of several resumes at one generation the last."""
    found: dict[tuple[int, MarkKind], Mark] = {}
    for entry in read_history(record, directory):
        kind = _mark_kind(entry)
        if kind is not None:
            found[entry.generation, kind] = Mark(
                generation=entry.generation,
                kind=kind,
                text=entry.reason,
                time=entry.at,
                bit_exact=entry.bit_exact is not False,
            )
    return tuple(sorted(found.values(), key=lambda mark: (mark.generation, mark.time)))


_MARKED = {
    HistoryKind.FORKED: MarkKind.FORK,
    HistoryKind.RESIZE: MarkKind.RESIZE,
    HistoryKind.RESUME: MarkKind.RESUME,
    HistoryKind.FALLBACK: MarkKind.FALLBACK,
    HistoryKind.CHUNK: MarkKind.CHUNK,
    HistoryKind.PREEMPTED: MarkKind.PREEMPTED,
}


def _mark_kind(entry: HistoryEntry) -> MarkKind | None:
    """The mark of an entry; None where it belongs on no curve."""
    if entry.what == HistoryKind.RESIZE and entry.bit_exact is None:
        return None  # it was asked for; the worker's entry is where it was carried out
    return _MARKED.get(entry.what)
