"""The live progress line of `hadesd start --follow`."""

import sys
import time

from hades_protocol.errors import ExitCode
from hades_protocol.messages import RunSummary
from hades_protocol.paths import Paths
from hades_protocol.run_state import RunState, WorkerPhase
from hades_protocol.terminal import steer
from hadesd.api.polling import watch
from hadesd.cli.output import describe_state, duration, is_screen, number, rate, say

LINE_SECONDS = 5.0
"""Without a terminal, a line no more often than this."""


class ProgressLine:
    """One line that is overwritten on a terminal; elsewhere a line now and then."""

    def __init__(self) -> None:
        self._live = is_screen(sys.stderr)
        self._shown = ""
        self._at = 0.0

    def show(self, text: str, now: float) -> None:
        """Show a text, if it is new and its time has come."""
        if text == self._shown or (not self._live and now - self._at < LINE_SECONDS):
            return
        if self._live:
            sys.stderr.write(f"{steer('[G')}{steer('[K')}{text}")
            sys.stderr.flush()
        else:
            say(text)
        self._shown, self._at = text, now

    def end(self) -> None:
        """End the line, so that other output begins below it."""
        if self._live and self._shown:
            sys.stderr.write("\n")
            sys.stderr.flush()


def progress(run: RunSummary) -> str:
    """A run's progress in one line."""
    if run.state not in (RunState.RUNNING, RunState.PAUSING, RunState.CANCELLING, RunState.STOPPING):
        return f"{run.id} {describe_state(run)}" + (f": {run.reason}" if run.reason else "")
    state = "" if run.state == RunState.RUNNING else f"{run.state}  "
    return (
        f"{run.id}  {state}generation {run.generation}/{run.generations}  mean {number(run.fitness_mean)}  "
        f"best {number(run.fitness_best)}  {rate(run.seconds_per_generation)} s a generation  "
        + ("compiling" if run.phase == WorkerPhase.COMPILING else f"{duration(run.seconds_left)} left")
    )


def follow(paths: Paths, run_id: str) -> int:
    """Show progress until the run ends; its outcome is the exit code. Ctrl-C leaves the run alone."""
    line = ProgressLine()
    try:
        for summary in watch(paths, run_id, tell=say):
            if summary.state in OUTCOMES:
                line.end()
                reason = f": {summary.reason}" if summary.reason else ""
                say(f"{run_id} {summary.state} after generation {summary.generation}{reason}")
                if summary.state == RunState.FINISHED and summary.method != "es":
                    say(f"its dataset: hadesd export {run_id} -o {summary.env.rpartition(':')[2]}.npz")
                return OUTCOMES[summary.state]
            line.show(progress(summary), time.monotonic())
    except KeyboardInterrupt:
        line.end()
        say(f"detached: {run_id} goes on; 'hadesd status' shows it, 'hadesd cancel {run_id}' ends it")
        return ExitCode.INTERRUPTED
    raise AssertionError("watch() has no end")


OUTCOMES = {
    RunState.FINISHED: ExitCode.OK,
    RunState.FAILED: ExitCode.RUN_FAILED,
    RunState.CANCELLED: ExitCode.NOT_FOUND_OR_STATE,
}
"""Exit code of `wait` and `start --follow` for each end of a run."""
