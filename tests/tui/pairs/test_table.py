"""The table of the pairs: which column is what, and where there are more than are shown."""

from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style

from hades_protocol.messages import DatasetSnapshot
from hades_tui.pairs.table import PairTable
from hades_tui.theme.glyphs import ASCII, UNICODE
from hades_tui.widgets.pairs_table import TableLines
from tests.helpers.protocol.protocol_server import float_array

JOINTS = ("thigh", "leg", "foot")


def hopping(discrete: bool = False) -> PairTable:
    """Two pairs whose joints are in the states and in the actions; every number has seven characters."""
    states = float_array((2, 5), [-12.345] * 5 + [-23.456] * 5)
    actions = float_array((2, 3), [0.25, 0.75, 0.0, 1.0, 0.0, 0.0])
    return PairTable(
        DatasetSnapshot(
            generation=1,
            states=states,
            actions=actions,
            discrete=discrete,
            normalisation="none",
            observation_names=("z", "pitch", *JOINTS),
            action_names=JOINTS,
        )
    )


def test_a_joint_of_the_action_is_told_from_one_of_the_state() -> None:
    table = hopping()
    headings = [column.heading for column in table.columns]
    assert headings == ["#", "action: thigh", "leg", "foot", "state: z", "pitch", "thigh", "leg", "foot"]
    assert [column.full_title for column in table.columns if column.title == "leg"] == ["action leg", "state leg"]
    assert all(len(column.heading) <= column.width for column in table.columns)
    assert [table.cell(pair, table.columns[0])[0] for pair in (0, 1)] == ["0", "1"], "pairs count from 0"
    assert "state: z" not in [column.heading for column in hopping(discrete=True).columns], "a label is no number"


@given(scroll=st.integers(0, 90), width=st.integers(20, 90), discrete=st.booleans())
def test_no_number_is_cut_and_more_columns_are_marked(scroll: int, width: int, discrete: bool) -> None:
    for glyphs in (UNICODE, ASCII):
        table = hopping(discrete)
        lines = TableLines(table, glyphs)
        scroll = min(scroll, max(0, lines.width - width))
        titles = lines.titles(None, False, scroll, width, Style()).text
        row = lines.row(0, False, scroll, width, Style()).text
        assert len(titles) == len(row) == width
        whole = {table.cell(0, column)[0].strip() for column in table.columns} | {glyphs.ellipsis, ""}
        words = {word for cell in whole for word in cell.split()}
        cut = [text for text in row.split() if text not in words and not glyphs.ellipsis.startswith(text)]
        assert cut == []
        assert (glyphs.left in titles) == (scroll > 0)
        beyond = lines.width - 1 > scroll + width and width > lines.fixed
        assert (glyphs.right in titles or glyphs.ellipsis[0] in titles) or not beyond
