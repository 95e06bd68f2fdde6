"""Opens the screen, or prints it once or the event stream, for a daemon here, behind keys, or through ssh."""

import argparse
import asyncio
import contextlib
import locale
import os
import shutil
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from types import FrameType
from typing import Any

from hades_protocol.async_client import AsyncClient
from hades_protocol.errors import ExitCode, UnreachableError, UsageError
from hades_protocol.keys import destination
from hades_protocol.paths import Paths
from hades_protocol.terminal import unguarded
from hades_tui.preferences import Preferences, preferences_file
from hades_tui.theme import palette
from hades_tui.theme.glyphs import ASCII, UNICODE
from hades_tui.theme.themes import Theme, default_theme, theme_named

END_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
END_SECONDS = 5.0


def choose_theme(options: argparse.Namespace, preferences: Preferences) -> Theme:
    """Set theme and glyphs from the options, else tui.toml, else NO_COLOR and the locale. Returns the theme."""
    name = options.theme or ("" if os.environ.get("NO_COLOR") else preferences.theme)
    theme = theme_named(name) if name else default_theme(os.environ)
    palette.choose(theme)
    wanted = preferences.ascii if options.ascii is None else options.ascii
    palette.use_glyphs(ASCII if (not is_utf8() if wanted is None else wanted) else UNICODE)
    return theme


def is_utf8() -> bool:
    """Whether the locale's encoding is UTF-8."""
    return locale.getencoding().lower().replace("-", "") == "utf8"


@contextlib.asynccontextmanager
async def connected_client(options: argparse.Namespace) -> AsyncIterator[tuple[AsyncClient, Callable[[], str]]]:
    """A client of the daemon that the options name, and a function that returns what keeps the link from coming up.

    Raises:
        HadesError: the options name no daemon, or it cannot be reached.
    """
    if options.host and options.connect:
        raise UsageError("--host and --connect are two ways to a daemon: give one of them")
    async with contextlib.AsyncExitStack() as stack:
        connect = options.connect
        obstacle: Callable[[], str] = str
        if options.host:
            from hades_tui.remote.tunnel import Tunnel

            tunnel = await stack.enter_async_context(
                Tunnel(options.host, hadesd=options.remote_hadesd, sockets=options.remote_sockets)
            )
            connect = f"ipc://{tunnel.directory}"
            obstacle = tunnel.problem
        where = destination(Paths(), connect)
        client = AsyncClient(where.control, where.events, keys=where.keys)
        stack.callback(client.close)
        try:
            yield client, obstacle
        except UnreachableError as error:
            if not options.host:
                raise
            raise UnreachableError(_no_answer(options.host, obstacle(), error)) from None


def _no_answer(host: str, obstacle: str, error: UnreachableError) -> str:
    """The message where ssh is connected and no daemon answers; paths of the local sockets would not help."""
    if "start one with" not in str(error):
        return str(error)
    return (
        obstacle or f"no daemon answers on {host}: 'hadesd serve' or 'hadesd start' there starts one, --wait awaits it"
    )


async def screen(options: argparse.Namespace, preferences: Preferences) -> int:
    """Open the screen until it is left; returns the exit code."""
    from hades_tui.app import HadesApp
    from hades_tui.keymap import all_actions, preferred_keymap

    file = preferences_file(Paths())
    keymap = preferred_keymap(preferences.keys, file, all_actions()) if preferences.keys else {}
    theme = choose_theme(options, preferences)
    for name in ("COLUMNS", "LINES"):  # Textual believes them more than the terminal, whose size changes
        os.environ.pop(name, None)
    async with connected_client(options) as (client, obstacle):
        run = await find(client, options.run, options.wait)
        app = HadesApp(client, run=run, readonly=options.readonly, theme=theme, keymap=keymap, obstacle=obstacle)
        with _ended_by_signals(lambda number: app.exit(return_code=128 + number)):
            await app.run_async()
        return app.return_code or ExitCode.OK


async def find(client: AsyncClient, run: str | None, wait: bool) -> str | None:
    """The id of the run that `run` names. The request also checks that a daemon answers, unless `wait`."""
    if run is not None:
        return (await client.show(run)).run.id
    if not wait:
        await client.hello()
    return None


async def print_plain(options: argparse.Namespace, preferences: Preferences) -> int:
    """Print the screen once, as text or JSON; returns the exit code."""
    from rich.console import Console

    from hades_tui.pages.plain import as_json, fetch_model, write

    theme = choose_theme(options, preferences)
    async with connected_client(options) as (client, _):
        model = await fetch_model(client, options.run)
    if options.json:
        sys.stdout.write(as_json(model) + "\n")
        return ExitCode.OK
    size = shutil.get_terminal_size()  # COLUMNS, else the terminal's, else 80
    console = Console(
        file=unguarded(sys.stdout),
        width=options.width or size.columns,
        no_color=not theme.colours,
        legacy_windows=False,
        highlight=False,
    )
    write(model, console, options.height)
    return ExitCode.OK


async def print_events(options: argparse.Namespace) -> int:
    """Print the event stream, `count` events or without end; returns the exit code."""
    from hades_tui.remote.event_tail import stream

    async with connected_client(options) as (client, _):
        run = await find(client, options.run, options.wait)
        printed = 0
        async with contextlib.aclosing(stream(client, run, options.heartbeats)) as lines:
            async for line in lines:
                sys.stdout.write((line.json() if options.json else line.describe()) + "\n")
                sys.stdout.flush()
                printed += line.event is not None
                if printed == options.count:
                    return ExitCode.OK
    raise AssertionError("the stream has no end")


def until_ended(coroutine: Coroutine[Any, Any, int]) -> int:
    """Run a command; SIGTERM and SIGHUP cancel it, so that it cleans up. Returns its exit code, or 128 + signal."""

    async def watched() -> int:
        task = asyncio.current_task()
        assert task is not None
        received: list[int] = []

        def end(number: int) -> None:
            received.append(number)
            task.cancel()

        with _ended_by_signals(end):
            try:
                return await coroutine
            except asyncio.CancelledError:
                if not received:
                    raise  # Ctrl-C, as asyncio.run has it
                return 128 + received[0]

    return asyncio.run(watched())


@contextlib.contextmanager
def _ended_by_signals(act: Callable[[int], object]) -> Iterator[None]:
    """Call `act` with the signal on SIGTERM and SIGHUP; the old handlers are restored at the end.

    Writing to a terminal that is gone blocks the event loop. So the handlers are not the loop's, and the process is
    ended where it has not ended by itself after END_SECONDS.
    """
    loop = asyncio.get_running_loop()

    def on_signal(number: int, _: FrameType | None) -> None:
        deadline = threading.Timer(END_SECONDS, os._exit, (128 + number,))
        deadline.daemon = True
        deadline.start()
        loop.call_soon_threadsafe(act, number)

    before = {number: signal.signal(number, on_signal) for number in END_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
