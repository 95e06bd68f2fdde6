"""The panel with the list of runs, in the chosen order."""

from collections.abc import Sequence
from typing import ClassVar, Protocol, cast

import msgspec
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from hades_tui.runs import table
from hades_tui.runs.filter import FIELDS, unknown_field
from hades_tui.runs.ordering import SORTS, Grouping, Order, OrderedRuns, Row, order_runs
from hades_tui.state.model import Model
from hades_tui.text.fit import fitted
from hades_tui.text.format import Line
from hades_tui.theme import palette
from hades_tui.widgets.filter_line import FilterLine
from hades_tui.widgets.strips import strip_of
from hades_tui.widgets.titles import title

Drawn = tuple[object, ...]
"""The data of a line; equal data give equal lines."""


class ListApp(Protocol):
    """What the list asks of the application, at once: a key that follows must find it done."""

    def choose(self, run: str) -> None:
        """Select a run."""

    def mark(self, runs: Sequence[str]) -> None:
        """Mark runs, or unmark them where all are marked."""


class RunList(ScrollView, can_focus=True):
    """One line per run under a fixed line of titles. Only lines that changed are redrawn."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Run above", show=False, id="runs.up"),
        Binding("down,j", "move(1)", "Run below", show=False, id="runs.down"),
        Binding("pageup", "move(-10)", show=False, id="runs.page-up"),
        Binding("pagedown", "move(10)", show=False, id="runs.page-down"),
        Binding("home,g", "move(-1000000)", show=False, id="runs.first"),
        Binding("end,G", "move(1000000)", show=False, id="runs.last"),
        Binding("slash", "filter", "Filter", key_display="/", id="runs.filter"),
        Binding("escape", "clear_filter", "No filter", show=False, id="runs.clear-filter"),
        Binding("s", "sort", "Sort", id="runs.sort"),
        Binding("r", "reverse", "Reverse", show=False, id="runs.reverse"),
        Binding("b", "group", "Group", id="runs.group"),
        Binding("space", "mark", "Mark", tooltip="Mark for the curve, and for keys that change runs", id="runs.mark"),
        Binding(
            "a", "mark_all", "Mark all", show=False, tooltip="Mark all that are listed, or none", id="runs.mark-all"
        ),
        Binding("enter", "fold", "Fold", show=False, id="runs.fold"),
        Binding("left", "fold(True)", "Fold", show=False, id="runs.close"),
        Binding("right", "fold(False)", "Unfold", show=False, id="runs.open"),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.border_title = "Runs"
        self.model = Model()
        self.order = Order()
        self.filter_line = FilterLine(self.set_filter, self.focus, id="filter")
        self.ordered = OrderedRuns()
        self._table_layout = table.TableLayout()
        self._listed: set[str] = set()
        self._lines: list[tuple[Row, bool]] = []  # (row, whether it is its second line)
        self._wanted = 0
        self._drawn: list[Drawn] = []
        self._strips: dict[Drawn, Strip] = {}
        self._generation = palette.generation()
        self._titles = ("Runs", "")

    @property
    def _owner(self) -> ListApp:
        return cast(ListApp, self.app)

    @property
    def natural_height(self) -> int:
        """Height of the whole list with its border, with reasons below their runs."""
        return max(1, self._wanted) + 3

    @property
    def listed(self) -> tuple[str, ...]:
        """Ids of the runs that pass the filter, in the order of the list; those of collapsed rows too."""
        return tuple(run for row in self.ordered.rows for run in row.members)

    @property
    def heading(self) -> tuple[str, ...]:
        """Ids of the runs that a selected heading stands for: those of its collapsed group; else empty."""
        at = self.ordered.row_of(self.model.selected)
        return self.ordered.rows[at].members if at is not None and self.ordered.rows[at].run is None else ()

    def reveal(self, run: str) -> None:
        """Remove the filter where it hides a run."""
        if run not in self.listed:
            self.action_clear_filter()

    def update_model(self, model: Model) -> None:
        """Draw the runs of another model, where they changed."""
        before, self.model = self.model, model
        if (model.runs, model.selected, model.sparklines, model.marked) != (
            *(before.runs, before.selected),
            *(before.sparklines, before.marked),
        ):
            self._draw(follow=model.selected != before.selected)

    def _draw(self, *, follow: bool = True) -> None:
        """Order the runs and redraw the lines that differ."""
        model, before = self.model, self._table_layout
        at = self.ordered.row_of(model.selected)
        self.ordered = order_runs(model.runs, self.order)
        rows = self.ordered.rows
        width = max(1, self.size.width - 1)
        listed = {row.key for row in rows}
        same = before.width == width and listed == self._listed
        self._listed = listed
        self._table_layout = table.layout_for(rows, width, before.known if same else None)
        lines = [(row, second) for row in rows for second in self._lines_of(row)]
        self._wanted = len(lines)
        fits = len(lines) < self.size.height  # else runs matter more than reasons, which the panel below shows
        self._lines = lines if fits else [(row, False) for row in rows]
        drawn = [self._drawn_from(row, second) for row, second in self._lines]
        self._show(drawn, everything=self._table_layout != before or len(drawn) != len(self._drawn) or not rows)
        if follow or self.ordered.row_of(model.selected) != at:
            self._follow_selection()

    def _lines_of(self, row: Row) -> tuple[bool, ...]:
        return (False, True) if table.has_second_line(row, self._table_layout) else (False,)

    def _drawn_from(self, row: Row, second: bool) -> Drawn:
        run, model = row.run, self.model
        sparkline = model.sparklines.get(row.key, ()) if run is not None and not second else ()
        selected = model.selected in row.members
        marked = row.key in model.marked
        return run, row.key, row.stem, row.title, row.hint, row.collapsed, selected, marked, sparkline, second

    def _show(self, drawn: list[Drawn], *, everything: bool) -> None:
        before, self._drawn = self._drawn, drawn
        size = Size(self.size.width, len(drawn) + 1)
        if self.virtual_size != size:
            self.virtual_size = size
        self._entitle()
        if everything:
            self._strips.clear()
            self.refresh()
            return
        for i, (old, new) in enumerate(zip(before, drawn, strict=True)):
            if old != new:
                self._strips.pop(old, None)
                self.refresh_line(i + 1)

    def _entitle(self) -> None:
        """Set the titles where they differ: Textual redraws a panel whenever one is set."""
        titles = (
            table.list_title(self.ordered, self.order, self.model.selected),
            table.describe_order(self.order, self._marked()),
        )
        if titles != self._titles:
            self._titles = titles
            self.border_title, self.border_subtitle = (title(text) for text in titles)

    def _marked(self) -> int:
        marked = self.model.marked
        return len(marked.intersection(self.listed)) if marked else 0

    def _follow_selection(self) -> None:
        at = next((i for i, (row, _) in enumerate(self._lines) if self.model.selected in row.members), None)
        if at is None:
            return
        visible = max(1, self.size.height - 1)
        top = min(self.scroll_offset.y, at)
        self.scroll_to(y=max(top, at - visible + 1), animate=False)

    def action_move(self, by: int) -> None:
        """Select the run `by` rows further down."""
        run = self.ordered.moved(self.model.selected, by)
        if run is not None and run != self.model.selected:
            self._owner.choose(run)

    def _reorder(self, **changes: object) -> None:
        self.order = msgspec.structs.replace(self.order, **changes)
        self._draw()

    def action_sort(self) -> None:
        """Sort by the next key, in its default direction."""
        names = list(SORTS)
        self._reorder(sort=names[(names.index(self.order.sort) + 1) % len(names)], reverse=False)

    def action_reverse(self) -> None:
        """Reverse the order of the list."""
        self._reorder(reverse=not self.order.reverse)

    def action_group(self) -> None:
        """Switch to the next grouping."""
        kinds = list(Grouping)
        self._reorder(grouping=kinds[(kinds.index(self.order.grouping) + 1) % len(kinds)])

    def action_mark(self) -> None:
        """Mark the selected run or group: its curves are drawn over others', and keys that change runs act on it."""
        if self.model.selected is not None and self.model.selected in self.listed:
            self._owner.mark(self.heading or [self.model.selected])

    def action_mark_all(self) -> None:
        """Mark all runs that are listed, or unmark them where all are marked."""
        self._owner.mark(self.listed)

    def action_fold(self, close: bool | None = None) -> None:
        """Collapse or expand the selected run's forks, or its group. close: None to toggle."""
        at = self.ordered.row_of(self.model.selected)
        if at is None:
            return
        row = self.ordered.rows[at]
        close = not row.collapsed if close is None else close
        if not close:
            self._reorder(collapsed=self.order.collapsed - {row.key})
        elif row.can_collapse and not row.collapsed:
            self._collapse(row.key)
        elif row.inside:
            self._collapse(row.inside[-1])

    def _collapse(self, key: str) -> None:
        """Collapse a row. A selected run below another one that stays listed hands the selection on to it."""
        self._reorder(collapsed=self.order.collapsed | {key})
        at = self.ordered.row_of(self.model.selected)
        run = self.ordered.rows[at].run if at is not None else None
        if run is not None and run.id != self.model.selected:
            self._owner.choose(run.id)

    def action_filter(self) -> None:
        """Open the input line for the filter."""
        self.filter_line.ask()

    def action_clear_filter(self) -> None:
        """Remove the filter."""
        self.filter_line.value = ""
        self.set_filter("")

    def set_filter(self, text: str) -> None:
        """Show only the runs that pass a filter. Where it hides the selected one, the first that passes is chosen."""
        if text == self.order.filter:
            return
        self._reorder(filter=text)
        listed = self.listed
        if listed and self.model.selected not in listed:
            self._owner.choose(listed[0])

    def on_click(self, event: events.Click) -> None:
        """Select the run under the pointer; collapse or expand a group."""
        at = event.get_content_offset(self)
        index = self.scroll_offset.y + at.y - 1 if at is not None and at.y >= 1 else -1
        if not 0 <= index < len(self._lines):
            return
        row = self._lines[index][0]
        if row.run is None:
            self._reorder(collapsed=self.order.collapsed ^ {row.key})
        else:
            self._owner.choose(row.run.id)

    def on_resize(self) -> None:
        """Lay out the columns anew, with the selected run visible."""
        self._draw()

    def render_line(self, y: int) -> Strip:
        """The titles, or a line of a row."""
        if self._generation != palette.generation():
            self._generation = palette.generation()
            self._strips.clear()
        width = self.size.width
        if y == 0:
            return strip_of(table.heading(self._table_layout) if self._lines else [], width, self.rich_style)
        index = y - 1 + self.scroll_offset.y
        if index >= len(self._lines):
            return strip_of(self._empty() if index == 0 else [], width, self.rich_style)
        drawn = self._drawn[index]
        if drawn not in self._strips:
            row, second = self._lines[index]
            selected = self.model.selected in row.members
            line = (
                table.second_line(row, self._table_layout)
                if second
                else table.line_of(
                    row,
                    self._table_layout,
                    selected=selected,
                    marked=row.key in self.model.marked,
                    sparkline=self.model.sparklines.get(row.key, ()),
                    glyphs=palette.terminal().glyphs,
                )
            )
            over = palette.style("selected") if selected else None
            self._strips[drawn] = strip_of(line, width, self.rich_style, over)
        return self._strips[drawn]

    def _empty(self) -> Line:
        """Why nothing is listed; without any run the panel below says how to start one."""
        if not self.model.runs:
            return []
        why = f"No run has '{self.order.filter}'."
        if field := unknown_field(self.order.filter):
            why = f"No field '{field}': {', '.join(FIELDS)}."
        return fitted([(f"  {why} ", "text"), ("Escape shows them all.", "dim")], self.size.width)
