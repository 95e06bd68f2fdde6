"""State, numbers and curve of the selected run; zoomed, panned and read with keys and mouse."""

from collections.abc import Callable
from typing import ClassVar

from msgspec.structs import replace
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.timer import Timer

from hades_tui.curve import viewport as views
from hades_tui.curve.compared import needed
from hades_tui.curve.data import Course, between, course_of, matched
from hades_tui.curve.legend import legend
from hades_tui.curve.panel import Panel, panel
from hades_tui.curve.picture import whole_extent
from hades_tui.curve.viewport import SMOOTHINGS, Axis, Extent, Viewport
from hades_tui.state.detail import Range, wanted
from hades_tui.state.model import Model
from hades_tui.text.format import Line, identity_line
from hades_tui.theme import palette
from hades_tui.theme.glyphs import pictured
from hades_tui.widgets.lines import LinesPanel
from hades_tui.widgets.titles import title, title_of

CLOSER, FURTHER = 0.5, 2.0
WHEEL_CLOSER, WHEEL_FURTHER = 0.8, 1.25
ASK_SECONDS = 0.25
"""How long a look must rest before finer points are asked for."""


class FitnessPanel(LinesPanel, can_focus=True):
    """The curve. What of it is in sight is a value (hades_tui.curve.viewport); keys and mouse change that."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("plus,equals_sign", "zoom(True)", "Zoom in", key_display="+", id="curve.zoom-in"),
        Binding("minus", "zoom(False)", "Zoom out", show=False, key_display="-", id="curve.zoom-out"),
        Binding("0", "whole", "All", id="curve.all"),
        Binding("left", "cursor(-1)", "Cursor", show=False, id="curve.cursor-left"),
        Binding("right", "cursor(1)", "Cursor", show=False, id="curve.cursor-right"),
        Binding("comma", "cursor(-1, True)", "Point", show=False, id="curve.point-left"),
        Binding("full_stop", "cursor(1, True)", "Point", show=False, id="curve.point-right"),
        Binding("home", "cursor_end(True)", "First point", show=False, id="curve.first"),
        Binding("end", "cursor_end(False)", "Newest point", show=False, id="curve.newest"),
        Binding("shift+left", "pan(-1)", "Pan", show=False, id="curve.pan-left"),
        Binding("shift+right", "pan(1)", "Pan", show=False, id="curve.pan-right"),
        Binding("escape", "no_cursor", "No cursor", show=False, id="curve.no-cursor"),
        Binding("x", "axis", "x-axis", id="curve.axis"),
        Binding("m", "smooth", "Smooth", id="curve.smooth"),
    ]

    class Finer(Message):
        """Somebody looks closer than the loaded points tell."""

        def __init__(self, asked: Range) -> None:
            super().__init__()
            self.asked = asked

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.model = Model()
        self.view = Viewport()
        self.drawn = Panel()
        self._sources: tuple[object, ...] = ()
        self._version = 0
        self._titles = ("", "")
        self._asked: object = None
        self._rest: Timer | None = None
        self._held: tuple[int, Viewport, bool] | None = None  # column, view at that time, whether it moved

    @property
    def logarithmic(self) -> bool:
        """Whether the fitness has a logarithmic scale."""
        return self.view.logarithmic

    @logarithmic.setter
    def logarithmic(self, wanted: bool) -> None:
        self.look(replace(self.view, logarithmic=wanted))

    @property
    def cursor_generation(self) -> int | None:
        """The generation that the cursor reads; None without a cursor."""
        course = self._course()
        at = views.nearest(course.xs, self.view.cursor) if course is not None and self.view.cursor is not None else None
        return None if course is None or at is None else course.metrics[at].generation

    def update_model(self, model: Model) -> None:
        """Draw another model. Another run is seen as a whole, on the same kind of axis."""
        if model.selected != self.model.selected:
            self.view = replace(self.view, reach=None, following=False, cursor=None)
            self._asked = None
        if model.detail is None and self.model.detail is not None:  # void: to be asked for again
            self._asked = None
        self.model = model
        sources = _sources(model)
        if len(sources) != len(self._sources) or any(a is not b for a, b in zip(sources, self._sources, strict=True)):
            self._sources = sources
            self._version += 1
        self.show()
        if self._rest is None:
            self._ask_later()

    def look(self, view: Viewport) -> None:
        """Look at the curve in another way."""
        if view != self.view:
            self.view = view
            self.show()
            self._ask_later()

    def key(self) -> object:
        """What the lines are drawn from: a number for the model, whose long tuples are dear to compare."""
        return self._version, self.view

    def build(self, size: Size) -> list[Line]:
        """All lines of the panel."""
        known, glyphs = self.drawn.courses, palette.look().glyphs
        self.drawn = panel(
            self.model, size.width, size.height, self.view, known=known, colours=palette.shades(), glyphs=glyphs
        )
        return self.drawn.lines

    def show(self) -> None:
        """Draw again if something changed, title and legend as well."""
        super().show()
        self._entitle()

    def on_resize(self) -> None:
        """Another size: the legend may have room for more."""
        self.show()

    def _entitle(self) -> None:
        """Set title and legend where they differ: Textual draws a panel again whenever one is set."""
        model, course = self.model, self._course()
        run, glyphs = model.run, palette.look().glyphs
        below: Line = []
        if run is not None:
            below = legend(
                self.view.logarithmic,
                palette.shades(),
                model.history.evaluated is not None,
                model.history.marks,
                view=self.view,
                picture=self.drawn.picture,
                missing=course.missing if course is not None else 0,
                width=max(0, self.size.width - 2),
                glyphs=glyphs,
            )
        titles = (title(pictured(identity_line(run) if run else "Fitness", glyphs)), title_of(below))
        if titles != self._titles:
            self._titles = titles
            self.border_title, self.border_subtitle = titles

    def _course(self) -> Course | None:
        return self.drawn.courses.get(self.model.selected or "")

    def _change(self, change: Callable[[Viewport, Course, Extent], Viewport]) -> None:
        """Change the look where there is a curve."""
        course = self._course()
        extent = whole_extent(course, self.drawn.companions) if course is not None else None
        if course is not None and extent is not None:
            self.look(change(self.view, course, extent))

    def action_zoom(self, closer: bool) -> None:
        """See half as much, or twice as much, around the cursor or the middle."""
        self._change(lambda view, _, extent: views.zoom(view, extent, CLOSER if closer else FURTHER))

    def action_whole(self) -> None:
        """See all of it."""
        self.look(views.whole(self.view))

    def action_pan(self, by: int) -> None:
        """Move sideways."""
        self._change(lambda view, _, extent: views.pan(view, extent, by / 4))

    def action_cursor(self, by: int, single: bool = False) -> None:
        """The cursor one column of dots on, or a single point."""
        columns = 0 if single else self.drawn.picture.columns
        self._change(lambda view, course, extent: views.step(view, extent, course.xs, by, columns))

    def action_cursor_end(self, first: bool) -> None:
        """The cursor on the first or the newest point."""
        self._change(
            lambda view, course, extent: views.shown(views.read(view, course.xs, course.xs[0 if first else -1]), extent)
        )

    def action_no_cursor(self) -> None:
        """Read nothing."""
        self.look(replace(self.view, cursor=None))

    def action_smooth(self) -> None:
        """The next width of the running median."""
        self.look(replace(self.view, smoothing=(self.view.smoothing + 1) % len(SMOOTHINGS)))

    def action_axis(self) -> None:
        """The next kind of x-axis, with the same part of the curve in sight."""
        kinds = list(Axis)
        axis = kinds[(kinds.index(self.view.axis) + 1) % len(kinds)]
        course = self._course()
        if course is None:
            self.look(replace(self.view, axis=axis))
        else:
            self.look(views.on_axis(self.view, axis, *matched(course, course_of(course.source, axis))))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel sees closer, at the pointer."""
        self._wheel(event, WHEEL_CLOSER)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel sees more."""
        self._wheel(event, WHEEL_FURTHER)

    def _wheel(self, event: events.MouseEvent, factor: float) -> None:
        event.stop()
        about = self.drawn.picture.x(event.get_content_offset_capture(self).x)
        self._change(lambda view, _, extent: views.zoom(view, extent, factor, about))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """A click or the beginning of a drag."""
        at = event.get_content_offset_capture(self)
        if event.button == 1 and self.drawn.picture.lines and at.y >= self.drawn.top:
            self._held = at.x, self.view, False
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """What was taken hold of stays below the pointer."""
        if self._held is None:
            return
        column, before, moved = self._held
        by = event.get_content_offset_capture(self).x - column
        if by or moved:
            self._held = column, before, True
            part = -by / max(1, self.drawn.picture.width - 1)
            self._change(lambda view, _, extent: replace(views.pan(before, extent, part), cursor=view.cursor))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Without a move in between it was a click: the cursor goes there."""
        if self._held is None:
            return
        column, _, moved = self._held
        self._held = None
        self.release_mouse()
        if not moved:
            x = self.drawn.picture.x(column)
            self._change(lambda view, course, _: views.read(view, course.xs, x))

    def _wanted(self) -> Range | None:
        """Finer points that this look would show."""
        course, picture, run = self._course(), self.drawn.picture, self.model.selected
        if course is None or run is None or not picture.lines or not self.model.history.loaded:
            return None
        first, last = between(course, picture.low, picture.high)
        return wanted(run, course.source.metrics, first, last, picture.columns)

    def _ask_later(self) -> None:
        """Ask for finer points once the look rests."""
        if self._rest is not None:
            self._rest.stop()
            self._rest = None
        if self._wanted() is not None:
            self._rest = self.set_timer(ASK_SECONDS, self._ask)

    def _ask(self) -> None:
        self._rest = None
        asked = self._wanted()
        if asked is None:
            return
        # While the newest points are followed the range moves on all the time; a quarter of it is worth a question.
        place = self.view, asked.points, 4 * asked.after // (asked.upto - asked.after)
        if place != self._asked:
            self._asked = place
            self.post_message(self.Finer(asked))


def _sources(model: Model) -> tuple[object, ...]:
    """Everything of a model that the panel shows: the same objects, the same panel."""
    histories = (model.histories.get(run) for run in needed(model))
    logs = model.logs.get(model.selected or "")
    return model.run, model.histories.get(model.selected or ""), logs, model.daemon, model.detail, *histories
