"""The text of the systemd units. Pure: what is installed, where and how is said in install.py."""

import hashlib
import re
from collections.abc import Mapping

import msgspec

MARGIN = 30.0
"""Seconds of TimeoutStopSec beyond the grace: killed workers are reaped, sockets and logs closed."""

SEAL = "# Written by 'hadesd service install'; as long as nobody edits it, it may replace or remove it. sha256 "

DEFAULT_GRACE = 60.0


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """What differs from one installation to another.

    command: what serves, the program with its absolute path.
    environment: variables that the daemon must have.
    grace: seconds that workers get to commit.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str] = {}
    grace: float = DEFAULT_GRACE


UNIT = """\
[Unit]
Description=hades{whose}: distils behaviour into a few state-action pairs
StartLimitIntervalSec=600
StartLimitBurst=10

[Service]
# The daemon says READY=1 when its sockets are bound and its runs are known.
Type=notify
NotifyAccess=main
{identity}ExecStart={command}
# The trace of a crash, or of the loop that the watchdog found hanging, goes to the journal.
{environment}TimeoutStartSec=300
# Fed from the event loop, once a second, and not while a worker survives SIGKILL.
WatchdogSec=120

Restart=on-failure
RestartSec=5
# 2: it cannot start here (configuration, directories). 3: another daemon runs. Trying again would not help.
RestartPreventExitStatus=2 3
# 75: checkpointed, please restart (where somebody puts 'hadesd run' in the place of 'hadesd serve').
SuccessExitStatus=75
RestartForceExitStatus=75

# SIGTERM to the daemon alone: it has its workers, which are in the same control group, commit, and then ends.
# What is left is killed. The daemon asks for more time by itself where its grace was raised since.
KillMode=mixed
KillSignal=SIGTERM
# The grace is {grace} s (config.toml: grace); this must be above it.
TimeoutStopSec={stop}
# Out of memory, the kernel kills one worker; its run is started again. The others, and the daemon, go on.
OOMPolicy=continue
# Each run, client and TCP connection takes some descriptors; the daemon raises its own limit as far as this.
LimitNOFILE=524288

# A shared machine stays pleasant for others. (Workers are at nice +10 by themselves.)
Nice=5
CPUWeight=50
IOWeight=50

UMask=0077
NoNewPrivileges=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
RestrictNamespaces=yes
LockPersonality=yes
SystemCallArchitectures=native
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
# What nothing here needs. A list of what is allowed would be one of what CUDA's libraries call, which nobody knows.
SystemCallFilter=~@clock @cpu-emulation @module @mount @obsolete @raw-io @reboot @swap
SystemCallErrorNumber=EPERM
# Not MemoryDenyWriteExecute=yes: XLA compiles programs and then runs them.
# Not PrivateDevices=yes: the GPUs are /dev/nvidia*.
{hardening}
[Install]
WantedBy={target}
"""

SYSTEM_HARDENING = """\
# Not ProtectClock=yes: it allows one device, the clock, and so forbids all others; @clock is forbidden above.
# Not ProtectProc=invisible, PrivateUsers=yes: 'hadesd gpus' says who uses a GPU, by the name of the process's owner.
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
# Data sets and the Python environment may be in a home.
ProtectHome=read-only
PrivateTmp=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
SystemCallFilter=~@privileged
SystemCallFilter=@chown
"""

SYSTEM_HOME = "/var/lib/hades/%i"

SYSTEM_STATE = f"""\
# Private; the user's commands find it with HADES_HOME={SYSTEM_HOME.replace("%i", "USER")}.
StateDirectory=hades/%i
StateDirectoryMode=0700
Environment=HADES_HOME={SYSTEM_HOME}
"""


def user_unit(placement: Placement) -> str:
    """hadesd.service: a user's own daemon, managed by the user's systemd."""
    return _unit(
        placement,
        whose="",
        identity="",
        hardening="# Sandboxes that need namespaces are the system unit's: a user's systemd often may not make them.\n",
        target="default.target",
    )


def system_unit(placement: Placement) -> str:
    """hadesd@.service: the daemon of the user whose name is the instance, from boot on."""
    home = placement.environment.get("HADES_HOME")
    return _unit(
        placement,
        whose=" of %i",
        identity="User=%i\n" + (SYSTEM_STATE if home is None else f"ReadWritePaths={quoted(home)}\n"),
        hardening=SYSTEM_HARDENING,
        target="multi-user.target",
    )


def _unit(placement: Placement, *, whose: str, identity: str, hardening: str, target: str) -> str:
    variables = {**placement.environment, "PYTHONFAULTHANDLER": "1"}
    return UNIT.format(
        whose=whose,
        identity=identity,
        command=" ".join(quoted(word) for word in placement.command),
        environment="".join(f"Environment={quoted(f'{name}={value}')}\n" for name, value in variables.items()),
        grace=f"{placement.grace:g}",
        stop=f"{placement.grace + MARGIN:g}",
        hardening=hardening,
        target=target,
    )


def quoted(word: str) -> str:
    """A word of a unit file that means itself: no specifier, no variable, one word.

    Raises:
        ValueError: it has a control character, which has no place in a unit.
    """
    if any(ord(letter) < 32 for letter in word):
        raise ValueError(f"{word!r} has a control character")
    word = word.replace("%", "%%")
    if re.fullmatch(r"[\w@%+=:,./-]+", word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def sealed(text: str) -> str:
    """A unit with a first line by which it is known again, as long as nobody changes it."""
    return f"{SEAL}{_digest(text)}\n{text}"


def is_sealed(text: str) -> bool:
    """Whether a unit is as `sealed` made it."""
    first, _, rest = text.partition("\n")
    return first == f"{SEAL}{_digest(rest)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
