"""What is asked of ssh, and what its answers mean. Pure."""

from collections.abc import Sequence

import msgspec

from hades_protocol.errors import UnreachableError, UsageError

SSH_FAILED = 255
NOT_FOUND = 127

# Its own connection: forwardings of a shared one would outlive the screen. No question is ever asked in its middle.
OPTIONS = (
    *("-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ControlMaster=no", "-o", "ControlPath=none"),
    *("-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"),
)
FORWARDING = (*("-o", "ExitOnForwardFailure=yes", "-o", "StreamLocalBindUnlink=yes", "-o", "StreamLocalBindMask=0177"),)
STAY = "exec cat >/dev/null"
"""Runs on the other side until our end of its input closes: an ssh whose screen was killed ends by itself."""


class Sockets(msgspec.Struct, frozen=True):
    """Where a daemon's sockets are on its machine."""

    control_socket: str
    events_socket: str


def ask_command(host: str, hadesd: str) -> list[str]:
    """Prints where the sockets are. `hadesd`: as the other side's shell is to call it, with arguments if need be."""
    return ["ssh", *OPTIONS, "--", _host(host), f"{hadesd} paths --json"]


def forward_command(host: str, pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Forwards each local socket to a remote one, for as long as it runs."""
    forwards = [word for local, remote in pairs for word in ("-L", f"{local}:{remote}")]
    return ["ssh", *OPTIONS, *FORWARDING, *forwards, "--", _host(host), STAY]


def _host(host: str) -> str:
    if not host or host.startswith("-") or any(letter.isspace() for letter in host):
        raise UsageError(f"'{host[:80]}' is no host: it takes [USER@]HOST, or a name of your ssh configuration")
    return host


def sockets_of(output: str, host: str, hadesd: str) -> Sockets:
    """The answer to ask_command; lines that the other side's shell says at every start are passed over.

    Raises:
        UnreachableError: it is none.
    """
    for line in reversed(output.splitlines()):
        try:
            return msgspec.json.decode(line, type=Sockets)
        except msgspec.DecodeError:
            continue
    raise UnreachableError(
        f"'{hadesd} paths --json' on {host} did not say where its sockets are: --remote-sockets DIR says it"
    )


def sockets_in(directory: str) -> Sockets:
    """The sockets in a directory on the other machine."""
    return Sockets(f"{directory.rstrip('/')}/control.sock", f"{directory.rstrip('/')}/events.sock")


def failure(host: str, hadesd: str, status: int, said: Sequence[str]) -> str:
    """Why ssh ended, and what to do about it."""
    last = next((line.strip() for line in reversed(said) if line.strip() and "open failed" not in line), "")
    if status == NOT_FOUND or ("not found" in last and status != SSH_FAILED):
        return (
            f"{host} has no '{hadesd}' on the PATH of its shell without a terminal: "
            "--remote-hadesd /path/to/hadesd (or HADES_REMOTE_HADESD), or --remote-sockets DIR"
        )
    if "Permission denied" in last:
        return (
            f"{host} wants more than a key that needs no question ({last}): 'ssh-add' yours; 'ssh {host} true' tries it"
        )
    if "Host key verification failed" in last or "REMOTE HOST IDENTIFICATION HAS CHANGED" in " ".join(said):
        return f"ssh does not trust the host key of {host}: connect once with 'ssh {host}' and look at what it says"
    if status == SSH_FAILED or status < 0:
        why = last.removeprefix("ssh: ") or f"ended with status {status}"
        return f"ssh to {host}: {why}"
    return f"'{hadesd}' on {host} failed with status {status}: {last or 'it said nothing'}"
