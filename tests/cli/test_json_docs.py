"""docs/json.md and the types of the JSON documents."""

import argparse
import importlib

from hadesd.cli.main import MODULES, VERBS
from hadesd.cli.parsing import Parser
from tools import json_docs

NO_DOCUMENT = {"serve", "stop", "logs", "completion"}
"""Verbs without --json."""


def test_the_file_is_what_the_types_say() -> None:
    assert json_docs.FILE.read_text() == json_docs.text(), f"docs/json.md is old: run {json_docs.COMMAND}"


def test_no_line_is_long() -> None:
    long = [line for line in json_docs.text().splitlines() if len(line) > json_docs.WIDTH]
    assert not long


def test_every_field_of_ours_says_what_it_means() -> None:
    top = list(dict.fromkeys(printed.document for printed in json_docs.PRINTED))
    kinds = [kind for kind in (*top, *json_docs._nested(top)) if kind.__module__.startswith("hadesd.")]
    assert len(kinds) > 50
    lacking = [f"{k.__name__}.{name}" for k in kinds for name, said in json_docs.field_comments(k).items() if not said]
    assert not lacking


def takes_json(parser: argparse.ArgumentParser) -> bool:
    """Whether a verb, or one of its actions, has --json."""
    inner = [a.choices.values() for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    return "--json" in parser._option_string_actions or any(takes_json(one) for group in inner for one in group)


def test_every_verb_with_json_is_listed() -> None:
    found = set()
    for verb, section in VERBS.items():
        subparsers = Parser().add_subparsers(parser_class=Parser)
        importlib.import_module(f"hadesd.cli.{section}.{MODULES.get(verb, verb)}").add_parser(subparsers)
        if takes_json(subparsers.choices[verb]):
            found.add((section, verb))
    assert found == {(printed.section, printed.command.split()[0]) for printed in json_docs.PRINTED}
    assert set(VERBS) - {verb for _, verb in found} == NO_DOCUMENT


def test_a_document_about_one_run_has_its_id_at_the_top_and_none_a_schema() -> None:
    fields = {printed.document.__name__: json_docs._fields(printed.document) for printed in json_docs.PRINTED}
    assert len(fields) > 25
    assert [name for name, own in fields.items() if "schema" in own or ("run" in own and "id" not in own)] == []
