"""Documents of the light verbs about the daemon: gpus, doctor, paths, settings, mirror."""

from typing import Literal

import msgspec

from hades_protocol.messages import GpuInfo, SlurmJobInfo
from hades_protocol.settings import Leaf


class GpusDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The GPUs that runs may use."""

    from_daemon: bool  # whether the daemon said it: only it knows which runs are on them
    gpus: tuple[GpuInfo, ...]  # by index
    jobs: tuple["RunningJob", ...] = ()  # of runs that compute elsewhere


class RunningJob(msgspec.Struct, frozen=True, kw_only=True):
    """A run that computes as a Slurm job, or is to: its devices are those of a node."""

    run: str  # its id
    job: SlurmJobInfo  # its number and nodes
    reason: str  # why it does not compute yet; empty where it does


FindingLevel = Literal["ok", "note", "problem"]
"""A problem keeps hades from working."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One check of `hadesd doctor`."""

    name: str  # what was checked
    level: FindingLevel  # how bad it is
    text: str  # what was found
    advice: str = ""  # what to do about it


class DoctorDocument(msgspec.Struct, frozen=True, kw_only=True):
    """All checks of an installation."""

    ok: bool  # no finding is a problem
    findings: tuple[Finding, ...]  # in the order of the checks


class PathsDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Where an installation has its files and sockets, whether or not they exist. All are paths."""

    state: str  # directory of runs, sockets and log
    control_socket: str  # where requests go
    events_socket: str  # where events come from
    daemon_log: str  # the daemon's log
    cache: str  # directory of compiled programs
    config: str  # the daemon's settings, config.toml
    keys: str  # directory of the keys


class SettingsDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a run or, with --daemon, of the daemon."""

    settings: tuple[Leaf, ...]  # in the order of their sections


class MirrorDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What a mirror copied."""

    generations_copied: int  # over all runs, since the command began
