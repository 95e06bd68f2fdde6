"""Settings of the daemon: config.toml, with the flags of `hadesd serve` laid over it."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hades_protocol.errors import UsageError
from hades_protocol.settings import explain, leaves, nearest


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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
    silence: Annotated[
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


def load_settings(config_file: Path, flags: dict[str, Any]) -> Settings:
    """The settings in force. Flags that are None were not given.

    Raises:
        UsageError: the file does not parse, names an unknown key, or holds a value that is not accepted.
    """
    values = _read(config_file)
    known = leaves(Settings)
    for key in values:
        if key not in known:
            raise UsageError(f"{config_file}: unknown setting '{key}'; {_hint(key, list(known))}")
    values |= {key: value for key, value in flags.items() if value is not None}
    try:
        return msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise UsageError(explain(error, known, values)) from None


def _hint(key: str, known: list[str]) -> str:
    hint = nearest(key, known)
    return hint if hint.startswith("did you mean") else f"it takes {', '.join(known)}"


def _read(config_file: Path) -> dict[str, Any]:
    try:
        with open(config_file, "rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{config_file} is not valid TOML: {error}") from None
    except OSError as error:
        raise UsageError(f"cannot read {config_file}: {error.strerror or error}") from None
