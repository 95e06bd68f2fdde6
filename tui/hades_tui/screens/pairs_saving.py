"""Copy pairs to the clipboard and save them to files, with a notice of the result."""

import asyncio
import os
from functools import partial
from pathlib import Path

from textual.widget import Widget

from hades_protocol.errors import HadesError
from hades_protocol.messages import DatasetSnapshot, RunSummary
from hades_tui.pairs import export
from hades_tui.screens.save import SaveScreen
from hades_tui.tasks import begin

NOTICE_SECONDS = 12.0


def begin_copy(widget: Widget, run: RunSummary | None, dataset: DatasetSnapshot | None) -> None:
    """Begin to copy the pairs that are shown, if there are any."""
    if run is None or dataset is None:
        widget.notify("There are no pairs to copy.", severity="warning")
    else:
        begin(widget, partial(copy_pairs, widget, dataset, run), "pairs-file")


def begin_save(
    widget: Widget, run: RunSummary | None, dataset: DatasetSnapshot | None, *, compared: bool = False
) -> None:
    """Ask for a path and save the pairs that are shown, if there are any; of a comparison the later generation."""
    if run is None or dataset is None:
        widget.notify("There are no pairs to save.", severity="warning")
        return
    try:
        offered = export.directory(os.environ) / export.file_name(run.id, dataset.generation)
    except OSError as error:  # the current directory is gone
        widget.notify(f"There is no directory to save to: {error}", severity="error", markup=False)
        return

    async def write(path: Path) -> Path:
        text = await asyncio.to_thread(export.text_for, path, dataset, run)
        return await asyncio.to_thread(export.write_new, path, text)

    def written(path: Path | None) -> None:
        if path is not None:
            text = f"The pairs of generation {dataset.generation} are in\n{path}"
            widget.notify(text, timeout=NOTICE_SECONDS, markup=False)

    what = f"Save the pairs of generation {dataset.generation}{', not the difference' if compared else ''}"
    widget.app.push_screen(SaveScreen(what, offered, write), written)


async def copy_pairs(widget: Widget, dataset: DatasetSnapshot, run: RunSummary) -> None:
    """Copy pairs as CSV to the clipboard (OSC 52); what is too large for a terminal's goes to a file."""
    text = await asyncio.to_thread(export.csv_text, dataset)
    what = f"The pairs of generation {dataset.generation}"
    size = len(text.encode())
    if size <= export.MOST_CLIPBOARD:
        widget.app.copy_to_clipboard(text)
        widget.notify(f"{what} were sent to the clipboard, if the terminal lets them (OSC 52)", markup=False)
        return
    large = f"{what} are {size / 1e3:.0f} kB, too much for a terminal's clipboard"
    try:
        path = export.directory(os.environ) / export.file_name(run.id, dataset.generation)
        written = await asyncio.to_thread(export.write_new, path, text)
    except (HadesError, OSError) as error:
        widget.notify(f"{large}: {error}", severity="error", timeout=NOTICE_SECONDS, markup=False)
        return
    widget.notify(f"{large}, and are in\n{written}", timeout=NOTICE_SECONDS, markup=False)
