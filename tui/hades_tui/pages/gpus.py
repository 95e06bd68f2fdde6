"""The GPUs of the daemon's machine, and the runs and other processes on them. Pure."""

from collections.abc import Sequence

from hades_protocol.messages import GpuInfo
from hades_tui.text.fit import clean, fitted, length, padded, shortened
from hades_tui.text.format import Line, bar
from hades_tui.theme.glyphs import UNICODE, Glyphs

WIDE = 100
"""Least width with one line per GPU; narrower panels have two."""

MAX_NAME = 24
BARS = (8, 20)


def gpu_lines(gpus: Sequence[GpuInfo], width: int, height: int, glyphs: Glyphs = UNICODE) -> list[Line]:
    """All GPUs in at most `height` lines; the last line counts those that do not fit."""
    lines: list[Line] = []
    for i, block in enumerate(blocks := _blocks(gpus, width, glyphs)):
        left = len(blocks) - i - 1
        if len(lines) + len(block) + (1 if left else 0) > height:
            lines.append([(f"… and {left + 1} more: z shows them all", "dim")])
            break
        lines += block
    return [fitted(line, width) for line in lines][: max(0, height)]


def natural_height(gpus: Sequence[GpuInfo], width: int) -> int:
    """Number of lines of all GPUs."""
    return sum(len(block) for block in _blocks(gpus, width))


def _blocks(gpus: Sequence[GpuInfo], width: int, glyphs: Glyphs = UNICODE) -> list[list[Line]]:
    names = max((len(_name(gpu)) for gpu in gpus), default=0)
    memories = max((len(_memory(gpu)) for gpu in gpus), default=0)
    return [_block(gpu, names, memories, width, glyphs) for gpu in gpus]


def _block(gpu: GpuInfo, names: int, memories: int, width: int, glyphs: Glyphs) -> list[Line]:
    """One GPU: name and load, then its users."""
    use = in_use(gpu)
    if width < WIDE:
        size = max(BARS[0], (width - 17 - memories) // 2) if width >= 44 else 0
        head: Line = [(f"{gpu.index} ", "gold"), *_meters(gpu, size, memories, glyphs)]
        below: Line = [("  ", "text"), *use]
        if length(below) + 2 + len(_name(gpu)) <= width:
            below += [("  ", "text"), (_name(gpu), "dim")]
        return [head, below]
    size = min(BARS[1], max(BARS[0], (width - 70 - names) // 2))
    head = [(f"{gpu.index}  ", "gold"), (padded(_name(gpu), names), "text"), ("  ", "text")]
    head += _meters(gpu, size, memories, glyphs)
    if length(head) + 2 + length(use) <= width:
        return [[*head, ("  ", "text"), *use]]
    return [head, [("   ", "text"), *use]]


def in_use(gpu: GpuInfo) -> Line:
    """The users of a GPU: runs by id, other people by name and memory; "free" without any."""
    line: Line = [(", ".join(clean(run) for run in gpu.runs), "bold")] if gpu.runs else []
    others: dict[str, int] = {}
    for process in gpu.processes:
        if process.other:
            others[process.user] = others.get(process.user, 0) + process.memory
    if others:
        users = ", ".join(f"{clean(user)} ({gib(memory)} GiB)" for user, memory in sorted(others.items()))
        line += [(" · " if line else "", "dim"), (f"▲ in use by {users}", "warn")]
    own = sum(1 for process in gpu.processes if not process.other and not process.run)
    if own:
        line += [(" · " if line else "", "dim"), (f"{own} process{'es' * (own > 1)} of yours outside hades", "dim")]
    return line or [("free", "state.running")]


def gib(size: int) -> str:
    """Bytes as GiB, one decimal."""
    return f"{size / 2**30:.1f}"


def _name(gpu: GpuInfo) -> str:
    return shortened(clean(gpu.name), MAX_NAME)


def _memory(gpu: GpuInfo) -> str:
    return f"{gib(gpu.memory_used)}/{gib(gpu.memory_total)} GiB"


def _meters(gpu: GpuInfo, size: int, memories: int, glyphs: Glyphs) -> Line:
    """Utilisation and memory as numbers, with bars where they fit."""
    used = gpu.memory_used / gpu.memory_total if gpu.memory_total else 0.0
    busy = "  –" if gpu.utilisation is None else f"{gpu.utilisation:>3.0%}"
    line: Line = [*bar(gpu.utilisation or 0.0, size, glyphs), (f" {busy:>4} busy  ", "text")]
    return [*line, *bar(used, size, glyphs), (f" {_memory(gpu):>{memories}}", "text")]
