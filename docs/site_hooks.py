"""What mkdocs needs to be told of this repository: pages that lie outside docs/, and links as GitHub reads them.

`docs/` is written for GitHub: a page links to `../CONTRIBUTING.md` or `../examples`. Here those are pages of the site.
"""

import ast
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
OUTSIDE = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "systemd/README.md": "systemd.md",
    "examples": "examples.md",
    "README.md": "index.md",
}
"""Files and folders of the repository that a page of the site stands for."""

LINK = re.compile(r"(?<=\]\()([^)\s#:]+)((?:#[^)\s]*)?)(?=\))")
"""Where a link leads, without its fragment: not to another host, nor within the page."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made of files outside docs/."""
    for source, page in OUTSIDE.items():
        if page == "index.md":
            continue
        content = examples_page() if source == "examples" else (ROOT / source).read_text()
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """A page as the site has it."""
    return with_plain_pipes(with_site_links(markdown, page.file.src_uri))


def with_site_links(markdown: str, page: str) -> str:
    """Links to files of the repository as links between pages of the site. page: its path in the site's sources."""
    own = next((source for source, name in OUTSIDE.items() if name == page and source != "README.md"), f"docs/{page}")

    def led(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(own), match[1]))
        found = site_path(target)
        return match[0] if found is None else posixpath.relpath(found, posixpath.dirname(page) or ".") + match[2]

    return LINK.sub(led, markdown)


def site_path(target: str) -> str | None:
    """The site's path of a path in the repository; None where the site has none."""
    if target.startswith("docs/"):
        return target.removeprefix("docs/")
    inside = (page for source, page in OUTSIDE.items() if target == source or target.startswith(f"{source}/"))
    return next(inside, None)


def with_plain_pipes(markdown: str) -> str:
    r"""GitHub needs `a\|b` within a table's code; Python-Markdown shows the backslash."""
    lines = markdown.split("\n")
    return "\n".join(re.sub(r"`[^`]*`", _plain, line) if line.startswith("|") else line for line in lines)


def _plain(code: re.Match[str]) -> str:
    return code[0].replace(r"\|", "|")


LANGUAGES = {".py": "python", ".def": "text", "Containerfile": "dockerfile"}
"""How the files of examples/ are shown, by suffix or name; others are not."""


def examples_page() -> str:
    """The files of examples/ with their sources; of a program also what its docstring says."""
    parts = ["# Examples\n", "What is in `examples/`; tests run every program.\n"]
    for path in sorted((ROOT / "examples").rglob("*")):
        language = LANGUAGES.get(path.suffix or path.name)
        if language is None or path.name == "__init__.py":
            continue
        source = path.read_text().rstrip()
        parts.append(f"## {path.relative_to(ROOT / 'examples')}\n")
        if path.suffix == ".py":
            parts.append((ast.get_docstring(ast.parse(source)) or "").partition("\n")[0] + "\n")
        parts.append(f"```{language}\n{source}\n```\n")
    return "\n".join(parts)
