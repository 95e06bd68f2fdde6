"""What is known of a run or of an exported file, gathered for a report. Reads the disk; no daemon is needed."""

import json
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import msgspec

from hades_protocol.errors import HadesError, NotFoundError, UsageError
from hades_protocol.formatting import count_of
from hades_protocol.messages import GenerationMetrics, GenerationTiming, HistoryEntry, Lineage, Reference
from hades_protocol.run_spec import RunSpec
from hadesd.analysis.datasets import reader
from hadesd.analysis.evaluation.documents import TransferDocument
from hadesd.spec import environments
from hadesd.storage import records
from hadesd.storage.layout import RunPaths
from hadesd.storage.metric_lines import read_lines, read_metrics
from hadesd.storage.records import RunRecord
from hadesd.storage.resume_records import ResumeRecord, read_resume_records


@dataclass(frozen=True)
class ReportData:
    """What a report is made of. Where the source is a file, everything that only a run knows is empty.

    name: the run's id, or the file's name; path: the run directory or the file.
    spec: the run's settings (None for a file); parent_spec: those of the run that it was forked from, where that is
    still there; parent_metrics: the parent's at the generation of the fork.
    """

    name: str
    path: Path
    dataset: reader.DatasetFile | None
    entry: environments.EnvironmentInfo | None
    spec: RunSpec | None = None
    record: RunRecord | None = None
    metrics: tuple[GenerationMetrics, ...] = ()
    timings: tuple[GenerationTiming, ...] = ()
    resume_records: tuple[ResumeRecord, ...] = ()
    references: tuple[Reference, ...] = ()
    parent_spec: RunSpec | None = None
    parent_metrics: GenerationMetrics | None = None
    children: tuple[tuple[str, int], ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    transfer: TransferDocument | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def method(self) -> str:
        """hades-r, hades-f, es; empty where unknown."""
        if self.spec is not None:
            return self.spec.method
        return str(self.dataset.meta.get("method", "")) if self.dataset else ""

    @property
    def normalisation(self) -> str:
        """running, fixed or none; empty where unknown."""
        if self.spec is not None:
            return self.spec.evaluation.normalisation
        meta = self.dataset.meta if self.dataset else {}
        return str(meta.get("normalisation", ""))

    @property
    def state(self) -> str:
        """How far the run is, as far as its directory says."""
        if self.record is None or self.spec is None:
            return ""
        done, wanted = self.generation, self.spec.evolution.generations
        if self.record.outcome is not None:
            said = f" ({self.record.outcome.reason})" if self.record.outcome.reason else ""
            return f"{self.record.outcome.kind} after generation {done} of {wanted}{said}"
        word = {"pause": "paused", "cancel": "being cancelled"}.get(self.record.desired, "not finished")
        return f"{word}, generation {done} of {wanted}"

    @property
    def generation(self) -> int:
        """The newest committed generation; 0 before the first."""
        return self.metrics[-1].generation if self.metrics else 0


def of_file(path: Path) -> ReportData:
    """What an exported file says of itself.

    Raises:
        NotFoundError, UsageError: there is no such file, it is no dataset, or none of the environment that it names.
    """
    dataset = reader.load(path)
    entry = environments.of_meta(dataset.meta)
    if entry is not None and entry.observation and "parts" not in dataset.meta:
        reader.check_sizes(dataset, entry.name, entry.observation, entry.actions)
        reader.check_constants(path, dataset.obs_mean, dataset.obs_var, prod(entry.observation))
    return ReportData(name=path.name, path=path, dataset=dataset, entry=entry)


def of_run(directory: Path) -> ReportData:
    """What a run directory holds. A side file that is damaged is left out, and said in `problems`.

    Raises:
        UsageError: run.json or dataset.npz is damaged.
    """
    try:
        record, spec = records.load(directory)
    except records.DamagedRunError as error:
        raise UsageError(str(error)) from None
    problems: list[str] = []

    def say(path: Path, count: int) -> None:
        problems.append(f"{count_of(count, 'line')} of {path.name} cannot be read: left out")

    paths = RunPaths(directory)
    file = paths.dataset
    return ReportData(
        name=directory.name,
        path=directory,
        dataset=reader.load(file) if file.is_file() else None,
        entry=_entry(spec),
        spec=spec,
        record=record,
        metrics=tuple(read_metrics(directory, say)),
        timings=tuple(read_lines(paths.timings, GenerationTiming, say=say)),
        resume_records=read_resume_records(directory),
        references=_document(paths.references, tuple[Reference, ...], problems) or (),
        parent_spec=_spec_of(directory.parent, record.parent),
        parent_metrics=_at_fork(directory.parent, record.parent),
        children=_children(directory),
        history=records.read_history(record, directory),
        transfer=_document(paths.transfer, TransferDocument, problems),
        problems=problems,
    )


def _entry(spec: RunSpec) -> environments.EnvironmentInfo | None:
    try:
        return environments.of_spec(spec)
    except HadesError:
        return None  # an environment that this version does not know: drawn as numbers


def _document(path: Path, kind: Any, problems: list[str]) -> Any:
    """A JSON document; None where there is none, or where it is damaged, which is noted."""
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        problems.append(f"{path.name} is left out: it is damaged ({error})")
        return None


def _spec_of(directory: Path, parent: Lineage | None) -> RunSpec | None:
    if parent is None:
        return None
    try:
        return records.load(directory / parent.run)[1]
    except records.DamagedRunError:
        return None


def _at_fork(directory: Path, parent: Lineage | None) -> GenerationMetrics | None:
    if parent is None:
        return None
    path, at = RunPaths(directory / parent.run).metrics, parent.generation
    return next(read_lines(path, GenerationMetrics, at - 1, at), None)


def _children(directory: Path) -> tuple[tuple[str, int], ...]:
    """Runs that were forked from this one, each with the generation of the fork."""
    found = (record for record, _ in records.scan(directory.parent)[0])
    return tuple((r.id, r.parent.generation) for r in found if r.parent and r.parent.run == directory.name)


def require_something(report_data: ReportData) -> None:
    """Stop where there is nothing to report on.

    Raises:
        NotFoundError: neither a committed generation nor a dataset.
    """
    if not report_data.metrics and report_data.dataset is None:
        raise NotFoundError(
            f"run {report_data.name} has nothing to report on yet: no generation is committed; "
            f"see 'hadesd status {report_data.name}'"
        )


def versions(report_data: ReportData) -> dict[str, str]:
    """Versions of the packages that made the dataset; {} where unknown."""
    found = report_data.dataset.meta.get("versions") if report_data.dataset else None
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def as_json(value: object) -> str:
    """A setting as a person would type it after --set; a text that would be read as something else is quoted."""
    if not isinstance(value, str):
        return json.dumps(value)
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return value if value.isprintable() and value == value.strip() else json.dumps(value)
    return json.dumps(value)
