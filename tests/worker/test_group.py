"""The processes of a run meet, hand each other what they have, and notice when one has gone. Real sockets."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import zmq

from hadesd.distill.share import Share
from hadesd.worker import group
from hadesd.worker.group import GroupEnded, GroupError, Leader, Member, Rendezvous

NONCE = "0f0f"


@pytest.fixture(autouse=True)
def on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HADES_GROUP_ADDRESS", "127.0.0.1")


def met(file: Path, size: int) -> tuple[Leader, list[Member]]:
    """A group whose processes are threads of this one."""
    leader = Leader(size, file, NONCE)
    assert file.stat().st_mode & 0o077 == 0
    with ThreadPoolExecutor(size + 1) as pool:
        joining = [pool.submit(Member, Share(rank, size), file, NONCE) for rank in range(1, size)]
        rendezvous = pool.submit(leader.rendezvous, b"header")
        members = [one.result() for one in joining]
        for member in members:
            assert member.header() == b"header"
        rendezvous.result()
    assert not file.exists(), "nobody else can join"
    return leader, members


@pytest.fixture
def three(tmp_path: Path) -> Iterator[tuple[Leader, list[Member]]]:
    leader, members = met(tmp_path / "group.json", 3)
    yield leader, members
    for one in (leader, *members):
        if not one._socket.closed:
            one.close()


def test_a_host_that_takes_no_part_says_why(three: tuple[Leader, list[Member]]) -> None:
    leader, (first, second) = three
    leader.broadcast(b"begin")
    assert (first.receive_broadcast(), second.receive_broadcast()) == (b"begin", b"begin")
    second.refuse("this host computes otherwise")
    with pytest.raises(GroupError, match="host 2: this host computes otherwise"):
        leader.all_gather_bytes(b"mine")


class Scores(NamedTuple):
    fitness: np.ndarray
    episodes: np.ndarray


def of(rank: int) -> Scores:
    return Scores(np.arange(2, dtype=np.float32) + 10 * rank, np.full(2, rank, np.int32))


def test_all_get_what_all_have_by_rank(three: tuple[Leader, list[Member]]) -> None:
    leader, members = three
    for _ in range(3):
        with ThreadPoolExecutor(3) as pool:
            found = list(pool.map(lambda one: one.all_gather(of(one.share.rank)), (leader, *members)))
        for scores in found:
            np.testing.assert_array_equal(scores.fitness, np.float32([0, 1, 10, 11, 20, 21]))
            np.testing.assert_array_equal(scores.episodes, [0, 0, 1, 1, 2, 2])
            assert (scores.fitness.dtype, scores.episodes.dtype) == (np.float32, np.int32)


def test_one_that_is_asked_to_halt_is_heard_by_all_in_the_same_turn(three: tuple[Leader, list[Member]]) -> None:
    leader, members = three
    members[1].asked = "signal SIGTERM"
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda one: one.all_gather_bytes(b"x"), (leader, *members)))
    assert [one.halt for one in (leader, *members)] == ["host 2: signal SIGTERM"] * 3
    leader.end()
    for member in members:
        with pytest.raises(GroupEnded):
            member.all_gather_bytes(b"x")


def test_a_process_that_has_gone_breaks_the_group(three: tuple[Leader, list[Member]]) -> None:
    leader, members = three
    members[0].close()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(members[1].all_gather_bytes, b"x")
        with pytest.raises(GroupError, match="has gone"):
            leader.all_gather_bytes(b"x")
        leader.close()
        with pytest.raises(GroupError, match="has gone"):
            waiting.result()
    members[1].close()
    members.clear()  # those that are closed


def test_one_at_another_turn_is_told(tmp_path: Path) -> None:
    leader, (member,) = met(tmp_path / "group.json", 2)
    member._turn = 7
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(member.all_gather_bytes, b"x")
        with pytest.raises(GroupError, match="host 1 is at turn 8"):
            leader.all_gather_bytes(b"x")
        leader.close()
        with pytest.raises(GroupError, match="has gone"):
            waiting.result()
    member.close()


def test_who_does_not_know_the_groups_word_is_not_let_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "RENDEZVOUS_SECONDS", 1.0)
    file = tmp_path / "group.json"
    leader = Leader(2, file, NONCE)
    rendezvous: Any = group.read_private(file, Rendezvous, "")
    assert rendezvous.secret_key not in repr(rendezvous)
    stranger: zmq.Socket[bytes] = leader._context.socket(zmq.DEALER)
    stranger.setsockopt(zmq.LINGER, 0)
    for option, key in ((zmq.CURVE_SERVERKEY, rendezvous.server_key), (zmq.CURVE_PUBLICKEY, rendezvous.public_key)):
        stranger.setsockopt(option, bytes.fromhex(key))
    stranger.setsockopt(zmq.CURVE_SECRETKEY, bytes.fromhex(rendezvous.secret_key))
    stranger.connect(rendezvous.address)
    stranger.send_multipart([b"hello", b"1:wrong"])
    with pytest.raises(GroupError, match="have not met within 1 s"):
        leader.rendezvous(b"")
    stranger.close()
    leader.close()


def test_strangers_who_come_and_go_break_no_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan of the cluster's ports, say."""
    file = tmp_path / "group.json"
    leader = Leader(2, file, NONCE)
    rendezvous: Any = group.read_private(file, Rendezvous, "")
    host, _, port = rendezvous.address.removeprefix("tcp://").rpartition(":")
    early = socket.create_connection((host, int(port)))
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(leader.rendezvous, b"")
        member = Member(Share(1, 2), file, NONCE)
        early.close()
        member.header()
        waiting.result()
        noticed, is_broken = threading.Event(), leader._is_broken
        monkeypatch.setattr(leader, "_is_broken", lambda: noticed.set() or is_broken())
        socket.create_connection((host, int(port))).close()
        first = pool.submit(leader.all_gather_bytes, b"x")
        assert noticed.wait(30), "ZeroMQ has not said that a connection was lost"
        assert member.all_gather_bytes(b"x") == first.result() == [b"x", b"x"]
    leader.close()
    member.close()


HOLD = """
import sys
import threading
from pathlib import Path
from hadesd.distill.share import Share
from hadesd.worker.group import Member
member = Member(Share(1, 2), Path(sys.argv[1]), sys.argv[2])
print(member.header().decode(), flush=True)
member.receive_broadcast()
"""


@pytest.mark.process
def test_a_process_that_stands_still_breaks_the_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connection stays open: ZeroMQ's heartbeats find it."""
    monkeypatch.setattr(group, "HEARTBEAT_TIMEOUT_MS", 1500)
    file = tmp_path / "group.json"
    leader = Leader(2, file, NONCE)
    with subprocess.Popen([sys.executable, "-c", HOLD, str(file), NONCE], stdout=subprocess.PIPE, text=True) as process:
        leader.rendezvous(b"header")
        assert process.stdout is not None
        assert process.stdout.readline() == "header\n"
        os.kill(process.pid, signal.SIGSTOP)
        try:
            with pytest.raises(GroupError, match="does not answer"):
                leader.all_gather_bytes(b"x")
        finally:
            process.kill()
    leader.close()
