"""The event socket of a real daemon: welcome, gap-free numbers, heartbeats, goodbye."""

from collections.abc import Iterator
from contextlib import contextmanager

import zmq

from hades_protocol import codec, commands, events
from hades_protocol.run_state import RunState
from tests.helpers.processes.daemon import Home

S = RunState


@contextmanager
def subscribed(home: Home, *topics: bytes) -> Iterator["zmq.Socket[bytes]"]:
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.linger = 0
        for topic in (events.WELCOME, *topics):
            socket.subscribe(topic)
        socket.connect(home.paths.events_endpoint)
        assert socket.poll(60_000), "no welcome"
        assert socket.recv_multipart() == [events.WELCOME]
        yield socket


def stream(socket: "zmq.Socket[bytes]", end: type[events.Event]) -> list[events.Event]:
    """Events up to the first of that kind."""
    found: list[events.Event] = []
    while True:
        assert socket.poll(60_000), f"no {end.__name__} after {found[-3:]}"
        topic, *body = socket.recv_multipart()
        if topic != events.WELCOME:  # which comes again where the connection was made again
            found.append(codec.decode(body[0], events.AnyEvent))
        if found and isinstance(found[-1], end):
            return found


def test_a_run_is_told_without_a_gap_and_ends_with_goodbye(home: Home) -> None:
    daemon = home.fake_daemon()
    with subscribed(home, events.TOPIC_EVENTS) as socket:
        run = home.start(generations=20)
        home.reaches(run, S.FINISHED)
        snapshot = home.ask(commands.Snapshot)
        daemon.terminate()
        told = stream(socket, events.Goodbye)
    numbers = [event.seq for event in told if not isinstance(event, events.Heartbeat)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert snapshot.seq == numbers[-2]
    committed = [event.metrics.generation for event in told if isinstance(event, events.GenerationCommitted)]
    assert committed == list(range(1, 21))
    states = [event.run.state for event in told if isinstance(event, events.RunChanged)]
    assert list(dict.fromkeys(states)) == [S.STARTING, S.RUNNING, S.FINISHED]
    assert {event.session for event in told} == {snapshot.daemon.session}


def test_heartbeats_name_the_newest_number(home: Home) -> None:
    home.fake_daemon()
    with subscribed(home, events.TOPIC_EVENTS) as socket:
        home.ask(commands.Pause, run=home.start())
        newest = home.ask(commands.Snapshot).seq
        stream(socket, events.Heartbeat)
        beat = stream(socket, events.Heartbeat)[-1]
    assert beat.seq >= newest > 0


def test_every_subscriber_is_welcomed(home: Home) -> None:
    home.fake_daemon()
    with subscribed(home, events.TOPIC_EVENTS), subscribed(home, events.TOPIC_EVENTS):
        pass
