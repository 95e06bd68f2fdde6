"""`hadesd note`: written, printed, taken away; and where else it is shown."""

import json

import pytest

from tests.helpers.processes.daemon import Home


def test_written_printed_and_taken_away(home: Home) -> None:
    home.fake_daemon()
    run = home.start()
    none = home.hadesd("note", "@")
    assert (none.returncode, none.stdout, none.stderr) == (0, "", f"{run} has no note\n")
    written = home.hadesd("note", "@", "baseline for the paper; do not remove")
    assert (written.returncode, written.stdout, written.stderr) == (0, "", f"{run}: note written\n")
    assert home.hadesd("note", "@").stdout == "baseline for the paper; do not remove\n"
    assert "note         baseline for the paper; do not remove\n" in home.hadesd("status", "@").stdout
    shown = json.loads(home.hadesd("status", "@", "--json").stdout)
    assert shown["run"]["note"] == "baseline for the paper; do not remove"
    assert shown["checkpoints"]["keep_newest"] == 3
    assert json.loads(home.hadesd("note", "@", "--json").stdout)["note"] == "baseline for the paper; do not remove"
    cleared = home.hadesd("note", "@", "--clear")
    assert (cleared.returncode, cleared.stderr) == (0, f"{run}: note taken away\n")
    assert json.loads(home.hadesd("note", "@", "again", "--json").stdout)["note"] == "again"


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["@", "two\nlines"], 2, "one line of text"),
        (["@", "\x1b[2J"], 2, "control characters"),
        (["@", " "], 2, "--clear"),
        (["@", "x" * 2001], 2, "2000 letters"),
        (["@", "text", "--clear"], 3, "there is no run 'text'"),
        (["nowhere", "text"], 3, "there is no run 'nowhere'"),
        ([], 2, "name the runs"),
    ],
)
def test_refusals_are_one_line(home: Home, arguments: list[str], code: int, text: str) -> None:
    home.fake_daemon()
    home.start()
    done = home.hadesd("note", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert text in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_a_daemon(home: Home) -> None:
    done = home.hadesd("note", "@")
    assert done.returncode == 4
    assert "no daemon runs" in done.stderr
