"""Tab behind `hadesd` and `hades-tui`: what a real bash gets, which options have words of ours, the installation."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hades_protocol.run_spec import RunSpec
from hades_protocol.settings import words_of
from hadesd.cli import main as cli
from hadesd.cli.completion import completer_of
from hadesd.cli.main import VERBS, main
from hadesd.cli.parsing import Parser

LINES = {
    "hadesd sta": {"start", "status"},
    "hadesd start --env inverted_d": {"inverted_double_pendulum"},
    "hadesd start --env hopper --set evolution.sigma_": {
        f"evolution.sigma_{name}=" for name in ("decay", "floor", "share")
    },
    "hadesd start --set physics=x": {"xla"},  # bash breaks words at =
    "hadesd start --preset p": {"published"},
    "hadesd pause cart": {"cartpole-1128-ab12", "cartpole-1128-cd34"},
    "hadesd resume cartpole-1128-ab12 hop": {"hopper-1128-ef56"},
    "hadesd compare base": {"baseline"},
    "hadesd compare baseline si": {"sizes"},
    "hadesd status --tag ": {"paper"},
    "hadesd pause .": set(),
    "hadesd settings policy.w": {"policy.width"},
    "hades-tui attach --theme deu": {"deutan"},
}
"""What is typed before tab -> what bash offers."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person's home, and an installation with three runs and no daemon."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HADES_HOME", str(tmp_path / "h"))
    for variable in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(variable, raising=False)
    for run in ("cartpole-1128-ab12", "cartpole-1128-cd34", "hopper-1128-ef56"):
        (tmp_path / "h/runs" / run).mkdir(parents=True)
    record = {"id": "hopper-1128-ef56", "name": "baseline", "group": "sizes", "tags": ["paper"], "spec": {}}
    (tmp_path / "h/runs/hopper-1128-ef56/run.json").write_text(json.dumps(record))
    (tmp_path / "h/runs/cartpole-1128-cd34/run.json").write_text('{"name": 3')
    (tmp_path / "h/runs/.removed-cartpole-1128-gh78-1").mkdir()
    return tmp_path


def ask_bash(home: Path, rc: Path) -> dict[str, set[str]]:
    """The offers for each of LINES, from the function that the rc file brings to a bash."""
    script = [f". {shlex.quote(str(rc))}"]
    for line in LINES:
        words = line.replace("=", " = ").split()
        script += [
            f"COMP_LINE={shlex.quote(line)} COMP_POINT={len(line)} COMP_TYPE=9 COMP_CWORD={len(words) - 1}",
            f"COMP_WORDS=({' '.join(map(shlex.quote, words))}) COMPREPLY=()",
            f"_python_argcomplete {words[0]}",
            r"""printf '%s\n' "${COMPREPLY[@]% }" --""",
        ]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        env={**os.environ, "PATH": path},
        cwd=home,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    parts = done.stdout.split("--\n")
    return {line: set(part.split()) for line, part in zip(LINES, parts, strict=False)}


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_after_the_installation(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / ".bashrc").write_text("PS1='$ '")  # no newline at its end
    for _ in range(2):
        assert main(["completion", "bash", "--install"]) == 0
    rc = (home / ".bashrc").read_text().splitlines()
    assert rc[0] == "PS1='$ '"
    assert len(rc) == 2, "the second installation changes nothing"
    assert "completion.bash" in capsys.readouterr().err
    offers = ask_bash(home, home / ".bashrc")
    wrong = {line: offers[line] for line, expected in LINES.items() if offers[line] != expected}
    assert not wrong


def test_a_line_goes_where_zsh_looks_for_it_whatever_else_stands_there(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = home / "dots"
    place.mkdir()
    (place / ".zshrc").write_bytes(b"# caf\xe9\n")
    monkeypatch.setenv("ZDOTDIR", str(place))
    assert main(["completion", "zsh", "--install"]) == 0
    first, second = (place / ".zshrc").read_bytes().splitlines()
    assert first == b"# caf\xe9"
    assert b"compinit" in second
    assert not (home / ".zshrc").exists()


def test_fish_gets_a_file_for_each_command_and_no_shell_is_guessed(home: Path) -> None:
    assert main(["completion", "fish", "--install"]) == 0
    places = home / ".config/fish/completions"
    assert sorted(file.name for file in places.iterdir()) == ["hades-tui.fish", "hadesd.fish"]
    assert main(["completion", "zsh", "--install"]) == 0
    assert "compinit" in (home / ".zshrc").read_text()


def test_an_unknown_shell_is_one_line(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    assert main(["completion"]) == 2
    assert "'tcsh'" in capsys.readouterr().err


def options_of_ours() -> Iterator[tuple[str, str, bool]]:
    """(verb, option, whether our words complete it) of what means a run, an environment, a setting or a group."""
    for verb in VERBS:
        parser = Parser(prog="hadesd")
        subparsers = parser.add_subparsers(prog="hadesd", parser_class=Parser)
        cli.add_verb_parser(verb, subparsers)
        for action in subparsers.choices[verb]._actions:
            named = {"--env", "--set", "--preset", "--method", "--group", "--tag"} & set(action.option_strings)
            if action.nargs != 0 and (named or "RUN" in str(action.metavar)):
                yield verb, (action.option_strings or [action.dest])[0], completer_of(action) is not None


def test_every_run_setting_and_environment_is_completed() -> None:
    found = list(options_of_ours())
    assert len(found) > 40
    assert [(verb, option) for verb, option, completed in found if not completed] == []


def test_words_of_a_setting() -> None:
    assert words_of(RunSpec, "method") == ("hades-f", "hades-r", "es")
    assert words_of(RunSpec, "policy.vary_activation") == ("true", "false")
    for none in ("env", "evolution.sigma", "evolution", "nothing", "nothing.else", "method.more"):
        assert words_of(RunSpec, none) == (), none
