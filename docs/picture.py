"""Pictures of the real screen, attached to the real daemon that runs now: docs/tui.png, and of pairs for docs/tui.md.

    python docs/picture.py [RUN]
    python docs/picture.py RUN --keys tab,tab,z --size 100x24 --output docs/tui-hopper.png

Textual draws the same application into an SVG; Chromium (Debian: chromium, fonts-firacode) makes the PNG, because
it keeps to the widths that the SVG gives for Braille and block characters. A name that ends in .svg keeps the SVG.
"""

import argparse
import asyncio
import re
import subprocess
import tempfile
from pathlib import Path

from hades_protocol.async_client import AsyncClient
from hades_protocol.paths import Paths
from hades_tui.app import HadesApp
from hades_tui.theme.themes import DARK

SIZE = "132x40"
WIDTH = 1400
SETTLE_SECONDS = 4.0


async def screen(run: str | None, size: tuple[int, int], keys: list[str]) -> str:
    """Attach, wait for history and pairs, press keys, draw: SVG."""
    paths = Paths()
    client = AsyncClient(paths.control_endpoint, paths.events_endpoint)
    selected = (await client.show(run)).run.id if run else None
    app = HadesApp(client, run=selected, theme=DARK)
    async with app.run_test(size=size) as pilot:
        await pilot.pause(SETTLE_SECONDS)
        for key in keys:
            await pilot.press(key)
            await pilot.pause(0.3)
        await pilot.pause(1.0)
        svg = app.export_screenshot(title="hades-tui attach")
    client.close()
    return svg


def to_png(svg: str, target: Path) -> None:
    """Have Chromium draw an SVG."""
    with tempfile.TemporaryDirectory() as directory:
        page = Path(directory) / "page.html"
        page.write_text(f"<style>body {{ margin: 0 }} svg {{ width: {WIDTH}px }}</style>{svg}", encoding="utf-8")
        across, down = map(float, re.findall(r"viewBox=.0 0 ([\d.]+) ([\d.]+)", svg)[0])
        window = f"--window-size={WIDTH},{round(WIDTH * down / across)}"
        quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars"]
        profile, shot = f"--user-data-dir={directory}/profile", f"--screenshot={target}"
        subprocess.run(["chromium", *quiet, window, profile, shot, str(page)], check=True, stderr=subprocess.DEVNULL)


def main() -> None:
    """Read the options, draw."""
    parser = argparse.ArgumentParser(description="pictures of the screen")
    parser.add_argument("run", nargs="?")
    parser.add_argument("--size", default=SIZE)
    parser.add_argument("--keys", default="")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("tui.png"))
    args = parser.parse_args()
    across, down = map(int, args.size.split("x"))
    svg = asyncio.run(screen(args.run, (across, down), [key for key in args.keys.split(",") if key]))
    if args.output.suffix == ".svg":
        args.output.write_text(svg, encoding="utf-8")
    else:
        to_png(svg, args.output)


if __name__ == "__main__":
    main()
