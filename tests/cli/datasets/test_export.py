"""export, pairs and evaluate on a run that a real worker made; no daemon is needed for any of them."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hades_protocol.errors import ExitCode
from hades_protocol.paths import Paths
from hades_protocol.settings import merge
from hadesd.cli.datasets.export import split_generation
from hadesd.cli.main import main
from hadesd.storage import records
from tests.helpers.processes import worker_process as wp
from tests.helpers.runs.specs import tiny


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with a finished HaDES-F run, older, and a finished direct-neuroevolution run, the newest."""
    directory = tmp_path_factory.mktemp("home")
    paths = Paths({"HADES_HOME": str(directory)})
    paths.make_private()
    keep = {"keep_every": 2}
    for i, (method, seed) in enumerate((("es", 1), ("hades-f", 77))):
        spec = tiny(
            method=method,
            seed=seed,
            policy={"inits": 1},
            checkpoints=keep | {"keep_best": False},
            evolution={"generations": 6},
        )
        record = records.create(paths.runs, spec, time.time() - 100 + i)
        assert wp.finish(paths.runs / record.id) == ExitCode.OK
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HADES_HOME", str(directory))
        yield directory


def hadesd(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err.strip()


def test_the_newest_dataset_with_what_it_takes_to_use_it(home, tmp_path, capsys):
    file = tmp_path / "f.npz"
    code, out, err = hadesd(capsys, "export", "@", "-o", str(file), "--json")
    assert code == ExitCode.OK, err
    assert json.loads(out)["generation"] == 6
    with np.load(file) as dataset:
        assert dataset["states"].shape == (2, 4)
        assert dataset["states"].dtype == dataset["actions"].dtype == np.float32
        meta = json.loads(str(dataset["meta"]))
    assert (meta["method"], meta["policy"]["init_seed"]) == ("hades-f", 77), "HaDES-F needs its own initialisation"
    assert meta["versions"].keys() >= {"jax", "brax", "gymnax", "evosax"}
    code, out, err = hadesd(capsys, "evaluate", str(file), "--inits", "2", "--episodes", "2", "--json")
    assert code == ExitCode.OK, err
    assert json.loads(out)["settings"]["policy"]["init_seed"] == 77


def test_nothing_is_written_through_a_link_that_somebody_put_beside_it(home, tmp_path, capsys):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    for name in (".f.npz.partial", ".f.npz.tmp"):
        (tmp_path / name).symlink_to(victim)
    assert hadesd(capsys, "export", "@", "-o", str(tmp_path / "f.npz"))[0] == ExitCode.OK
    assert victim.read_text() == "precious"
    assert not (tmp_path / "f.npz").is_symlink()
    with np.load(tmp_path / "f.npz") as dataset:
        assert dataset["states"].shape == (2, 4)


def test_a_kept_generation_out_of_its_checkpoint(home, tmp_path, capsys):
    newest, earlier = tmp_path / "6.npz", tmp_path / "2.npz"
    assert hadesd(capsys, "export", "@@6", "-o", str(newest))[0] == ExitCode.OK
    assert hadesd(capsys, "export", "@@2", "-o", str(earlier))[0] == ExitCode.OK
    assert json.loads(str(np.load(earlier)["meta"]))["generation"] == 2
    same = [d for d in (home / "runs").iterdir() if (d / "dataset.npz").exists()]
    assert newest.read_bytes() == (same[0] / "dataset.npz").read_bytes(), "the same arrays give the same file"


@pytest.mark.parametrize("changes", [{"dataset": {"pairs": 8}}, {"evaluation": {"environments": 1}}])
def test_a_generation_from_before_a_resize_is_exported_as_it_was(home, tmp_path, capsys, changes):
    (directory,) = [d for d in (home / "runs").iterdir() if (d / "dataset.npz").exists()]
    content = json.loads((directory / "run.json").read_text())
    resized = content | {"spec": merge(content["spec"], changes)}
    (directory / "run.json").write_text(json.dumps(resized))
    try:
        code, _, err = hadesd(capsys, "export", "@@2", "-o", str(tmp_path / "2.npz"))
    finally:
        (directory / "run.json").write_text(json.dumps(content))
    assert code == ExitCode.OK, err
    assert (tmp_path / "2.npz").read_bytes() == (directory / "checkpoints/2/dataset.npz").read_bytes()


def test_the_pairs_as_a_table_and_as_json(home, capsys):
    code, out, err = hadesd(capsys, "pairs", "@")
    assert code == ExitCode.OK, err
    assert out.splitlines()[0].split() == ["pair", "x", "vx", "angle", "w", "action"]
    assert [line.split()[-1] for line in out.splitlines()[1:]] == ["left", "right"]
    document = json.loads(hadesd(capsys, "pairs", "@", "--json")[1])
    assert document["actions"] == [[1.0, 0.0], [0.0, 1.0]]


def test_the_pairs_of_a_kept_generation(home, capsys):
    older, newest = (hadesd(capsys, "pairs", name) for name in ("@@2", "@"))
    assert older[0] == newest[0] == ExitCode.OK
    assert "generation 2;" in older[2]
    assert older[1] != newest[1]
    assert hadesd(capsys, "pairs", "@@1")[0] == ExitCode.NOT_FOUND_OR_STATE


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["@@1", "-o", "{tmp}/x.npz"], 3, "keeps no checkpoint of generation 1"),
        (["@@99", "-o", "{tmp}/x.npz"], 3, "keeps no checkpoint of generation 99"),
        (["nobody", "-o", "{tmp}/x.npz"], 3, "there is no run 'nobody'"),
        (["@@x", "-o", "{tmp}/x.npz"], 2, "after @ comes a generation"),
        (["@", "-o", "{tmp}/x.dat"], 2, "datasets are .npz, .csv, .json, .safetensors files"),
        (["@", "-o", "{tmp}/x.npz", "--format", "csv"], 2, "name it x.csv"),
        (["@@6", "--best", "-o", "{tmp}/x.npz"], 2, "choose one of them"),
        (["@", "--best", "-o", "{tmp}/x.npz"], 3, "--set evaluation.mean_every=10"),
        (["@", "--card", "-o", "{tmp}/card.npz"], 2, "card.md exists already"),
        (["@", "-o", "{tmp}/none/x.npz"], 2, "No such file or directory"),
        (["@", "-o", "{tmp}/there.npz"], 2, "--force"),
    ],
)
def test_what_cannot_be_exported_is_said_in_one_line(home, tmp_path, capsys, arguments, code, says):
    for name in ("there.npz", "card.md"):
        (tmp_path / name).write_text("mine")
    got, out, err = hadesd(capsys, "export", *(text.format(tmp=tmp_path) for text in arguments))
    assert (got, out) == (code, "")
    assert says in err
    assert len(err.splitlines()) == 1
    assert (tmp_path / "there.npz").read_text() == "mine"


def test_direct_neuroevolution_has_no_dataset(home, tmp_path, capsys):
    paths = Paths({"HADES_HOME": str(home)})
    (es,) = [record.id for record, spec in records.scan(paths.runs)[0] if spec.method == "es"]
    for name in (es, f"{es}@6"):
        code, _, err = hadesd(capsys, "export", name, "-o", str(tmp_path / "x.npz"))
        assert code in (ExitCode.USAGE, ExitCode.NOT_FOUND_OR_STATE)
        assert "es" in err


@pytest.mark.parametrize("suffix", ["csv", "json", "safetensors"])
def test_every_format_holds_the_same_pairs_and_is_evaluated_alike(home, tmp_path, capsys, suffix):
    plain, other = tmp_path / "d.npz", tmp_path / f"e.{suffix}"
    assert hadesd(capsys, "export", "@", "-o", str(plain))[0] == ExitCode.OK
    code, out, err = hadesd(capsys, "export", "@", "-o", str(other), "--card", "--json")
    assert code == ExitCode.OK, err
    described = json.loads(out)
    assert described["file"] == str(other)
    assert str(tmp_path / "e.md") in described["files"]
    assert all(Path(path).is_file() for path in described["files"])
    as_json = [hadesd(capsys, "pairs", str(path), "--json")[1] for path in (plain, other)]
    assert as_json[0] == as_json[1]


def test_the_best_dataset_with_its_card(tmp_path, monkeypatch, capsys):
    """A run that evaluates its mean dataset keeps the best one; the card says what it is worth."""
    monkeypatch.setenv("HADES_HOME", str(tmp_path))
    paths = Paths({"HADES_HOME": str(tmp_path)})
    paths.make_private()
    evaluation = {"mean_every": 1, "mean_inits": 2, "mean_environments": 2}
    record = records.create(paths.runs, tiny(evaluation=evaluation, evolution={"generations": 3}), time.time())
    assert wp.finish(paths.runs / record.id) == ExitCode.OK
    code, out, err = hadesd(capsys, "export", "@", "--best", "-o", str(tmp_path / "b.npz"), "--card", "--json")
    assert code == ExitCode.OK, err
    described = json.loads(out)
    lines = [json.loads(line) for line in (paths.runs / record.id / "metrics.jsonl").read_text().splitlines()]
    best = max(lines, key=lambda line: (line["evaluated_mean"], line["generation"]))
    assert (described["generation"], described["evaluated_mean"]) == (best["generation"], best["evaluated_mean"])
    assert f"**{best['evaluated_mean']:.5g}**" in (tmp_path / "b.md").read_text()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("@", ("@", None)), ("@@50", ("@", 50)), ("abc", ("abc", None)), ("abc@7", ("abc", 7)), ("@7", ("@", 7))],
)
def test_naming_a_generation(text, expected):
    assert split_generation(text) == expected
