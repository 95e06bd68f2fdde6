"""Runs and groups side by side as one HTML file: the picture, the table, the settings in which they differ."""

from matplotlib.figure import Figure

from hades_protocol.run_spec import RunSpec
from hades_protocol.settings import leaves
from hades_protocol.terminal import printable
from hadesd.analysis import comparison
from hadesd.analysis.comparison import Comparison
from hadesd.analysis.report.page import image, templates
from hadesd.analysis.sweep_table import Number, value_text


def page(compared: Comparison, drawn: Figure, caption: str, command: str, number: Number) -> str:
    """The HTML. caption: how the picture is to be read; command: what writes it anew; number: writes a fitness."""
    known = leaves(RunSpec)
    settings = [
        (key, [value_text(line.row.members[0].settings.get(key)) for line in compared.lines], known[key].description)
        for key in compared.keys
        if key in known
    ]
    context = {
        "title": f"{len(compared.lines)} compared · {', '.join(compared.environments)}",
        "curve": image(drawn),
        "caption": caption,
        "head": comparison.TITLES,
        "rows": [comparison.cells(line, number) for line in compared.lines],
        "spread": comparison.spread_text(compared),
        "labels": [line.label for line in compared.lines],
        "settings": settings,
        "runs": [(line.label, [member.id for member in line.row.members]) for line in compared.lines],
        "references": compared.references,
        "command": command,
    }
    environment = templates()
    environment.filters["number"] = number
    return printable(environment.get_template("comparison.html").render(context))
