"""Reads event files as TensorBoard does: record after record, in the order of the files' names."""

import struct
from pathlib import Path
from typing import Any

from tensorboardX.proto import event_pb2
from tensorboardX.record_writer import masked_crc32c


def events(directory: Path, live: bool = False) -> list[Any]:
    """Every event of a run's directory; a record that is not sound fails the test.

    live: somebody writes, so the last record may be in part.
    """
    found = []
    for path in sorted(directory.glob("*tfevents*")):
        data, at = path.read_bytes(), 0
        while at < len(data):
            if live and len(data) < at + 16:
                break
            (length,) = struct.unpack_from("<Q", data, at)
            if live and len(data) < at + 16 + length:
                break
            body = data[at + 12 : at + 12 + length]
            assert struct.unpack_from("<I", data, at + 8)[0] == masked_crc32c(data[at : at + 8])
            assert struct.unpack_from("<I", data, at + 12 + length)[0] == masked_crc32c(body)
            found.append(event_pb2.Event.FromString(body))
            at += 16 + length
    return found


def curve(directory: Path, tag: str = "fitness/mean") -> list[tuple[int, float]]:
    """Steps and values of one tag, in the order in which they are in the files."""
    return [
        (event.step, value.simple_value)
        for event in events(directory)
        for value in event.summary.value
        if value.tag == tag
    ]


def newest(directory: Path) -> int:
    """The newest generation that is there while somebody writes."""
    try:
        return max((event.step for event in events(directory, live=True)), default=0)
    except FileNotFoundError:  # just now another file took its place
        return 0
