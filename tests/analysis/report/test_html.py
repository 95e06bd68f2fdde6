"""The HTML of a report: complete, self-contained, safe."""

import json
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np
import pytest

from hades_protocol.errors import NotFoundError, UsageError
from hades_protocol.messages import GenerationMetrics, GenerationTiming, Lineage, Reference
from hadesd.analysis.report import html as report
from hadesd.analysis.report import run_data
from hadesd.compute.results import dataset_meta, write_dataset
from hadesd.storage import records
from hadesd.storage.metric_lines import append
from hadesd.storage.resume_records import ResumeKind, append_resume_record
from tests.helpers.runs.specs import tiny


class Page(HTMLParser):
    """What a browser would fetch, and the text that a person would read."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self._hidden = False
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self._hidden = tag in ("script", "style")
        self.fetched += [
            value or "" for name, value in attributes if name in ("src", "href", "srcset", "data", "srcdoc")
        ]

    def handle_endtag(self, tag):
        self._hidden = False

    def handle_data(self, data):
        if not self._hidden:
            self.text += " " + " ".join(data.split())


def make_run(home: Path, **sections) -> Path:
    """A run directory as a worker leaves it, of three generations, without having computed them."""
    spec = tiny(preset="cpu", **sections)
    directory = home / records.create(home, spec, 1000.0).id
    for g in (1, 2, 3):
        metrics = GenerationMetrics(
            generation=g,
            fitness_mean=10.0 * g,
            fitness_best=20.0 * g,
            fitness_worst=1.0,
            fitness_std=3.0,
            best_so_far=20.0 * g,
            sigma=0.3,
            episodes=8,
            unfinished=0,
            nan=0,
            env_steps=400,
            evaluated_mean=25.5 if g == 3 else None,
            evaluated_sem=1.5 if g == 3 else None,
        )
        append(directory / "metrics.jsonl", metrics)
        append(directory / "timings.jsonl", GenerationTiming(generation=g, seconds=20.0, committed_at=1000.0 + g))
    if spec.method != "es":
        states = np.array([[0.0, 0.5, -0.1, -2.0], [0.0, -0.5, 0.1, 2.0]], np.float32)
        arrays = {"states": states, "actions": np.eye(2, dtype=np.float32)}
        write_dataset(directory / "dataset.npz", arrays, dataset_meta(spec, 3))
    return directory


def page_of(directory: Path, why_none: str = "not asked for") -> tuple[str, Page]:
    report_data = run_data.of_run(directory)
    html = report.page(report_data, report.draw(report_data, None), None, why_none)
    return html, Page(html)


def test_a_run_says_everything_in_one_file_without_a_network(tmp_path):
    directory = make_run(tmp_path)
    append_resume_record(directory, 2, ResumeKind.RESUME, "other thread count", bit_exact=False)
    references = (Reference(name="PPO", value=480.0, sem=5.0, source="measured here", env_steps=50_000_000),)
    (directory / "references.json").write_bytes(msgspec.json.encode(references))
    html, page = page_of(directory)
    assert page.fetched, "no picture is in the page"
    assert all(address.startswith("data:image/svg+xml;base64,") for address in page.fetched), (
        "the page fetches something"
    )
    assert len(page.fetched) == 2, "curve and pairs"
    assert "@import" not in html
    for words in (
        "CartPole-v1 · HaDES-R",
        "These 2 state-action pairs are the whole training set",
        "a mean return of 25.5 ± 1.5",
        "generation 3 of 4",
        "measured here",
        "5e+07",
        "resume records, not all bit-exact",
        "other thread count",
        "not asked for",
        f"hadesd export {directory.name}",
        f"hadesd evaluate {directory.name}.npz --inits 10",
        "policy.width",
    ):
        assert words in page.text, f"the report does not say: {words}"


def test_settings_that_differ_from_the_preset_come_first_and_rebuild_the_run(tmp_path):
    _, page = page_of(make_run(tmp_path))
    before, _, _ = page.text.partition("All settings")
    assert "What differs from the preset cpu" in before
    assert "evolution.population 8 128" in before, "ours, then the preset's"
    assert "policy.activation" not in before, "it is as in the preset"
    start = next(line for line in page.text.split("hadesd ") if line.startswith("start"))
    assert "--set evolution.population=8" in start
    assert "--seed" not in start
    assert "--set seed=3" in start


def test_lineage_shows_both_ways_and_the_parent_is_a_line_in_the_curve(tmp_path):
    parent = make_run(tmp_path)
    child = make_run(tmp_path)
    record, _ = records.load(child)
    records.save(child, msgspec.structs.replace(record, parent=Lineage(run=parent.name, generation=2)))
    assert f"Forked from generation 2 of run {parent.name}" in page_of(child)[1].text
    assert f"Run {child.name} was forked from its generation 2" in page_of(parent)[1].text
    drawn = report.draw(run_data.of_run(child), None)
    assert [text.get_text() for text in drawn.curve.axes[0].texts] == ["parent, generation 2: 20"]


def test_direct_neuroevolution_has_a_curve_and_no_pairs(tmp_path):
    _, page = page_of(make_run(tmp_path, method="es", policy={"inits": 1}), why_none="")
    assert "it evolves the weights of one policy" in page.text
    assert len(page.fetched) == 1
    assert "hadesd export" not in page.text


def test_a_transfer_document_is_a_table_with_the_widths_as_rows(tmp_path):
    directory = make_run(tmp_path)
    row = {
        "settings": 4,
        "mean": 100.0,
        "std": 5.0,
        "top_mean": 140.0,
        "top_std": 2.0,
        "reached": None,
        "not_finite": 0,
    }
    entry = {"file": "d.npz", "run": directory.name, "env": "CartPole-v1", "method": "hades-r", "reached": None}
    entry["base"] = {"learning_rate": 0.01, "epochs": 4, "optimizer": "adam", "clip_norm": None}
    entry["base"] |= {"width": 64, "depth": 2, "activation": "tanh"}
    one = {"depth": 2, "activation": "tanh", "optimizer": "adam", "learning_rate": 0.01, "epochs": 4}
    one |= {"return_mean": 100.0, "return_sem": 1.0, "returns": [99.0, 101.0]}
    entry |= {"generation": 3, "pairs": 2, "widths": [{"width": w} | row for w in (32, 64)]}
    entry["settings"] = [{"width": w} | one for w in (32, 64)]
    document = {"mode": "draws", "complete": True, "seed": 0, "inits": 2, "episodes": 8, "threshold": None}
    (directory / "transfer.json").write_text(json.dumps(document | {"datasets": [entry]}))
    _, page = page_of(directory)
    assert "mean of the better half" in page.text
    assert "64 4 100 5 140 2" in page.text
    assert len(page.fetched) == 3, "its picture is missing"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (
            "transfer.json",
            '{"mode": "grid"}',
            "transfer.json is left out: it is damaged (Object missing required field",
        ),
        ("transfer.json", "[torn", "transfer.json is left out: it is damaged"),
        ("references.json", '[{"name": "PPO"}]', "references.json is left out: it is damaged"),
    ],
)
def test_a_damaged_side_file_is_named_and_the_rest_is_shown(tmp_path, name, content, says):
    directory = make_run(tmp_path)
    (directory / name).write_text(content)
    _, page = page_of(directory)
    assert says in page.text
    assert "whole training set" in page.text


def test_a_line_that_is_being_written_is_not_counted(tmp_path):
    directory = make_run(tmp_path)
    with open(directory / "metrics.jsonl", "ab") as file:
        file.write(b'{"generation": 4, "fit')
    assert run_data.of_run(directory).generation == 3


def test_a_damaged_run_is_refused_in_one_line(tmp_path):
    directory = make_run(tmp_path)
    (directory / "run.json").write_text("{")
    with pytest.raises(UsageError, match="damaged"):
        run_data.of_run(directory)


def test_a_run_without_a_generation_has_nothing_to_report(tmp_path):
    directory = tmp_path / records.create(tmp_path, tiny(), 1000.0).id
    with pytest.raises(NotFoundError, match="no generation is committed"):
        run_data.require_something(run_data.of_run(directory))


def test_a_strangers_file_cannot_put_scripts_into_the_page(tmp_path):
    path = tmp_path / "evil.npz"
    evil = "<script>alert(1)</script>"
    meta = {"environment": evil, "method": evil, "versions": {evil: evil}, "policy": {evil: evil}}
    np.savez(path, states=np.ones((2, 3)), actions=np.ones((2, 1)), meta=np.array(json.dumps(meta)))
    report_data = run_data.of_file(path)
    html = report.page(report_data, report.draw(report_data, None), None, evil)
    assert "<script>alert" not in html
    assert evil in Page(html).text, "what the file says is shown as text"
    assert str(report._script_json({"x": "</script><!--"})).count("<") == 0
