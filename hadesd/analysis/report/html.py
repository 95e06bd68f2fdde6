"""One HTML file that says what a run learned: no network, no other files, light and dark."""

import base64
import io
import json
import re
from dataclasses import dataclass
from typing import Any

import jinja2
from markupsafe import Markup
from matplotlib.figure import Figure

from hades_protocol.messages import Reference
from hadesd.analysis.evaluation.recording import Recording
from hadesd.analysis.pictures import bodies, brax_viewer, curve, pairs, rollout, transfer
from hadesd.analysis.pictures.rollout import Film
from hadesd.analysis.pictures.units import Constants, constants_of, in_natural_units
from hadesd.analysis.report import text as words
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


def draw(material: ReportData, recording: Recording | None) -> Report:
    """Draw everything that the material and a recorded rollout allow."""
    backend = _backend(material)
    shot = None
    if recording is not None and material.entry is not None:
        shot = rollout.film(recording, material.entry, backend)
    return Report(
        curve=_curve(material) if material.metrics else None,
        pairs=_pairs(material, recording, backend),
        strip=rollout.strip(shot) if shot is not None else None,
        film=shot,
    )


def page(material: ReportData, drawn: Report, recording: Recording | None, why_none: str) -> str:
    """The HTML. why_none: why there is no rollout, where there is none."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("hadesd.analysis.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["number"] = words.number
    shot = drawn.film
    context: dict[str, Any] = {
        "m": material,
        "title": words.title(material),
        "headline": words.headline(material, recording),
        "tiles": words.tiles(material, recording),
        "curve": _image(drawn.curve),
        "curve_caption": words.curve_caption(material),
        "pairs": _image(drawn.pairs.figure) if drawn.pairs else None,
        "pairs_caption": drawn.pairs.caption if drawn.pairs else "",
        "strip": _image(drawn.strip),
        "player": _script_json(rollout.player(shot)) if shot is not None else None,
        "rollout": words.rollout(material, recording) if recording is not None else "",
        "why_no_rollout": why_none,
        "viewer": _viewer(material, recording),
        "settings": words.settings(material),
        "references": material.references,
        "lineage": words.lineage(material),
        "events": words.events(material),
        **_transfer(material),
        "commands": commands(material),
        "versions": versions_of(material),
        "problems": material.problems,
    }
    return environment.get_template("report.html").render(context)


def _backend(material: ReportData) -> str:
    if material.spec is not None:
        return material.spec.backend
    return str(material.dataset.meta.get("backend", "auto")) if material.dataset else "auto"


def _curve(material: ReportData) -> Figure:
    references = list(material.references)
    if material.parent_metrics is not None and material.parent_metrics.fitness_mean is not None:
        at = material.parent_metrics
        references.append(Reference(name=f"parent, generation {at.generation}:", value=float(at.fitness_mean or 0.0)))
    resumes = [curve.Mark(record.generation, record.bit_exact) for record in material.resume_records]
    return curve.draw(material.metrics, references, resumes, images=words.is_images(material))


def _pairs(material: ReportData, recording: Recording | None, backend: str) -> pairs.Picture | None:
    dataset = material.dataset
    if dataset is None:
        return None
    shape = material.entry.observation if material.entry else dataset.states.shape[1:]
    known: Constants | None = None
    if material.normalisation == "fixed":
        known = constants_of(dataset, shape)
    elif material.normalisation == "running" and recording is not None:
        known = Constants(
            recording.mean,
            recording.variance,
            "the dataset was evolved with running statistics, which nobody stored: the mean and variance used here are "
            f"those at the end of the rollout below, over {recording.environments} environments",
        )
    drawn = in_natural_units(dataset, material.entry, material.normalisation, known)
    return pairs.draw(drawn, backend)


def _transfer(material: ReportData) -> dict[str, Any]:
    """The tables and the picture of transfer.json, where there is one."""
    if material.transfer is None:
        return {"transfer": (), "transfer_image": None}
    picture = _image(transfer.draw(material.transfer))
    return {"transfer": words.transfer_tables(material.transfer), "transfer_image": picture}


def _image(figure: Figure | None) -> Markup | None:
    """A figure as an <img> source: SVG with a clear background, so that the page's own shows."""
    if figure is None:
        return None
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = re.sub(rb"<\?xml.*?<svg", b"<svg", buffer.getvalue(), count=1, flags=re.DOTALL)
    return Markup("data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii"))


def _script_json(value: Any) -> Markup:
    """JSON that is safe inside a <script> element."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("&", "\\u0026"))


def _viewer(material: ReportData, recording: Recording | None) -> Markup | None:
    """Brax's own viewer; the page loads it only when a person asks, since it needs the network."""
    if recording is None or material.entry is None or material.entry.family != "brax":
        return None
    body = bodies.brax_body(material.entry, _backend(material))
    return _script_json(brax_viewer.document(body, recording))
