"""Do it again: the commands of a report give the same settings, through the shell's rules and the real resolver."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hades_protocol.errors import HadesError
from hades_protocol.messages import Lineage
from hades_protocol.run_spec import RunSpec, build_spec
from hadesd.analysis.report import run_data
from hadesd.analysis.report.reproduce import commands
from hadesd.analysis.report.run_data import ReportData
from hadesd.cli.parsing import Parser
from hadesd.cli.runs import fork, start
from hadesd.cli.runs.spec_changes import nested
from hadesd.spec.changes import forked
from hadesd.spec.presets import resolve
from hadesd.spec.presets.base import base_of
from hadesd.storage import records
from tests.helpers.runs.specs import tiny


def asked(**options: Any) -> RunSpec:
    """The settings that a command line asks for, on a machine without a GPU."""
    given_ = {"env": "CartPole-v1", "method": None, "preset": None, "file_values": None, "assignments": []}
    return resolve(**(given_ | options), has_gpu=False)[0]


def typed(module: Any, verb: str, line: str) -> Any:
    """A verb's arguments, parsed as the shell and the command do."""
    words = shlex.split(line, comments=True)
    assert words[:2] == ["hadesd", verb]
    parser = Parser(prog="hadesd")
    subparsers = parser.add_subparsers(parser_class=Parser)
    module.add_parser(subparsers)
    return subparsers.choices[verb].parse_args(words[2:])


def again(spec: RunSpec) -> RunSpec:
    """The settings that the printed command gives."""
    line = commands(ReportData(name="r", path=Path("r"), dataset=None, entry=None, spec=spec))[0]
    return start.asked_spec(typed(start, "start", line), gpu=False)


@pytest.mark.parametrize(
    "assignments",
    [
        [("evolution.strategy", "snes"), ("evolution.learning_rate", 0.05)],
        [("evolution.strategy", "openes")],
        [("evolution.strategy", "SNES")],
        [("resources.gpus", "2")],
        [("resources.gpus", "0,1")],
        [("cloning.clip_norm", None), ("evolution.parameters.lr_std_init", 0.3), ("evolution.strategy", "snes")],
        [("images.directory", "/data/it's here; rm -rf ~")],
        [("images.directory", "null")],
        [("images.directory", " a\tb\n")],
    ],
    ids=str,
)
@pytest.mark.parametrize("preset", ["cpu", "published"])
def test_what_was_set_is_set_again(preset: str, assignments: list[tuple[str, Any]]) -> None:
    spec = asked(preset=preset, assignments=assignments)
    assert again(spec) == spec


VALUES = {
    "evolution.strategy": st.sampled_from(["openes", "snes", "cmaes", "sepcmaes", "pgpe", "xnes", "crfmnes"]),
    "evolution.learning_rate": st.sampled_from([0.05, 1.0, 0.3]),
    "evolution.sigma": st.sampled_from([0.03, 0.3, 0.1]),
    "evolution.population": st.sampled_from([64, 128, 2048]),
    "cloning.clip_norm": st.sampled_from([None, 0.0, 0.5]),
    "resources.gpus": st.sampled_from(["auto", "2", "2,", "0,2"]),
    "images.directory": st.text(max_size=12),
    "policy.init_seed": st.none() | st.integers(0, 9),
    "backend": st.sampled_from(["auto", "gymnax"]),
    "seed": st.integers(0, 2**32 - 1),
}


@settings(max_examples=200, deadline=None)
@given(
    env=st.sampled_from(["CartPole-v1", "hopper", "Freeway-MinAtar", "Pong-misc", "digits"]),
    method=st.sampled_from(["hades-r", "hades-f", "es"]),
    preset=st.sampled_from(["cpu", "published"]),
    chosen=st.fixed_dictionaries({}, optional=VALUES),
)
@pytest.mark.slow
def test_any_settings_are_given_again(env: str, method: str, preset: str, chosen: dict[str, Any]) -> None:
    try:
        spec = asked(env=env, method=method, preset=preset, assignments=list(chosen.items()))
    except HadesError:
        assume(False)
    assert again(spec) == spec


@pytest.mark.parametrize("preset", ["", "of-another-version"])
def test_without_a_preset_that_is_known_the_published_one_is_named(preset: str) -> None:
    spec = build_spec({"env": "CartPole-v1", "preset": preset, "policy": {"width": 8}})
    assert base_of(spec)[1] == "the preset published"
    assert again(spec) == msgspec.structs.replace(spec, preset="published")


def test_images_are_given_again_though_the_preset_alone_would_be_refused(tmp_path: Path) -> None:
    spec = asked(env="mnist", preset="cpu", assignments=[("images.directory", str(tmp_path))])
    assert base_of(spec)[1] == "the preset cpu"
    assert again(spec) == spec


def family(home: Path, kept: int = 2, **changed: Any) -> tuple[RunSpec, ReportData]:
    """A parent that keeps one checkpoint, and its fork of generation 2."""
    parent_spec = tiny(preset="cpu")
    parent = records.create(home, parent_spec, 1000.0)
    (home / parent.id / "checkpoints" / str(kept)).mkdir(parents=True)
    spec, _, _ = forked(parent_spec, changed, 2)
    child = records.create(home, spec, 1000.0, parent=Lineage(run=parent.id, generation=2))
    return parent_spec, run_data.of_run(home / child.id)


def test_a_fork_is_forked_again(tmp_path: Path) -> None:
    parent_spec, report_data = family(tmp_path, seed=7, resources={"gpus": "2"}, dataset={"pairs": 4})
    args = typed(fork, "fork", commands(report_data)[0])
    assert report_data.record is not None
    assert report_data.record.parent is not None
    assert fork.split_generation(args.run) == (report_data.record.parent.run, 2)
    assert forked(parent_spec, nested(args.assignments), 2)[0] == report_data.spec


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "hades-r", "policy": {"width": 8}},
        {"method": "hades-f", "evolution": {"strategy": "snes", "generations": 40}, "dataset": {"pairs": 6}},
    ],
)
def test_a_fork_of_a_policy_is_forked_again(tmp_path: Path, changed: dict[str, Any]) -> None:
    parent_spec = tiny(method="es", preset="cpu", policy={"inits": 1, "width": 8})
    spec, _, _ = forked(parent_spec, changed, 2)
    parent = records.create(tmp_path, parent_spec, 1000.0)
    (tmp_path / parent.id / "checkpoints" / "2").mkdir(parents=True)
    child = records.create(tmp_path, spec, 1000.0, parent=Lineage(run=parent.id, generation=2))
    args = typed(fork, "fork", commands(run_data.of_run(tmp_path / child.id))[0])
    assert forked(parent_spec, nested(args.assignments), 2)[0] == spec


@pytest.mark.parametrize("lost", ["parent", "generation"])
def test_a_fork_that_cannot_be_made_again_is_said_and_begins_anew(tmp_path: Path, lost: str) -> None:
    _, report_data = family(tmp_path, kept=3 if lost == "generation" else 2, seed=7)
    if lost == "parent":
        report_data = replace(report_data, parent_spec=None)
    said, line, *_ = commands(report_data)
    assert said.startswith("# it was forked from ")
    assert shlex.split(said, comments=True) == []
    assert start.asked_spec(typed(start, "start", line), gpu=False) == report_data.spec
