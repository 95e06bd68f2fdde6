"""The state of the screen as a value, and its transitions: (model, event) -> model. Pure; no Textual."""

from collections.abc import Mapping

import msgspec

from hades_protocol.events import (
    DatasetPublished,
    Event,
    GenerationCommitted,
    GpusChanged,
    HistoryCut,
    JobChanged,
    RunChanged,
    RunLog,
    RunRemoved,
)
from hades_protocol.messages import DaemonInfo, DatasetSnapshot, GpuInfo, Job, RunSummary
from hades_protocol.replies import HistoryResult, SnapshotResult
from hades_protocol.resync import Item, LinkPhase, LinkStatus
from hades_protocol.run_state import RunState
from hades_tui.state.detail import Detail, Range, detail_of, shortened
from hades_tui.state.history import RunHistory, follow, load, move, request, unload
from hades_tui.state.sparklines import Sparkline, cut, grown, sparkline_of

LOG_LINES = 20
"""Most warnings held for a run."""

JOBS = 50
"""Most jobs held; the oldest that ended are dropped first."""


class Model(msgspec.Struct, frozen=True):
    """Everything the screen is drawn from.

    `runs`: newest first. `selected`: the run whose curve and pairs are shown; None only without runs. `sparklines`:
    the newest means of every run, from its history or from events alone. `marked`: runs to draw over the selected one's
    curve. `detail`: the finer points of a part of a curve that were requested last.
    """

    link: LinkStatus = LinkStatus(LinkPhase.CONNECTING, 0.0)
    daemon: DaemonInfo | None = None
    runs: tuple[RunSummary, ...] = ()
    selected: str | None = None
    histories: Mapping[str, RunHistory] = {}
    datasets: Mapping[str, DatasetSnapshot] = {}
    logs: Mapping[str, tuple[RunLog, ...]] = {}
    sparklines: Mapping[str, Sparkline] = {}
    gpus: tuple[GpuInfo, ...] = ()
    jobs: tuple[Job, ...] = ()
    marked: frozenset[str] = frozenset()
    detail: Detail | None = None

    @property
    def run(self) -> RunSummary | None:
        """The selected run; None where it is not known."""
        return next((run for run in self.runs if run.id == self.selected), None)

    @property
    def is_away(self) -> bool:
        """Whether the daemon is silent: requests are in vain until the link is back."""
        return self.link.phase is LinkPhase.STALE

    @property
    def index(self) -> int:
        """Position of the selected run in `runs` (0 without one)."""
        return next((i for i, run in enumerate(self.runs) if run.id == self.selected), 0)

    @property
    def history(self) -> RunHistory:
        """Metrics of the selected run."""
        return self.histories.get(self.selected or "", RunHistory())

    @property
    def dataset(self) -> DatasetSnapshot | None:
        """Newest known pairs of the selected run."""
        return self.datasets.get(self.selected or "")


def apply(model: Model, item: Item) -> Model:
    """The model after an item that attach() yielded."""
    match item:
        case LinkStatus():
            return msgspec.structs.replace(model, link=item)
        case SnapshotResult():
            return _with_snapshot(model, item)
        case RunChanged(run=run):
            return _with_runs(_with_new_worker(model, run), {**{r.id: r for r in model.runs}, run.id: run})
        case RunRemoved(run_id=run_id):
            return _without(model, run_id)
        case GenerationCommitted():
            return _with_generation(model, item)
        case HistoryCut():
            return _with_cut(model, item)
        case RunLog(run_id=run_id):
            lines = (*model.logs.get(run_id, ()), item)[-LOG_LINES:]
            return msgspec.structs.replace(model, logs={**model.logs, run_id: lines})
        case DatasetPublished(run_id=run_id, dataset=dataset):
            return _with_published(model, run_id, dataset)
        case GpusChanged(gpus=gpus):
            return msgspec.structs.replace(model, gpus=gpus)
        case JobChanged(job=job):
            return msgspec.structs.replace(model, jobs=_with_job(model.jobs, job))
        case Event():  # a heartbeat or a goodbye: the link's status covers it
            return model


def select(model: Model, run_id: str) -> Model:
    """The model with another run selected; unchanged where there is no such run."""
    if all(run.id != run_id for run in model.runs):
        return model
    return msgspec.structs.replace(model, selected=run_id)


def with_run(model: Model, run: RunSummary) -> Model:
    """The model with a run that the daemon answered with, before its event; a known run stays as it is."""
    if any(known.id == run.id for known in model.runs):
        return model
    return _with_runs(model, {**{known.id: known for known in model.runs}, run.id: run})


def mark(model: Model, *run_ids: str) -> Model:
    """The model with these runs marked, or unmarked where all were. Marks of others stay; unknown runs are ignored."""
    chosen = frozenset(run.id for run in model.runs if run.id in run_ids)
    marked = model.marked - chosen if chosen <= model.marked else model.marked | chosen
    return msgspec.structs.replace(model, marked=marked)


def requesting_history(model: Model, run_id: str) -> Model:
    """The model when the history of a run is about to be requested: events are collected from here on."""
    history = request(model.histories.get(run_id, RunHistory()))
    return msgspec.structs.replace(model, histories={**model.histories, run_id: history})


def with_history(model: Model, result: HistoryResult) -> Model:
    """The model after the daemon's answer to History; unchanged where the request is void by now."""
    asked = model.histories.get(result.run, RunHistory())
    if not asked.requested:
        return model
    history = load(asked, result)
    sparklines = {**model.sparklines, result.run: sparkline_of(history.metrics)}
    return msgspec.structs.replace(model, histories={**model.histories, result.run: history}, sparklines=sparklines)


def without_history(model: Model, run_id: str) -> Model:
    """The model after a request for a history failed: it may be requested again."""
    history = model.histories.get(run_id)
    if history is None or history.loaded:
        return model
    return msgspec.structs.replace(model, histories={**model.histories, run_id: unload(history)})


def with_detail(model: Model, asked: Range, result: HistoryResult) -> Model:
    """The model with the finer points of a range; unchanged where the history was cut or requested again meanwhile."""
    history = model.histories.get(asked.run, RunHistory())
    detail = detail_of(asked, result, history) if history.loaded else None
    return msgspec.structs.replace(model, detail=detail) if detail is not None else model


def with_dataset(model: Model, run_id: str, dataset: DatasetSnapshot) -> Model:
    """The model after the daemon's answer to GetDataset; a newer dataset that was published meanwhile stays."""
    known = model.datasets.get(run_id)
    if known is not None and known.generation > dataset.generation:
        return model
    return msgspec.structs.replace(model, datasets={**model.datasets, run_id: dataset})


def _with_snapshot(model: Model, snapshot: SnapshotResult) -> Model:
    ids = {run.id: run.generation for run in snapshot.runs}
    model = msgspec.structs.replace(
        model,
        daemon=snapshot.daemon,
        histories={run: unload(history) for run, history in model.histories.items() if run in ids},
        # What a run showed before it fell back to a checkpoint is void.
        datasets={run: dataset for run, dataset in model.datasets.items() if dataset.generation <= ids.get(run, -1)},
        logs={run: lines for run, lines in model.logs.items() if run in ids},
        sparklines={run: cut(sparkline, ids[run]) for run, sparkline in model.sparklines.items() if run in ids},
        gpus=snapshot.gpus,
        jobs=snapshot.jobs,
        marked=model.marked & ids.keys(),
        detail=None,
    )
    return _with_runs(model, {run.id: run for run in snapshot.runs})


def _with_new_worker(model: Model, run: RunSummary) -> Model:
    """Have the history requested again when a new worker starts: new marks come with the history alone."""
    known = next((known for known in model.runs if known.id == run.id), None)
    history = model.histories.get(run.id)
    if known is None or history is None or (known.state, run.state) != (RunState.STARTING, RunState.RUNNING):
        return model
    return msgspec.structs.replace(model, histories={**model.histories, run.id: unload(history)})


def _with_runs(model: Model, runs: Mapping[str, RunSummary]) -> Model:
    """The model with these runs, newest first. The selection stays where its run exists."""
    ordered = tuple(sorted(runs.values(), key=lambda run: (-run.created_at, run.id)))
    selected = model.selected if model.selected in runs else ordered[0].id if ordered else None
    return msgspec.structs.replace(model, runs=ordered, selected=selected)


def _without(model: Model, run_id: str) -> Model:
    """The model without a run. Where it was selected, the run that takes its place is, or the last one."""
    left = tuple(run for run in model.runs if run.id != run_id)
    selected = model.selected
    if selected == run_id:
        selected = left[min(model.index, len(left) - 1)].id if left else None
    return msgspec.structs.replace(
        model,
        runs=left,
        selected=selected,
        histories={run: history for run, history in model.histories.items() if run != run_id},
        datasets={run: dataset for run, dataset in model.datasets.items() if run != run_id},
        logs={run: lines for run, lines in model.logs.items() if run != run_id},
        sparklines={run: sparkline for run, sparkline in model.sparklines.items() if run != run_id},
        marked=model.marked - {run_id},
    )


def _with_job(jobs: tuple[Job, ...], job: Job) -> tuple[Job, ...]:
    """The jobs after one began or ended, in the order in which they began, at most JOBS."""
    if any(known.id == job.id for known in jobs):
        return tuple(job if known.id == job.id else known for known in jobs)
    ended = [known.id for known in jobs if known.state != "running"]
    surplus = set(ended[: max(0, len(jobs) + 1 - JOBS)])
    return (*(known for known in jobs if known.id not in surplus), job)


def _with_generation(model: Model, event: GenerationCommitted) -> Model:
    metrics = event.metrics
    busy = [gpu.utilisation for gpu in model.gpus if event.run_id in gpu.runs and gpu.utilisation is not None]
    gpu = sum(busy) / len(busy) if busy else None
    history = follow(model.histories.get(event.run_id, RunHistory()), event, gpu)
    sparkline = model.sparklines.get(event.run_id, ())
    return msgspec.structs.replace(
        model,
        histories={**model.histories, event.run_id: history},
        sparklines={**model.sparklines, event.run_id: grown(sparkline, metrics.generation, metrics.fitness_mean)},
        runs=_updated(
            model.runs,
            event.run_id,
            generation=metrics.generation,
            fitness_mean=metrics.fitness_mean,
            fitness_best=metrics.fitness_best,
            best_so_far=metrics.best_so_far,
            seconds_per_generation=event.seconds_per_generation,
            seconds_left=event.seconds_left,
        ),
    )


def _with_published(model: Model, run_id: str, dataset: DatasetSnapshot) -> Model:
    histories = model.histories
    if run_id in histories:
        histories = {**histories, run_id: move(histories[run_id], model.datasets.get(run_id), dataset)}
    return msgspec.structs.replace(model, datasets={**model.datasets, run_id: dataset}, histories=histories)


def _with_cut(model: Model, event: HistoryCut) -> Model:
    history = follow(model.histories.get(event.run_id, RunHistory()), event)
    datasets = dict(model.datasets)
    if event.run_id in datasets and datasets[event.run_id].generation > event.generation:
        del datasets[event.run_id]
    return msgspec.structs.replace(
        model,
        histories={**model.histories, event.run_id: history},
        datasets=datasets,
        sparklines={**model.sparklines, event.run_id: cut(model.sparklines.get(event.run_id, ()), event.generation)},
        runs=_updated(model.runs, event.run_id, generation=event.generation),
        detail=shortened(model.detail, event.run_id, event.generation),
    )


def _updated(runs: tuple[RunSummary, ...], run_id: str, **fields: float | None) -> tuple[RunSummary, ...]:
    return tuple(msgspec.structs.replace(run, **fields) if run.id == run_id else run for run in runs)
