"""`hadesd`: verbs, help, one line for an error, exit codes; no daemon runs here."""

import shlex
import sys
from pathlib import Path

import pytest

from hades_protocol.errors import HadesError
from hadesd.cli import main as cli
from hadesd.cli.main import VERBS, main


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HADES_HOME", str(tmp_path / "h"))
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path / "h"


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    return err


def exit_code(*arguments: str) -> int:
    """main() as the shell sees it: argparse leaves by SystemExit."""
    try:
        return main(list(arguments))
    except SystemExit as end:
        return int(end.code or 0)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_examples_that_parse(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(verb, "--help") == 0
    text = capsys.readouterr().out
    examples = text.partition("examples:\n")[2].partition("\n\n")[0].strip().splitlines()
    assert any(example.split()[:2] == ["hadesd", verb] for example in examples), "no example of this verb"
    for example in examples:  # the verbs that come before and after it may be shown as well
        words = shlex.split(example.partition("#")[0])
        assert words[0] == "hadesd"
        assert exit_code(*words[1:], "--help") == 0, example


@pytest.mark.parametrize("verb", VERBS)
def test_an_unknown_option_is_one_line(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    needs_run = verb in ("pause", "resume", "cancel", "wait", "logs", "export", "evaluate")
    assert exit_code(verb, *(["@"] if needs_run else []), "--no-such-option") == 2
    assert one_line(capsys).startswith(f"hadesd {verb}: ")


def test_help_lists_every_verb_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("--help") == 0
    text = capsys.readouterr().out
    assert all(f"  {verb} " in text for verb in VERBS)
    assert "130 Ctrl-C" in text


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("--version") == 0
    assert capsys.readouterr().out.startswith("hadesd 0.")


def test_an_unknown_verb_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("statsu") == 2
    assert one_line(capsys) == "hadesd: there is no verb 'statsu'; did you mean status or start?\n"


def test_no_verb_at_all_shows_the_help_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code() == 2
    assert "hades-tui attach" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["status"], ["status", "--json"], ["pause", "@"], ["wait", "@"], ["stop"]])
def test_without_a_daemon_it_says_how_to_start_one(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(*arguments) == 4
    assert "no daemon runs for" in (line := one_line(capsys))
    assert "'hadesd start'" in line


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--env", "CartPole"], "did you mean 'CartPole-v1'"),
        ([], "no environment given"),
        (["--env", "ant", "--set", "evolution.populaton=4"], "did you mean 'evolution.population'"),
        (["--env", "ant", "--set", "evolution.population=0"], "at least 2"),
        (["--env", "ant", "--set", "evolution.population"], "--set takes name=value"),
        (["--env", "ant", "--method", "magic"], "one of hades-f, hades-r, es"),
        (["--env", "ant", "--preset", "magic"], "unknown preset 'magic'"),
        (["--env", "ant", "--seed", "-1"], "seed = -1 is not accepted"),
        (["--spec", "/"], "cannot read the spec file /: Is a directory"),
    ],
)
def test_bad_settings_are_one_line_and_start_no_daemon(
    arguments: list[str], why: str, capsys: pytest.CaptureFixture[str], nowhere: Path
) -> None:
    assert exit_code("start", *arguments) == 2
    assert why in one_line(capsys)
    assert not nowhere.exists()


def test_a_spec_file_that_is_not_there_is_not_found(capsys: pytest.CaptureFixture[str], nowhere: Path) -> None:
    assert exit_code("start", "--spec", "/no/such.toml") == 3
    assert "there is no spec file /no/such.toml" in one_line(capsys)
    assert not nowhere.exists()


@pytest.mark.parametrize(("name", "text"), [("s.toml", "env ="), ("s.json", "{"), ("s.json", "[1]")])
def test_a_spec_file_that_does_not_parse_is_one_line(
    name: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(text)
    assert exit_code("start", "--spec", str(tmp_path / name)) == 2
    assert "the spec file" in one_line(capsys)


def test_a_missing_extra_names_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("hadesd.api.jax_process.NEEDED", ("jax", "no_such_package"))
    for arguments in (["start", "--env", "ant"], ["serve"]):
        assert exit_code(*arguments) == 2
        line = one_line(capsys)
        assert "no_such_package" in line
        assert "pip install 'hades-distil[daemon]'" in line


def test_a_directory_that_cannot_be_made_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HADES_HOME", "/proc/hades")
    assert exit_code("serve") == 2
    assert "cannot use the directory /proc/hades" in one_line(capsys)


def test_a_socket_path_that_is_too_long_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("HADES_HOME", str(tmp_path / ("x" * 120)))
    assert exit_code("status") == 2
    assert "longer than 107 bytes" in one_line(capsys)


def test_a_bug_is_one_line_and_a_traceback_in_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], nowhere: Path
) -> None:
    monkeypatch.setattr(cli, "_dispatch", lambda arguments: 1 // 0)
    assert exit_code("status") == 1
    line = one_line(capsys)
    assert "ZeroDivisionError" in line
    assert str(nowhere / "cli-error.log") in line
    assert "1 // 0" in (nowhere / "cli-error.log").read_text()


def test_nothing_that_leaves_steers_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def foreign(arguments: list[str]) -> int:
        sys.stdout.write("note: \x1b[2J\x9b31m\n")
        raise HadesError("no run '\x1b]0;title\a'")

    monkeypatch.setattr(cli, "_dispatch", foreign)
    exit_code("note")
    out, err = capsys.readouterr()
    assert all(text.replace("\n", "").isprintable() for text in (out, err)), (out, err)


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(arguments: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_dispatch", interrupted)
    assert exit_code("status") == 130


def test_logs_and_settings_need_no_daemon(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("logs", "@") == 3
    assert "there is no run yet" in one_line(capsys)
    assert exit_code("settings", "evolution.population") == 0
    assert "at least 2" in capsys.readouterr().out
    assert exit_code("settings", "no-such") == 3
