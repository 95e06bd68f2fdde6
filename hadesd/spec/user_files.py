"""Files of people: texts with or without a byte-order mark, JSON without double keys, names as a shell takes them."""

import codecs
import json
import os
import shlex
import tomllib
from pathlib import Path
from typing import Any

from hades_protocol.errors import NotFoundError, UsageError
from hades_protocol.run_spec import check_each


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, or of a UTF-16 one that begins with its byte-order mark; without that mark.

    Raises:
        OSError: it cannot be read. UnicodeDecodeError: it is no such text.
    """
    data = path.read_bytes()
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if utf16 else "utf-8-sig")


def as_argument(name: str | Path) -> str:
    """A file's name as it is typed behind a command: quoted where it has to be, and never taken for an option."""
    text = f"./{name}" if str(name).startswith("-") else str(name)
    if text.isprintable():
        return shlex.quote(text)
    plain = (
        chr(byte) if 32 <= byte < 127 and chr(byte) not in "'\\" else f"\\x{byte:02x}" for byte in os.fsencode(text)
    )
    return f"$'{''.join(plain)}'"


def parse_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is no JSON, or an object in it has a key twice: which of the values is meant, nobody knows.
        RecursionError: it is nested too deeply.
    """
    return json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_object)


def read_spec_file(path: Path) -> dict[str, Any]:
    """Nested settings from a TOML or JSON file.

    Raises:
        NotFoundError: there is no such file.
        UsageError: it cannot be read, does not parse, or has a setting or a value that there is not.
    """
    try:
        text = read_text(path)
        values = parse_json(text) if path.suffix == ".json" else tomllib.loads(text)
    except FileNotFoundError:
        raise NotFoundError(f"there is no spec file {path}") from None
    except OSError as error:
        raise UsageError(f"cannot read the spec file {path}: {error.strerror or error}") from None
    except RecursionError:
        raise UsageError(f"the spec file {path} is nested too deeply: settings have two levels") from None
    except ValueError as error:
        raise UsageError(
            f"the spec file {path} is not valid {'JSON' if path.suffix == '.json' else 'TOML'}: {error}"
        ) from None
    if not isinstance(values, dict):
        raise UsageError(f"the spec file {path} must hold settings by name, not a {type(values).__name__}")
    try:
        check_each(values)
    except UsageError as error:
        raise UsageError(f"the spec file {path}: {error}") from None
    return values


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"it has '{next(key for key in keys if keys.count(key) > 1)[:40]}' twice in one object")
    return out
