"""Runs that were made to do harm, beside an honest one: put through every verb, the screen and the report."""

import json
from pathlib import Path

import pytest

from hades_protocol.errors import ExitCode
from hades_tui import cli as screen
from hadesd.cli.main import VERBS, main
from tests.helpers.faults import hostile
from tests.helpers.processes.daemon import Home

RUN, HONEST, GROUP = "hostile-1", "honest-1", hostile.TEXT

HUGE = 2**70
"""More than a message can hold."""

DAMAGED, HUGE_LINES = "hostile-2", "hostile-3"
"""Runs with huge integers in every file, and in every file but run.json."""

OF_A_RUN = ("status", "logs", "fork", "export", "pairs", "evaluate", "report", "rm", "archive", "retain", "checkpoint")

ARGUMENTS: dict[str, list[str]] = {
    "start": ["--env", GROUP],
    "run": ["--spec", GROUP],
    "sweep": ["--show", GROUP],
    "status": [RUN],
    "wait": [RUN],
    "logs": [RUN],
    "pause": [RUN],
    "resume": [RUN, HONEST + GROUP],
    "cancel": ["--group", GROUP],
    "fork": [RUN, "--set", "evolution.generations=9", "--dry-run"],
    "resize": [RUN, "--set", "evolution.population=9", "--dry-run"],
    "priority": [RUN, "1"],
    "note": [RUN],
    "export": [RUN, "-o", "out.csv"],
    "import": ["out.csv", "--env", GROUP, "-o", "other.npz"],
    "pairs": [RUN],
    "evaluate": [RUN, "--env", GROUP],
    "transfer": [RUN, "--set", GROUP],
    "merge": [RUN, GROUP, "-o", "merged.npz"],
    "reference": [RUN, "--list"],
    "report": [RUN, "--no-rollout", "-o", "report.html"],
    "rm": [RUN, "--dry-run"],
    "archive": [RUN, "--keep", "--yes"],
    "retain": [RUN, "--keep-newest", "2", "--yes"],
    "checkpoint": ["show", RUN],
    "gc": ["--dry-run", "--evidence"],
    "serve": [],
    "stop": [GROUP],
    "service": ["status"],
    "doctor": ["--no-jax"],
    "keys": ["list"],
    "hooks": ["list"],
    "mirror": [RUN, "--wandb", GROUP],
}
"""What each verb is given; the others nothing."""

MORE = [["status"], ["status", "--json"], ["status", RUN, "--json"], ["logs", RUN, "--raw"], ["status", GROUP]]


def said(capsys: pytest.CaptureFixture[str], status: int) -> list[str]:
    """What is wrong with what a command just said; its exit status."""
    out, err = capsys.readouterr()
    wrong = [] if status in set(ExitCode) else [f"exit status {status}"]
    wrong += [f"not printable: {line!r}" for line in (out + err).split("\n") if not line.isprintable()]
    if "Traceback" in err or "internal error" in err:
        wrong.append(err)
    if len([line for line in err.splitlines() if line.startswith(("hadesd", "hades-tui"))]) > 1:
        wrong.append(f"more than one line: {err!r}")
    return wrong


@pytest.fixture
def there(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with hostile runs, and a daemon."""
    home.paths.make_private()
    hostile.make_run(home.paths.runs / RUN, 3, in_record=3, named=False)
    hostile.make_run(home.paths.runs / DAMAGED, HUGE, in_record=HUGE)
    hostile.make_run(home.paths.runs / HUGE_LINES, HUGE, in_record=3)
    for name in ("HADES_HOME", "NO_COLOR"):
        monkeypatch.setenv(name, home.environ[name])
    monkeypatch.chdir(tmp_path)
    home.fake_daemon()
    return home


def test_no_verb_says_what_steers_a_terminal_or_fails_as_a_bug(
    there: Home, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    honest = there.start(generations=3, milliseconds=1)
    wrong = {}
    every = [[verb, *ARGUMENTS.get(verb, [])] for verb in VERBS] + MORE
    of_a_run = [arguments for arguments in every if arguments[0] in OF_A_RUN]
    for name in (DAMAGED, HUGE_LINES):
        every += [[name if word == RUN else word for word in arguments] for arguments in of_a_run]
    for arguments in every:
        try:
            status = main(arguments)
        except SystemExit as end:
            status = int(end.code or 0)
        if problems := said(capsys, status):
            wrong[" ".join(arguments)[:60]] = problems
    for arguments in (["attach", "--once"], ["attach", "--once", RUN], ["attach", "--once", "--json"]):
        if problems := said(capsys, screen.main(arguments)):
            wrong[f"hades-tui {' '.join(arguments)}"] = problems
    assert wrong == {}
    page = (tmp_path / "report.html").read_text()
    assert page.replace("\n", "").isprintable()
    assert there.show(honest).generations == 3
    assert main(["status", "--json"]) == 0
    assert {run["id"] for run in json.loads(capsys.readouterr().out)["runs"]} == {RUN, HUGE_LINES, honest}
