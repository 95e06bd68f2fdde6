"""The panel of a run's mean dataset as table, heat map or drawing, of the newest or a kept generation."""

from textwrap import wrap
from typing import ClassVar

import msgspec
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from hades_protocol.messages import DatasetSnapshot, RunSummary
from hades_tui.pairs import view_state
from hades_tui.pairs.generations import COMPARE, NEWER, OLDER, Answer, GenerationBrowser, Question
from hades_tui.pairs.table import PairTable
from hades_tui.pairs.timeline import Shown, slider_line
from hades_tui.pairs.units import units_of
from hades_tui.pairs.view_state import DRAWING, HEAT, TABLE, PairsView
from hades_tui.state.model import Model
from hades_tui.text.fit import centred
from hades_tui.text.format import Line
from hades_tui.theme import palette
from hades_tui.theme.glyphs import Glyphs, pictured
from hades_tui.widgets.pairs_table import TableLines
from hades_tui.widgets.strips import strip_of
from hades_tui.widgets.titles import title

LEAST_PICTURE = 8
"""Least height of a drawing below the table."""

PICTURE_ROWS = 12
"""Usual height of a drawing below the table."""


class PairsPanel(ScrollView, can_focus=True):
    """The pairs, with the slider's line at the bottom. Number and label do not scroll sideways."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "view", "View", id="pairs.view"),
        Binding("s", "sort", "Sort", id="pairs.sort"),
        Binding("r", "reverse", "Reverse", id="pairs.reverse", show=False),
        Binding("enter", "sort_here", "Sort by the entry", id="pairs.sort-here", show=False),
        Binding("left_square_bracket", "step(-1)", "Older", id="pairs.older", key_display="["),
        Binding("right_square_bracket", "step(1)", "Newer", id="pairs.newer", key_display="]"),
        Binding("c", "compare", "Compare", id="pairs.compare"),
        Binding("y", "copy", "Copy", tooltip="Copy the pairs to the clipboard, as CSV", id="pairs.copy"),
        Binding("e", "save", "Save", id="pairs.save"),
        Binding("up,k", "move(-1)", "Pair above", id="pairs.up", show=False),
        Binding("down,j", "move(1)", "Pair below", id="pairs.down", show=False),
        Binding("pageup", "move(-10)", "Ten pairs up", id="pairs.page-up", show=False),
        Binding("pagedown", "move(10)", "Ten pairs down", id="pairs.page-down", show=False),
        Binding("home,g", "move(-1000000)", "First pair", id="pairs.first", show=False),
        Binding("end,G", "move(1000000)", "Last pair", id="pairs.last", show=False),
        Binding("left,h", "sideways(-1)", "Left", id="pairs.left", show=False),
        Binding("right", "sideways(1)", "Right", id="pairs.right", show=False),
        Binding("shift+left", "sideways(-10)", "Far left", id="pairs.far-left", show=False),
        Binding("shift+right", "sideways(10)", "Far right", id="pairs.far-right", show=False),
    ]

    class QuestionAsked(Message):
        """A question for the daemon; its answer goes to `answered` of the panel."""

        def __init__(self, panel: "PairsPanel", question: Question) -> None:
            super().__init__()
            self.panel, self.question = panel, question

    class CopyWanted(Message):
        """The pairs that are shown are to be copied; None where there are none."""

        def __init__(self, run: RunSummary | None, dataset: DatasetSnapshot | None) -> None:
            super().__init__()
            self.run, self.dataset = run, dataset

    class SaveWanted(Message):
        """The pairs that are shown are to be saved. compared: whether a difference is shown."""

        def __init__(self, run: RunSummary | None, dataset: DatasetSnapshot | None, *, compared: bool) -> None:
            super().__init__()
            self.run, self.dataset, self.compared = run, dataset, compared

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.table: PairTable | None = None
        self.view = PairsView()
        self.browser = GenerationBrowser()
        self._model = Model()
        self._shown = Shown()
        self._order: list[int] = []
        self._lines: TableLines | None = None
        self._drawn: object = None
        self._made = 0  # number of tables so far, as a key of cached pictures
        self._pictures: dict[str, tuple[object, list[Line]]] = {}

    @property
    def glyphs(self) -> Glyphs:
        """The set of characters for drawing."""
        return palette.terminal().glyphs

    def update_model(self, model: Model) -> None:
        """Take another model and draw what changed."""
        if model is self._model:
            return
        self._model = model
        self.browser.follow(model)
        self._update()

    def answered(self, question: Question, answer: Answer) -> None:
        """Take the daemon's answer to a question, unless it is void by now."""
        if self.browser.answer(question, answer):
            self._update()

    def _update(self) -> None:
        """Request what is missing, and draw what changed."""
        if self.has_focus and self.browser.timeline.kept is None and not self.browser.timeline.failure:
            self.browser.ensure_listed()
        for question in self.browser.take_questions():
            self.post_message(self.QuestionAsked(self, question))
        run, shown = self._model.run, self.browser.shown()
        if shown.dataset is None and not shown.absence:
            shown = Shown(absence=view_state.absence(self._model))
        if shown.dataset is not self._shown.dataset or shown.base is not self._shown.base:
            self.table, self._made = None, self._made + 1
            if shown.dataset is not None and run is not None:
                self.table = PairTable(shown.dataset, shown.base, units_of(run.env, shown.dataset))
        self._shown = shown
        self._redraw()

    def _redraw(self) -> None:
        """Update view, order and titles and draw the panel, if anything changed."""
        table, run, browser = self.table, self._model.run, self.browser
        state = (self._made, self.view, browser.timeline, browser.newest, browser.is_asking, self._shown.absence)
        key = (*state, self.size, self.has_focus, palette.generation(), run.id if run is not None else "")
        if key == self._drawn:
            return
        self._drawn = key
        if table is not None and run is not None:
            self.view = view_state.fitting(self.view, table, view_state.modes(table, run.env))
            self._order = view_state.order(self.view, table)
            if self._lines is None or self._lines.table is not table or self._lines.glyphs is not self.glyphs:
                self._lines = TableLines(table, self.glyphs)
        text = view_state.title_text(run, self._shown.dataset, self._shown.base)
        self.border_title = title(pictured(text, self.glyphs))
        self.border_subtitle = ""
        if table is not None:
            self.border_subtitle = title(pictured(view_state.sorted_text(self.view, table, self.glyphs), self.glyphs))
        self.virtual_size = self._virtual_size()
        self.refresh()

    def _virtual_size(self) -> Size:
        if self.table is None or self._lines is None or self.view.mode != TABLE:
            return self.size
        return Size(self._lines.width, self.table.count + 1 + self._below())

    @property
    def _has_slider(self) -> bool:
        if not self.browser.has_pairs or not self.browser.newest:
            return False
        moved = self.browser.timeline.at is not None or self.browser.timeline.base is not None
        return moved or self.has_focus or self.size.height >= 5

    def _picture_height(self) -> int:
        """Height of the drawing below the table; 0 without one."""
        table, run = self.table, self._model.run
        if table is None or run is None or self.view.mode != TABLE or view_state.drawing_for(table, run.env) is None:
            return 0
        height = self.size.height
        left = height - (table.count + 2) - 1
        if left >= LEAST_PICTURE:
            return left
        return PICTURE_ROWS if height >= 30 else 0

    def _below(self) -> int:
        """Number of lines below the table: blank, drawing, slider."""
        picture = self._picture_height()
        return (picture + 1 if picture else 0) + self._has_slider

    def render_line(self, y: int) -> Strip:
        """A line of the view, of the drawing below it, or the slider's."""
        width, height = self.size
        if self._has_slider and y == height - 1:
            return self._strip(self._slider(width))
        room = height - self._has_slider
        if self.table is None or self._lines is None:
            text: list[Line] = [[(line, "dim")] for line in wrap(self._shown.absence, max(1, width))]
            return self._line(centred(text, width, room), y)
        if self.view.mode != TABLE:
            return self._line(self._picture(self.view.mode, width, room), y)
        picture = self._picture_height()
        if picture and y >= room - picture:
            return self._line(self._picture(DRAWING, width, picture), y - (room - picture))
        if y == 0:
            column = view_state.sort_column(self.view, self.table) if view_state.is_sorted(self.view) else None
            return self._lines.titles(column, self.view.reverse, self.scroll_offset.x, width, self.rich_style)
        row = y - 1 + self.scroll_offset.y
        if row >= len(self._order) or (picture and y == room - picture - 1):
            return self._strip([])
        pair = self._order[row]
        cursor = pair == self.view.spot.pair and (self.has_focus or bool(picture))
        return self._lines.row(pair, cursor, self.scroll_offset.x, width, self.rich_style)

    def _line(self, lines: list[Line], y: int) -> Strip:
        return self._strip(lines[y] if y < len(lines) else [])

    def _strip(self, line: Line) -> Strip:
        return strip_of([(pictured(text, self.glyphs), hue) for text, hue in line], self.size.width, self.rich_style)

    def _slider(self, width: int) -> Line:
        browser = self.browser
        return slider_line(browser.timeline, browser.newest, width, self.glyphs, asking=browser.is_asking)

    def _picture(self, kind: str, width: int, height: int) -> list[Line]:
        """The heat map or drawing, cached."""
        table, run = self.table, self._model.run
        assert table is not None
        assert run is not None
        key = (self._made, self.view, width, height, palette.generation())
        known = self._pictures.get(kind)
        if known is not None and known[0] == key:
            return known[1]
        at = (self._order, self.view.spot)
        lines = view_state.picture(kind, table, run.env, at, Size(width, height), palette.terminal())
        self._pictures[kind] = (key, lines)
        return lines

    def on_focus(self) -> None:
        """Request the list of kept generations, which may be wanted now."""
        self.browser.ensure_listed()
        self._update()

    def on_blur(self) -> None:
        """Redraw without the cursor."""
        self._redraw()

    def on_resize(self) -> None:
        """Redraw for the new size."""
        self._redraw()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the pair under the pointer."""
        at = event.get_content_offset(self)
        if at is None or self.table is None or self.view.mode != TABLE:
            return
        row = at.y - 1 + self.scroll_offset.y
        if at.y >= 1 and row < len(self._order) and at.y < self.size.height - self._below():
            self.action_move(row - self._order.index(self.view.spot.pair))

    def action_move(self, by: int) -> None:
        """Move the cursor by so many pairs, and scroll to it."""
        self.view = view_state.moved(self.view, self._order, by)
        if self.table is not None and self.view.mode == TABLE and self._order:
            row, visible = self._order.index(self.view.spot.pair), max(1, self.size.height - 1 - self._below())
            top = min(self.scroll_offset.y, row)
            self.scroll_to(y=max(top, row - visible + 1), animate=False)
        self.refresh()

    def action_sideways(self, by: int) -> None:
        """Scroll the table sideways; in a heat map move to another entry, in a drawing to another pair."""
        if self.table is None:
            return
        if self.view.mode == TABLE:
            self.scroll_to(x=self.scroll_offset.x + 8 * by, animate=False)
        elif self.view.mode == HEAT:
            self.view = view_state.moved_entry(self.view, self.table, by)
        else:
            self.view = view_state.moved(self.view, self._order, by)
        self.refresh()

    def action_view(self) -> None:
        """Switch to the next of table, heat map and drawing."""
        run = self._model.run
        if self.table is not None and run is not None:
            self.view = view_state.next_mode(self.view, view_state.modes(self.table, run.env))
            self._redraw()

    def action_sort(self) -> None:
        """Sort by the next column."""
        if self.table is not None:
            self._sorted(view_state.next_sort(self.view, self.table))

    def action_sort_here(self) -> None:
        """Sort by the entry under the heat map's cursor."""
        if self.table is not None and self.view.mode == HEAT:
            self._sorted(view_state.sort_by_entry(self.view))

    def action_reverse(self) -> None:
        """Reverse the order."""
        self._sorted(msgspec.structs.replace(self.view, reverse=not self.view.reverse))

    def _sorted(self, view: PairsView) -> None:
        self.view = view
        self._redraw()
        if self.table is not None and self._lines is not None and view.mode == TABLE:
            left, right = self._lines.reach(view_state.sort_column(view, self.table))
            x = min(self.scroll_offset.x, max(0, left - self._lines.fixed))
            self.scroll_to(x=max(x, right - self.size.width), animate=False)
        self.action_move(0)

    def action_step(self, by: int) -> None:
        """Show the next older or newer kept generation."""
        self._pressed(OLDER if by < 0 else NEWER)

    def action_compare(self) -> None:
        """Show the change since the slider's generation (or the oldest kept one), or end the comparison."""
        self._pressed(COMPARE)

    def _pressed(self, key: str) -> None:
        self.browser.press(key)
        self._update()

    def action_copy(self) -> None:
        """Copy the pairs shown to the clipboard."""
        self.post_message(self.CopyWanted(self._model.run, self._shown.dataset))

    def action_save(self) -> None:
        """Save the pairs shown to a file whose name is asked for."""
        compared = self._shown.base is not None
        self.post_message(self.SaveWanted(self._model.run, self._shown.dataset, compared=compared))
