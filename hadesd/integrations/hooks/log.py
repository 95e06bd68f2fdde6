"""hooks.log: what every hook came to, one JSON object a line; bounded as in hadesd.logs.rotation."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from hadesd.integrations.hooks.events import HookInput
from hadesd.integrations.hooks.process import HookResult
from hadesd.logs import rotation

MAX_BYTES = 1024 * 1024
"""Size at which the file is set aside."""


def log_path(state: Path) -> Path:
    """Where it is."""
    return state / "hooks.log"


class HookEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `time`: UTC, when the hook had ended."""

    time: str
    event: str
    run: str
    command: tuple[str, ...]
    status: int | None
    seconds: float
    problem: str
    output: str


def append(path: Path, hook_input: HookInput, command: Sequence[str], result: HookResult) -> None:
    """Add a line.

    Raises:
        OSError: it could not be written.
    """
    entry = HookEntry(
        time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        event=hook_input.event,
        run=hook_input.run.id,
        command=tuple(command),
        status=result.status,
        seconds=round(result.seconds, 3),
        problem=result.problem,
        output=result.output,
    )
    rotation.rotate(path, MAX_BYTES)
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(fd, msgspec.json.encode(entry) + b"\n")
    finally:
        os.close(fd)
