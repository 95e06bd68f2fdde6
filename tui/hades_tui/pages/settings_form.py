"""Settings of a run while they are edited: typed texts, their problems, and the changes. Pure."""

import contextlib
import json
import math
import re
import typing
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import msgspec

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import RunSpec, build_spec, spec_to_dict
from hades_protocol.settings import Leaf, leaves, merge, set_dotted

UNSET = "unset"
EMPTY = "(empty)"
"""How an empty text is shown and typed."""

MOST_PRIORITY = 1000

MISSING = object()

Changes = dict[str, Any]
"""Nested settings, as fork and resize take them."""


class Form(msgspec.Struct, frozen=True):
    """An edited form. spec: all settings of a run, nested. names: those that are shown. texts: typed texts by name."""

    spec: Mapping[str, Any]
    names: tuple[str, ...]
    texts: Mapping[str, str] = {}

    def typed(self, name: str, text: str) -> "Form":
        """The form after a text was typed; the present value undoes the edit."""
        texts = {key: value for key, value in self.texts.items() if key != name}
        if text.strip() != self.present(name):
            texts[name] = text
        return msgspec.structs.replace(self, texts=texts)

    def present(self, name: str) -> str:
        """The run's present value, as text."""
        return text_of(_at(self.spec, name))

    def text(self, name: str) -> str:
        """The text in the field of a setting."""
        return self.texts.get(name, self.present(name))

    def problem(self, name: str) -> str:
        """Why a setting's text is not a valid value; empty where it is."""
        try:
            self._value(name)
        except UsageError as error:
            return str(error)
        return ""

    def changes(self) -> Changes:
        """The settings that differ from the run's, nested.

        Raises:
            UsageError: a text is not a valid value, or the settings contradict each other. One line.
        """
        laid: Changes = {}
        for name in self.texts:
            set_dotted(laid, name, self._value(name))
        after = spec_to_dict(build_spec(merge(dict(self.spec), laid)))
        return _difference(self.spec, after)

    def _value(self, name: str) -> Any:
        value = read(name, self.text(name))
        if isinstance(value, dict) and (gone := _at(self.spec, name).keys() - value.keys()):
            raise UsageError(f"{name}: {', '.join(sorted(gone))} can be changed, not taken away")
        return value


def form_of(spec: Mapping[str, Any], names: tuple[str, ...] | None = None) -> Form:
    """A form for these settings of a run (None: all). Settings that only a newer daemon knows are left out.

    Raises:
        UsageError: the spec is not valid.
    """
    familiar: Changes = {}
    for name in known():
        if (value := _at(spec, name)) is not MISSING:
            set_dotted(familiar, name, value)
    return Form(spec_to_dict(build_spec(familiar)), tuple(known()) if names is None else names)


@cache
def known() -> Mapping[str, Leaf]:
    """Every setting by its dotted name."""
    return leaves(RunSpec)


def text_of(value: Any) -> str:
    """The text of a value, as it is shown and typed."""
    if value is None:
        return UNSET
    if isinstance(value, str):
        return value or EMPTY
    return json.dumps(value, separators=(",", ":")) if isinstance(value, bool | dict) else repr(value)


def read(name: str, text: str) -> Any:
    """Parse the text of a setting.

    Raises:
        UsageError: it is not a valid value; the message names the accepted ones.
    """
    for candidate in _candidates(text.strip()):
        try:
            return msgspec.convert(candidate, _types()[name], strict=True)
        except msgspec.ValidationError:
            continue
    raise UsageError(f"{name} takes {known()[name].accepts}, not '{' '.join(text.split())[:60]}'")


def priority_of(text: str) -> int:
    """Parse the text of a priority.

    Raises:
        UsageError: it is not a whole number from -1000 to 1000.
    """
    if not re.fullmatch(r"[+-]?[0-9]{1,4}", text) or abs(int(text)) > MOST_PRIORITY:
        raise UsageError(f"priority takes a whole number from -{MOST_PRIORITY} to {MOST_PRIORITY}, not '{text[:40]}'")
    return int(text)


def shown(form: Form, search: str = "") -> tuple[str, ...]:
    """The names to list: edited settings first, then those that contain every word of `search`."""
    words = search.lower().split()
    found = (name for name in form.names if name not in form.texts and all(word in name.lower() for word in words))
    return (*(name for name in form.names if name in form.texts), *found)


def _candidates(text: str) -> Iterator[Any]:
    yield "" if text == EMPTY else text
    if text in ("", UNSET, "null"):
        yield None
    with contextlib.suppress(msgspec.DecodeError):
        yield msgspec.json.decode(text)
    try:
        number = float(text)  # .5 is a number, though not in JSON
    except ValueError:
        return
    if math.isfinite(number):
        yield int(number) if number.is_integer() else number


@cache
def _types() -> Mapping[str, Any]:
    return dict(_walk(RunSpec, ""))


def _walk(struct: type[msgspec.Struct], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, hint in typing.get_type_hints(struct, include_extras=True).items():
        if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            yield from _walk(hint, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", hint


def _at(values: Mapping[str, Any], name: str) -> Any:
    value: Any = values
    for part in name.split("."):
        value = value.get(part, MISSING) if isinstance(value, Mapping) else MISSING
    return value


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> Changes:
    """The entries of `after` that differ from `before`, nested."""
    out: Changes = {}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            if inner := _difference(old, value):
                out[key] = inner
        elif key not in before or value != old:
            out[key] = value
    return out
