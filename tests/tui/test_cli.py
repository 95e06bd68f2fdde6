"""The command line of the screen."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from hades_protocol.errors import ExitCode
from hades_tui import cli
from tests.helpers.protocol.protocol_server import FakeDaemon, a_run, serving
from tests.helpers.screen.live_screen import three_runs


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HADES_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "run").mkdir()
    return tmp_path


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["--version"], ["attach", "--help"]):
        with pytest.raises(SystemExit) as caught:
            cli.main(arguments)
        assert caught.value.code == 0, arguments
        assert "hades-tui" in capsys.readouterr().out, arguments


def test_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    wrong: list[list[str]] = [[], ["detach"], ["attach", "--sideways"]]
    for arguments in wrong:
        with pytest.raises(SystemExit) as caught:
            cli.main(arguments)
        assert caught.value.code == ExitCode.USAGE, arguments
        assert capsys.readouterr().out == "", arguments


def test_without_a_terminal_it_says_what_to_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["attach"]) == ExitCode.USAGE
    assert capsys.readouterr().err == (
        "hades-tui: attach needs a terminal; 'hades-tui attach --once' prints the screen as text\n"
    )


@pytest.mark.usefixtures("home")
def test_without_a_daemon_it_is_one_line_and_exit_code_4(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["attach", "--once"]) == ExitCode.UNREACHABLE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "start one with 'hadesd serve' or 'hadesd start'" in captured.err


def test_once_prints_runs_curve_and_pairs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(home / "run", three_runs()):
        assert cli.main(["attach", "--once"]) == ExitCode.OK
    out = capsys.readouterr().out
    assert "▌ ● running  cartpole-1" in out
    assert "mean 300.0 ± 10.0   best 320.0" in out
    assert any("⠀" < character <= "⣿" for character in out)
    assert "cart position" in out
    assert "\x1b" not in out
    assert max(len(line) for line in out.splitlines()) <= 100


def test_once_selects_a_run(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(home / "run", three_runs()):
        assert cli.main(["attach", "--once", "ant"]) == ExitCode.OK
        assert "✘ out of memory" in capsys.readouterr().out
        assert cli.main(["attach", "--once", "zebra"]) == ExitCode.NOT_FOUND_OR_STATE
        assert "no run 'zebra'" in capsys.readouterr().err


def test_once_without_runs_says_how_to_begin(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(home / "run", FakeDaemon()):
        assert cli.main(["attach", "--once"]) == ExitCode.OK
    assert "hadesd start --env CartPole-v1" in capsys.readouterr().out


def test_once_without_a_dataset_is_fine(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(home / "run", FakeDaemon(runs=(a_run("one"),))):
        assert cli.main(["attach", "--once", "one"]) == ExitCode.OK
    assert "The curve begins with the first committed generation." in capsys.readouterr().out


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_attach", interrupted)
    assert cli.main(["attach", "--once"]) == ExitCode.INTERRUPTED


def attach_in_a_terminal(home: Path) -> tuple[int, str]:
    """Exit code and words of `hades-tui attach` on a terminal, where it ends by itself."""
    parent, child = pty.openpty()
    process = subprocess.run(
        [sys.executable, "-m", "hades_tui.cli", "attach"],
        stdin=child,
        stdout=child,
        stderr=child,
        env=os.environ | {"HADES_HOME": str(home)},
        timeout=60,
        check=False,
    )
    os.close(child)
    stderr = os.read(parent, 10_000).decode()
    os.close(parent)
    return process.returncode, stderr


def test_in_a_terminal_without_a_daemon_the_screen_does_not_open(home: Path) -> None:
    code, stderr = attach_in_a_terminal(home)
    assert code == ExitCode.UNREACHABLE
    assert stderr.startswith("hades-tui: no daemon answers at")
    assert "\x1b" not in stderr


def test_a_laptop_needs_neither_jax_nor_numpy() -> None:
    code = (
        "import sys, hades_tui.cli, hades_tui.app, hades_tui.pages.plain; "
        "print(sorted({'jax', 'numpy', 'orbax', 'brax', 'hadesd'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_help_does_not_load_the_screen() -> None:
    code = "import sys, hades_tui.cli; hades_tui.cli.parser(); print('textual' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "False\n"


def test_once_fits_a_size(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(home / "run", three_runs()):
        for width, height in ((60, 12), (80, 24), (132, 43), (80, 1)):
            assert cli.main(["attach", "--once", "--width", str(width), "--height", str(height)]) == ExitCode.OK
            lines = capsys.readouterr().out.splitlines()
            assert len(lines) <= height
            assert max(map(len, lines)) <= width


def test_once_in_ascii(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(home / "run", three_runs()):
        assert cli.main(["attach", "--once", "--ascii"]) == ExitCode.OK
    out = capsys.readouterr().out
    assert out.isascii()
    assert "* running  cartpole-1" in out


@pytest.mark.parametrize(
    ("variables", "is_ascii"),
    [({"LC_ALL": "C"}, True), ({"LC_ALL": "C.UTF-8"}, False), ({"LC_ALL": "C", "HADES_TUI": "--no-ascii"}, False)],
)
def test_a_locale_without_utf8_gets_ascii(home: Path, variables: dict[str, str], is_ascii: bool) -> None:
    with serving(home / "run", three_runs()):
        flags = [variables["HADES_TUI"]] if "HADES_TUI" in variables else []
        command = [sys.executable, "-X", "utf8", "-m", "hades_tui.cli", "attach", "--once", *flags]
        done = subprocess.run(
            command, env=os.environ | {"HADES_HOME": str(home)} | variables, capture_output=True, timeout=60, check=True
        )
    assert done.stdout.isascii() == is_ascii


def test_once_as_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(home / "run", three_runs()):
        assert cli.main(["attach", "--once", "--json"]) == ExitCode.OK
    told = json.loads(capsys.readouterr().out)
    assert told["selected"] == "cartpole-1"
    assert [run["id"] for run in told["runs"]] == ["cartpole-1", "hopper-2", "ant-3"]
    assert told["metrics"]["generation"] == 30
    assert told["dataset"]["generation"] == 30
    assert [len(told["dataset"][name]) for name in ("states", "actions")] == [6, 6]


def test_once_as_json_without_runs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(home / "run", FakeDaemon()):
        assert cli.main(["attach", "--once", "--json"]) == ExitCode.OK
    told = json.loads(capsys.readouterr().out)
    assert (told["runs"], told["selected"], told["metrics"], told["dataset"]) == ([], None, None, None)


@pytest.mark.usefixtures("home")
def test_options_that_make_no_sense(capsys: pytest.CaptureFixture[str]) -> None:
    cases = [
        (["attach", "--json"], "--json is for the screen as text: add --once"),
        (["attach", "--height", "20"], "--height is for the screen as text: add --once"),
        (["attach", "--once", "--theme", "drak"], "there is no theme 'drak'; did you mean 'dark'"),
        (["attach", "--once", "--host", "a", "--connect", "b"], "two ways to a daemon"),
    ]
    for arguments, stderr in cases:
        assert cli.main(arguments) == ExitCode.USAGE, arguments
        captured = capsys.readouterr()
        assert stderr in captured.err
        assert captured.err.count("\n") == 1


def test_a_bug_is_one_line_and_a_traceback_in_a_file(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "_keys", lambda options: 1 // 0)
    assert cli.main(["keys"]) == 1
    error = capsys.readouterr().err
    assert (error.count("\n"), "ZeroDivisionError" in error, "cli-error.log" in error) == (1, True, True)
    assert "1 // 0" in next(home.rglob("cli-error.log")).read_text()


def test_keys_lists_every_action(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    (home / "tui.toml").write_text('[keys]\nrun.pause = "f5"\n')
    assert cli.main(["keys"]) == ExitCode.OK
    out = capsys.readouterr().out
    assert any(line.split()[:2] == ["run.pause", "f5"] for line in out.splitlines())
    assert cli.main(["keys", "--json"]) == ExitCode.OK
    actions = {action["id"]: action for action in json.loads(capsys.readouterr().out)["actions"]}
    assert actions["run.pause"]["keys"] == ["f5"]
    assert actions["run.pause"]["remapped"]
    assert actions["screen.help"]["keys"] == ["question_mark"]
    assert not actions["screen.help"]["remapped"]


@pytest.mark.parametrize("arguments", [["keys"], ["attach", "--once"]])
def test_a_bad_settings_file_is_one_line(home: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    (home / "tui.toml").write_text("[keys\n")
    assert cli.main(arguments) == ExitCode.USAGE
    captured = capsys.readouterr()
    assert captured.err.startswith(f"hades-tui: {home}/tui.toml is not valid TOML")
    assert captured.err.count("\n") == 1


def test_a_bad_key_is_told_before_the_screen_opens(home: Path) -> None:
    (home / "tui.toml").write_text('[keys]\nrun.pause = "C"\n')
    with serving(home / "run", three_runs()):
        code, stderr = attach_in_a_terminal(home)
    assert code == ExitCode.USAGE
    assert stderr.startswith(f"hades-tui: {home / 'tui.toml'}: 'C' would mean both run.pause and run.cancel")
    assert "\x1b" not in stderr
