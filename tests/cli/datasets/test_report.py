"""hadesd report, on a run that a real worker made."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hades_protocol.errors import ExitCode
from hades_protocol.paths import Paths
from hadesd.cli.main import main
from hadesd.storage import records
from tests.helpers.processes import worker_process as wp
from tests.helpers.runs.specs import tiny


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with one finished run, and a newer one that has committed nothing."""
    directory = tmp_path_factory.mktemp("home")
    paths = Paths({"HADES_HOME": str(directory)})
    paths.make_private()
    finished = records.create(paths.runs, tiny(), time.time() - 100)
    assert wp.finish(paths.runs / finished.id) == ExitCode.OK
    records.create(paths.runs, tiny(env="Acrobot-v1", dataset={"pairs": 3}), time.time())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HADES_HOME", str(directory))
        yield directory


def hadesd(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["report", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err.strip()


def test_a_report_with_a_film_of_a_freshly_trained_policy(home, tmp_path, capsys):
    file = tmp_path / "run.html"
    code, out, err = hadesd(capsys, "cartpole", "-o", str(file), "--json")
    assert code == ExitCode.OK, err
    document = json.loads(out)
    assert document["files"] == [str(file)]
    assert document["rollout_return"] == document["rollout_steps"], "CartPole pays 1 a step"
    html = file.read_text()
    film = json.loads(html.split('id="film">')[1].split("</script>")[0])
    assert len(film["steps"]) == document["rollout_steps"]
    assert f"return {document['rollout_return']:.5g}" in html
    again = tmp_path / "again.html"
    assert hadesd(capsys, "cartpole", "-o", str(again), "--json")[0] == ExitCode.OK
    assert again.read_bytes() == file.read_bytes(), "the same run and the same seed give the same report"


def test_pictures_for_a_paper_and_no_html(home, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = hadesd(capsys, "cartpole", "--no-rollout", "--figures", "figures", "--format", "svg")
    assert code == ExitCode.OK, err
    assert out.split() == ["figures/curve.svg", "figures/pairs.svg"]
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["curve.svg", "pairs.svg"]
    assert (tmp_path / "figures/pairs.svg").read_text().startswith("<?xml")
    code, _, err = hadesd(capsys, "cartpole", "--figures", "figures", "--format", "svg")
    assert "training a policy" not in err, "it is refused before that"
    assert code == ExitCode.USAGE
    assert "--force" in err


def test_a_file_of_somebody_elses_is_drawn_as_far_as_it_is_known(home, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("plain.npz", states=np.zeros((2, 4)), actions=np.eye(2))
    code, out, err = hadesd(capsys, "plain.npz")
    assert code == ExitCode.OK, err
    assert out.split() == ["plain.html"]
    assert "no single environment that is known here" in (tmp_path / "plain.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["nobody"], 3, "there is no run 'nobody'"),
        (["@"], 3, "no generation is committed"),
        (["none.npz"], 3, "there is no file"),
        (["cartpole", "-o", "{tmp}/x.pdf"], 2, "reports are HTML files"),
        (["cartpole", "-o", "{tmp}/there.html"], 2, "--force"),
        (["cartpole", "-o", "{tmp}/none/x.html"], 2, "there is no directory"),
        (["cartpole", "--figures", "{tmp}/there.html/x"], 2, "cannot make the directory"),
        (["cartpole", "--seed", "-1"], 2, "--seed is -1"),
        (["cartpole", "--format", "svg"], 2, "--format svg is about the pictures of --figures"),
    ],
)
def test_what_cannot_be_reported_is_said_in_one_line(home, tmp_path, capsys, arguments, code, says):
    (tmp_path / "there.html").write_text("mine")
    got, out, err = hadesd(capsys, *(text.format(tmp=tmp_path) for text in arguments))
    assert (got, out) == (code, "")
    assert says in err
    assert len(err.splitlines()) == 1
    assert (tmp_path / "there.html").read_text() == "mine"


@pytest.mark.parametrize(
    ("environment", "shapes", "more", "says"),
    [
        ("CartPole-v1", ((2, 2), (2, 2)), {}, "its observations have 2 entries, those of CartPole-v1 have 4"),
        ("CartPole-v1", ((2, 4), (2, 1)), {}, "its actions have 1 entries, those of CartPole-v1 2"),
        ("hopper", ((2, 5), (2, 3)), {}, "its observations have 5 entries, those of hopper have 11"),
        (
            "hopper",
            ((2, 11), (2, 3)),
            {"obs_mean": np.zeros(3), "obs_var": np.ones(3)},
            "obs_mean has 3 entries, not 11",
        ),
        ("", ((2, 0), (2, 2)), {}, "has no observations: its arrays have length 0"),
        ("", ((2, 4), (2, 0)), {}, "has no actions: its arrays have length 0"),
    ],
)
def test_a_file_that_does_not_fit_its_environment_is_one_line(home, tmp_path, capsys, environment, shapes, more, says):
    states, actions = shapes
    file = tmp_path / "odd.npz"
    meta = json.dumps({"environment": environment} if environment else {})
    np.savez(file, states=np.zeros(states), actions=np.zeros(actions), meta=meta, **more)
    code, _, err = hadesd(capsys, str(file), "--no-rollout", "-o", str(tmp_path / "odd.html"))
    assert (code, len(err.splitlines())) == (ExitCode.USAGE, 1), err
    assert says in err


def test_a_return_that_is_no_number_and_a_name_that_is_too_long(home, tmp_path, capsys):
    file = tmp_path / "said.npz"
    meta = {"environment": "CartPole-v1", "expected_return": "about 500"}
    np.savez(file, states=np.ones((2, 4)), actions=np.ones((2, 2)), meta=json.dumps(meta))
    code, _, err = hadesd(capsys, str(file), "--no-rollout", "-o", str(tmp_path / "said.html"))
    assert code == ExitCode.OK, err
    assert "about 500" not in (tmp_path / "said.html").read_text()
    code, _, err = hadesd(capsys, f"{'x' * 300}.npz", "--no-rollout")
    assert code == ExitCode.NOT_FOUND_OR_STATE
    assert "there is no file" in err
