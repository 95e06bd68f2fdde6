"""Names, tags and notes on runs: given, changed on several at once, shown, and looked up by; with a real daemon."""

import json
from collections.abc import Callable

import pytest

from hades_protocol import commands
from hades_protocol.run_spec import build_spec, spec_to_dict
from hadesd.cli import completion
from hadesd.cli.main import main
from hadesd.spec.presets import resolve
from tests.helpers.processes.daemon import Home

Called = tuple[int, str, str]
"""Exit code, standard output, standard error."""


@pytest.fixture
def call(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """`hadesd` in this process, against a daemon whose workers only count."""
    monkeypatch.setenv("HADES_HOME", home.environ["HADES_HOME"])
    monkeypatch.setenv("NO_COLOR", "1")
    home.fake_daemon(slots=1)

    def call(*arguments: str) -> Called:
        try:
            code = main(list(arguments))
        except SystemExit as ended:
            code = int(ended.code or 0)
        return code, *capsys.readouterr()

    return call


def test_a_run_is_found_by_its_name_and_runs_by_their_tags(home: Home, call: Callable[..., Called]) -> None:
    one, other = home.start(seed=0), home.start(seed=1)
    assert call("rename", one, "baseline") == (0, "", f"{one} is called baseline\n")
    code, _, said = call("rename", other, "baseline")
    assert (code, said.splitlines()) == (
        0,
        [f"{one} is called baseline too: name them by id", f"{other} is called baseline"],
    )
    code, _, said = call("pause", "baseline")
    assert (code, said.count("\n")) == (3, 1)
    assert f"'baseline' is the name of 2 runs: {', '.join(sorted((one, other)))}; give the id" in said
    assert call("rename", other, "--clear") == (0, "", f"{other} has no name any more\n")

    assert call("tag", one, other, "--add", "paper", "--add", "b")[::2] == (0, f"{one}: b, paper\n{other}: b, paper\n")
    assert call("tag", "baseline", "--remove", "b")[2] == f"{one}: paper\n"
    _, table, _ = call("status")
    heading, first, second = table.splitlines()
    assert {"NAME", "TAGS"} <= set(heading.split())
    assert first.split()[:2] == [one, "baseline"]
    assert "b,paper" in second
    listed = json.loads(call("status", "--tag", "b", "--tag", "paper", "--json")[1])
    assert [run["id"] for run in listed["runs"]] == [other]
    code, _, said = call("status", "--tag", "papre")
    assert (code, said) == (3, "hadesd: no run has the tag papre; there are: b, paper\n")
    assert call("status", "--state", "failed") == (0, "", "no run matches: 'hadesd status' lists them all\n")
    assert list(json.loads(call("status", "baseline", "--json")[1])["run"]["tags"]) == ["paper"]
    assert {"baseline", one, other} <= set(completion._runs())
    assert completion._tags() == {"b", "paper"}


def test_several_runs_each_have_a_line_and_a_slip_changes_none(home: Home, call: Callable[..., Called]) -> None:
    runs = [home.start(seed=seed) for seed in range(3)]
    code, _, said = call("priority", *runs[:2], "nothing", "7")
    assert (code, said.count("\n")) == (3, 1)
    assert [home.show(run).priority for run in runs] == [0, 0, 0]
    code, _, said = call("priority", *runs, "-7")
    assert (code, [line.split(";")[0] for line in said.splitlines()]) == (0, [f"{r} has priority -7" for r in runs])
    code, out, _ = call("note", *runs[:2], "--text", "the slow two", "--json")
    assert (code, [run["note"] for run in json.loads(out)["runs"]]) == (0, ["the slow two"] * 2)
    assert "the slow two" in call("status")[1]
    assert call("note", *runs)[0] == 2
    assert call("note", runs[2], "alone")[2] == f"{runs[2]}: note written\n"
    assert call("note", *runs, "--clear")[2] == "".join(f"{run}: note taken away\n" for run in runs)
    # One of them refuses: the others are changed, and the exit code says so.
    home.ask(commands.Tag, run=runs[1], add=tuple(f"t{n}" for n in range(32)))
    code, _, said = call("tag", *runs, "--add", "one-more")
    assert code == 2
    assert [line.partition(":")[0] for line in said.splitlines()] == ["hadesd", runs[0], runs[2]]


def test_a_group_is_changed_at_once(home: Home, call: Callable[..., Called]) -> None:
    spec = {"env": "CartPole-v1"}
    runs = [home.ask(commands.Start, spec=spec | {"seed": seed}, group="g").id for seed in range(2)]
    home.start()
    code, out, _ = call("tag", "--group", "g", "--add", "paper", "--json")
    assert (code, json.loads(out)["group"]) == (0, "g")
    assert [(run["id"], run["tags"]) for run in json.loads(out)["runs"]] == [(run, ["paper"]) for run in runs]
    assert call("priority", "--group", "g", "5")[0] == 0
    assert [home.show(run).priority for run in (*runs, "@")] == [5, 5, 0]
    assert call("note", "--group", "g", "--text", "both")[2].count("note written") == 2
    assert call("note", "--group", "g")[0] == 2
    assert call("tag", "--group", "none", "--add", "x")[0] == 3


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("rename", "@", "two words"), "cannot name a run"),
        (("rename", "@"), "required"),
        (("tag", "@", "--add", "@"), "cannot name a tag"),
        (("tag", "@"), "name the tags"),
        (("tag", "@", "--add", "a", "--remove", "a"), "choose one"),
        (("start", "--env", "CartPole-v1", "--name", ""), "cannot name a run"),
        (("status", "@", "--tag", "a"), "leave RUN out"),
        (("status", "--diff", "@"), "go with a run"),
        (("status", "@", "--all-settings", "--diff", "@"), "choose one"),
        (("status", "--state", "asleep"), "'asleep' is none of queued"),
    ],
)
def test_what_is_no_name_or_means_nothing_is_one_line(
    arguments: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(list(arguments))
    except SystemExit as ended:
        code = int(ended.code or 0)
    said = capsys.readouterr().err
    assert (code, said.count("\n")) == (2, 1), said
    assert text in said


def test_the_settings_of_a_run_beside_its_presets_and_another_runs(home: Home, call: Callable[..., Called]) -> None:
    spec, _ = resolve(
        env="CartPole-v1", method=None, preset="cpu", file_values=None, assignments=[("policy.width", 8)], has_gpu=False
    )
    home.ask(commands.Start, spec=spec_to_dict(spec), name="narrow")
    other = spec_to_dict(spec) | {"seed": 3}
    home.ask(commands.Start, spec=other | {"policy": other["policy"] | {"width": 16}}, name="wide")
    _, shown, _ = call("status", "narrow")
    lines = shown.splitlines()
    at = lines.index("settings     those of the preset cpu, but for:")
    assert lines[at + 1].split()[:2] == ["policy.width", "8"]
    assert len(lines) == at + 2
    _, everything, _ = call("status", "narrow", "--all-settings")
    assert "  evolution.population " in everything
    differ = call("status", "narrow", "--diff", "wide")[1]
    table = [line.split() for line in differ.splitlines()]
    assert table[-3:] == [["SETTING", "narrow", "wide"], ["seed", "0", "3"], ["policy.width", "8", "16"]]
    found = json.loads(call("status", "narrow", "--diff", "wide", "--json")[1])
    assert found["changes"][1] == {"name": "policy.width", "before": 8, "after": 16}
    document = json.loads(call("status", "narrow", "--json")[1])
    assert (document["base"], [change["name"] for change in document["changes"]]) == (
        "the preset cpu",
        ["policy.width"],
    )
    assert build_spec(document["settings"]) == spec
    assert call("status", "wide", "--diff", "wide")[1].endswith("\nno setting differs\n")
