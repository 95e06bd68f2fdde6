"""Settings of the daemon: config.toml, with the flags of `hadesd serve` laid over it."""

import ipaddress
import os
import stat
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hades_protocol.errors import UsageError
from hades_protocol.settings import Leaf, explain, leaves, nearest

Command = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=4096)], ...], Meta(min_length=1, max_length=64)]
"""A program and its arguments."""


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Hooks(_Section, frozen=True):
    """Commands that are run when something happens to a run; docs/integrations.md."""

    finished: Annotated[Command, Meta(description="run when a run is finished (program and arguments)")] | None = None
    failed: Annotated[Command, Meta(description="run when a run fails")] | None = None
    paused: (
        Annotated[Command, Meta(description="run when a run is paused, by a person or because a disk is full")] | None
    ) = None
    yielded: (
        Annotated[Command, Meta(description="run when a run has given its GPU to another user's processes")] | None
    ) = None
    any: Annotated[Command, Meta(description="run at each of these, beside the event's own command")] | None = None
    timeout: Annotated[
        float, Meta(gt=0.0, le=86_400.0, description="seconds after which a hook is ended with its children")
    ] = 30.0
    at_once: Annotated[int, Meta(ge=1, le=16, description="hooks that run at the same time; the others wait")] = 2


class Prometheus(_Section, frozen=True):
    """The endpoint that a Prometheus server asks; docs/integrations.md."""

    port: (
        Annotated[
            int, Meta(ge=0, le=65_535, description="TCP port of the endpoint (unset: none; 0: any, see daemon.log)")
        ]
        | None
    ) = None
    address: Annotated[str, Meta(max_length=64, description="IP address that it listens on")] = "127.0.0.1"
    expose: Annotated[
        bool, Meta(description="allow an address that other machines reach: there is no password and no encryption")
    ] = False


class Slurm(_Section, frozen=True):
    """Runs that compute as Slurm jobs (`hadesd start --on slurm`); docs/cluster.md."""

    options: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=4096)], ...],
        Meta(max_length=64, description="options of sbatch for every job; those of a run (--slurm) come after them"),
    ] = ()
    jobs: Annotated[int, Meta(ge=1, le=10_000, description="jobs that are submitted at the same time")] = 100
    signal: Annotated[
        Literal["USR1", "USR2", "TERM"], Meta(description="signal ahead of a job's end; NCCL may take USR1 for itself")
    ] = "USR1"
    signal_seconds: Annotated[
        int, Meta(ge=0, le=65_535, description="how long ahead of its time limit a job is told to commit (0: not)")
    ] = 60
    poll: Annotated[
        float, Meta(ge=0.5, le=600.0, description="seconds between two questions to squeue, one for all jobs")
    ] = 10.0


class Settings(_Section, frozen=True):
    """What config.toml may hold."""

    slots: (
        Annotated[
            int,
            Meta(ge=1, le=1024, description="runs that compute at the same time (unset: two a GPU, 2 on a CPU)"),
        ]
        | None
    ) = None
    grace: Annotated[
        float, Meta(ge=0.0, le=86_400.0, description="seconds that workers get to commit when the daemon stops")
    ] = 60.0
    heartbeat_timeout: Annotated[
        float, Meta(gt=0.0, le=86_400.0, description="seconds without a heartbeat after which a worker is restarted")
    ] = 60.0
    hang_factor: Annotated[
        float,
        Meta(
            ge=0.0,
            le=1e6,
            description="a worker is restarted that commits no generation for so many times the median generation, "
            "its heartbeats notwithstanding (0: never)",
        ),
    ] = 20.0
    hang_floor: Annotated[
        float, Meta(ge=0.0, le=1e6, description="seconds without a generation that are never held against a worker")
    ] = 600.0
    hang_start: Annotated[
        float,
        Meta(gt=0.0, le=1e7, description="seconds that a worker may import, restore or compile before it is restarted"),
    ] = 7200.0
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="what is written to daemon.log")
    ] = "info"
    listen: (
        Annotated[
            str,
            Meta(
                description="tcp://HOST:PORT to serve clients on other machines too, with the keys of 'hadesd keys' "
                "alone; events have the port after it (unset: Unix sockets only)"
            ),
        ]
        | None
    ) = None
    own_code: Annotated[
        tuple[Annotated[str, Meta(max_length=200)], ...],
        Meta(
            max_length=256,
            description="packages of which a run may name environments and policies, package.module:name; where "
            "`listen` is set only these, else any. Entry points of installed packages need no leave",
        ),
    ] = ()
    hooks: Hooks = Hooks()
    prometheus: Prometheus = Prometheus()
    slurm: Slurm = Slurm()


def load_settings(config_file: Path, flags: dict[str, Any]) -> Settings:
    """The settings in force. Flags that are None were not given.

    Raises:
        UsageError: the file does not parse, names an unknown key, or holds a value that is not accepted.
    """
    values = _read(config_file)
    known = leaves(Settings)
    for key in _names(values, known):
        if key not in known:
            raise UsageError(f"{config_file}: unknown setting '{key}'; {_hint(key, list(known))}")
    _converted(values, f"{config_file}: ")
    settings = _converted(values | {key: value for key, value in flags.items() if value is not None})
    _check_address(settings.prometheus)
    _check_hooks(settings.hooks, config_file)
    return settings


def _converted(values: dict[str, Any], place: str = "") -> Settings:
    """place: begins the message about a value that is not accepted."""
    try:
        return msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise UsageError(place + _explain(error, leaves(Settings), values)) from None


def _explain(error: msgspec.ValidationError, known: dict[str, Leaf], values: dict[str, Any]) -> str:
    text = explain(error, known, values).removesuffix(" or null")  # which neither TOML nor an option can say
    if "a list of one or more texts" in text:
        text += ', e.g. ["notify-send", "hades"]; a shell only where it is named: ["sh", "-c", "…"]'
    return text


def _check_hooks(hooks: Hooks, config_file: Path) -> None:
    """Hooks are commands: whoever may write them runs programs as the daemon's user."""
    if hooks == Hooks(timeout=hooks.timeout, at_once=hooks.at_once):
        return
    for path in (config_file, config_file.parent):
        found = path.stat()
        if found.st_uid not in (os.getuid(), 0) or stat.S_IMODE(found.st_mode) & 0o022:
            raise UsageError(
                f"others may write {path}, and the hooks in {config_file} are commands that would be run: look whether "
                f"they are yours, then 'chmod go-w {path}'"
            )


def _check_address(prometheus: Prometheus) -> None:
    try:
        is_loopback = ipaddress.ip_address(prometheus.address).is_loopback
    except ValueError:
        raise UsageError(
            f'prometheus.address = "{prometheus.address}" is not accepted: it takes an IP address, e.g. 127.0.0.1'
        ) from None
    if not is_loopback and not prometheus.expose:
        raise UsageError(
            f"prometheus.address = {prometheus.address} is reached by other machines, without a password: "
            "set prometheus.expose = true where that is meant"
        )


def _names(values: dict[str, Any], known: Iterable[str], prefix: str = "") -> Iterator[str]:
    """Dotted names of the values; those of a section's settings where there is such a section."""
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and any(leaf.startswith(f"{name}.") for leaf in known):
            yield from _names(value, known, f"{name}.")
        else:
            yield name


def _hint(key: str, known: list[str]) -> str:
    inside = [name for name in known if name.startswith(f"{key.rpartition('.')[0] or key}.")]
    if key in {name.partition(".")[0] for name in inside}:
        return f"it is a section: [{key}] and below it {', '.join(name.partition('.')[2] for name in inside)}"
    return nearest(key, inside or known, otherwise=f"it takes {', '.join(inside or known)}")


def _read(config_file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(config_file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{config_file} is not valid TOML: {error}") from None
    except OSError as error:
        raise UsageError(f"cannot read {config_file}: {error.strerror or error}") from None
