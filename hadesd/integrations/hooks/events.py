"""Which steps of a run are told to hooks, and in what words. Pure."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from hades_protocol.messages import RunSummary
from hades_protocol.run_state import RunState
from hadesd import config
from hadesd.supervisor.lifecycle.state import Run

HookEvent = Literal["finished", "failed", "paused", "yielded"]

EVENTS: tuple[HookEvent, ...] = ("finished", "failed", "paused", "yielded")

_BY_STATE: dict[RunState, HookEvent] = {
    RunState.FINISHED: "finished",
    RunState.FAILED: "failed",
    RunState.PAUSED: "paused",
}


class HookInput(msgspec.Struct, frozen=True, kw_only=True):
    """What a hook reads from its standard input, as JSON."""

    event: HookEvent  # what happened
    time: float  # Unix time of the event
    reason: str  # why; empty where there is nothing to say
    run: RunSummary  # as in `hadesd status --json`
    host: str  # the daemon's machine
    state_directory: str  # of the daemon (HADES_HOME)
    test: bool = False  # sent by `hadesd hooks test`


def event_of(before: Run, after: Run) -> HookEvent | None:
    """What a step of the state machine means to people who wait for it; None: nothing that they asked about.

    Steps are looked at and not what run.json notes: a queued run is paused by the request alone, a running one some
    time after it, and a full disk pauses without any request. A new daemon takes runs in without a step, so nothing
    is told again after a restart.
    """
    if after.state == before.state:
        return None
    if before.leaving == "yield" and after.state == RunState.QUEUED:
        return "yielded"
    return _BY_STATE.get(after.state)


def commands_for(event: HookEvent, hooks: config.Hooks) -> tuple[tuple[str, ...], ...]:
    """The commands that an event calls for: its own, and the one for any event."""
    own: tuple[str, ...] | None = getattr(hooks, event)
    return tuple(command for command in (own, hooks.any) if command)


def environment(hook_input: HookInput, base: Mapping[str, str]) -> dict[str, str]:
    """The environment of a hook: the daemon's, and what a line of shell wants to know without reading JSON."""
    return {**base, "HADES_EVENT": hook_input.event, "HADES_RUN": hook_input.run.id}
