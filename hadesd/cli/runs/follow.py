"""The live progress line of `hadesd start --follow`."""

import time

from hades_protocol.errors import ExitCode
from hades_protocol.messages import RunSummary
from hades_protocol.paths import Paths
from hades_protocol.run_state import RunState, WorkerPhase
from hadesd.api.polling import watch
from hadesd.cli.output import describe_state, duration, number, rate, say
from hadesd.cli.progress import ProgressLine


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
