"""The reference pages that are made from the source: settings and commands; and the page of exit codes."""

import re

from hades_protocol.errors import ExitCode
from hades_protocol.run_spec import RunSpec
from hades_protocol.settings import leaves
from hadesd.cli.main import VERBS
from hadesd.config import Settings
from hadesd.spec.presets import resolve
from tools import cli_docs, settings_docs
from tools.json_docs import ROOT


def test_the_settings_are_what_the_types_and_presets_say() -> None:
    assert settings_docs.FILE.read_text() == settings_docs.text(), f"it is old: run {settings_docs.COMMAND}"


def test_every_setting_is_there_once() -> None:
    headings = re.findall(r"^### (\S+)$", settings_docs.text(), re.MULTILINE)
    assert headings == [*leaves(RunSpec), *leaves(Settings)]


def test_a_preset_says_what_a_run_gets() -> None:
    tables = {preset: settings_docs.preset_tables(preset) for preset in ("cpu", "published")}
    for preset, env, method, name, value in (
        ("cpu", "CartPole-v1", "hades-r", "evolution.strategy", "cmaes"),
        ("cpu", "Freeway-MinAtar", "es", "evolution.sigma", 0.5),
        ("published", "hopper", "hades-f", "cloning.epochs", 200),
        ("published", "humanoid", "es", "policy.width", 256),
    ):
        spec, _ = resolve(env=env, method=method, preset=preset, file_values=None, assignments=(), has_gpu=False)
        section, _, last = name.partition(".")
        (listed,) = (found for (_, e, m), found in tables[preset][name].items() if (e, m) == (env, method))
        assert listed == getattr(getattr(spec, section), last) == value


def test_what_differs_from_a_default_is_said_and_nothing_else() -> None:
    values = {("a", "x", "hades-r"): 1, ("a", "y", "hades-r"): 2, ("a", "z", "hades-r"): 1, ("b", "w", "hades-r"): 3}
    values |= {
        (family, env, method): value for (family, env, _), value in values.items() for method in ("hades-f", "es")
    }
    assert settings_docs.shown_preset(values, 3) == "a: 1 (y 2)"
    assert settings_docs.shown_preset(dict.fromkeys(values, 3), 3) == ""
    assert settings_docs.shown_preset(dict.fromkeys(values, 3), 4) == "3"
    assert settings_docs.shown_preset(values | {("b", "w", "es"): 5}, 9) == "a: 1 (y 2); b: 3, es 5"


def test_the_commands_are_what_the_parsers_say() -> None:
    assert cli_docs.FILE.read_text() == cli_docs.text(), f"it is old: run {cli_docs.COMMAND}"


def test_every_verb_is_there_with_an_example() -> None:
    chapters = re.split(r"^### ", cli_docs.text(), flags=re.MULTILINE)[1:]
    titles = [chapter.partition("\n")[0] for chapter in chapters]
    assert titles == [f"hadesd {verb}" for verb in VERBS] + [
        f"hades-tui {name}" for name in ("attach", "events", "keys")
    ]
    assert [title for title, chapter in zip(titles, chapters, strict=True) if f"$ {title}" not in chapter] == []


def test_every_exit_code_is_listed() -> None:
    page = (ROOT / "docs/exit_codes.md").read_text().partition("Where a command")[0]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)] == sorted(ExitCode)
