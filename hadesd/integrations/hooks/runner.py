"""The daemon's hooks: a bounded queue, and threads that run the commands. The event loop only puts into the queue."""

import queue
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec
import structlog

from hadesd import config
from hadesd.integrations.hooks import log as hook_log
from hadesd.integrations.hooks.events import EVENTS, HookInput, commands_for, environment, event_of
from hadesd.integrations.hooks.process import HookResult, run_hook
from hadesd.supervisor.lifecycle.state import Run
from hadesd.supervisor.run import ManagedRun, summarise

WAITING = 256
"""Hooks that may wait for their turn: about a megabyte. What comes on top is dropped, and said."""

LAST_SECONDS = 10.0
"""Seconds that hooks get when the daemon stops."""

log = structlog.get_logger()

_Job = tuple[tuple[str, ...], HookInput]


class Hooks:
    """Runs the configured commands, `at_once` of them at a time.

    environ: what hooks inherit.
    """

    def __init__(self, configured: config.Hooks, state: Path, environ: Mapping[str, str]) -> None:
        self._configured = configured
        self._state = state
        self._environ = dict(environ)
        self._host = socket.gethostname()
        self._jobs: queue.Queue[_Job | None] = queue.Queue(WAITING)
        self._dropped = 0
        self._noting = threading.Lock()  # among the threads here; the event loop never takes it
        self._call_off = threading.Event()
        wanted = any(commands_for(event, configured) for event in EVENTS)
        self._threads = [
            threading.Thread(target=self._work, name=f"hooks-{i}", daemon=True)
            for i in range(configured.at_once if wanted else 0)
        ]
        for thread in self._threads:
            thread.start()

    def on_step(self, managed_run: ManagedRun, before: Run, after: Run) -> None:
        """A step of a run's state machine, already on disk. Returns at once."""
        event = event_of(before, after)
        commands = commands_for(event, self._configured) if event is not None else ()
        if event is None or not commands:
            return
        hook_input = HookInput(
            event=event,
            time=after.changed_at,
            reason=after.reason,
            run=summarise(managed_run),
            host=self._host,
            state_directory=str(self._state),
        )
        for command in commands:
            try:
                self._jobs.put_nowait((command, hook_input))
            except queue.Full:
                self._dropped += 1
                if self._dropped.bit_count() == 1:  # 1, 2, 4, 8 …: a flood of events is no flood of lines
                    log.error(
                        "hooks dropped", so_far=self._dropped, why=f"{WAITING} are waiting", run=hook_input.run.id
                    )

    def close(self, seconds: float = LAST_SECONDS) -> None:
        """Wait for what is under way, then end it. Blocks: not for the event loop's thread."""
        deadline = time.monotonic() + seconds
        while self._jobs.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.05)
        self._call_off.set()
        for _ in self._threads:
            self._jobs.put(None)  # there is room soon: from now on they run nothing
        for thread in self._threads:
            thread.join(LAST_SECONDS)  # a process that survives SIGKILL, on a dead file system say, is left behind

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                self._run(*job)
            except Exception:  # a bug of ours: the hooks after it still run
                log.error("hook not run", hook=job[1].event, run=job[1].run.id, exc_info=True)
            self._jobs.task_done()

    def _run(self, command: tuple[str, ...], hook_input: HookInput) -> None:
        names = {"hook": hook_input.event, "run": hook_input.run.id, "command": list(command)}
        if self._call_off.is_set():
            log.warning("hook not run", **names, why="the daemon stops")
            return
        environ = environment(hook_input, self._environ)
        data = msgspec.json.encode(hook_input)
        result = run_hook(command, data, environ, self._state, self._configured.timeout, self._call_off)
        if result.problem:
            log.warning("hook failed", **names, why=result.problem, output=result.output[-500:])
        with self._noting:
            self._note(command, hook_input, result)

    def _note(self, command: tuple[str, ...], hook_input: HookInput, result: HookResult) -> None:
        try:
            hook_log.append(hook_log.log_path(self._state), hook_input, command, result)
        except OSError as error:
            log.warning("cannot write hooks.log", why=error.strerror or str(error))
