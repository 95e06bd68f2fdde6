"""Command lines of ssh, and the meaning of its output. Pure."""

from collections.abc import Sequence

import msgspec

from hades_protocol.errors import UnreachableError, UsageError

SSH_FAILED = 255
NOT_FOUND = 127

# A connection of its own: forwardings of a shared one would outlive the screen. BatchMode: ssh never prompts.
OPTIONS = (
    *("-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ControlMaster=no", "-o", "ControlPath=none"),
    *("-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"),
)
FORWARDING = (*("-o", "ExitOnForwardFailure=yes", "-o", "StreamLocalBindUnlink=yes", "-o", "StreamLocalBindMask=0177"),)
HOLD_COMMAND = "exec cat >/dev/null"
"""Remote command that runs until its input closes, so that ssh ends when the screen is killed."""


class Sockets(msgspec.Struct, frozen=True):
    """Paths of a daemon's sockets on its machine."""

    control_socket: str
    events_socket: str


def ask_command(host: str, hadesd: str) -> list[str]:
    """Command that prints the paths of the sockets. hadesd: as the remote shell calls it, with arguments if needed."""
    return ["ssh", *OPTIONS, "--", _host(host), f"{hadesd} paths --json"]


def forward_command(host: str, pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Command that forwards sockets while it runs. pairs: (local path, remote path)."""
    forwards = [argument for local, remote in pairs for argument in ("-L", f"{local}:{remote}")]
    return ["ssh", *OPTIONS, *FORWARDING, *forwards, "--", _host(host), HOLD_COMMAND]


def _host(host: str) -> str:
    if not host or host.startswith("-") or any(letter.isspace() for letter in host):
        raise UsageError(f"'{host[:80]}' is no host: it takes [USER@]HOST, or a name of your ssh configuration")
    return host


def sockets_of(output: str, host: str, hadesd: str) -> Sockets:
    """Parse the output of ask_command; other lines of the remote shell are skipped.

    Raises:
        UnreachableError: the paths are not in the output.
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
    """The sockets in a directory on the remote machine."""
    return Sockets(f"{directory.rstrip('/')}/control.sock", f"{directory.rstrip('/')}/events.sock")


def failure(host: str, hadesd: str, status: int, stderr: Sequence[str]) -> str:
    """Why ssh ended and what to do about it. stderr: its lines."""
    last = next((line.strip() for line in reversed(stderr) if line.strip() and "open failed" not in line), "")
    if status == NOT_FOUND or ("not found" in last and status != SSH_FAILED):
        return (
            f"{host} has no '{hadesd}' on the PATH of its shell without a terminal: "
            "--remote-hadesd /path/to/hadesd (or HADES_REMOTE_HADESD), or --remote-sockets DIR"
        )
    if "Permission denied" in last:
        return (
            f"{host} wants more than a key that needs no question ({last}): 'ssh-add' yours; 'ssh {host} true' tries it"
        )
    if "Host key verification failed" in last or "REMOTE HOST IDENTIFICATION HAS CHANGED" in " ".join(stderr):
        return f"ssh does not trust the host key of {host}: connect once with 'ssh {host}' and look at what it says"
    if status == SSH_FAILED or status < 0:
        why = last.removeprefix("ssh: ") or f"ended with status {status}"
        return f"ssh to {host}: {why}"
    return f"'{hadesd}' on {host} failed with status {status}: {last or 'it said nothing'}"
