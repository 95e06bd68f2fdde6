"""Lines for people about what a run waits for, and about those who use its GPUs."""

from collections.abc import Sequence

import msgspec

from hades_protocol.formatting import count_of, duration, size

MOST = 3
"""GPUs and runs that a line names; of the others it says how many there are."""

STEP = 10
"""Seconds: a countdown above it goes in such steps, for every new text is an event to all clients."""


class Blocked(msgspec.Struct, frozen=True):
    """A GPU that a run cannot have now. external: other users are the reason; the text is a sentence then."""

    index: int
    text: str
    external: bool


def ours(index: int, runs: Sequence[str]) -> Blocked:
    """Runs of ours compute there."""
    return Blocked(index, f"{_some(runs)} compute{'s' if len(runs) == 1 else ''} there", external=False)


def reserved(index: int, run: str) -> Blocked:
    """A run further ahead waits for it."""
    return Blocked(index, f"kept for {run}, which is before it in the queue", external=False)


def another_user_is_there(index: int, whose: str, yield_cooldown: float) -> Blocked:
    """The run yields, and somebody is there."""
    return Blocked(
        index, f"GPU {index} is used by {whose}: the run waits until it {_been_free(yield_cooldown)}", external=True
    )


def another_user_was_there(index: int, whose: str, yield_cooldown: float, left: float) -> Blocked:
    """The run yields, and somebody was there a moment ago."""
    to_go = duration(left if left <= STEP else -(-left // STEP) * STEP)
    text = f"GPU {index} was used by {whose}: the run waits until it {_been_free(yield_cooldown)}, {to_go} to go"
    return Blocked(index, text, external=True)


def no_memory(index: int, free: float, wanted: float, holder: str) -> Blocked:
    """Others hold memory that the run may need."""
    by = f" (most is held by {holder})" if holder else ""
    text = f"GPU {index} has {max(0.0, free):.0%} of its memory free{by} and the run may take {wanted:.0%}"
    return Blocked(index, text, external=True)


NO_GPU = "there is no GPU here that JAX can use (auto: the run computes on the CPU)"

SILENT = "no GPU answers any more; is its driver being replaced?"


def no_such_gpus(count: int, lacking: Sequence[int], present: Sequence[int]) -> str:
    """The run asks for what the machine does not have. lacking: indices, where such are asked for."""
    here = f"this machine has {_indices(present)}"
    if lacking:
        return f"there is no GPU {_some([str(index) for index in lacking], 'or')} here: {here}"
    return f"it asks for {count} GPUs, and {here}"


def slots_taken(busy: Sequence[str], slots: int, waiting: int) -> str:
    """All slots are taken. waiting: queued runs before this one."""
    named = ", ".join(busy[:2]) + (f" and {len(busy) - 2} more" if len(busy) > 2 else "")
    place = f"; {waiting} queued before it" if waiting else ""
    return f"waits for {named} ({len(busy)} of {count_of(slots, 'slot')} taken{place})"


def waits_for(count: int, free: int, named: bool, blocked: Sequence[Blocked]) -> str:
    """The line for a run that wants `count` GPUs, of which `free` are. named: it wants these and no others."""
    sentences = [block.text for block in blocked if block.external]
    places = [f"GPU {block.index} ({block.text})" for block in blocked if not block.external]
    if places and (named or count == 1):
        sentences.insert(0, f"waits for {_some(places, 'and' if named else 'or')}")
    elif places or count > 1:
        details = f", not {_some(places, 'or')}" if places else ""
        sentences.insert(0, f"waits for {count} GPUs: {free} {'is' if free == 1 else 'are'} free{details}")
    more = f"; and {len(sentences) - MOST} more" if len(sentences) > MOST else ""
    return "; ".join(sentences[:MOST]) + more


def describe_process(user: str, pid: int, memory: int | None) -> str:
    """A process in words: alice (pid 4242, 31 GiB)."""
    return f"{user} (pid {pid}{f', {size(memory)}' if memory else ''})"


def _been_free(yield_cooldown: float) -> str:
    return f"has been free for {duration(yield_cooldown)}" if yield_cooldown else "is free"


def _some(names: Sequence[str], word: str = "and") -> str:
    """a; a and b; a, b and c; a, b, c and 2 more."""
    shown = list(names[:MOST])
    if len(names) > MOST:
        shown.append(f"{len(names) - MOST} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} {word} {shown[-1]}"


def _indices(present: Sequence[int]) -> str:
    first, last = min(present), max(present)
    if len(present) == 1:
        return f"GPU {first} alone"
    if len(present) == last - first + 1:
        return f"GPUs {first} to {last}"
    return f"GPUs {_some([str(index) for index in sorted(present)])}"
