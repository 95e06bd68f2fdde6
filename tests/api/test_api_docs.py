"""docs/api.md and the docstrings of the library."""

import ast
import re

import hadesd
from tools import api_docs


def test_the_page_is_what_the_docstrings_say() -> None:
    assert api_docs.FILE.read_text() == api_docs.text(), f"docs/api.md is old: run {api_docs.COMMAND}"


def test_every_name_has_its_place_and_no_line_is_long() -> None:
    lines = api_docs.text().splitlines()
    assert {line.removeprefix("### ") for line in lines if line.startswith("### ")} == set(hadesd.__all__)
    assert [line for line in lines if len(line) > api_docs.WIDTH] == []


def test_every_signature_is_one_of_python() -> None:
    shown = re.findall(r"```python\n(.*?)\n```", api_docs.text(), re.DOTALL)
    for signature in shown:
        name, _, rest = signature.partition("(")
        ast.parse(f"def {name.replace('.', '_')}({rest}: ...")
    assert any("tags: Iterable[str] = ()," in signature for signature in shown), "over several lines"
