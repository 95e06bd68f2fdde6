"""One HTML file that says what a run learned: no network, no other files, light and dark."""

import json
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from hades_protocol.messages import Reference
from hades_protocol.terminal import printable
from hadesd.analysis.evaluation.rollout_recording import Recording
from hadesd.analysis.pictures import bodies, brax_viewer, curve, pairs, rollout, transfer
from hadesd.analysis.pictures.rollout import Film
from hadesd.analysis.pictures.units import Constants, constants_of, in_natural_units
from hadesd.analysis.report import text as words
from hadesd.analysis.report.page import image, templates
from hadesd.analysis.report.reproduce import commands
from hadesd.analysis.report.run_data import ReportData
from hadesd.analysis.report.run_data import versions as versions_of


@dataclass(frozen=True)
class Report:
    """The pictures of a report, each None where there is nothing to draw."""

    curve: Figure | None
    pairs: pairs.Picture | None
    strip: Figure | None
    film: Film | None


def draw(report_data: ReportData, recording: Recording | None) -> Report:
    """Draw everything that the data and a recorded rollout allow."""
    backend = _backend(report_data)
    shot = None
    if recording is not None and report_data.entry is not None:
        shot = rollout.film(recording, report_data.entry, backend)
    return Report(
        curve=_curve(report_data) if report_data.metrics else None,
        pairs=_pairs(report_data, recording, backend),
        strip=rollout.strip(shot) if shot is not None else None,
        film=shot,
    )


def page(report_data: ReportData, drawn: Report, recording: Recording | None, why_none: str) -> str:
    """The HTML. why_none: why there is no rollout, where there is none."""
    environment = templates()
    environment.filters["number"] = words.number
    shot = drawn.film
    context: dict[str, Any] = {
        "m": report_data,
        "title": words.title(report_data),
        "headline": words.headline(report_data, recording),
        "tiles": words.tiles(report_data, recording),
        "curve": image(drawn.curve),
        "curve_caption": words.curve_caption(report_data),
        "pairs": image(drawn.pairs.figure) if drawn.pairs else None,
        "pairs_caption": drawn.pairs.caption if drawn.pairs else "",
        "strip": image(drawn.strip),
        "player": _script_json(rollout.player(shot)) if shot is not None else None,
        "rollout": words.rollout(report_data, recording) if recording is not None else "",
        "why_no_rollout": why_none,
        "viewer": _viewer(report_data, recording),
        "settings": words.settings(report_data),
        "references": report_data.references,
        "lineage": words.lineage(report_data),
        "events": words.events(report_data),
        **_transfer(report_data),
        "commands": commands(report_data),
        "versions": versions_of(report_data),
        "problems": report_data.problems,
    }
    return printable(environment.get_template("report.html").render(context))


def _backend(report_data: ReportData) -> str:
    if report_data.spec is not None:
        return report_data.spec.backend
    return str(report_data.dataset.meta.get("backend", "auto")) if report_data.dataset else "auto"


def _curve(report_data: ReportData) -> Figure:
    references = list(report_data.references)
    if report_data.parent_metrics is not None and report_data.parent_metrics.fitness_mean is not None:
        at = report_data.parent_metrics
        references.append(Reference(name=f"parent, generation {at.generation}:", value=float(at.fitness_mean or 0.0)))
    resumes = [curve.Mark(record.generation, record.bit_exact) for record in report_data.resume_records]
    return curve.draw(report_data.metrics, references, resumes, images=words.is_images(report_data))


def _pairs(report_data: ReportData, recording: Recording | None, backend: str) -> pairs.Picture | None:
    dataset = report_data.dataset
    if dataset is None:
        return None
    shape = report_data.entry.observation if report_data.entry else dataset.states.shape[1:]
    known: Constants | None = None
    if report_data.normalisation == "fixed":
        known = constants_of(dataset, shape)
    elif report_data.normalisation == "running" and recording is not None:
        known = Constants(
            recording.mean,
            recording.variance,
            "the dataset was evolved with running statistics, which nobody stored: the mean and variance used here are "
            f"those at the end of the rollout below, over {recording.environments} environments",
        )
    drawn = in_natural_units(dataset, report_data.entry, report_data.normalisation, known)
    return pairs.draw(drawn, backend)


def _transfer(report_data: ReportData) -> dict[str, Any]:
    """The tables and the picture of transfer.json, where there is one."""
    if report_data.transfer is None:
        return {"transfer": (), "transfer_image": None}
    picture = image(transfer.draw(report_data.transfer))
    return {"transfer": words.transfer_tables(report_data.transfer), "transfer_image": picture}


def _script_json(value: Any) -> Markup:
    """JSON that is safe inside a <script> element."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("&", "\\u0026"))


def _viewer(report_data: ReportData, recording: Recording | None) -> Markup | None:
    """Brax's own viewer; the page loads it only when a person asks, since it needs the network."""
    if recording is None or report_data.entry is None or report_data.entry.family != "brax":
        return None
    body = bodies.brax_body(report_data.entry, _backend(report_data))
    return _script_json(brax_viewer.document(body, recording))
