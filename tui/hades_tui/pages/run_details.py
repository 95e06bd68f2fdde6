"""Further details of the selected run, for screens with room. Pure."""

import time

from hades_tui.state.model import Model
from hades_tui.text.fit import clean, fitted, wrapped
from hades_tui.text.format import Line, number


def run_detail_lines(model: Model, width: int, height: int) -> list[Line]:
    """Labelled details, then the newest warnings, at most `height` lines."""
    run = model.run
    if run is None:
        return []
    newest = model.history.metrics[-1] if model.history.metrics else None
    details = [("population", f"{run.population}"), ("seed", f"{run.seed}")]
    if run.method != "es":
        details.insert(0, ("pairs", f"{run.pairs}"))
    if run.note:
        details.insert(0, ("note", run.note))
    labels = (("name", run.name), ("group", run.group), ("tags", ", ".join(run.tags)))
    details += [(label, text) for label, text in labels if text]
    if run.parent is not None:
        details.append(("forked from", f"{run.parent.run}@{run.parent.generation}"))
    if run.priority:
        details.append(("priority", f"{run.priority:+d}"))
    if run.gpus:
        details.append(("GPU", ", ".join(map(str, run.gpus))))
    if newest is not None:
        details.append(("sigma", "not finite" if newest.sigma is None else f"{newest.sigma:.4g}"))
        details.append(("steps / generation", f"{newest.env_steps:,}".replace(",", " ")))
        details.append(
            ("episodes", f"{newest.episodes}" + (f", {newest.unfinished} cut off" if newest.unfinished else ""))
        )
        details.append(("worst", number(newest.fitness_worst)))
        if newest.nan:
            details.append(("not finite", f"{newest.nan} of {run.population} candidates"))
    if run.created_at:
        details.append(("submitted", time.strftime("%d %b %H:%M", time.localtime(run.created_at))))
    if run.slurm_job is not None:
        known = run.slurm_job.id is not None
        details.append(("worker", f"Slurm job {run.slurm_job}" if known else "a Slurm job that has no number yet"))
    elif run.worker_pid is not None:
        details.append(("worker", f"pid {run.worker_pid}"))
    if run.directory:
        details.append(("directory", run.directory))
    lines: list[Line] = []
    for label, value in details:
        room = max(1, width - 20)
        value = clean(value)
        if label == "note":
            pieces = list(wrapped(value, room))
        else:
            pieces = [value if len(value) <= room else "…" + value[1 - room :]]
        for i, piece in enumerate(pieces):
            lines.append([(f"{'' if i else label:<19} ", "dim"), (piece, "text")])
    warnings: list[Line] = [fitted([(f"▲ {clean(log.text)}", "warn")], width) for log in model.logs.get(run.id, ())]
    if warnings and height > len(lines) + 1:
        lines += [[], *warnings[-(height - len(lines) - 1) :]]
    return lines[:height]
