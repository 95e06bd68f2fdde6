"""The words, numbers and tables of a report."""

from dataclasses import dataclass
from typing import Any

from hades_protocol.run_spec import RunSpec
from hades_protocol.settings import leaves
from hadesd.analysis import members
from hadesd.analysis.evaluation.documents import TransferDocument
from hadesd.analysis.evaluation.rollout_recording import Recording
from hadesd.analysis.report.run_data import ReportData, as_json
from hadesd.spec.presets.base import base_of, differences, flat

METHODS = {"hades-r": "HaDES-R", "hades-f": "HaDES-F", "es": "direct neuroevolution"}

METHOD_DESCRIPTIONS = {
    "hades-r": "a dataset is evaluated on fresh policy initialisations every generation, so it works for any",
    "hades-f": "a dataset is evaluated on one fixed initialisation, and made for that one only",
    "es": "a policy's weights evolve directly; there is no dataset",
}


def number(value: float | None) -> str:
    """Five significant digits; a dash for none."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.5g}"


def duration(seconds: float) -> str:
    """45 s, 12 min, 3.4 h, 2.1 days."""
    for size, unit in ((86_400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def is_images(report_data: ReportData) -> bool:
    """Whether images are distilled rather than behaviour."""
    return report_data.entry is not None and str(report_data.entry.family) == "images"


def environment_name(report_data: ReportData) -> str:
    """The catalogue's name of the environment, or what the file says."""
    if report_data.entry is not None:
        return report_data.entry.name
    return str(report_data.dataset.meta.get("environment", "an unnamed environment")) if report_data.dataset else "?"


def title(report_data: ReportData) -> str:
    """A report's title: environment and method."""
    method = METHODS.get(report_data.method, "")
    return f"{environment_name(report_data)} · {method}" if method else environment_name(report_data)


def headline(report_data: ReportData, recording: Recording | None) -> str:
    """One or two sentences that say what was learned."""
    where = environment_name(report_data)
    if report_data.dataset is None:
        best = report_data.metrics[-1].best_so_far if report_data.metrics else None
        return (
            f"An evolution strategy searched for the weights of a policy for {where}; the best reached {number(best)}."
        )
    pairs, images = len(report_data.dataset.states), is_images(report_data)
    what, learner = ("images", "classifier") if images else ("state-action pairs", "policy")
    text = f"These {pairs} {what} are the whole training set of a {learner} for {where}"
    evaluated = newest_evaluation(report_data)
    if evaluated is not None and evaluated.evaluated_mean is not None:
        sem = f" ± {evaluated.evaluated_sem:.2g}" if evaluated.evaluated_sem else ""
        fresh = "fresh classifiers" if images else "fresh policies"
        measure = "a test accuracy" if images else "a mean return"
        text += f": {fresh} trained on them reach {measure} of {number(evaluated.evaluated_mean)}{sem}"
    elif report_data.metrics:
        text += (
            f". In generation {report_data.generation}, policies trained on variations of them reached a mean fitness "
            f"of {number(report_data.metrics[-1].fitness_mean)}"
        )
    if recording is not None:
        text += f". The one trained for this report reached a return of {number(recording.episode_return)}"
    return text + "."


def newest_evaluation(report_data: ReportData) -> Any:
    """The newest metrics with an evaluation of the mean dataset, or None."""
    return next((m for m in reversed(report_data.metrics) if m.evaluated_mean is not None), None)


def tiles(report_data: ReportData, recording: Recording | None) -> list[tuple[str, str]]:
    """Numbers at a glance: (value, what it is)."""
    out: list[tuple[str, str]] = []
    if report_data.dataset is not None:
        out.append((str(len(report_data.dataset.states)), "images" if is_images(report_data) else "pairs"))
    evaluated = newest_evaluation(report_data)
    if evaluated is not None:
        fresh = "classifiers" if is_images(report_data) else "policies"
        what = f"mean dataset on fresh {fresh}, generation {evaluated.generation}"
        out.append((number(evaluated.evaluated_mean), what))
    if report_data.metrics:
        last = report_data.metrics[-1]
        out.append((number(last.fitness_mean), f"population mean fitness, generation {last.generation}"))
        out.append((number(last.best_so_far), "best candidate so far"))
    elif report_data.dataset is not None and isinstance(
        expected := report_data.dataset.meta.get("expected_return"), int | float
    ):
        out.append((number(float(expected)), "return, as the file says"))
    if recording is not None:
        out.append((number(recording.episode_return), f"return of the rollout below, {len(recording.rewards)} steps"))
    if report_data.metrics:
        steps = sum(m.env_steps for m in report_data.metrics)
        out.append((f"{steps:.3g}", "images evaluated" if is_images(report_data) else "environment steps"))
    if report_data.timings:
        out.append((duration(sum(t.seconds for t in report_data.timings)), "of computing"))
    return out


def curve_caption(report_data: ReportData) -> str:
    """How to read the curve."""
    text = "Each generation's population: its mean with one standard deviation, and its best candidate"
    if newest_evaluation(report_data) is not None:
        text += (
            "; points with error bars: fresh policies trained on the mean dataset, which is the one that is exported"
        )
    text += ". " + METHOD_DESCRIPTIONS.get(report_data.method, "").capitalize()
    if report_data.resume_records:
        exact = all(record.bit_exact for record in report_data.resume_records)
        count = len(report_data.resume_records)
        text += f". Marks at the bottom: {count} resume records, {'all' if exact else 'not all'} bit-exact"
    return text.rstrip(". ") + "."


def rollout(report_data: ReportData, recording: Recording) -> str:
    """What the rollout shows."""
    steps = len(recording.rewards)
    limit = report_data.entry.episode_steps if report_data.entry else steps
    if not limit:  # of an environment of one's own nobody may know it
        lasted = f"{steps} steps"
    else:
        lasted = f"all {limit} steps that there are" if steps >= limit else f"{steps} of at most {limit} steps"
    init = (
        "from the one initialisation that the dataset was made for"
        if report_data.method == "hades-f"
        else "from scratch"
    )
    return (
        f"One policy, trained {init} on the pairs above and nothing else (loss {recording.loss + 0.0:.3g}), acts for "
        f"one episode. It lasts {lasted}; return {number(recording.episode_return)}. Another --seed gives another "
        "policy and another episode. Beneath: moments of it, each with the return so far."
    )


@dataclass(frozen=True)
class Setting:
    """A setting of the run; base: what the preset would have, None where it is the same."""

    name: str
    value: str
    base: str | None
    meaning: str


def settings(report_data: ReportData) -> dict[str, Any]:
    """The settings that differ from the preset's first, then all: {'base': words, 'changed': [...], 'all': [...]}."""
    if report_data.spec is None:
        meta = report_data.dataset.meta if report_data.dataset else {}
        said = members.flat({key: meta[key] for key in ("policy", "cloning", "evaluation", "seed") if key in meta})
        known = leaves(RunSpec)
        rows = [Setting(k, as_json(v), None, known[k].description if k in known else "") for k, v in said.items()]
        return {"base": "", "changed": [], "all": rows}
    base, base_name = base_of(report_data.spec)
    theirs, known = flat(base), leaves(RunSpec)
    changed = differences(base, report_data.spec)
    rows = [
        Setting(name, as_json(value), as_json(theirs[name]) if name in changed else None, known[name].description)
        for name, value in flat(report_data.spec).items()
    ]
    return {"base": base_name, "changed": [row for row in rows if row.name in changed], "all": rows}


def lineage(report_data: ReportData) -> list[str]:
    """Where a run came from and what came of it."""
    out = []
    if report_data.record is not None and report_data.record.parent is not None:
        parent = report_data.record.parent
        out.append(f"Forked from generation {parent.generation} of run {parent.run}.")
    out += [f"Run {child} was forked from its generation {generation}." for child, generation in report_data.children]
    return out


def events(report_data: ReportData) -> list[tuple[str, str, str]]:
    """The run's history: (generation, what, why)."""
    out = []
    for entry in report_data.history:
        exact = " (not bit-exact from here on)" if entry.bit_exact is False else ""
        out.append((str(entry.generation), str(entry.what), f"{entry.reason}{exact}"))
    return out


TRANSFER_COLUMNS = {
    "width": "width",
    "settings": "settings",
    "mean": "mean return",
    "std": "± std",
    "top_mean": "mean of the better half",
    "top_std": "± std",
    "reached": "reach the threshold",
    "not_finite": "not finite",
}


@dataclass(frozen=True)
class Table:
    """A table of the page: its heading, the headings of its columns, and its cells row by row."""

    name: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def transfer_tables(document: TransferDocument) -> tuple[Table, ...]:
    """transfer.json as tables with the widths as rows, one for each dataset; columns without any value are left out."""
    out = []
    for one in document.datasets:
        keys = [key for key in TRANSFER_COLUMNS if any(getattr(row, key) is not None for row in one.widths)]
        rows = tuple(tuple(_cell(getattr(row, key)) for key in keys) for row in one.widths)
        out.append(Table(f"{one.run or one.file}, {one.env}", tuple(TRANSFER_COLUMNS[key] for key in keys), rows))
    return tuple(out)


def _cell(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–" if value is None else str(value)
    return number(float(value))
