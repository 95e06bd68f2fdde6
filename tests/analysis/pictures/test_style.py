"""The shared look of pictures: files that are whole, the same every time, and refused early where they cannot be."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from hades_protocol.errors import UsageError
from hadesd.analysis.pictures import style

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def drawing() -> Figure:
    figure = style.figure(4, 3)
    axes = figure.add_subplot()
    for i, method in enumerate(style.METHODS):
        name, colour, marker = style.METHODS[method]
        style.band(axes, [16, 64, 256], [1 + i, 2 + i, 3 + i], [i, i, i], [4, 5, 6], colour, marker, name)
    axes.set_xlabel("width")
    axes.legend()
    return figure


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_the_same_figure_gives_the_same_bytes(tmp_path, suffix):
    first, second = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    style.save(drawing(), first)
    style.save(drawing(), second)
    assert first.read_bytes() == second.read_bytes(), "a date or a random id is in the file"
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == [], "a partial file was left behind"


def test_both_formats_are_what_their_names_say(tmp_path):
    style.save(drawing(), tmp_path / "a.png")
    style.save(drawing(), tmp_path / "a.SVG")
    assert (tmp_path / "a.png").read_bytes().startswith(PNG_MAGIC)
    assert ElementTree.parse(tmp_path / "a.SVG").getroot().tag.endswith("svg")


@pytest.mark.parametrize(
    ("name", "says"), [("a.pdf", "png or .svg"), ("a", "png or .svg"), ("no/a.png", "no directory")]
)
def test_what_cannot_be_written_is_said_before_anything_is_drawn(tmp_path, name, says):
    with pytest.raises(UsageError, match=says):
        style.check_path(tmp_path / name)


def test_a_directory_in_the_way_is_one_line(tmp_path: Path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(UsageError, match="cannot write"):
        style.save(drawing(), tmp_path / "a.png")


def test_every_colour_of_a_plot_has_its_own_marker():
    assert len(style.MARKERS) == len(style.PALETTE) == len(set(style.MARKERS)) == len(set(style.PALETTE))
    assert style.line_style(0) == style.line_style(len(style.PALETTE))
