"""docs/api.md and the docstrings of the library."""

import hadesd
from tests.helpers import api_docs


def test_the_page_is_what_the_docstrings_say() -> None:
    assert api_docs.FILE.read_text() == api_docs.text(), f"docs/api.md is old: run {api_docs.COMMAND}"


def test_every_name_has_its_place_and_no_line_is_long() -> None:
    lines = api_docs.text().splitlines()
    assert {line.removeprefix("### ") for line in lines if line.startswith("### ")} == set(hadesd.__all__)
    assert [line for line in lines if len(line) > api_docs.WIDTH] == []
