"""Code that a file names is imported only where a person names it too."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hades_protocol.errors import ExitCode, UsageError
from hades_protocol.paths import Paths
from hades_protocol.run_spec import RunSpec, build_spec
from hadesd.cli.main import main
from hadesd.spec import own_code
from hadesd.storage import records
from hadesd.storage.layout import RunPaths
from hadesd.storage.removal import hold_back
from tests.helpers.runs.specs import tiny

OWN = {"observation": [2], "discrete": False, "actions": 1}
CODE = "trap.module:make"
POLICY = {"kind": CODE, "width": 8}


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that says so when it is imported, by anybody: the file that it then writes."""
    package = tmp_path / "packages/trap"
    package.mkdir(parents=True)
    sprung = tmp_path / "sprung"
    for module in ("__init__", "module"):
        (package / f"{module}.py").write_text(f"open({str(sprung)!r}, 'w').close()\nraise RuntimeError('sprung')\n")
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    return sprung


def write(path: Path, **meta: Any) -> Path:
    np.savez(path, states=np.ones((3, 2), "f"), actions=np.zeros((3, 1), "f"), meta=np.array(json.dumps(meta)))
    return path


def test_no_verb_imports_what_a_file_alone_names(
    tmp_path: Path, trap: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HADES_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    described = str(write(tmp_path / "described.npz", environment=CODE, own_environment=OWN))
    bare = str(write(tmp_path / "bare.npz", environment=CODE))
    policy = str(write(tmp_path / "policy.npz", environment="MountainCarContinuous-v0", policy=POLICY))
    refused = [["evaluate", described], ["evaluate", bare], ["evaluate", policy], ["transfer", described]]
    refused += [["transfer", policy], ["report", described], ["report", policy], ["import", bare, "-o", "x.npz"]]
    refused += [["merge", bare, policy, "-o", "x.npz"]]
    wrong = []
    for arguments in refused:
        status, said = main(arguments), capsys.readouterr().err
        if (status, CODE in said, said.count("\n")) != (ExitCode.USAGE, True, 1):
            wrong.append((arguments, status, said))
    assert wrong == []
    for arguments in (["pairs", described], ["import", described, "-o", "out.npz"], ["pairs", bare]):
        assert main(arguments) == ExitCode.OK, capsys.readouterr().err
    assert "trap" not in sys.modules
    assert not trap.exists()


@pytest.mark.process
def test_what_a_person_names_is_imported_and_its_error_is_one_line(
    tmp_path: Path, trap: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(write(tmp_path / "bare.npz", environment="docking"))
    assert main(["evaluate", file, "--env", CODE]) == ExitCode.USAGE
    assert "RuntimeError: sprung" in capsys.readouterr().err
    assert trap.exists()


def own_spec(**sections: Any) -> RunSpec:
    return build_spec({"env": CODE, "own_environment": OWN, **sections})


def test_a_restored_run_that_has_to_be_trusted_waits_for_a_person(tmp_path: Path) -> None:
    paths = Paths({"HADES_HOME": str(tmp_path)})
    paths.make_private()
    found = []
    job = tiny(resources={"executor": "slurm", "slurm": "--output=/home/me/.profile"})
    for spec in (tiny(), own_spec(), tiny(policy={"kind": CODE}), job):
        directory = paths.runs / records.create(paths.runs, spec, 0.0).id
        found.append((hold_back(directory), json.loads(RunPaths(directory).record.read_bytes())["desired"]))
    code = f"it names code, {CODE}, which is imported when it goes on"
    options = "sbatch gets --output=/home/me/.profile when it goes on"
    assert found == [("", "run"), (code, "pause"), (code, "pause"), (options, "pause")]


def test_a_daemon_that_listens_takes_code_of_listed_packages_alone() -> None:
    own_code.check_allowed(own_spec(), False, ())
    own_code.check_allowed(own_spec(), True, ("trap",))
    own_code.check_allowed(tiny(), True, ())
    for allowed in ((), ("tra", "trap.module", "module")):
        with pytest.raises(UsageError, match=r"own_code = \['trap'\]"):
            own_code.check_allowed(own_spec(), True, allowed)
