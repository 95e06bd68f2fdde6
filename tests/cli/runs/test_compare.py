"""`hadesd compare`: the table, what it writes, what it refuses; with no daemon, and of one that is elsewhere."""

import json
from pathlib import Path

import pytest

from hades_protocol import commands
from hades_protocol.run_state import RunState
from hadesd.cli.main import main
from tests.analysis.test_comparison import some_runs
from tests.helpers.processes.daemon import Home


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with runs, and the directory in which a person is."""
    monkeypatch.setenv("HADES_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    some_runs(tmp_path / "runs")
    return tmp_path


def test_a_table_on_stdout_and_what_it_means_on_stderr(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "g", "baseline"]) == 0
    out, err = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == ["RUN", "g", "baseline"]
    assert err == "± is the standard error over seeds; of a single run over fresh policies\n"
    assert list(here.iterdir()) == [here / "runs"], "nothing is written unless it is asked for"


def test_a_page_a_picture_and_the_document(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "g", "swing", "-o", "both.html", "--by", "steps", "--json"]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert (document["file"], [line["label"] for line in document["lines"]]) == ("both.html", ["g", "swing"])
    assert err.count("\n") == 1
    assert "these are 2 environments (CartPole-v1, Pendulum-v1)" in err
    page = (here / "both.html").read_text()
    assert "hadesd compare g swing --by steps -o both.html --force" in page
    for name, start in (("a.svg", b"<?xml"), ("a.png", b"\x89PNG")):
        assert main(["compare", "g", "swing", "--normalise", "-o", name]) == 0
        assert (here / name).read_bytes().startswith(start)
    assert main(["compare", "g", "baseline", "--by", "hours", "-o", "hours.svg"]) == 0
    assert "g is not in the picture: its hours are not known here" in capsys.readouterr().err


def test_the_runs_of_a_daemon_elsewhere_have_no_hours(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home.fake_daemon()
    spec = {"env": "CartPole-v1", "evolution": {"generations": 3}, "policy": {"width": 5}}
    runs = [home.ask(commands.Start, spec=spec | {"seed": seed}, group="g").id for seed in range(10, 12)]
    for run in runs:
        home.reaches(run, RunState.FINISHED)
    home.ask(commands.Rename, run=runs[0], name="first")
    monkeypatch.setenv("HADES_CONNECT", f"ipc://{home.paths.runtime}")
    assert main(["compare", "g", "first", "--json"]) == 0
    group, first = json.loads(capsys.readouterr().out)["lines"]
    assert ([run["id"] for run in group["runs"]], group["hours"], group["fitness_mean"]) == (runs, None, 3.0)
    assert ([run["id"] for run in first["runs"]], first["label"]) == (runs[:1], "first")


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["g", "none"], 3, "there is no run 'none'"),
        (["cartpole"], 3, "fits 4 runs"),
        (["g", "-o", "a.pdf"], 2, ".svg, .png and .html"),
        (["g", "-o", "none/a.svg"], 2, "there is no directory none"),
        (["g", "-o", "there.svg"], 2, "--force"),
        (["g", "--normalise"], 2, "-o FILE"),
        (["g", "--by", "steps"], 2, "-o FILE"),
        (["g", "--force"], 2, "-o FILE"),
        (["swing", "--by", "hours", "-o", "a.svg"], 2, "nothing to draw"),
    ],
)
def test_refusals_are_one_line_and_write_nothing(
    here: Path, arguments: list[str], code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "there.svg").write_text("mine")
    assert main(["compare", *arguments]) == code
    said = capsys.readouterr().err.splitlines()
    assert text in said[-1]
    assert sorted(path.name for path in here.iterdir()) == ["runs", "there.svg"]
    assert (here / "there.svg").read_text() == "mine"
