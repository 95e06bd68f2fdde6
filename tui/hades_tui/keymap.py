"""Every action of the screen by its id, with its keys, and the checks of the keys set in tui.toml."""

import pkgutil
import string
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path

import msgspec
from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import Keys, format_key
from textual.widget import Widget
from textual.widgets import Input, TextArea

import hades_tui
from hades_protocol.errors import UsageError
from hades_protocol.settings import nearest
from hades_tui.pages.help_text import describe_binding

MAIN = "MainScreen"
"""The screen below all dialogs. Its keys work in every panel."""

INSIDE = {
    **dict.fromkeys(("RunList", "GpusPanel", "FitnessPanel", "PairsPanel"), MAIN),
    "LogView": "LogScreen",
    **dict.fromkeys(("ForkScreen", "ResizeScreen", "StartScreen", "Choices"), "SendingForm"),
    "BulkScreen": "ConfirmScreen",
}
"""Owner of bindings -> the owner that Textual asks next: the screen of a panel, the base class of a dialog."""

FIELDS: dict[str, tuple[type[Widget], ...]] = {
    "SendingForm": (Input, TextArea),
    "ForkScreen": (Input,),
    "ResizeScreen": (Input,),
    "StartScreen": (Input,),
    "BulkScreen": (Input,),
    "SaveScreen": (Input,),
}
"""Owner of bindings -> the input widgets it contains, whose typing its keys must not take away."""

MODIFIERS = ("ctrl", "shift", "alt", "super", "hyper", "meta")


class Action(msgspec.Struct, frozen=True):
    """Something that a key does. owner: name of the class with the binding. dialog: whether that is a dialog."""

    id: str
    keys: tuple[str, ...]
    about: str
    owner: str
    dialog: bool = False

    @property
    def shown_keys(self) -> str:
        """The keys as the screen shows them, separated by spaces."""
        return " ".join(format_key(key) for key in self.keys)


def all_actions() -> tuple[Action, ...]:
    """The actions of all panels and screens, by id; those of dialogs come last."""
    found: dict[str, Action] = {}
    for owner in _classes():
        grouped: dict[str, list[Binding]] = {}
        for binding in Binding.make_bindings(owner.__dict__["BINDINGS"]):
            if binding.id is not None:
                grouped.setdefault(binding.id, []).append(binding)
        for name, bindings in grouped.items():
            keys = tuple(dict.fromkeys(binding.key for binding in bindings))
            about = describe_binding(bindings[0])
            found[name] = Action(name, keys, about, owner.__name__, owner.__module__.startswith("hades_tui.screens"))
    return tuple(sorted(found.values(), key=lambda action: (action.dialog, action.id)))


def _classes() -> Iterator[type[DOMNode]]:
    """The classes of this package that define bindings."""
    for module_info in pkgutil.walk_packages(hades_tui.__path__, "hades_tui."):
        if module_info.name.startswith(("hades_tui.widgets.", "hades_tui.screens.", "hades_tui.main_screen")):
            module = import_module(module_info.name)
            for value in vars(module).values():
                is_ours = isinstance(value, type) and value.__module__ == module.__name__
                if is_ours and issubclass(value, DOMNode) and "BINDINGS" in value.__dict__:
                    yield value


def checked_keymap(wanted: Mapping[str, str], actions: Sequence[Action]) -> dict[str, str]:
    """Check a keymap (action id -> keys) and return it as Textual takes it.

    Raises:
        UsageError: an unknown id, a key that does not exist, or a key that would have two meanings.
    """
    known = {action.id: action for action in actions}
    out: dict[str, str] = {}
    for name, keys in wanted.items():
        if name not in known:
            hint = nearest(name, known, otherwise="'hades-tui keys' lists them")
            raise UsageError(f"there is no action '{name}'; {hint}")
        out[name] = ",".join(usable_key(key.strip()) for key in split_keys(keys))
    chosen = remapped(actions, out)
    _check_clashes(chosen, out)
    for action in chosen:
        _check_typing(action, known[action.id].keys)
    return out


def preferred_keymap(wanted: Mapping[str, str], file: Path, actions: Sequence[Action]) -> dict[str, str]:
    """checked_keymap of what a file wants.

    Raises:
        UsageError: as checked_keymap, and names the file.
    """
    try:
        return checked_keymap(wanted, actions)
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from None


def split_keys(keys: str) -> Iterable[str]:
    """Split comma-separated keys; a comma alone is the comma key."""
    return [keys] if keys.strip() == "," else keys.split(",")


def usable_key(text: str) -> str:
    """Textual's name of a key: `?` is `question_mark`.

    Raises:
        UsageError: there is no such key.
    """
    key = {" ": "space", ",": "comma"}.get(text, text)
    if len(key) == 1 and key.isprintable():
        (binding,) = Binding.make_bindings([Binding(key, "nothing")])
        key = binding.key
    *modifiers, last = key.split("+")
    if not last or not all(modifier in MODIFIERS for modifier in modifiers) or not _exists(last):
        raise UsageError(
            f"{text!r} is no key: it takes a character, or a name such as f5, space, ctrl+s, left_square_bracket"
        )
    return key


def _exists(key: str) -> bool:
    if (len(key) == 1 and key.isalnum()) or (
        key in {known.value for known in Keys} and key[0] != "<"
    ):  # <any> and <ignore> are none
        return True
    try:
        return unicodedata.lookup(key.replace("_", " ").upper()).isprintable()
    except KeyError:
        return format_key(key) != key  # Textual's own short names, as question_mark


def remapped(actions: Iterable[Action], keymap: Mapping[str, str]) -> tuple[Action, ...]:
    """The actions with the keys of a keymap in place of their own."""
    return tuple(
        msgspec.structs.replace(action, keys=tuple(keymap[action.id].split(","))) if action.id in keymap else action
        for action in actions
    )


def _check_clashes(actions: Sequence[Action], keymap: Mapping[str, str]) -> None:
    """Refuse a chosen key that another action has in the same panel or in its screen."""
    for action in actions:
        for other in actions:
            if action.id not in keymap or action.id == other.id or not _meet(action, other):
                continue
            for key in action.keys:
                if key in other.keys:
                    raise UsageError(
                        f"'{format_key(key)}' would mean both {action.id} and {other.id}: "
                        f"give one of them another key, or {other.id} one of its own"
                    )


def _meet(one: Action, other: Action) -> bool:
    return one.owner in (other.owner, INSIDE.get(other.owner)) or other.owner == INSIDE.get(one.owner)


def _check_typing(action: Action, defaults: Sequence[str]) -> None:
    """Refuse a chosen key that writes or edits in the input fields of its dialog."""
    if not (fields := FIELDS.get(action.owner)):
        return
    taken = {binding.key for field in fields for binding in Binding.make_bindings(field.BINDINGS)}
    taken |= {usable_key(character) for character in string.printable if character.isprintable()}
    for key in action.keys:
        if key not in defaults and (key in taken or len(key) == 1):
            raise UsageError(
                f"'{format_key(key)}' would mean both {action.id} and typing: give {action.id} another key"
            )
