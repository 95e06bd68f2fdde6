"""The container definitions: what they copy is there, and both install and run the same."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONTAINERFILE = (ROOT / "examples/containers/Containerfile").read_text()
DEFINITION = (ROOT / "examples/containers/hades.def").read_text()


def section(name: str) -> list[str]:
    """The lines of a section of the Apptainer definition."""
    found = re.search(rf"^%{name}\n((?: {{4}}.*\n)+)", DEFINITION, re.MULTILINE)
    assert found is not None, name
    return [line.strip() for line in found[1].splitlines()]


def test_what_is_copied_is_there() -> None:
    copies = re.findall(r"^COPY (?!--)(.+) \S+$", CONTAINERFILE, re.MULTILINE)
    names = {name for words in copies for name in words.split()}
    assert names == {line.split()[0] for line in section("files")}
    assert {"pyproject.toml", "hadesd", "protocol", "tui"} < names
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_both_install_the_same_on_the_same_python() -> None:
    joined = " ".join(CONTAINERFILE.replace("\\\n", " ").split())
    for line in section("post"):
        if not line.startswith(("cd ", "rm ")):
            assert line.replace("{{ EXTRA }}", "${EXTRA}") in joined
    (base,) = re.findall(r"^From: (\S+)$", DEFINITION, re.MULTILINE)
    assert set(re.findall(r"^FROM docker.io/library/(\S+)", CONTAINERFILE, re.MULTILINE)) == {base}


def test_a_container_is_stopped_as_a_daemon_is() -> None:
    instructions = dict(re.findall(r"^([A-Z]+) (.+)$", CONTAINERFILE.rpartition("\nFROM ")[2], re.MULTILINE))
    assert instructions["STOPSIGNAL"] == "SIGTERM"
    assert instructions["ENTRYPOINT"] == '["hadesd"]'  # no shell between: signals reach the daemon
    assert instructions["CMD"] == '["serve"]'
    assert instructions["VOLUME"] == "/var/lib/hades" == re.findall(r"HADES_HOME=(\S+)", CONTAINERFILE)[0]
    assert section("startscript") == ["exec hadesd serve"]
    assert section("runscript") == ['exec hadesd "$@"']
