"""The view of the pairs: kind, order, cursor. Pure."""

from collections.abc import Sequence

import msgspec

from hades_protocol.messages import DatasetSnapshot, RunSummary
from hades_protocol.run_state import ENDED
from hades_tui.pairs.drawings.choice import Drawing, drawing_of
from hades_tui.pairs.heatmap import Spot, heat_lines
from hades_tui.pairs.table import PairColumn, PairTable
from hades_tui.state.model import Model
from hades_tui.text.format import Line
from hades_tui.theme.glyphs import Glyphs
from hades_tui.theme.terminal import Terminal

TABLE, HEAT, DRAWING = "table", "heat map", "drawing"

INDEX = ("index", 0)


class PairsView(msgspec.Struct, frozen=True):
    """The view of the pairs.

    mode: TABLE, HEAT or DRAWING. sort: kind and index of a column, which are valid for the next generation too. spot:
    pair and entry of the observation under the cursor.
    """

    mode: str = TABLE
    sort: tuple[str, int] = INDEX
    reverse: bool = False
    spot: Spot = Spot()


def modes(table: PairTable, env: str) -> list[str]:
    """The modes that a table supports. A difference cannot be drawn."""
    out = [TABLE]
    if table.count and table.observation_size:
        out.append(HEAT)
    if drawing_for(table, env) is not None:
        out.append(DRAWING)
    return out


def drawing_for(table: PairTable, env: str) -> Drawing | None:
    """The function that draws a pair of the table; None where there is none."""
    return drawing_of(env, table.dataset) if table.base is None else None


def picture(
    kind: str, table: PairTable, env: str, at: tuple[Sequence[int], Spot], size: tuple[int, int], terminal: Terminal
) -> list[Line]:
    """The heat map, or the drawing of the pair under the cursor. at: order of the pairs, and the cursor."""
    ordered, spot = at
    if kind == HEAT:
        return heat_lines(table, ordered, spot, *size, terminal)
    draw = drawing_for(table, env)
    return draw(table.dataset, spot.pair, *size, terminal) if draw is not None else []


def next_mode(view: PairsView, among: Sequence[str]) -> PairsView:
    """The view with the next mode; after the last comes the first."""
    at = among.index(view.mode) if view.mode in among else -1
    return msgspec.structs.replace(view, mode=among[(at + 1) % len(among)])


def fitting(view: PairsView, table: PairTable, among: Sequence[str]) -> PairsView:
    """The view with mode, order and cursor valid for this table, which may have fewer pairs."""
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
    """Whether the pairs are in another order than the dataset's."""
    return view.sort != INDEX or view.reverse


def sort_column(view: PairsView, table: PairTable) -> PairColumn:
    """The column by which the pairs are sorted."""
    return next(column for column in table.columns if (column.kind, column.at) == view.sort)


def next_sort(view: PairsView, table: PairTable) -> PairsView:
    """The view sorted by the next column, ascending."""
    at = table.columns.index(sort_column(view, table))
    column = table.columns[(at + 1) % len(table.columns)]
    return msgspec.structs.replace(view, sort=(column.kind, column.at), reverse=False)


def sort_by_entry(view: PairsView) -> PairsView:
    """The view sorted by the entry under the cursor, ascending."""
    return msgspec.structs.replace(view, sort=("observation", view.spot.entry), reverse=False)


def order(view: PairsView, table: PairTable) -> list[int]:
    """Indices of the pairs from top to bottom."""
    return table.order(sort_column(view, table), view.reverse)


def moved(view: PairsView, ordered: Sequence[int], by: int) -> PairsView:
    """The view with the cursor `by` pairs further down, clamped to the ends."""
    if not ordered:
        return view
    at = ordered.index(view.spot.pair) if view.spot.pair in ordered else 0
    pair = ordered[min(len(ordered) - 1, max(0, at + by))]
    return msgspec.structs.replace(view, spot=Spot(pair, view.spot.entry))


def moved_entry(view: PairsView, table: PairTable, by: int) -> PairsView:
    """The view with the cursor `by` entries to the right, clamped to the ends."""
    entry = min(max(0, table.observation_size - 1), max(0, view.spot.entry + by))
    return msgspec.structs.replace(view, spot=Spot(view.spot.pair, entry))


def title_text(run: RunSummary | None, dataset: DatasetSnapshot | None, base: DatasetSnapshot | None) -> str:
    """The panel's title: dataset or change, number of pairs, generation, units."""
    if dataset is None or run is None:
        return "Mean dataset"
    count = dataset.states.shape[0] if dataset.states.shape else 0
    what = "Mean dataset" if base is None else f"Change since generation {base.generation}"
    units = "" if dataset.normalisation == "none" else " · normalised units"
    return f"{what} · {count} pairs · generation {dataset.generation}{units}"


def sorted_text(view: PairsView, table: PairTable, glyphs: Glyphs) -> str:
    """Mode and order, for the panel's lower edge."""
    column = sort_column(view, table)
    sign = glyphs.down if view.reverse else glyphs.up
    if not is_sorted(view):
        return view.mode
    return f"{view.mode} · by {'number' if column.kind == 'index' else column.full_title} {sign}"


def absence(model: Model) -> str:
    """Why there are no pairs to show; a blank where there is no run."""
    run = model.run
    if run is None:
        return " "  # the curve's panel says how to begin
    if run.method == "es":
        return "Method es evolves a policy directly: there are no pairs."
    if run.generation:
        return "The daemon is away: its pairs are read later." if model.is_away else "reading its pairs…"
    if run.state in ENDED:
        return "No generation was committed: there are no pairs."
    return "Its pairs appear with the first commit."
