"""Whose a process is: its owner's login name, and whether that is somebody else than us."""

import os
import pwd

import msgspec

UNKNOWN = "another user"
"""Where the system hides other users' processes (/proc mounted with hidepid), all that can be said of one."""


class Owner(msgspec.Struct, frozen=True):
    """The user of a process. `other`: not the one of this process."""

    name: str
    other: bool


def owner_of(pid: int) -> Owner | None:
    """The owner of a process; None where there is no such process."""
    try:
        uid = os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return Owner(UNKNOWN, other=True) if _is_hidden(pid) else None
    return Owner(login_name(uid), other=uid != os.getuid())


def login_name(uid: int) -> str:
    """The user's login name; the number where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _is_hidden(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # signal 0 does nothing but tell whether it could be sent
    except PermissionError:
        return True
    except OSError:
        return False
    return False  # it has just begun to exist
