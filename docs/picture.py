"""docs/tui.png: the real screen, attached to the real daemon that runs now. `python docs/picture.py [RUN]`.

Textual draws the same application into an SVG; Chromium (Debian: chromium, fonts-firacode) makes the PNG, because
it keeps to the widths that the SVG gives for Braille and block characters.
"""

import asyncio
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from hades_protocol.async_client import Client
from hades_protocol.paths import Paths
from hades_tui.app import HadesApp

SIZE = (132, 40)
WIDTH = 1400
SETTLE_SECONDS = 4.0


async def main(run: str | None, target: Path) -> None:
    """Attach, wait for history and pairs, draw."""
    paths = Paths()
    client = Client(paths.control_endpoint, paths.events_endpoint)
    selected = (await client.show(run)).run.id if run else None
    app = HadesApp(client, run=selected)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(SETTLE_SECONDS)
        svg = app.export_screenshot(title="hades-tui attach")
    client.close()
    with tempfile.TemporaryDirectory() as directory:
        page = Path(directory) / "page.html"
        page.write_text(f"<style>body {{ margin: 0 }} svg {{ width: {WIDTH}px }}</style>{svg}", encoding="utf-8")
        across, down = map(float, re.findall(r"viewBox=.0 0 ([\d.]+) ([\d.]+)", svg)[0])
        height = WIDTH * down / across
        window = f"--window-size={WIDTH},{round(height)}"
        quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars"]
        command = [
            "chromium",
            *quiet,
            window,
            f"--user-data-dir={directory}/profile",
            f"--screenshot={target}",
            str(page),
        ]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None, Path(__file__).with_name("tui.png")))
