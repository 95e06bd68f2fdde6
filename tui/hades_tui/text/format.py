"""Numbers, durations and states as texts of the screen. Pure; hues are names (hades_tui.theme.palette)."""

import math

import msgspec

from hades_protocol.formatting import count_of
from hades_protocol.messages import JobState, RunSummary
from hades_protocol.resync import LinkPhase, LinkStatus
from hades_protocol.run_state import RunState, WorkerPhase
from hades_tui.state.jobs import working_text
from hades_tui.state.model import Model
from hades_tui.theme.glyphs import UNICODE, Glyphs

Span = tuple[str, str]
"""A piece of text and the name of its hue."""

Line = list[Span]

NONE = "–"

COUNTED = ("running", "pausing", "starting", "waiting", "queued", "failed")
"""States whose runs the top line counts, where there are any; what comes first is what a narrow line still shows."""


class Rounding(msgspec.Struct, frozen=True):
    """How numbers of one size are written: in multiples of `unit`, with so many decimals and a suffix."""

    unit: float = 1.0
    suffix: str = ""
    decimals: int = 0

    def text(self, value: float) -> str:
        """A number, rounded; one that rounds to zero has no sign."""
        rounded = round(value / self.unit, self.decimals) or 0.0
        return f"{rounded:.{self.decimals}f}{self.suffix}"


def rounding(size: float) -> Rounding:
    """The rounding of numbers of a size below 1e9, to about four digits."""
    if size >= 1e6:
        return Rounding(1e6, "M", 2)
    if size >= 1e5:
        return Rounding(1e3, "k", 0)
    return Rounding(decimals=0 if size >= 999.95 else 1 if size >= 9.995 else 2)


def number(value: float | None) -> str:
    """About four digits: 3.14, 312.4, 10123, 1.23M."""
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    size = abs(value)
    if size >= 1e9:
        return f"{value:.1e}".replace("e+0", "e").replace("e+", "e")
    return rounding(size).text(value)


def cell_number(value: float) -> str:
    """A number with sign in at most seven characters, for the table of pairs."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "+inf" if value > 0 else "-inf"
    size = abs(value)
    if size >= 10_000:
        return f"{value:+.0e}".replace("e+0", "e").replace("e+", "e")
    decimals = 3 if size < 9.9995 else 2 if size < 99.995 else 1
    return f"{value:+.{decimals}f}"


def duration(seconds: float | None) -> str:
    """Two units at most: 45s, 5m12s, 3h20m, 2d04h."""
    if seconds is None or not math.isfinite(seconds):
        return NONE
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86_400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86_400}d{whole % 86_400 // 3600:02d}h"


def pace(seconds: float | None) -> str:
    """Seconds per generation with three digits: 0.12s, 12.3s, 1234s."""
    if seconds is None or not math.isfinite(seconds):
        return NONE
    if seconds < 10:
        return f"{seconds:.2f}s"
    return f"{seconds:.1f}s" if seconds < 100 else f"{seconds:.0f}s"


def fraction_done(run: RunSummary) -> float:
    """Committed share of a run's generations, 0 to 1."""
    return min(1.0, run.generation / run.generations) if run.generations > 0 else 0.0


def bar(fraction: float, width: int, glyphs: Glyphs = UNICODE) -> Line:
    """A progress bar of `width` columns. fraction: 0 to 1."""
    halves = round(min(1.0, max(0.0, fraction)) * width * 2)
    done = glyphs.bar_done * (halves // 2) + (glyphs.bar_half if halves % 2 else "")
    return [(done, "bar"), (glyphs.bar_rest * (width - len(done)), "faint")]


def state_word(run: RunSummary) -> str:
    """The name of a run's state; waiting while its job waits in Slurm's queue, which may take days."""
    return "waiting" if is_waiting(run) else run.state.value


def is_waiting(run: RunSummary) -> bool:
    """Whether a run has a job that has not begun, since it waits in Slurm's queue."""
    return run.state is RunState.STARTING and run.phase == WorkerPhase.WAITING_IN_SLURM


def state_text(run: RunSummary) -> Span:
    """Glyph and name of a run's state, with its hue."""
    return f"{UNICODE.states[run.state]} {state_word(run)}", f"state.{run.state.value}"


def status_line(run: RunSummary) -> Line:
    """State, phase, job, progress, pace and origin of a run."""
    line: Line = [state_text(run)]
    if run.phase and run.state in (RunState.STARTING, RunState.RUNNING, RunState.PAUSING, RunState.STOPPING):
        line.append((f"  {run.phase}", "text"))
        if run.slurm_job is not None and run.slurm_job.id is not None:
            line.append((f" as Slurm job {run.slurm_job}", "text"))
    parts = [f"{run.generation}/{run.generations}"]
    if run.state is RunState.RUNNING and run.seconds_per_generation is not None:
        parts.append(f"{pace(run.seconds_per_generation)}/gen")
        if run.seconds_left is not None:
            parts.append(f"{duration(run.seconds_left)} left")
    if run.restarts:
        parts.append(f"{run.restarts} crash{'es' if run.restarts > 1 else ''} survived")
    if run.parent is not None:
        parts.append(f"forked from {run.parent.run}@{run.parent.generation}")
    line.append(("  " + " · ".join(parts), "dim"))
    return line


def problem_line(model: Model) -> Line:
    """Why the selected run waits or failed, or its newest warning; empty without either."""
    run = model.run
    if run is None:
        return []
    if run.reason:
        bad = run.state in (RunState.FAILED, RunState.BACKOFF)
        return [(("✘ " if bad else "› ") + run.reason, "bad" if bad else "warn")]
    logs = model.logs.get(run.id)
    return [(f"▲ {logs[-1].text}", "warn")] if logs else []


def link_line(link: LinkStatus, now: float) -> Span:
    """The indicator of the link, with its hue. now: on the clock of `link.since`."""
    labels = {
        LinkPhase.CONNECTING: "connecting",
        LinkPhase.LIVE: "live",
        LinkPhase.RESYNCING: "resyncing",
        LinkPhase.STALE: f"stale for {duration(now - link.since)}",
        LinkPhase.MISMATCH: "protocol mismatch",
    }
    return f"{UNICODE.links[link.phase]} {labels[link.phase]}", f"link.{link.phase.value}"


def link_explanation(link: LinkStatus) -> str:
    """Why the link is not live and what to do; empty while it is live."""
    if link.phase is LinkPhase.STALE:
        why = link.text or "no word from the daemon"
        return f"{why}: 'hadesd serve' starts one; this screen reconnects by itself"
    return link.text


def summary_line(model: Model) -> str:
    """The top line's summary: numbers of runs, jobs, slots and GPUs."""
    parts = [count_of(len(model.runs), "run")]
    words = [state_word(run) for run in model.runs]
    parts += [f"{words.count(word)} {word}" for word in COUNTED if word in words]
    parts += [working_text(job) for job in model.jobs if job.state == JobState.RUNNING]
    if model.daemon is not None:
        parts.append(count_of(model.daemon.slots, "slot"))
        if model.daemon.gpus:
            parts.append(count_of(model.daemon.gpus, "GPU"))
    return " · ".join(parts)


def identity_line(run: RunSummary, shown: str = "") -> str:
    """Id, name, environment, method and preset of a run, for a panel's title. shown: what the panel shows of it."""
    parts = (run.id, run.name, shown, run.env, run.method, run.preset)
    return " · ".join(part for part in parts if part)


def first_steps(key: str = "") -> list[Line]:
    """Lines shown where there is no run. key: the one that starts one here, where there is any."""
    how = f"{key} starts one here, and in another terminal:" if key else "Start one in another terminal:"
    spans = (
        *(("No runs yet.", "title"), ("", "text"), (how, "text"), ("", "text")),
        *(("hadesd start --env CartPole-v1", "ember"), ("", "text"), ("It appears here by itself.", "dim")),
    )
    return [[span] for span in spans]
