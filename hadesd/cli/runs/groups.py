"""The runs of a group, or those with a tag, and what they have come to."""

import statistics
import time
from collections import Counter
from collections.abc import Iterable, Iterator

from hades_protocol import commands, replies
from hades_protocol.errors import ExitCode, NotFoundError
from hades_protocol.messages import RunSummary
from hades_protocol.paths import Paths
from hades_protocol.run_state import ENDED, WITH_WORKER, RunState
from hades_protocol.sync_client import ControlClient
from hadesd.api.polling import Limit, poll
from hadesd.cli.output import duration, say
from hadesd.cli.progress import ProgressLine
from hadesd.cli.runs.follow import OUTCOMES

S = RunState

Runs = tuple[RunSummary, ...]


def members(runs: Iterable[RunSummary], group: str) -> Runs:
    """The runs of a group, oldest first.

    Raises:
        NotFoundError: it has none; the groups that there are are named.
    """
    runs = tuple(runs)
    found = tuple(run for run in runs if group and run.group == group)
    if not found:
        raise no_group(group, (run.group for run in runs))
    return found


def no_group(group: str, known: Iterable[str]) -> NotFoundError:
    """The error for a group without runs; `known`: groups of the runs, oldest first."""
    names = list(dict.fromkeys(name for name in known if name))
    there = f"there are: {', '.join(names[-8:])}" if names else "no run is in a group; 'hadesd sweep' makes groups"
    return NotFoundError(f"there is no group '{group[:80]}'; {there}")


def tagged(runs: Iterable[RunSummary], tags: Iterable[str]) -> Runs:
    """Those of the runs that have all of the tags.

    Raises:
        NotFoundError: none of them has; the tags that there are are named.
    """
    runs, wanted = tuple(runs), {*tags}
    found = tuple(run for run in runs if wanted <= {*run.tags})
    if wanted and not found:
        known = sorted({tag for run in runs for tag in run.tags})
        there = f"there are: {', '.join(known)}" if known else "none has any; 'hadesd tag' puts some on"
        raise NotFoundError(f"no run has the tag{'s' * (len(wanted) > 1)} {', '.join(sorted(wanted))[:200]}; {there}")
    return found


def ask(client: ControlClient, group: str) -> Runs:
    """The runs of a group now."""
    snapshot: replies.SnapshotResult = client.request(commands.Snapshot)
    return members(snapshot.runs, group)


def watch_group(paths: Paths, group: str, limit: Limit[Runs] | None = None) -> Iterator[Runs]:
    """The group's runs, again and again (hadesd.api.polling.poll)."""
    return poll(paths, lambda client, _: ask(client, group), lambda _: f"group {group}", tell=say, limit=limit)


def counted(runs: Iterable[RunSummary]) -> str:
    """How many of the runs are in which state: 3 finished, 1 running."""
    states = Counter(run.state for run in runs)
    return ", ".join(f"{states[state]} {state.value}" for state in RunState if states[state])


def outcome(runs: Iterable[RunSummary]) -> ExitCode:
    """The exit code for a group that has ended: of the worst of its runs."""
    states = {run.state for run in runs}
    worst = S.FAILED if S.FAILED in states else S.CANCELLED if S.CANCELLED in states else S.FINISHED
    return OUTCOMES[worst]


def have_ended(runs: Iterable[RunSummary]) -> bool:
    """Whether nothing more will come of them by itself."""
    return all(run.state in ENDED for run in runs)


def progress(group: str, runs: Runs) -> str:
    """A group's progress in one line."""
    done, total = sum(run.generation for run in runs), sum(run.generations for run in runs)
    left = seconds_left(runs)
    soon = f"  about {duration(left)} left" if left is not None else ""
    return f"{group}  {counted(runs)}  generation {done}/{total} of all ({done / max(1, total):.0%}){soon}"


def seconds_left(runs: Runs) -> float | None:
    """A guess: the generations that are left at the median pace so far, shared by the workers that there are now.

    None where nothing computes or no pace is known. Starting a worker and compiling are not counted.
    """
    workers = sum(run.state in WITH_WORKER for run in runs)
    paces = [run.seconds_per_generation for run in runs if run.seconds_per_generation is not None]
    if not workers or not paces:
        return None
    todo = sum(run.generations - run.generation for run in runs if run.state not in ENDED)
    return statistics.median(paces) * todo / workers


def follow_group(paths: Paths, group: str) -> int:
    """Show progress until all runs have ended; the worst outcome is the exit code. Ctrl-C leaves them alone."""
    line = ProgressLine()
    announced_paused = False
    try:
        for runs in watch_group(paths, group):
            if have_ended(runs):
                line.end()
                say(f"{group}: {counted(runs)}; its table: hadesd sweep --show {group}")
                return outcome(runs)
            line.show(progress(group, runs), time.monotonic())
            if not announced_paused and all(run.state in ENDED or run.state == S.PAUSED for run in runs):
                announced_paused = True
                line.end()
                say(f"{group}: all that has not ended is paused; it goes on with 'hadesd resume --group {group}'")
    except KeyboardInterrupt:
        line.end()
        say(f"detached: {group} goes on; look: hadesd sweep --show {group}   end: hadesd cancel --group {group}")
        return ExitCode.INTERRUPTED
    raise AssertionError("watch_group() has no end")
