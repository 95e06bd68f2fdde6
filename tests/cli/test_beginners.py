"""What beginners type, and the one line that leads them to the right thing; no daemon runs here."""

from pathlib import Path

import pytest

from hades_protocol.run_spec import RunSpec
from hades_protocol.settings import OTHER_NAMES, leaves
from hades_tui.cli import main as hades_tui
from hadesd.cli.hints import ELSEWHERE
from hadesd.cli.main import VERBS, main

MISTAKES = {
    "hadesd top": "hades-tui attach",
    "hadesd attach": "hades-tui attach",
    "hadesd kill hopper-1": "hadesd cancel",
    "hadesd delete hopper-1": "hadesd rm",
    "hadesd list": "hadesd status",
    "hadesd ls": "hadesd status",
    "hadesd ps": "hadesd status",
    "hadesd show hopper-1": "hadesd status RUN",
    "hadesd train --env hopper": "hadesd start",
    "hadesd version": "hadesd --version",
    "hadesd stauts": "status",
    "hadesd status --jsno": "--json",
    "hadesd start --env Hopper-v5": "'hopper'",
    "hadesd start --env HalfCheetah-v4": "'halfcheetah'",
    "hadesd start --env cartpole": "'CartPole-v1'",
    "hadesd start --env breakout": "'Breakout-MinAtar'",
    "hadesd start --env hoper": "'hopper'",
    "hadesd start hopper": "--env hopper",
    "hadesd start --env hopper --pairs 8": "--set dataset.pairs=8",
    "hadesd start --env hopper --popsize=64": "--set evolution.population=64",
    "hadesd start --env hopper --gpu 1": "--gpus",
    "hadesd start --env hopper evolution.sigma=0.1": "--set evolution.sigma=0.1",
    "hadesd start --env hopper --set lr=0.01": "'cloning.learning_rate' or 'evolution.learning_rate'",
    "hadesd start --env hopper --set evolution.population_size=64": "'evolution.population'",
    "hadesd start --env hopper --set generations=9": "'evolution.generations'",
    "hadesd start --env hopper --set evolution.strategy=cma": "cmaes",
    "hadesd start --env hopper --method hades": "hades-r",
    "hadesd settings lr": "'cloning.learning_rate'",
    "hadesd settings --sorted": "see 'hadesd settings --help'",
    "hades-tui attach --once --theme drak": "'dark'",
    "hades-tui attach --once --theme solarized": "there are dark, light",
    "hades-tui atach": "attach",
}


@pytest.mark.parametrize("typed", MISTAKES)
def test_a_mistake_is_answered_with_the_right_thing(
    typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HADES_HOME", str(tmp_path / "h"))
    program, *arguments = typed.split()
    try:
        code = {"hadesd": main, "hades-tui": hades_tui}[program](arguments)
    except SystemExit as end:
        code = end.code
    out, error = capsys.readouterr()
    assert code in (2, 3)
    assert out == ""
    assert error.count("\n") == 1, error
    assert MISTAKES[typed] in error
    assert not (tmp_path / "h").exists(), "nothing was begun"


def test_advice_names_what_there_is() -> None:
    known = leaves(RunSpec)
    assert [name for names in OTHER_NAMES.values() for name in names if name not in known] == []
    assert [word for word in ELSEWHERE if word in VERBS] == []
    commands = [command.split() for command in ELSEWHERE.values()]
    assert [words for words in commands if words[0] == "hadesd" and words[1] not in (*VERBS, "--version")] == []
