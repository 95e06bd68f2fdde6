"""How the pairs are looked at: as what, in which order, and where the cursor is. Pure."""

from collections.abc import Sequence

import msgspec

from hades_protocol.messages import DatasetSnapshot, RunSummary
from hades_tui.pairs.drawings.choice import Drawing, drawing_of
from hades_tui.pairs.heatmap import Spot, heat_lines
from hades_tui.pairs.table import PairColumn, PairTable
from hades_tui.state.model import Model
from hades_tui.text.format import Line
from hades_tui.theme.glyphs import Glyphs
from hades_tui.theme.terminal import Look

TABLE, HEAT, DRAWING = "table", "heat map", "drawing"

INDEX = ("index", 0)


class PairsView(msgspec.Struct, frozen=True):
    """mode: TABLE, HEAT or DRAWING. sort: kind and place of a column (so it lasts from one generation to the next).

    spot: the pair and the entry of the observation under the cursor.
    """

    mode: str = TABLE
    sort: tuple[str, int] = INDEX
    reverse: bool = False
    spot: Spot = Spot()


def modes(table: PairTable, env: str) -> list[str]:
    """The views that make sense. A difference is nothing that could be drawn."""
    out = [TABLE]
    if table.count and table.observation_size:
        out.append(HEAT)
    if drawing_for(table, env) is not None:
        out.append(DRAWING)
    return out


def drawing_for(table: PairTable, env: str) -> Drawing | None:
    """How to draw a pair of the table; None where there is no way."""
    return drawing_of(env, table.dataset) if table.base is None else None


def picture(
    kind: str, table: PairTable, env: str, at: tuple[Sequence[int], Spot], size: tuple[int, int], look: Look
) -> list[Line]:
    """The heat map with the pairs in an order, or the drawing of the pair under the cursor."""
    ordered, spot = at
    if kind == HEAT:
        return heat_lines(table, ordered, spot, *size, look)
    draw = drawing_for(table, env)
    return draw(table.dataset, spot.pair, *size, look) if draw is not None else []


def next_mode(view: PairsView, among: Sequence[str]) -> PairsView:
    """The view after this one; the first after the last."""
    at = among.index(view.mode) if view.mode in among else -1
    return msgspec.structs.replace(view, mode=among[(at + 1) % len(among)])


def fitting(view: PairsView, table: PairTable, among: Sequence[str]) -> PairsView:
    """The view with what it cannot have any more put right: another dataset may have fewer pairs."""
    pair = min(view.spot.pair, max(0, table.count - 1))
    entry = min(view.spot.entry, max(0, table.observation_size - 1))
    known = any((column.kind, column.at) == view.sort for column in table.columns)
    return msgspec.structs.replace(
        view,
        mode=view.mode if view.mode in among else TABLE,
        sort=view.sort if known else INDEX,
        spot=Spot(pair, entry),
    )


def is_sorted(view: PairsView) -> bool:
    """Whether the pairs stand in another order than the dataset's."""
    return view.sort != INDEX or view.reverse


def sort_column(view: PairsView, table: PairTable) -> PairColumn:
    """The column that the pairs are sorted by."""
    return next(column for column in table.columns if (column.kind, column.at) == view.sort)


def next_sort(view: PairsView, table: PairTable) -> PairsView:
    """Sorted by the next column, from small to large."""
    at = table.columns.index(sort_column(view, table))
    column = table.columns[(at + 1) % len(table.columns)]
    return msgspec.structs.replace(view, sort=(column.kind, column.at), reverse=False)


def sort_by_entry(view: PairsView) -> PairsView:
    """Sorted by the entry under the cursor."""
    return msgspec.structs.replace(view, sort=("observation", view.spot.entry), reverse=False)


def order(view: PairsView, table: PairTable) -> list[int]:
    """The pairs from top to bottom."""
    return table.order(sort_column(view, table), view.reverse)


def moved(view: PairsView, ordered: Sequence[int], by: int) -> PairsView:
    """The cursor so many pairs further down, stopping at the ends."""
    if not ordered:
        return view
    at = ordered.index(view.spot.pair) if view.spot.pair in ordered else 0
    pair = ordered[min(len(ordered) - 1, max(0, at + by))]
    return msgspec.structs.replace(view, spot=Spot(pair, view.spot.entry))


def moved_entry(view: PairsView, table: PairTable, by: int) -> PairsView:
    """The cursor so many entries to the right, stopping at the ends."""
    entry = min(max(0, table.observation_size - 1), max(0, view.spot.entry + by))
    return msgspec.structs.replace(view, spot=Spot(view.spot.pair, entry))


def title_text(run: RunSummary | None, dataset: DatasetSnapshot | None, base: DatasetSnapshot | None) -> str:
    """What the panel shows."""
    if dataset is None or run is None:
        return "Mean dataset"
    count = dataset.states.shape[0] if dataset.states.shape else 0
    what = "Mean dataset" if base is None else f"Change since generation {base.generation}"
    units = "" if dataset.normalisation == "none" else " · normalised units"
    return f"{what} · {count} pairs · generation {dataset.generation}{units}"


def sorted_text(view: PairsView, table: PairTable, glyphs: Glyphs) -> str:
    """View and order, for the panel's lower edge."""
    column = sort_column(view, table)
    sign = glyphs.down if view.reverse else glyphs.up
    if not is_sorted(view):
        return view.mode
    return f"{view.mode} · by {'number' if column.kind == 'index' else column.title} {sign}"


def absence(model: Model) -> str:
    """Why there is no table."""
    run = model.run
    if run is None:
        return " "  # the curve's panel says how to begin
    if run.method == "es":
        return "Method es evolves a policy directly: there are no pairs."
    return "Its pairs appear with the first commit." if not run.generation else "reading its pairs…"
