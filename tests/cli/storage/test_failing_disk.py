"""The verbs about what runs have on disk, without a daemon: whatever call that writes fails, no run is lost."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hades_protocol.errors import ExitCode
from hadesd.cli.main import main
from hadesd.storage import archive, records
from hadesd.storage.checkpoints import generations, read_manifest
from tests.helpers.faults.failing_disk import refusing
from tests.supervisor.test_failing_disk import Runs, a_home, files

Check = Callable[[Path, Runs, dict[str, int], bool], Iterator[str]]
"""Home, runs, what was there before, whether the verb says that it worked -> what is wrong."""


def usable(home: Path) -> set[str]:
    """The runs that are there."""
    found, problems = records.scan(home / "runs")
    assert problems == []
    return {record.id for record, _ in found}


def whole(home: Path, run: str, before: dict[str, int]) -> bool:
    """Whether a run is there as it was."""
    now = {name: size for name, size in files(home).items() if f"/{run}/" in name and not name.endswith("/lock")}
    return run in usable(home) and now == {name: size for name, size in before.items() if f"/{run}/" in name}


def removed(home: Path, runs: Runs, before: dict[str, int], done: bool) -> Iterator[str]:
    """Of `rm`."""
    there = runs.finished in usable(home)
    if done and there:
        yield "it is said to be removed, and is there"
    if there and not whole(home, runs.finished, before):
        yield "it is there, and not whole"


def archived(home: Path, runs: Runs, before: dict[str, int], done: bool) -> Iterator[str]:
    """Of `archive`."""
    file = home / f"{runs.finished}{archive.SUFFIX}"
    if file.exists():
        with archive.open_plain(file) as raw:
            archive.verify(file, archive._read(raw, None))
    elif not whole(home, runs.finished, before):
        yield "there is neither the run nor its archive"
    if done and runs.finished in usable(home):
        yield "it is said to be removed, and is there"


def restored(home: Path, runs: Runs, before: dict[str, int], done: bool) -> Iterator[str]:
    """Of `archive --restore`."""
    there = runs.foreign in usable(home)
    if done != there:
        yield f"said to be restored: {done}, there: {there}"
    if there and archive.contents(home / "runs" / runs.foreign).keys() != archive.contents(home / runs.foreign).keys():
        yield "it is there, and not whole"


def retained(home: Path, runs: Runs, before: dict[str, int], done: bool) -> Iterator[str]:
    """Of `retain`: two of four checkpoints go."""
    directory = home / "runs" / runs.finished
    kept = generations(directory / "checkpoints")
    rule = records.load(directory)[1].checkpoints
    if rule.keep_every and kept != [1, 2, 3, 4]:
        yield "they went by a rule that no later worker knows"
    if done and kept != [3, 4]:
        yield f"it is said to be done, and {kept} are there"
    if not {3, 4} <= set(kept) or not all(read_manifest(directory / f"checkpoints/{g}") for g in kept):
        yield f"too many went: {kept}"


VERBS: list[tuple[str, list[str], Check]] = [
    ("rm", ["{finished}", "--yes"], removed),
    ("archive", ["{finished}", "-o", "{home}", "--yes"], archived),
    ("archive", ["--restore", "{home}/foreign.tar.gz"], restored),
    ("retain", ["{finished}", "--keep-newest", "2", "--keep-every", "0", "--no-keep-best", "--yes"], retained),
]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Runs]:
    """A home to be copied, with the archive of a run that is not among the runs."""
    home = tmp_path_factory.mktemp("template") / "home"
    runs = a_home(home)
    for run in (runs.working, runs.waiting, runs.paused, runs.failed):
        shutil.rmtree(home / "runs" / run)
    checkpoints = home / "runs" / runs.finished / "checkpoints"
    for generation in (1, 4):
        shutil.copytree(checkpoints / "3", checkpoints / str(generation))
    archive.pack(home / runs.foreign, home / "foreign.tar.gz")
    return home, runs


@pytest.mark.parametrize(("verb", "arguments", "check"), VERBS, ids=lambda value: getattr(value, "__name__", None))
def test_whatever_call_fails_no_run_is_lost_and_what_is_said_is_so(
    template: tuple[Path, Runs],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    verb: str,
    arguments: list[str],
    check: Check,
) -> None:
    source, runs = template
    wrong: list[str] = []
    for persists in (False, True):
        for at in itertools.count():
            home = tmp_path / f"{at}-{persists}"
            shutil.copytree(source, home)
            monkeypatch.setenv("HADES_HOME", str(home))
            before = files(home)
            with refusing(at, persists) as refusals:
                code = main([verb, *(text.format(home=home, finished=runs.finished) for text in arguments)])
            told = capsys.readouterr().err
            called = refusals.calls[at] if at < len(refusals.calls) else "none"
            found = list(check(home, runs, before, code == ExitCode.OK))
            if "internal error" in told or (code != ExitCode.OK and "cannot" not in told and "not all" not in told):
                found.append(f"not for people: {told}")
            litter = [n for n in files(home).keys() - before.keys() if n.endswith(".tmp") or "/.new-" in n]
            if litter and not persists and called not in ("unlink", "rmdir"):
                found.append(f"left {litter}")
            wrong += [f"call {at} ({called}), persists {persists}: {text}" for text in found]
            if called == "none":
                assert (code, refusals.calls != []) == (ExitCode.OK, True)
                break
    assert wrong == [], "\n".join(wrong)
