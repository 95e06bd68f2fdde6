"""Health of the checkpoints of a run, of the daemon and of the link. Pure."""

import time
from collections.abc import Sequence

from hades_protocol.messages import CheckpointList, DaemonInfo
from hades_protocol.replies import ShowResult
from hades_protocol.resync import LinkPhase, LinkStatus
from hades_protocol.run_state import RunState
from hades_protocol.version import MAJOR
from hades_tui.state.model import Model
from hades_tui.text.fit import clean, length, wrapped
from hades_tui.text.format import Line, duration, link_explanation, link_line

LABEL = 14
MANY = 12
"""Most ranges of kept generations that are listed; of more, those in the middle are counted."""

SLOW_SECONDS, SLOW_FACTOR = 60.0, 10.0
"""A commit is late after SLOW_SECONDS and SLOW_FACTOR times the usual seconds per generation."""

LabelledRow = tuple[str, str, str]
"""Label, text, hue."""


def checkpoint_rows(shown: ShowResult, now: float) -> list[LabelledRow]:
    """The state of a run's checkpoints. now: Unix time."""
    kept = shown.checkpoints
    rows: list[LabelledRow] = [("last commit", _last(shown, now), "warn" if _is_slow(shown, now) else "text")]
    if kept.generations:
        rows.append(("size", f"{size_text(kept.bytes_newest)} the newest, {size_text(kept.bytes)} all", "text"))
        rows.append(("kept", _kept(kept), "text"))
        pairs = len(kept.with_pairs)
        rows.append(("with pairs", "all of them" if pairs == len(kept.generations) else f"{pairs} of them", "text"))
    rows.append(("retention", describe_retention(kept), "text"))
    rows.append(("verified", *_verified(kept, now)))
    if kept.damaged:
        names = ", ".join(clean(name) for name in kept.damaged)
        rows.append(("damaged", f"✘ {len(kept.damaged)} passed over and set aside, none deleted: {names}", "bad"))
    else:
        rows.append(("damaged", "✔ none was found", "state.running"))
    return [*rows, ("directory", clean(shown.run.directory) or "not known", "dim")]


def daemon_rows(model: Model, now: float, wall: float) -> list[LabelledRow]:
    """The state of the link and of the daemon. now: on the clock of the link. wall: Unix time."""
    text, hue = link_line(model.link, now)
    rows: list[LabelledRow] = [
        ("link", text, "bad" if hue == "link.mismatch" else "warn" if hue == "link.stale" else hue)
    ]
    if why := link_explanation(model.link):
        rows.append(("", why, "warn"))
    return rows + (
        _daemon_rows(model.daemon, wall, is_away=model.is_away)
        if model.daemon is not None
        else [("daemon", "not heard yet", "dim")]
    )


def _daemon_rows(daemon: DaemonInfo, wall: float, *, is_away: bool) -> list[LabelledRow]:
    """The daemon as it was last heard; how long it is up is not known while it is away."""
    up = "it was up" if is_away else f"{duration(wall - daemon.started_at)},"
    rows = [
        ("daemon", f"version {clean(daemon.version)}, pid {daemon.pid}", "text"),
        ("protocol", f"{daemon.protocol_major}; this screen {MAJOR}", "text"),
        ("session", clean(daemon.session), "text"),
        ("up", f"{up} since {moment(daemon.started_at)}", "text"),
        ("slots", f"{daemon.slots}" + (f", GPUs {daemon.gpus}" if daemon.gpus else ", no GPU"), "text"),
        ("state", clean(daemon.state_directory), "dim"),
    ]
    if daemon.refused:
        rows.append(("refused", f"▲ {daemon.refused} messages that made no sense since its start", "warn"))
    return rows


def row_lines(rows: Sequence[LabelledRow], width: int) -> list[Line]:
    """The rows as lines; a long text continues below itself."""
    room = max(1, width - LABEL)
    lines: list[Line] = []
    for label, text, hue in rows:
        for i, piece in enumerate(wrapped(text, room)):
            lines.append([(f"{'' if i else label:<{LABEL}}", "dim"), (piece, hue)])
    return lines


def mismatch_lines(link: LinkStatus, version: str, width: int, height: int) -> list[Line]:
    """The message that the daemon speaks another protocol, in the middle of the panel."""
    reason = link.text or f"the daemon does not speak protocol {MAJOR}"
    paragraphs = (
        ("✘ protocol mismatch", "bad"),
        (reason[0].upper() + reason[1:] + ".", "text"),
        ("What was on this screen may not be true any more, so it is not shown. No run is touched.", "text"),
        (f"This screen is hades {version}, protocol {MAJOR}. Install the same version of hades here and where "
         "the daemon is, and restart what was upgraded: 'hadesd stop' lets every run commit, 'hadesd serve' goes on.",
         "text"),
        ("This screen comes back by itself when they understand each other. q leaves.", "dim"),
    )  # fmt: skip
    room = max(1, min(72, width - 4))
    lines: list[Line] = []
    for text, hue in paragraphs:
        lines += [[]] if lines else []
        lines += [[(piece, hue)] for piece in wrapped(text, room)]
    left = " " * max(0, (width - max(length(line) for line in lines)) // 2)
    above = max(0, (height - len(lines)) // 2)
    return [*([[]] * above), *([(left, "text"), *line] for line in lines)][:height]


def is_shown(link: LinkStatus) -> bool:
    """Whether the data of the daemon may be shown: not with another protocol."""
    return link.phase is not LinkPhase.MISMATCH


def size_text(size: int) -> str:
    """Bytes with a unit: 512 B, 3.4 MiB."""
    value, units = float(size), ["B", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    return f"{value:.0f} {units[0]}" if units[0] == "B" else f"{value:.1f} {units[0]}"


def moment(when: float) -> str:
    """A Unix time as local date and time."""
    return time.strftime("%d %b %H:%M:%S", time.localtime(when))


def ranges(generations: Sequence[int]) -> list[str]:
    """Ascending numbers as ranges: 1, 50, 97-100."""
    out: list[list[int]] = []
    for generation in generations:
        if out and generation == out[-1][-1] + 1:
            out[-1] = [out[-1][0], generation]
        else:
            out.append([generation])
    return ["-".join(map(str, run)) for run in out]


def describe_retention(kept: CheckpointList) -> str:
    """The retention rule as text."""
    parts = [f"the newest {kept.keep_newest}" if kept.keep_newest != 1 else "the newest one"]
    if kept.keep_every:
        parts.append(f"every {kept.keep_every}th" if kept.keep_every > 1 else "every one")
    if kept.keep_best:
        parts.append("the one with the best fitness")
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _last(shown: ShowResult, now: float) -> str:
    kept = shown.checkpoints
    if not kept.generations:
        return "no checkpoint yet: it would begin anew"
    age = "" if kept.committed_at is None else f", {duration(now - kept.committed_at)} ago, {moment(kept.committed_at)}"
    return f"generation {kept.generations[-1]}{age}"


def _is_slow(shown: ShowResult, now: float) -> bool:
    """Whether a running run should have committed again by now."""
    run, committed = shown.run, shown.checkpoints.committed_at
    if run.state is not RunState.RUNNING or committed is None or run.seconds_per_generation is None:
        return False
    return now - committed > max(SLOW_SECONDS, SLOW_FACTOR * run.seconds_per_generation)


def _kept(kept: CheckpointList) -> str:
    parts = ranges(kept.generations)
    if len(parts) > MANY:
        half = MANY // 2
        parts = [*parts[:half], f"… {len(parts) - 2 * half} more …", *parts[-half:]]
    return f"{len(kept.generations)}: {', '.join(parts)}"


def _verified(kept: CheckpointList, now: float) -> tuple[str, str]:
    if kept.verified_generation is None:
        return "no worker has restored one yet; the next resume checks every byte", "dim"
    when = "" if kept.verified_at is None else f", {duration(now - kept.verified_at)} ago, {moment(kept.verified_at)}"
    return f"✔ generation {kept.verified_generation} was restored and found whole{when}", "state.running"
