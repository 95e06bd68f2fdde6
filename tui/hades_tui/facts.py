"""What else is known of the selected run, for screens with room. Pure."""

import time

from hades_tui.model import Model
from hades_tui.view import Line, number


def fact_lines(model: Model, width: int, height: int) -> list[Line]:
    """Facts, then the newest warnings, at most `height` lines."""
    run = model.run
    if run is None:
        return []
    newest = model.history.metrics[-1] if model.history.metrics else None
    facts = [("population", f"{run.population}"), ("seed", f"{run.seed}")]
    if run.method != "es":
        facts.insert(0, ("pairs", f"{run.pairs}"))
    if run.group:
        facts.append(("group", run.group))
    if newest is not None:
        facts.append(("sigma", f"{newest.sigma:.4g}"))
        facts.append(("steps / generation", f"{newest.env_steps:,}".replace(",", " ")))
        facts.append(
            ("episodes", f"{newest.episodes}" + (f", {newest.unfinished} cut off" if newest.unfinished else ""))
        )
        facts.append(("worst", number(newest.fitness_worst)))
        if newest.nan:
            facts.append(("not finite", f"{newest.nan} of {run.population} candidates"))
    if run.created_at:
        facts.append(("started", time.strftime("%d %b %H:%M", time.localtime(run.created_at))))
    if run.worker_pid is not None:
        facts.append(("worker", f"pid {run.worker_pid}"))
    if run.directory:
        facts.append(("directory", run.directory))
    lines: list[Line] = []
    for label, value in facts:
        room = max(1, width - 20)
        shown = value if len(value) <= room else "…" + value[1 - room :]
        lines.append([(f"{label:<19} ", "dim"), (shown, "text")])
    warnings = [[(f"▲ {log.text}", "warn")] for log in model.logs.get(run.id, ())]
    if warnings and height > len(lines) + 1:
        lines += [[], *warnings[-(height - len(lines) - 1) :]]
    return lines[:height]
