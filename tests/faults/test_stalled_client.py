"""A client that listens to events and does not read them: its queue is full, and nobody else notices."""

import zmq

from hades_protocol import commands, events
from hades_protocol.run_state import RunState
from tests.helpers.processes.daemon import Home

QUEUE = 500
EVENTS = 3000
"""More than all buffers between a daemon with that queue and a client hold."""


def subscriber(context: "zmq.Context[zmq.Socket[bytes]]", home: Home, kept: int) -> "zmq.Socket[bytes]":
    """Subscribed to all events, and known to be. kept: events that wait in it."""
    socket = context.socket(zmq.SUB)
    socket.linger = 0
    socket.rcvhwm = kept
    socket.subscribe(events.TOPIC_EVENTS)
    socket.subscribe(events.WELCOME)
    socket.connect(home.paths.events_endpoint)
    assert socket.poll(60_000)
    assert socket.recv_multipart()[0] == events.WELCOME
    return socket


def numbers(socket: "zmq.Socket[bytes]", upto: int) -> list[int]:
    """The numbers of the events that come, until that one or a heartbeat that says it was published."""
    found: list[int] = []
    newest = 0
    while newest < upto:
        assert socket.poll(60_000), f"no event for a minute, the newest was {newest}"
        frames = socket.recv_multipart()
        if frames[0] == events.WELCOME:
            continue  # it was hung up on for its silence, and came back
        event = events.decode_event(frames[1])
        newest = event.seq
        if not isinstance(event, events.Heartbeat):
            found.append(event.seq)
    return found


def test_the_daemon_and_other_clients_survive_one_that_does_not_read(home: Home) -> None:
    home.fake_daemon(send_queue=QUEUE)
    with (
        zmq.Context() as context,
        subscriber(context, home, kept=EVENTS) as reads,
        subscriber(context, home, kept=1) as stalls,
    ):
        run = home.start(generations=1_000_000, milliseconds=1)
        seen = numbers(reads, EVENTS)
        assert seen == list(range(1, len(seen) + 1)), "who reads misses nothing"
        home.ask(commands.Pause, run=run)
        home.reaches(run, RunState.PAUSED)

        home.reaches(home.start(generations=3), RunState.FINISHED)
        got = numbers(stalls, home.ask(commands.Snapshot).seq)
        assert len(got) < EVENTS / 2, "what the daemon keeps for it is bounded"
        assert got == sorted(set(got)), "what it gets is in order, and the numbers that are missing tell it so"
