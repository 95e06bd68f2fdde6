"""Action ids, keys that people choose, and the file in which they do."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.binding import Binding

from hades_protocol.errors import UsageError
from hades_tui import keymap
from hades_tui.keymap import MAIN, all_actions, checked_keymap, preferred_keymap, remapped, usable_key
from hades_tui.preferences import Preferences, load_preferences

ACTIONS = all_actions()
MUTATIONS = {
    "run.pause",
    "run.resume",
    "run.cancel",
    "run.fork",
    "run.resize",
    "run.export",
    "run.evaluate",
    "run.note",
    "run.start",
    "run.priority",
    "run.remove",
    "run.archive",
    "run.retain",
}


def test_every_binding_has_an_id_and_says_what_it_does() -> None:
    for owner in keymap._classes():
        for binding in Binding.make_bindings(owner.__dict__["BINDINGS"]):
            assert binding.id, f"{owner.__name__}: {binding.key}"
    assert [action.id for action in ACTIONS if not action.about] == []
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)


def test_what_changes_a_run_is_a_capital_and_nothing_else_is_on_the_main_screen() -> None:
    for action in ACTIONS:
        if action.id in MUTATIONS:
            assert all(key.isupper() and len(key) == 1 for key in action.keys), action
        elif action.owner == MAIN:
            assert not any(key.isupper() for key in action.keys), action
    assert {action.id for action in ACTIONS} >= MUTATIONS


def test_no_key_of_a_panel_hides_one_that_changes_a_run() -> None:
    capitals = {key for action in ACTIONS if action.id in MUTATIONS for key in action.keys}
    for action in ACTIONS:
        if action.owner != MAIN and not action.dialog:
            assert not capitals & set(action.keys), action


def test_a_keymap_is_taken_as_people_write_keys() -> None:
    found = checked_keymap({"run.pause": "f5", "screen.help": "?, f1", "pairs.view": ","}, ACTIONS)
    assert found == {"run.pause": "f5", "screen.help": "question_mark,f1", "pairs.view": "comma"}
    by_id = {action.id: action for action in remapped(ACTIONS, found)}
    assert by_id["screen.help"].keys == ("question_mark", "f1")
    assert by_id["screen.help"].shown_keys == "? f1"
    assert by_id["screen.quit"].keys == ("q",)


def test_what_is_wrong_with_a_keymap_is_said() -> None:
    cases = [
        ({"run.puase": "f5"}, "there is no action 'run.puase'; did you mean 'run.pause'"),
        ({"run.pause": "hyperspace"}, "'hyperspace' is no key"),
        ({"run.pause": "ctrl+"}, "'ctrl+' is no key"),
        ({"run.pause": "<any>"}, "'<any>' is no key"),
        ({"run.pause": "C"}, "'C' would mean both run.pause and run.cancel"),
        ({"run.pause": "f5", "run.cancel": "f5"}, "'f5' would mean both"),
        ({"screen.help": "s"}, "would mean both screen.help and"),
        ({"runs.sort": "?"}, "'?' would mean both runs.sort and screen.help"),
        ({"log.follow": "g"}, "'g' would mean both log.follow and log.first"),
        ({"log.close": "k"}, "'k' would mean both log.close and log.up"),
        ({"log.up": "l"}, "'l' would mean both log.up and log.level"),
        ({"dialog.send": "space"}, "'space' would mean both dialog.send and choices.next"),
        ({"choices.next": "escape"}, "would mean both choices.next and dialog.leave"),
        ({"dialog.send": "pagedown"}, "'pgdn' would mean both dialog.send and fork.page-down"),
        ({"dialog.send": "down", "choices.next": "j"}, "'↓' would mean both dialog.send and fork.next"),
        ({"fork.next": "ctrl+s"}, "'ctrl+s' would mean both fork.next and dialog.send"),
        ({"resize.next": "escape"}, "would mean both resize.next and dialog.leave"),
        ({"dialog.send": "x"}, "'x' would mean both dialog.send and typing"),
        ({"dialog.send": "?"}, "'?' would mean both dialog.send and typing"),
        ({"dialog.send": "f6"}, "'f6' would mean both dialog.send and typing"),
        ({"save.leave": "backspace"}, "would mean both save.leave and typing"),
    ]
    for wanted, problem in cases:
        with pytest.raises(UsageError) as caught:
            checked_keymap(wanted, ACTIONS)
        assert problem in str(caught.value)


def test_what_is_wrong_with_the_keys_of_a_file_is_said_of_the_file() -> None:
    file = Path("/home/someone/tui.toml")
    assert preferred_keymap({"run.pause": "f5"}, file, ACTIONS) == {"run.pause": "f5"}
    with pytest.raises(UsageError, match=f"^{file}: there is no action 'run.puase'"):
        preferred_keymap({"run.puase": "f5"}, file, ACTIONS)


def test_keys_may_be_exchanged_and_shared_between_panels() -> None:
    checked_keymap({"run.pause": "C", "run.cancel": "P"}, ACTIONS)
    checked_keymap({"runs.sort": "f6", "pairs.sort": "f6"}, ACTIONS)
    checked_keymap({"help.close": "z"}, ACTIONS)  # a dialog's keys are its own
    checked_keymap({"confirm.yes": "g", "log.close": "s"}, ACTIONS)
    checked_keymap({"dialog.send": "f5", "dialog.leave": "escape,f4", "fork.next": "f2", "resize.next": "f2"}, ACTIONS)


def test_the_keys_that_there_are_from_the_beginning_may_be_written_down() -> None:
    checked_keymap({action.id: ",".join(action.keys) for action in ACTIONS}, ACTIONS)


def test_every_dialog_that_extends_one_with_keys_is_known_to_be_inside_it() -> None:
    owners = {owner.__name__: owner for owner in keymap._classes()}
    for name, owner in owners.items():
        above = [base.__name__ for base in owner.__mro__[1:] if base.__name__ in owners]
        assert above in ([], [keymap.INSIDE.get(name)]), name


@given(st.text(max_size=20))
def test_any_text_is_a_key_or_is_refused(text: str) -> None:
    with contextlib.suppress(UsageError):
        key = usable_key(text)
        assert usable_key(key) == key
        assert "," not in key
        assert not key.isspace()


def written(directory: Path, text: str) -> Path:
    path = directory / "tui.toml"
    path.write_text(text)
    return path


def test_without_a_file_nothing_is_set(tmp_path: Path) -> None:
    assert load_preferences(tmp_path / "tui.toml") == Preferences()


def test_preferences_with_dotted_ids_with_and_without_quotes(tmp_path: Path) -> None:
    text = 'theme = "light"\nascii = true\n[keys]\n"run.pause" = "f5"\nscreen.help = ["?", "f1"]\nruns.page-up = "b"\n'
    found = load_preferences(written(tmp_path, text))
    assert found.theme == "light"
    assert found.ascii is True
    assert found.keys == {"run.pause": "f5", "screen.help": "?,f1", "runs.page-up": "b"}


def test_what_is_wrong_with_the_file_is_said_with_its_name(tmp_path: Path) -> None:
    cases = [
        ("theme = ", "is not valid TOML"),
        ('colour = "red"', "unknown setting 'colour'"),
        ('theme = "drak"', "there is no theme 'drak'; did you mean 'dark'"),
        ("theme = 1", "theme takes a name"),
        ('ascii = "yes"', "ascii takes true or false"),
        ("keys = 3", "keys is a section"),
        ('[keys]\n"run.pause" = 5', 'keys."run.pause" takes a key'),
        ('[keys]\nrun.pause = ""', 'keys."run.pause" takes a key'),
        ("[keys]\nrun.pause = []", 'keys."run.pause" takes a key'),
    ]
    for text, problem in cases:
        path = written(tmp_path, text)
        with pytest.raises(UsageError) as caught:
            load_preferences(path)
        assert str(caught.value).startswith(str(path))
        assert problem in str(caught.value)
