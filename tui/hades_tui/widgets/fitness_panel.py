"""The panel with state, numbers and curve of the selected run; keys and mouse zoom, pan and move a cursor."""

from collections.abc import Callable
from typing import ClassVar

from msgspec.structs import replace
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.timer import Timer

from hades_tui.curve import viewport
from hades_tui.curve.compared import needed
from hades_tui.curve.data import CurveData, between, curve_of, matched
from hades_tui.curve.legend import legend
from hades_tui.curve.panel import Panel, panel
from hades_tui.curve.picture import whole_extent
from hades_tui.curve.quantity import following, named
from hades_tui.curve.viewport import SMOOTHINGS, Axis, Extent, Viewport
from hades_tui.state.detail import Range, wanted
from hades_tui.state.model import Model
from hades_tui.text.fit import centred
from hades_tui.text.format import Line, first_steps, identity_line
from hades_tui.theme import palette
from hades_tui.theme.glyphs import pictured
from hades_tui.widgets.lines import LinesPanel
from hades_tui.widgets.titles import title, title_of

CLOSER, FURTHER = 0.5, 2.0
WHEEL_CLOSER, WHEEL_FURTHER = 0.8, 1.25
ASK_SECONDS = 0.25
"""Seconds without a change of the view before finer points are requested."""


class FitnessPanel(LinesPanel, can_focus=True):
    """The selected run's curve. Keys and mouse change its view (hades_tui.curve.viewport)."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("plus", "zoom(True)", "Zoom in", key_display="+", id="curve.zoom-in"),
        Binding("equals_sign", "zoom(True)", "Zoom in", show=False, key_display="=", id="curve.zoom-in"),
        Binding("minus", "zoom(False)", "Zoom out", show=False, key_display="-", id="curve.zoom-out"),
        Binding("0", "whole", "All", id="curve.all"),
        Binding("left", "cursor(-1)", "Cursor left", show=False, id="curve.cursor-left"),
        Binding("right", "cursor(1)", "Cursor right", show=False, id="curve.cursor-right"),
        Binding("comma", "cursor(-1, True)", "Point before", show=False, id="curve.point-left"),
        Binding("full_stop", "cursor(1, True)", "Point after", show=False, id="curve.point-right"),
        Binding("home", "cursor_end(True)", "First point", show=False, id="curve.first"),
        Binding("end", "cursor_end(False)", "Newest point", show=False, id="curve.newest"),
        Binding("shift+left", "pan(-1)", "Pan left", show=False, id="curve.pan-left"),
        Binding("shift+right", "pan(1)", "Pan right", show=False, id="curve.pan-right"),
        Binding("escape", "no_cursor", "No cursor", show=False, id="curve.no-cursor"),
        Binding("x", "axis", "x-axis", id="curve.axis"),
        Binding("m", "smooth", "Smooth", id="curve.smooth"),
        Binding(
            "s", "seeds", "Seeds", show=False, tooltip="Marked seeds of a group: their mean, or each", id="curve.seeds"
        ),
        Binding("y", "quantity", "y-axis", tooltip="y-axis: sigma, times, episodes …", id="curve.quantity"),
    ]

    class DetailWanted(Message):
        """The view needs finer points than those that are loaded."""

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
        self._held: tuple[int, Viewport, bool] | None = None  # of a drag: column, view at its start, whether it moved

    @property
    def logarithmic(self) -> bool:
        """Whether the scale of the fitness is logarithmic."""
        return self.view.logarithmic

    @logarithmic.setter
    def logarithmic(self, wanted: bool) -> None:
        self.set_view(replace(self.view, logarithmic=wanted))

    @property
    def cursor_generation(self) -> int | None:
        """The generation under the cursor; None without a cursor."""
        curve = self._curve()
        at = (
            viewport.nearest(curve.xs, self.view.cursor) if curve is not None and self.view.cursor is not None else None
        )
        return None if curve is None or at is None else curve.metrics[at].generation

    def update_model(self, model: Model) -> None:
        """Draw another model. A newly selected run is shown as a whole, on the same axis."""
        if model.selected != self.model.selected:
            self.view = replace(self.view, reach=None, following=False, cursor=None)
            self._asked = None
        if model.detail is None and self.model.detail is not None:  # void: to be requested again
            self._asked = None
        self.model = model
        sources = _sources(model)
        if len(sources) != len(self._sources) or any(a is not b for a, b in zip(sources, self._sources, strict=True)):
            self._sources = sources
            self._version += 1
        self.show()
        if self._rest is None:
            self._ask_later()

    def set_view(self, view: Viewport) -> None:
        """Show the curve in another view."""
        if view != self.view:
            self.view = view
            self.show()
            self._ask_later()

    def key(self) -> object:
        """The view, and a version number of the model, whose long tuples are slow to compare."""
        return self._version, self.view

    def build(self, size: Size) -> list[Line]:
        """The lines of the panel."""
        known, glyphs = self.drawn.curves, palette.terminal().glyphs
        if self.model.run is None:
            self.drawn = Panel()
            known_runs = self.model.daemon is not None  # else nobody has said yet that there are none
            return centred(first_steps(self._key_of("run.start")), size.width, size.height) if known_runs else []
        self.drawn = panel(
            self.model, size.width, size.height, self.view, known=known, colours=palette.shades(), glyphs=glyphs
        )
        return self.drawn.lines

    def _key_of(self, action: str) -> str:
        """The key of an action as the screen shows it; empty where it is not possible here."""
        bound = self.screen.active_bindings.values()
        keys = (self.app.get_key_display(b.binding) for b in bound if b.binding.id == action and b.enabled)
        return next(keys, "")

    def show(self) -> None:
        """Redraw what changed, title and legend too."""
        super().show()
        self._entitle()

    def on_resize(self) -> None:
        """Redraw, since the legend depends on the width."""
        self.show()

    def _entitle(self) -> None:
        """Set title and legend where they differ: Textual redraws a panel whenever one is set."""
        model, curve = self.model, self._curve()
        run, glyphs = model.run, palette.terminal().glyphs
        below: Line = []
        if run is not None:
            below = legend(
                self.view.logarithmic,
                palette.shades(),
                model.history.evaluated is not None,
                model.history.marks,
                view=self.view,
                picture=self.drawn.picture,
                missing=curve.missing if curve is not None else 0,
                width=max(0, self.size.width - 2),
                glyphs=glyphs,
            )
        above = identity_line(run, named(self.view.quantity)) if run else "Fitness"
        titles = (title(pictured(above, glyphs)), title_of(below))
        if titles != self._titles:
            self._titles = titles
            self.border_title, self.border_subtitle = titles

    def _curve(self) -> CurveData | None:
        return self.drawn.curves.get(self.model.selected or "")

    def _change(self, change: Callable[[Viewport, CurveData, Extent], Viewport]) -> None:
        """Change the view where there is a curve."""
        curve = self._curve()
        extent = whole_extent(curve, self.drawn.compared_runs) if curve is not None else None
        if curve is not None and extent is not None:
            self.set_view(change(self.view, curve, extent))

    def action_zoom(self, closer: bool) -> None:
        """Zoom in or out by a factor of 2, around the cursor or the middle."""
        self._change(lambda view, _, extent: viewport.zoom(view, extent, CLOSER if closer else FURTHER))

    def action_whole(self) -> None:
        """Show the whole curve."""
        self.set_view(viewport.whole(self.view))

    def action_pan(self, by: int) -> None:
        """Pan by a quarter of the view; negative is left."""
        self._change(lambda view, _, extent: viewport.pan(view, extent, by / 4))

    def action_cursor(self, by: int, single: bool = False) -> None:
        """Move the cursor by one column of dots, or by a single point."""
        columns = 0 if single else self.drawn.picture.columns
        self._change(lambda view, curve, extent: viewport.step(view, extent, curve.xs, by, columns))

    def action_cursor_end(self, first: bool) -> None:
        """Put the cursor on the first or the newest point."""

        def change(view: Viewport, curve: CurveData, extent: Extent) -> Viewport:
            ends = curve.xs or [0.0]  # of a run without points there are the marked ones alone
            return viewport.shown(viewport.read(view, curve.xs, ends[0 if first else -1]), extent)

        self._change(change)

    def action_no_cursor(self) -> None:
        """Remove the cursor."""
        self.set_view(replace(self.view, cursor=None))

    def action_smooth(self) -> None:
        """Switch to the next width of the running median."""
        self.set_view(replace(self.view, smoothing=(self.view.smoothing + 1) % len(SMOOTHINGS)))

    def action_seeds(self) -> None:
        """Draw each marked seed of a group, or their mean."""
        self.set_view(replace(self.view, seeds=not self.view.seeds))

    def action_quantity(self) -> None:
        """Show the next number of which anything is known, with the same part of the curve visible."""
        quantity = following(self.view.quantity, self.model.history)
        self.set_view(replace(self.view, quantity=quantity))

    def action_axis(self) -> None:
        """Switch to the next x-axis, with the same part of the curve visible."""
        kinds = list(Axis)
        axis = kinds[(kinds.index(self.view.axis) + 1) % len(kinds)]
        curve = self._curve()
        if curve is None:
            self.set_view(replace(self.view, axis=axis))
        else:
            self.set_view(viewport.on_axis(self.view, axis, *matched(curve, curve_of(curve.source, axis))))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Zoom in at the pointer."""
        self._wheel(event, WHEEL_CLOSER)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Zoom out at the pointer."""
        self._wheel(event, WHEEL_FURTHER)

    def _wheel(self, event: events.MouseEvent, factor: float) -> None:
        event.stop()
        about = self.drawn.picture.x(event.get_content_offset_capture(self).x)
        self._change(lambda view, _, extent: viewport.zoom(view, extent, factor, about))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begin a click or a drag."""
        at = event.get_content_offset_capture(self)
        if event.button == 1 and self.drawn.picture.lines and at.y >= self.drawn.top:
            self._held = at.x, self.view, False
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Pan with a drag, so that the same point stays under the pointer."""
        if self._held is None:
            return
        column, before, moved = self._held
        by = event.get_content_offset_capture(self).x - column
        if by or moved:
            self._held = column, before, True
            part = -by / max(1, self.drawn.picture.width - 1)
            self._change(lambda view, _, extent: replace(viewport.pan(before, extent, part), cursor=view.cursor))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """End a drag; without a move it was a click, which puts the cursor there."""
        if self._held is None:
            return
        column, _, moved = self._held
        self._held = None
        self.release_mouse()
        if not moved:
            x = self.drawn.picture.x(column)
            self._change(lambda view, curve, _: viewport.read(view, curve.xs, x))

    def _wanted(self) -> Range | None:
        """The range of finer points that this view could show; None where the loaded ones suffice."""
        curve, picture, run = self._curve(), self.drawn.picture, self.model.selected
        if curve is None or run is None or not picture.lines or not self.model.history.loaded or not curve.xs:
            return None
        first, last = between(curve, picture.low, picture.high)
        return wanted(run, curve.source.metrics, first, last, picture.columns)

    def _ask_later(self) -> None:
        """Request finer points once the view has not changed for ASK_SECONDS."""
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
        # While the newest points are followed the range always moves; it is requested again after a quarter of it.
        place = self.view, asked.points, 4 * asked.after // (asked.upto - asked.after)
        if place != self._asked:
            self._asked = place
            self.post_message(self.DetailWanted(asked))


def _sources(model: Model) -> tuple[object, ...]:
    """The parts of a model that the panel shows; with the same objects the panel is the same."""
    histories = (model.histories.get(run) for run in needed(model))
    logs = model.logs.get(model.selected or "")
    own = model.histories.get(model.selected or "")
    return model.run, own, logs, model.daemon, model.is_away, model.detail, model.marked, *histories
