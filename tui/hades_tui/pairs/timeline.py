"""Which kept generation's pairs are shown, and with which generation they are compared. Pure.

Only the dataset of a generation is shown under its number; while it is read, or where it was pruned, a text says so.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

import msgspec

from hades_protocol.messages import DatasetSnapshot
from hades_tui.pairs.table import incomparable
from hades_tui.text.fit import length
from hades_tui.text.format import Line
from hades_tui.theme.glyphs import Glyphs

MOST_DATASETS = 8
"""Most datasets of older generations that are held."""


class Timeline(msgspec.Struct, frozen=True):
    """The state of one run's slider.

    kept: generations with pairs on disk, ascending; None until the daemon has answered. at: the generation shown; None
    for the newest, which follows the run. base: the generation compared with. failures: why a generation cannot be
    shown. failure: why the list of kept generations is missing. note: a notice, until the next key.
    """

    kept: tuple[int, ...] | None = None
    at: int | None = None
    base: int | None = None
    datasets: Mapping[int, DatasetSnapshot] = {}
    failures: Mapping[int, str] = {}
    failure: str = ""
    note: str = ""

    @property
    def wanted(self) -> set[int]:
        """Generations whose pairs must be requested."""
        return {g for g in (self.at, self.base) if g is not None} - set(self.datasets) - set(self.failures)


class Shown(msgspec.Struct, frozen=True):
    """What to show: a dataset and one to compare it with, or a text why there is none."""

    dataset: DatasetSnapshot | None = None
    base: DatasetSnapshot | None = None
    absence: str = ""


def stops(timeline: Timeline, newest: int) -> tuple[int, ...]:
    """The kept generations before the newest."""
    kept = timeline.kept or ()
    return kept[: bisect_left(kept, newest)]


def step(timeline: Timeline, by: int, newest: int) -> Timeline:
    """One kept generation back (-1) or forth (+1); after the last one comes the newest."""
    before = stops(timeline, newest)
    here = len(before) if timeline.at is None else bisect_left(before, timeline.at)
    is_stop = here < len(before) and before[here] == timeline.at
    if timeline.at is not None and by > 0 and not is_stop:
        here -= 1  # it was pruned: the next one is where it was
    to = min(len(before), max(0, here + by))
    at = before[to] if to < len(before) else None
    return msgspec.structs.replace(timeline, at=at, failures={}, note="")


def compare(timeline: Timeline, newest: int) -> Timeline:
    """Compare the newest with the generation shown, or with the oldest kept; a second call ends the comparison."""
    if timeline.base is not None:
        return msgspec.structs.replace(timeline, base=None, failures={}, note="")
    if timeline.at is not None:
        return msgspec.structs.replace(timeline, base=timeline.at, at=None, failures={}, note="")
    before = stops(timeline, newest)
    if not before:
        return msgspec.structs.replace(timeline, note="no older pairs are kept to compare with")
    return msgspec.structs.replace(timeline, base=before[0], failures={}, note="")


def with_kept(timeline: Timeline, kept: Sequence[int]) -> Timeline:
    """The timeline with the daemon's list of kept generations."""
    return msgspec.structs.replace(timeline, kept=tuple(sorted(set(kept))), failure="")


def relocated(timeline: Timeline, newest: int, *, again: bool = False) -> Timeline:
    """The timeline at the nearest kept generations, where the chosen ones failed to be read and are kept no more.

    again: whether that has happened to the nearest ones too, so that only the newest is left to show.
    """
    chosen = (timeline.at, timeline.base)
    gone = [g for g in chosen if g is not None and g in timeline.failures and g not in (timeline.kept or ())]
    if not gone:
        return timeline
    left = () if again else stops(timeline, newest)
    at = _nearest(left, timeline.at) if timeline.at in gone else timeline.at
    base = _nearest([g for g in left if g != at], timeline.base) if timeline.base in gone else timeline.base
    return msgspec.structs.replace(timeline, at=at, base=base, failures={}, note=f"{gone[0]} is gone by now")


def _nearest(generations: Sequence[int], wanted: int | None) -> int | None:
    return min(generations, key=lambda g: abs(g - (wanted or 0)), default=None)


def without_kept(timeline: Timeline, why: str) -> Timeline:
    """The timeline after the request for the list failed."""
    return msgspec.structs.replace(timeline, failure=why)


def with_dataset(timeline: Timeline, generation: int, dataset: DatasetSnapshot) -> Timeline:
    """The timeline with the pairs of a generation; those of another one (an old daemon's answer) are refused."""
    if dataset.generation != generation:
        why = f"The daemon answered with generation {dataset.generation}, not {generation}."
        return with_failure(timeline, generation, why)
    needed = {timeline.at, timeline.base, generation}
    others = [g for g in timeline.datasets if g not in needed][1 - MOST_DATASETS :]
    held = {g: d for g, d in timeline.datasets.items() if g in needed or g in others}
    return msgspec.structs.replace(timeline, datasets={**held, generation: dataset})


def with_failure(timeline: Timeline, generation: int, why: str) -> Timeline:
    """The timeline after the request for a generation's pairs failed."""
    return msgspec.structs.replace(timeline, failures={**timeline.failures, generation: why})


def cut(timeline: Timeline, generation: int) -> Timeline:
    """The timeline after the run went back to `generation`: later ones are void."""
    gone = [g for g in (timeline.at, timeline.base) if g is not None and g > generation]
    note = f"{gone[0]} is void: the run went back to {generation}" if gone else timeline.note
    return msgspec.structs.replace(
        timeline,
        kept=None if timeline.kept is None else tuple(g for g in timeline.kept if g <= generation),
        at=None if timeline.at in gone else timeline.at,
        base=None if timeline.base in gone else timeline.base,
        datasets={g: d for g, d in timeline.datasets.items() if g <= generation},
        failures={},
        note=note,
    )


def forget(timeline: Timeline) -> Timeline:
    """The timeline after events were lost: everything is requested again."""
    return msgspec.structs.replace(timeline, kept=None, datasets={}, failures={}, failure="")


def shown(timeline: Timeline, newest: DatasetSnapshot | None) -> Shown:
    """What to show. newest: the newest dataset of the run; None where it is not loaded."""
    parts = {}
    for name, generation in (("at", timeline.at), ("base", timeline.base)):
        if generation is None:
            continue
        if (why := timeline.failures.get(generation)) is not None:
            return Shown(absence=why if timeline.base is None else f"{why.rstrip('.')}. c ends the comparison.")
        if generation not in timeline.datasets:
            return Shown(absence=f"reading the pairs of generation {generation}…")
        parts[name] = timeline.datasets[generation]
    dataset, base = parts.get("at", newest), parts.get("base")
    if dataset is not None and base is not None and (why := incomparable(dataset, base)):
        return Shown(absence=why)
    return Shown(dataset=dataset, base=base if dataset is not None else None)


def slider_line(timeline: Timeline, newest: int, width: int, glyphs: Glyphs, *, asking: bool = False) -> Line:
    """The slider's line: `generation 120 of 30 60 90 120 · newest`."""
    at = newest if timeline.at is None else timeline.at
    separator = f" {glyphs.separator} "
    line: Line = [(f"generation {at}", "bold")]
    if timeline.base is not None:
        line = [(f"change {timeline.base} {glyphs.right} {at}", "bold")]
    tail: Line = [(separator, "dim"), ("newest", "label") if timeline.at is None else ("kept", "warn")]
    if timeline.note:
        tail.append((f"{separator}{timeline.note}", "warn"))
    elif timeline.failure:
        tail.append((f"{separator}{timeline.failure}", "warn"))
    elif timeline.kept is None and asking:
        tail.append((f"{separator}asking which are kept{glyphs.ellipsis}", "dim"))
    elif timeline.kept is None:
        tail.append((f"{separator}[ older, c what changed", "dim"))
    elif not stops(timeline, newest):
        tail.append((f"{separator}no older pairs are kept", "dim"))
    else:
        room = width - length(line) - length(tail) - len(" of ")
        line += [(" of ", "dim"), *_numbers(timeline, newest, at, max(8, room), glyphs)]
    if timeline.note and length(line) + length(tail) > width:
        return [(timeline.note, "warn")]
    return [*line, *tail]


def _numbers(timeline: Timeline, newest: int, at: int, room: int, glyphs: Glyphs) -> Line:
    """The kept generations around the one shown, as many as fit."""
    numbers = [*stops(timeline, newest), newest]
    here = max(0, bisect_right(numbers, at) - 1)
    first = last = here
    used = len(str(numbers[here])) + 2 * len(f"{glyphs.ellipsis} ")
    while True:
        more = [i for i in (first - 1, last + 1) if 0 <= i < len(numbers)]
        fits = [i for i in more if used + len(str(numbers[i])) + 1 <= room]
        if not fits:
            break
        nearest = min(fits, key=lambda i: abs(i - here))
        used += len(str(numbers[nearest])) + 1
        first, last = min(first, nearest), max(last, nearest)
    line: Line = [(f"{glyphs.ellipsis} ", "dim")] if first > 0 else []
    for i in range(first, last + 1):
        hue = "label" if numbers[i] == at else "gold" if numbers[i] == timeline.base else "dim"
        line.append((str(numbers[i]), hue))
        line.append((" " if i < last else "", "dim"))
    return [*line, (f" {glyphs.ellipsis}", "dim")] if last < len(numbers) - 1 else line
