"""The documentation as a site: what docs/site_hooks.py makes of links and of files outside docs/."""

import re

import pytest

pytest.importorskip("mkdocs")

import importlib.util
from types import ModuleType

from tests.architecture.test_docs import ROOT


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_hooks", ROOT / "docs/site_hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("page", "link", "led"),
    [
        ("guide.md", "api.md#errors", "api.md#errors"),
        ("guide.md", "../CONTRIBUTING.md#style", "contributing.md#style"),
        ("index.md", "../examples", "examples.md"),
        ("howto/desk.md", "../../examples/hooks/notify.py", "../examples.md"),
        ("howto/desk.md", "../cli.md", "../cli.md"),
        ("contributing.md", "docs/environments.md", "environments.md"),
        ("systemd.md", "../docs/operations.md", "operations.md"),
        ("guide.md", "https://example.org/docs/a.md", "https://example.org/docs/a.md"),
        ("guide.md", "#runs", "#runs"),
    ],
)
def test_links_of_the_repository_lead_to_pages_of_the_site(hooks: ModuleType, page: str, link: str, led: str) -> None:
    assert hooks.with_site_links(f"see [there]({link}).", page) == f"see [there]({led})."


def test_a_link_that_leads_nowhere_is_left_for_mkdocs_to_refuse(hooks: ModuleType) -> None:
    assert hooks.with_site_links("[x](../hadesd/cli)", "guide.md") == "[x](../hadesd/cli)"


def test_pipes_in_a_table_s_code_are_plain_and_others_stay(hooks: ModuleType) -> None:
    assert hooks.with_plain_pipes("| `a\\|b` | c\\|d |\n`e\\|f`") == "| `a|b` | c\\|d |\n`e\\|f`"


def test_every_example_is_on_the_page_of_examples(hooks: ModuleType) -> None:
    titles = re.findall(r"^## (.+)$", hooks.examples_page(), re.MULTILINE)
    programs = {str(path.relative_to(ROOT / "examples")) for path in (ROOT / "examples").glob("*.py")}
    assert programs <= set(titles)
