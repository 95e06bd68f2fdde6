"""The settings of the screen: tui.toml, beside the daemon's config.toml."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from hades_protocol.errors import UsageError
from hades_protocol.paths import Paths
from hades_protocol.settings import nearest
from hades_tui.theme.themes import theme_named


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    """theme: empty for the default one. ascii: None to follow the locale. keys: action id -> keys, comma-separated."""

    theme: str = ""
    ascii: bool | None = None
    keys: dict[str, str] = {}


def preferences_file(paths: Paths) -> Path:
    """Path of tui.toml, which is beside the daemon's config.toml."""
    return paths.config_file.with_name("tui.toml")


def load_preferences(path: Path) -> Preferences:
    """Read the file; the defaults where there is none.

    Raises:
        UsageError: it cannot be read, is no TOML, or has an unknown or unfit setting. Action ids and keys are
            checked by hades_tui.keymap.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return Preferences()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    try:
        return _checked(values)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def _checked(values: dict[str, Any]) -> Preferences:
    known = Preferences.__struct_fields__
    for name in values:
        if name not in known:
            hint = nearest(name, known, otherwise=f"it takes {', '.join(known)}")
            raise UsageError(f"unknown setting '{name}'; {hint}")
    theme, ascii_, keys = values.get("theme", ""), values.get("ascii"), values.get("keys", {})
    if not isinstance(theme, str):
        raise UsageError(f"theme takes a name in quotes, not {theme!r}")
    if theme:
        theme_named(theme)
    if ascii_ is not None and not isinstance(ascii_, bool):
        raise UsageError(f"ascii takes true or false, not {ascii_!r}")
    if not isinstance(keys, dict):
        raise UsageError('keys is a section: [keys] and below it lines such as "curve.log" = "L"')
    return Preferences(theme=theme, ascii=ascii_, keys=dict(_keys(keys, "")))


def _keys(section: dict[str, Any], prefix: str) -> list[tuple[str, str]]:
    """Action ids with their keys, flattened: TOML reads `curve.log` without quotes as nested tables."""
    out: list[tuple[str, str]] = []
    for name, value in section.items():
        texts = value if isinstance(value, list) else [value]
        if isinstance(value, dict):
            out += _keys(value, f"{prefix}{name}.")
        elif not texts or not all(isinstance(text, str) and text for text in texts):
            raise UsageError(f'keys."{prefix}{name}" takes a key, or a list of keys, in quotes')
        else:
            out.append((f"{prefix}{name}", ",".join(texts)))
    return out
