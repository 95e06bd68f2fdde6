"""Control.answer under arbitrary requests: a reply or nothing, no exception, no file outside, a no changes nothing."""

import itertools
import os
import sys
import time
from pathlib import Path
from typing import Any, get_args

import msgpack
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hades_protocol import codec, commands, replies
from hades_protocol.errors import HadesError, NotFoundError, UsageError
from hades_protocol.names import check_group
from hades_protocol.paths import Paths
from hades_protocol.run_spec import spec_to_dict
from hadesd.daemon.requests import MAX_TEXT
from hadesd.storage import records
from tests.helpers.faults.fuzz import NAMES, FuzzSource
from tests.helpers.protocol.in_process_daemon import InProcessDaemon
from tests.helpers.runs.specs import TINY, tiny
from tests.protocol.test_codec import built

ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
VERBS_ABOUT_A_RUN = [
    kind.__struct_config__.tag for kind in get_args(commands.AnyRequest) if "run" in kind.__struct_fields__
]
FUZZ = settings(max_examples=300, suppress_health_check=list(HealthCheck))


class Touched:
    """Files that this process opens, lists, makes, moves or removes while `on`; an audit hook can only be added."""

    def __init__(self) -> None:
        self.on = False
        self.paths: set[Path] = set()
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.on and (event == "open" or event.startswith(("os.", "shutil."))):
            for argument in arguments:
                if isinstance(argument, str | bytes | os.PathLike):
                    text = os.fsdecode(argument)
                    if "/" in text or "." in text:  # a mode such as "r" is an argument too
                        self.paths.add(Path(os.path.abspath(text)))


@pytest.fixture(scope="module")
def touched() -> Touched:
    return Touched()


class Endless:
    """A job that is at work as long as the test."""

    def kill(self) -> None:
        """It has no process."""


def begun(*arguments: object) -> Endless:
    """What a daemon is told of any job: runs that some request cancelled may be deleted, archived and pruned."""
    return Endless()


class WatchedDaemon(InProcessDaemon):
    """One with three runs in its queue, whose daemon has no slot to start them."""

    def __init__(self, home: Path) -> None:
        runs = Paths({"HADES_HOME": str(home)})
        runs.make_private()
        for seed in range(3):
            records.create(runs.runs, tiny(seed=seed), time.time())
        super().__init__(home, start_job=begun)

    def state(self) -> tuple[object, ...]:
        """Everything that a request could change."""
        files = sorted((str(path), path.stat().st_size) for path in self.home.rglob("*"))
        return self.supervisor.summaries(), self.supervisor.seq, self.stopped, files

    def answer(self, frames: list[bytes]) -> replies.Reply | None:
        """The reply, decoded. After a refusal everything is as it was."""
        before = self.state()
        data = self.control.answer(frames)
        if data is None:
            assert self.state() == before
            return None
        reply = codec.decode(data, replies.Reply)
        if reply.error is not None:
            assert reply.error.code != "internal", reply.error.message
            assert len(reply.error.message) <= MAX_TEXT
            assert self.state() == before
        return reply


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> WatchedDaemon:
    return WatchedDaemon(tmp_path_factory.mktemp("home"))


@FUZZ
@given(frames=st.lists(st.binary(max_size=300), max_size=5))
def test_arbitrary_frames_are_refused(daemon: WatchedDaemon, frames: list[bytes]) -> None:
    before = daemon.control.refused
    reply = daemon.answer(frames)
    assert reply is not None
    assert reply.error is not None
    assert reply.error.code == "protocol"
    assert daemon.control.refused == before + 1


@FUZZ
@given(seed=st.integers(0, 2**32))
def test_the_messages_of_the_storm_change_nothing(daemon: WatchedDaemon, seed: int) -> None:
    before = daemon.supervisor.summaries()
    daemon.answer(FuzzSource(seed).message())
    assert daemon.supervisor.summaries() == before


@st.composite
def mutated_requests(draw: st.DrawFn) -> bytes:
    """A valid request of any verb with fields replaced, dropped and added, and sometimes a byte flipped."""
    kind = draw(st.sampled_from([k for k in get_args(commands.AnyRequest) if k is not commands.Stop]))
    fields: dict[str, Any] = msgspec.to_builtins(draw(built(kind)), builtin_types=(bytes,))
    fields |= {"session": None, "expires_at": None, "protocol_major": 1}
    if "run" in fields:
        fields["run"] = draw(st.sampled_from(["@", *NAMES]) | st.text())
    if "spec" in fields:
        fields["spec"] = draw(specs())
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(sorted(fields)) | st.text(max_size=10))
        if draw(st.booleans()):
            fields[name] = draw(ANY)
        else:
            fields.pop(name, None)
    data = bytearray(msgpack.packb(fields))
    if draw(st.booleans()):
        data[draw(st.integers(0, len(data) - 1))] ^= draw(st.integers(1, 255))
    return bytes(data)


@st.composite
def specs(draw: st.DrawFn) -> Any:
    """Settings with something wrong somewhere, or nothing."""
    spec: dict[str, Any] = spec_to_dict(tiny(**TINY))
    section = spec
    if draw(st.booleans()):
        section = spec[draw(st.sampled_from([name for name, value in spec.items() if isinstance(value, dict)]))]
    if section and draw(st.booleans()):
        section[draw(st.sampled_from(sorted(section)) | st.text(max_size=10))] = draw(ANY)
    return draw(st.sampled_from([spec, None, [], "spec"])) if draw(st.booleans()) else spec


@FUZZ
@given(data=mutated_requests())
def test_mutated_requests_are_answered(daemon: WatchedDaemon, data: bytes) -> None:
    daemon.answer([data])


def test_a_run_that_was_cancelled_may_be_deleted(daemon: WatchedDaemon) -> None:
    run = daemon.result(commands.Start, spec=spec_to_dict(tiny())).id
    daemon.result(commands.Cancel, run=run)
    reply = daemon.answer([codec.encode(commands.Delete(request_id="1", run=run))])
    assert reply is not None
    assert reply.error is None


def test_nesting_in_any_field(daemon: WatchedDaemon) -> None:
    unanswered = []
    for field in ("spec", "changes", "run", "request_id", "nonsense"):
        verb = "fork" if field == "changes" else "start"
        fields = {"verb": verb, "request_id": "1", "run": "@", "spec": {}}
        fields.pop(field, None)
        head = bytes([0x80 | (len(fields) + 1)])
        data = head + b"".join(msgpack.packb(part) for pair in fields.items() for part in pair)
        data += msgpack.packb(field)
        cases = itertools.product((100, 500, 511, 512, 900, 1000, 1023, 100_000), (b"\x91", b"\x81\xa3env"))
        unanswered += [(field, *case) for case in cases if daemon.answer([data + case[1] * case[0] + b"\xc0"]) is None]
    assert unanswered == []


def test_a_value_that_json_cannot_say_is_refused_like_any_other(daemon: WatchedDaemon) -> None:
    spec = {"env": b"\xff\xfe"}
    reply = daemon.answer([msgpack.packb({"verb": "start", "request_id": "1", "spec": spec})])
    assert reply is not None
    assert reply.error is not None
    assert reply.error.code == "usage"


# Paths ---------------------------------------------------------------------------------------------------------


def outside(touched: Touched, home: Path) -> list[Path]:
    """What was touched and is neither below the home nor code that Python imports."""
    code = (Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[2])
    return [path for path in touched.paths if not path.is_relative_to(home) and not path.is_relative_to(Path("/proc"))
            and not any(path.is_relative_to(root) for root in code)]  # fmt: skip


@FUZZ
@given(
    verb=st.sampled_from(VERBS_ABOUT_A_RUN),
    name=st.sampled_from(NAMES) | st.text(),
    prefix=st.sampled_from(["", "../", "/", "./", "../../../../../../../", "\0", "@"]),
)
def test_no_name_of_a_run_leads_out_of_the_runs_directory(
    daemon: WatchedDaemon, touched: Touched, verb: str, name: str, prefix: str
) -> None:
    if any(summary.id.startswith(prefix + name) for summary in daemon.supervisor.summaries()) or prefix + name == "@":
        return  # it does name a run
    if verb == "logs" and not prefix + name:
        return  # it asks for the daemon's own log
    touched.paths.clear()
    touched.on = True
    try:
        data = daemon.control.answer(
            [
                msgpack.packb(
                    {
                        "verb": verb,
                        "request_id": "1",
                        "run": prefix + name,
                        "changes": {},
                        "priority": 1,
                        "text": "",
                        "name": "",
                    }
                )
            ]
        )
    finally:
        touched.on = False
    assert data is not None
    error = codec.decode(data, replies.Reply).error
    assert error is not None
    assert error.code in ("not_found", "usage")
    assert outside(touched, daemon.home) == []


def test_the_watch_over_files_sees_what_leads_out(daemon: WatchedDaemon, touched: Touched) -> None:
    touched.paths.clear()
    touched.on = True
    try:
        with open("/etc/hostname"):
            pass
    finally:
        touched.on = False
    assert outside(touched, daemon.home) == [Path("/etc/hostname")]


@settings(max_examples=300)
@given(name=st.sampled_from(NAMES) | st.text())
def test_what_names_a_group_or_a_run_is_a_plain_word(name: str) -> None:
    try:
        check_group(name)
    except UsageError:
        allowed = False
    else:
        allowed = True
    assert allowed == bool(records.ID_PATTERN.fullmatch(name))
    if allowed:
        assert Path("/runs", name).parent == Path("/runs")
        assert name not in (".", "..")


@settings(max_examples=200)
@given(name=st.sampled_from(NAMES) | st.text())
def test_names_on_the_command_line_stay_inside_too(daemon: WatchedDaemon, name: str) -> None:
    try:
        found = records.find_directory(daemon.paths.runs, name)
    except NotFoundError:
        return
    assert found.parent == daemon.paths.runs


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(name=st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=40))
def test_a_directory_that_lies_about_its_run_is_not_one(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    """A record is believed only in a directory of its own name, so no id in a file leads anywhere else."""
    directory = tmp_path_factory.mktemp("runs")
    record = records.create(directory, tiny(), 0.0)
    record = msgspec.structs.replace(record, id=f"../{name}")
    records.save(directory / records.scan(directory)[0][0][0].id, record)
    assert records.scan(directory)[0] == []


def test_an_environment_variable_is_no_path(daemon: WatchedDaemon) -> None:
    with pytest.raises(HadesError):
        records.find_directory(daemon.paths.runs, "$HOME")
