"""The real application without a terminal. Arguments: control endpoint, events endpoint, run, file.

At SIGUSR1 it writes what its model holds of the run to the file, as JSON: link, state, generation, metrics.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from hades_protocol.async_client import AsyncClient
from hades_tui.app import HadesApp


async def main(control: str, events: str, run: str, target: Path) -> None:
    """Show the run until the process is killed."""
    client = AsyncClient(control, events)
    app = HadesApp(client, run=run)

    def dump() -> None:
        model = app.model
        history, shown = model.histories.get(run), model.run
        content = {
            "link": model.link.phase.value,
            "session": model.daemon.session if model.daemon else None,
            "state": shown.state.value if shown else None,
            "generation": shown.generation if shown else None,
            "loaded": history is not None and history.loaded,
            "metrics": [(m.generation, m.fitness_mean) for m in history.metrics] if history else [],
            "env_steps": list(history.env_steps) if history else [],
        }
        temporary = target.with_suffix(".new")
        temporary.write_text(json.dumps(content))
        os.replace(temporary, target)

    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, dump)
    dump()
    await app.run_async(headless=True, size=(120, 40))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4])))
