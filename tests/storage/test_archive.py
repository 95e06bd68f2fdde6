"""An archive is the run, to the byte, and what comes out of one stays where runs are."""

import gzip
import hashlib
import io
import json
import os
import random
import resource
import shutil
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hades_protocol.errors import HadesError, UsageError, WrongStateError
from hadesd.storage import archive
from hadesd.storage.archive import ArchiveError
from tests.helpers.runs.manifests import write_manifest

RUN = "cartpole-1121-k3f9"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run directory with what an archive must take and what it must leave."""
    directory = tmp_path / "runs" / RUN
    noise = random.Random(7)
    for generation, fitness in enumerate((5.0, 9.0, 7.0, None, 6.0), start=1):
        checkpoint = directory / "checkpoints" / str(generation)
        (checkpoint / "state").mkdir(parents=True)
        (checkpoint / "state/0").write_bytes(noise.randbytes(5000))
        write_manifest(checkpoint, generation, fitness_mean=fitness)
    (directory / "checkpoints/partial-6").mkdir()
    (directory / "checkpoints/partial-6/half").write_text("half")
    (directory / "checkpoints/bad-2-0").mkdir()
    (directory / "checkpoints/bad-2-0/damaged").write_text("damaged")
    (directory / "run.json").write_text(json.dumps({"schema": 1, "id": RUN}))
    (directory / "metrics.jsonl").write_bytes(b"".join(b'{"generation": %d}\n' % g for g in range(1, 6)))
    (directory / "lock").touch()
    (directory / "a link").symlink_to("/etc/hostname")
    return directory


def files(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def forged(target: Path, *members: tuple[str | tarfile.TarInfo, bytes], index: bool = True) -> Path:
    """An archive by somebody who wants us ill; its index, where wanted, is in order."""
    entries = {}
    with tarfile.open(target, "w:gz") as tar:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
            inside = info.name.partition("/")[2]
            entries[inside] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        if index:
            text = json.dumps({"schema": 1, "run": RUN, "packed_at": 0.0, "files": entries}).encode()
            info = tarfile.TarInfo(archive.INDEX)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    return target


def test_what_comes_back_is_the_run_to_the_byte(run: Path, tmp_path: Path) -> None:
    target = tmp_path / f"{RUN}.tar.gz"
    index = archive.pack(run, target)
    assert set(index.files) == set(files(run)) - {"lock", "checkpoints/partial-6/half", "checkpoints/bad-2-0/damaged"}
    assert target.stat().st_mode & 0o777 == 0o600
    (tmp_path / "other").mkdir()
    assert archive.restore(target, tmp_path / "other") == RUN
    restored = files(tmp_path / "other" / RUN)
    assert restored == {name: content for name, content in files(run).items() if name in index.files}
    assert [p.name for p in (tmp_path / "other").iterdir()] == [RUN]


def test_the_two_newest_checkpoints_and_the_best_go_in(run: Path, tmp_path: Path) -> None:
    assert archive.left_out(run) == (1, 3)
    index = archive.pack(run, tmp_path / "x.tar.gz", archive.left_out(run))
    kept = {name.split("/")[1] for name in index.files if name.startswith("checkpoints/")}
    assert (kept, index.left_out) == ({"2", "4", "5"}, (1, 3))


def test_a_run_without_checkpoints_is_packed_too(run: Path, tmp_path: Path) -> None:
    shutil.rmtree(run / "checkpoints")
    assert archive.left_out(run) == ()
    assert set(archive.pack(run, tmp_path / "x.tar.gz").files) == {"run.json", "metrics.jsonl"}


def test_nothing_is_replaced(run: Path, tmp_path: Path) -> None:
    target = tmp_path / "x.tar.gz"
    archive.pack(run, target)
    before = target.read_bytes()
    with pytest.raises(UsageError, match="exists: nothing done"):
        archive.pack(run, target)
    with pytest.raises(WrongStateError, match="already"):
        archive.restore(target, run.parent)
    assert target.read_bytes() == before
    assert sorted(p.name for p in run.parent.iterdir()) == [RUN], "nothing half restored is left"


def test_an_empty_directory_of_that_name_is_not_taken_over(run: Path, tmp_path: Path) -> None:
    archive.pack(run, tmp_path / "x.tar.gz")
    (tmp_path / "other" / RUN).mkdir(parents=True)
    with pytest.raises(WrongStateError):
        archive.restore(tmp_path / "x.tar.gz", tmp_path / "other")


def test_an_archive_that_cannot_be_written_is_one_line_and_leaves_nothing(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot write .*: No such file"):
        archive.pack(run, tmp_path / "none" / "x.tar.gz")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))  # a file that cannot grow, as on a full disk
    try:
        with pytest.raises(UsageError, match=r"cannot write .*: File too large; nothing was removed"):
            archive.pack(run, tmp_path / "x.tar.gz")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["runs"]


def flip(data: bytes) -> bytes:
    raw = bytearray(gzip.decompress(data))
    at = raw.index(b"\n", raw.index(b'{"generation": 1}'))
    raw[at - 2] ^= 1
    return gzip.compress(bytes(raw))


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: b"not gzip at all",
        lambda data: data[:200] + bytes([data[200] ^ 1]) + data[201:],
        flip,
    ],
)
def test_a_damaged_archive_is_refused_whole(run: Path, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    target = tmp_path / "x.tar.gz"
    archive.pack(run, target)
    target.write_bytes(damage(target.read_bytes()))
    (tmp_path / "other").mkdir()
    with pytest.raises((ArchiveError, UsageError)):
        archive.restore(target, tmp_path / "other")
    assert list((tmp_path / "other").iterdir()) == []


def test_what_was_read_back_must_be_what_is_in_the_run(run: Path, tmp_path: Path) -> None:
    """verify() is what stands between a bad disk and the removal of the run."""
    target = tmp_path / "x.tar.gz"
    index = archive.pack(run, target)
    archive.verify(target, index)
    other = tmp_path / "y.tar.gz"
    (run / "metrics.jsonl").write_bytes(b"{}\n")
    changed = archive.pack(run, other)
    with pytest.raises(ArchiveError, match="differs from the run"):
        archive.verify(target, changed)


def link(name: str, kind: bytes, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    "member",
    [
        f"{RUN}/../../escaped",
        f"{RUN}/../escaped",
        "/etc/escaped",
        "../escaped",
        f"{RUN}//double",
        f"{RUN}/./dot",
        "escaped",
        f"{RUN}/a\0b",
        ".hidden/x",
        link(f"{RUN}/link", tarfile.SYMTYPE, "/etc/passwd"),
        link(f"{RUN}/hard", tarfile.LNKTYPE, f"{RUN}/run.json"),
        link(f"{RUN}/pipe", tarfile.FIFOTYPE, ""),
        link(f"{RUN}/device", tarfile.CHRTYPE, ""),
    ],
)
def test_a_name_that_leads_out_of_the_run_is_refused(tmp_path: Path, member: str | tarfile.TarInfo) -> None:
    runs = tmp_path / "inside/runs"
    runs.mkdir(parents=True)
    good = (f"{RUN}/run.json", json.dumps({"id": RUN}).encode())
    content = b"" if isinstance(member, tarfile.TarInfo) else b"evil"
    target = forged(tmp_path / "x.tar.gz", good, (member, content))
    with pytest.raises((ArchiveError, UsageError)):
        archive.restore(target, runs)
    assert list(runs.iterdir()) == []
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["inside", "runs", "x.tar.gz"]


def test_modes_and_owners_of_an_archive_mean_nothing(tmp_path: Path) -> None:
    info = tarfile.TarInfo(f"{RUN}/run.json")
    info.mode, info.uid = 0o6777, 12345
    archive.restore(forged(tmp_path / "x.tar.gz", (info, json.dumps({"id": RUN}).encode())), tmp_path)
    found = (tmp_path / RUN / "run.json").stat()
    assert (found.st_mode & 0o7111, found.st_uid) == (0, os.getuid())


@pytest.mark.parametrize(
    ("members", "index", "why"),
    [
        ([(f"{RUN}/run.json", b'{"id": "another-run"}')], True, "holds no run.json of run"),
        ([(f"{RUN}/metrics.jsonl", b"")], True, "holds no run.json"),
        ([(f"{RUN}/run.json", b'{"id": "x"}')], False, "damaged or incomplete"),
        ([], True, "damaged or incomplete"),
        ([(f"{RUN}/run.json", b"1"), (f"{RUN}/run.json", b"2")], True, "cannot restore"),
        ([(f"{RUN}/run.json", b"1"), ("other-run/run.json", b"2")], True, "cannot restore|damaged or incomplete"),
    ],
)
def test_what_is_no_archive_of_one_run_is_refused(
    tmp_path: Path, members: list[tuple[str | tarfile.TarInfo, bytes]], index: bool, why: str
) -> None:
    target = forged(tmp_path / "x.tar.gz", *members, index=index)
    with pytest.raises((ArchiveError, UsageError), match=why):
        archive.restore(target, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["x.tar.gz"]


def test_an_archive_of_a_later_version_says_so(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as tar:
        text = json.dumps({"schema": 2, "run": RUN, "packed_at": 0.0, "files": {}}).encode()
        info = tarfile.TarInfo(archive.INDEX)
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    with pytest.raises(ArchiveError, match="newer than this version"):
        archive.restore(tmp_path / "x.tar.gz", tmp_path)


# Archives that want more than they are ------------------------------------------------------------------------


GOOD = (f"{RUN}/run.json", json.dumps({"id": RUN}).encode())
HUGE = str(2**26)
MUCH = 48 * 2**20
"""Bytes of memory: gzip gives a thousand bytes for one, ten thousand at a time."""

PAX = b"16 path=x/y/z/w\n"


def with_pax(**headers: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(f"{RUN}/big")
    info.pax_headers = {name.replace("_", "."): value for name, value in headers.items()}
    return info


def header(size: int, kind: bytes = tarfile.XHDTYPE, name: str = f"{RUN}/header") -> tarfile.TarInfo:
    """A header of a kind that tarfile does not write when it is asked to."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info


def block(info: tarfile.TarInfo, content: bytes = b"") -> bytes:
    return info.tobuf(tarfile.USTAR_FORMAT) + content + b"\0" * (-len(content) % 512)


def raw(target: Path, *parts: bytes) -> Path:
    target.write_bytes(gzip.compress(b"".join(parts), 1))
    return target


LARGE: dict[str, Callable[[Path], Path]] = {
    "sparse 0.1": lambda at: forged(at, GOOD, (with_pax(GNU_sparse_map="0,0", GNU_sparse_size=HUGE), b"")),
    "sparse 0.0": lambda at: forged(at, GOOD, (with_pax(GNU_sparse_size=HUGE, GNU_sparse_numblocks="0"), b"")),
    "sparse 1.0": lambda at: forged(
        at, GOOD, (with_pax(GNU_sparse_major="1", GNU_sparse_minor="0", GNU_sparse_realsize=HUGE), b"0\n" + bytes(510))
    ),
    "sparse old": lambda at: raw(at, block(header(0, tarfile.GNUTYPE_SPARSE))),
    "large header": lambda at: raw(at, block(header(2**26)), bytes(2**26)),
    "long name": lambda at: raw(at, block(header(2**26, tarfile.GNUTYPE_LONGNAME)), bytes(2**26)),
    "many headers": lambda at: raw(at, block(header(len(PAX)), PAX) * 3000, block(tarfile.TarInfo(f"{RUN}/a"))),
    "global header": lambda at: raw(at, block(header(len(PAX), tarfile.XGLTYPE), PAX)),
    "negative size": lambda at: forged(at, GOOD, (with_pax(size="-512"), b"")),
    "size of a planet": lambda at: forged(at, GOOD, (with_pax(size=str(2**70)), b"")),
    "no time": lambda at: forged(at, GOOD, (with_pax(mtime="nan"), b"")),
    "end of time": lambda at: forged(at, GOOD, (with_pax(mtime="1e300"), b"")),
    "more than there is room for": lambda at: forged(at, GOOD, (f"{RUN}/big", bytes(2**23))),
    "more than is listed": lambda at: forged(at, GOOD, (f"{RUN}/big", b"x"), index=False),
    "large index": lambda at: raw(at, block(header(2**27, tarfile.REGTYPE, archive.INDEX))),
}


def test_nothing_is_written_of_an_archive_that_claims_more_than_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "free_bytes", lambda directory: 2**22)
    written: list[Path] = []
    monkeypatch.setattr(archive, "_take", lambda file, target, mtime: written.append(target))
    runs, target = tmp_path / "runs", tmp_path / "x.tar.gz"
    runs.mkdir()
    accepted, peak = [], {}
    for name, make in LARGE.items():
        make(target)
        tracemalloc.start()
        try:
            archive.restore(target, runs)
            accepted.append(name)
        except ArchiveError:
            peak[name] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (accepted, written, list(runs.iterdir())) == ([], [], [])
    assert {name: size for name, size in peak.items() if size > MUCH} == {}


def test_a_pipe_is_no_archive_and_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(UsageError):
            archive.restore(path, tmp_path)


def test_an_archive_that_changes_after_it_was_looked_at_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = archive._list

    def then_changed(file: IO[bytes], room: int) -> archive.ArchiveIndex:
        listed = honest(file, room)
        forged(tmp_path / "x.tar.gz", GOOD, (f"{RUN}/more", b"x"))
        return listed

    forged(tmp_path / "x.tar.gz", GOOD)
    monkeypatch.setattr(archive, "_list", then_changed)
    with pytest.raises(ArchiveError, match="changed"):
        archive.restore(tmp_path / "x.tar.gz", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar.gz"]


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flips=st.lists(st.tuples(st.integers(0, 2047), st.integers(0, 255)), max_size=6), mended=st.booleans())
def test_any_headers(tmp_path: Path, flips: list[tuple[int, int]], mended: bool) -> None:
    """Two members; mended: the checksums of their headers are right in spite of the changes."""
    content = b"30 mtime=1700000000.123456789\n"
    tar = bytearray(block(header(len(content)), content) + block(tarfile.TarInfo(f"{RUN}/run.json")) + bytes(1024))
    for at, value in flips:
        tar[at] = value
    for start in (0, 1024) if mended else ():
        tar[start + 148 : start + 156] = b" " * 8
        tar[start + 148 : start + 156] = b"%06o\0 " % sum(tar[start : start + 512])
    target = raw(tmp_path / "x.tar.gz", bytes(tar))
    with pytest.raises(HadesError):
        archive.restore(target, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["x.tar.gz"]
