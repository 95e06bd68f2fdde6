"""What `ssh` does for the screen, on one machine: runs a command, or relays Unix sockets until its input ends.

Named ssh and put on the PATH where no sshd can be had. Options are read as OpenSSH reads them; the bytes go through
this process, so that killing it cuts the connection.
"""

import asyncio
import contextlib
import getopt
import os
import subprocess
import sys

READ = 65_536


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(READ):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _forward(local: str, remote: str) -> None:
    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_unix_connection(remote)
        except OSError as error:
            sys.stderr.write(f"channel 1: open failed: connect failed: {error.strerror}\n")
            writer.close()
            return
        await asyncio.gather(_pump(reader, back), _pump(there, writer))

    await asyncio.start_unix_server(relay, local)


async def _stay(forwards: list[str]) -> None:
    for forward in forwards:
        local, _, remote = forward.partition(":")
        await _forward(local, remote)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


def main() -> int:
    """The exit status is that of the command, or 255."""
    options, (host, *command) = getopt.getopt(sys.argv[1:], "TNo:L:F:")
    if host != "box":
        sys.stderr.write(f"ssh: Could not resolve hostname {host}: Name or service not known\n")
        return 255
    forwards = [value for name, value in options if name == "-L"]
    if not forwards:
        return subprocess.run(["sh", "-c", " ".join(command)], stdin=subprocess.DEVNULL, check=False).returncode
    asyncio.run(_stay(forwards))
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
