"""What is known of an environment of one's own without its package: from the settings that describe it."""

import itertools
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import build_spec, spec_to_dict
from hadesd.spec import changes, environments, own_code, sweep
from hadesd.spec.presets import available, resolve
from hadesd.storage import records
from tests.helpers.runs.specs import tiny

VECTOR = {"observation": [3], "discrete": False, "actions": 2, "steps": 70}
MANY = {"observation": [3], "discrete": True, "actions": 30}
GRID = {"observation": [5, 6, 2], "discrete": True, "actions": 3, "observation_names": ["ball", "wall"]}


def ask(own: dict[str, Any], **given: Any) -> Any:
    options = {"env": "a.b:c", "method": None, "preset": None, "assignments": [], "has_gpu": False}
    return resolve(**options | given, file_values={"own_environment": own})[0]


def test_every_preset_fits_every_kind_of_environment_with_every_method() -> None:
    for own, method, preset in itertools.product((VECTOR, MANY, GRID), ("hades-f", "hades-r", "es"), available()):
        spec = ask(own, method=method, preset=preset)
        assert spec.dataset.pairs >= (spec.own_environment.actions if own["discrete"] else 1)
        assert build_spec(spec_to_dict(spec)) == spec
    assert ask(VECTOR).evaluation.steps == 70, "a whole episode"


def test_it_is_described_in_settings_and_in_files_alike() -> None:
    spec = ask(GRID)
    entry = environments.of_spec(spec)
    assert (entry.name, entry.family, entry.observation, entry.is_grid) == ("a.b:c", "own", (5, 6, 2), True)
    meta = {"environment": "a.b:c", "own_environment": spec_to_dict(spec)["own_environment"]}
    assert environments.of_meta(meta) == entry
    hidden = meta | {"environment": "hopper"}
    assert environments.of_meta(hidden) == environments.find("hopper"), "a file does not redefine the table"
    for damaged in ({}, {"actions": 3}, {"observation": "x"}, 7, None):
        assert environments.of_meta(meta | {"own_environment": damaged}) is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"env": "hopper", "own_environment": VECTOR}, "hopper is none"),
        ({"env": "a.b:c", "own_environment": {"actions": 3}}, "does not say observation and actions"),
        ({"env": "dokking"}, "or your own: package.module:name"),
        ({"env": "a.b:c", "own_environment": VECTOR, "policy": {"kind": "cnn"}}, "has no grid"),
        ({"env": "a.b:c", "own_environment": VECTOR, "backend": "mjx"}, "backend is a setting of Brax"),
    ],
)
def test_settings_that_do_not_fit_are_refused(values: dict[str, Any], words: str) -> None:
    from hadesd.spec import validation

    with pytest.raises(UsageError, match=words):
        validation.check(build_spec(values))


def test_a_fork_keeps_the_environment_and_takes_another_version_of_its_package() -> None:
    spec = ask(VECTOR)
    after, _, _ = changes.forked(spec, {"own_environment": {"version": "2"}, "evolution": {"generations": 900}}, 3)
    assert after.own_environment.version == "2"
    with pytest.raises(UsageError, match=r"own_environment\.actions"):
        changes.forked(spec, {"own_environment": {"actions": 3}}, 3)


def test_names_of_code_are_told_from_others() -> None:
    for name in ("a:b", "a.b_1.c:D", "_x:_y"):
        assert own_code.is_code(name)
    for name in ("hopper", "a.b", ":b", "a:", "a b:c", "a:b.c", "a..b:c", "a:b\n", "../a:b", "a:b()"):
        assert not own_code.is_code(name)
    assert own_code.named_by(tiny(policy={"kind": "a.b:c"})) == ("a.b:c",)
    for name in ("a:b:c", "a b:c"):
        with pytest.raises(UsageError, match=r"package\.module:name"):
            own_code.target_of(name)
    assert msgspec.to_builtins(build_spec({"env": "x"}).own_environment)["observation"] == ()


@pytest.mark.parametrize("points", ["[hades.environments]\nslide = a_slide.there:Slide\n", ""])
@pytest.mark.parametrize("layout", ["", "src"])
def test_a_package_that_was_installed_in_place_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, points: str, layout: str
) -> None:
    """pip install -e leaves a distribution that lists none of the package's modules, as hatchling's does."""
    project, site = tmp_path / "a project", tmp_path / "site"
    about = site / "a_slide_project-1.2.dist-info"
    about.mkdir(parents=True)
    (project / layout / "a_slide").mkdir(parents=True)
    (project / layout / "a_slide/__init__.py").write_text("raise RuntimeError('imported')")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: a-slide-project\nVersion: 1.2\n")
    (about / "RECORD").write_text("_a_slide.pth,,\n")
    (about / "entry_points.txt").write_text(points)
    (about / "direct_url.json").write_text(json.dumps({"url": project.as_uri(), "dir_info": {"editable": True}}))
    monkeypatch.syspath_prepend(site)
    monkeypatch.syspath_prepend(project / layout)
    own_code.entry_points.cache_clear()
    try:
        assert own_code.package_of("a_slide.there") == ("a-slide-project", "1.2")
        assert own_code.package_of("nowhere.there") == ("", "")
    finally:
        own_code.entry_points.cache_clear()


def test_runs_and_groups_are_named_by_the_environment_not_by_its_package() -> None:
    assert records.new_id("a_package.module:SomeThing", 0.0).startswith("something-")
    assert records.new_id("CartPole-v1", 0.0).startswith("cartpole-")
    assert sweep.default_name("a.b:Thing", ()).startswith("thing-")
