"""A target for atheris (libFuzzer): bytes from outside are a message or the one protocol error.

`python -m tests.fuzz.fuzz_codec -max_total_time=600 CORPUS_DIRECTORY`; all of libFuzzer's options work.
"""

import contextlib
import sys

import atheris

with atheris.instrument_imports(include=["hades_protocol", "hadesd"]):
    from hades_protocol import codec, commands, events, messages, replies
    from hades_protocol.errors import ProtocolMismatchError
    from hadesd import worker_protocol

KINDS = (commands.AnyRequest, replies.Reply, messages.RunSummary, messages.DatasetSnapshot, worker_protocol.FromWorker)


def one_input(data: bytes) -> None:
    """Anything but a return is a finding."""
    for kind in KINDS:
        try:
            codec.decode(data, kind)  # type: ignore[arg-type]
        except ProtocolMismatchError:
            continue
    with contextlib.suppress(ProtocolMismatchError):
        events.decode_event(data)
    try:
        bodies = worker_protocol.Unpacker().feed(data)
    except ValueError:
        return
    if sum(map(len, bodies)) > len(data):
        raise AssertionError("more came out than went in")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
