"""State, numbers and curve of the selected run."""

from textual.geometry import Size

from hades_tui.fitness import fitness_lines, legend
from hades_tui.model import Model
from hades_tui.palette import shades
from hades_tui.view import Line, identity_line
from hades_tui.widgets.lines import LinesPanel
from hades_tui.widgets.titles import title, title_of


class FitnessPanel(LinesPanel, can_focus=True):
    """The curve; `l` changes its scale."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.logarithmic = False
        self.model = Model()

    def update_model(self, model: Model) -> None:
        """Draw another model."""
        self.model = model
        run, evaluated = model.run, model.history.evaluated is not None
        self.border_title = title(identity_line(run)) if run else title("Fitness")
        self.border_subtitle = (
            title_of(legend(self.logarithmic, shades(), evaluated, model.history.marks)) if run else ""
        )
        self.show()

    def key(self) -> object:
        """What the lines are drawn from."""
        model, history = self.model, self.model.history
        data = history.metrics, history.references, history.marks, history.loaded
        return model.run, data, model.logs, model.daemon, self.logarithmic

    def build(self, size: Size) -> list[Line]:
        """All lines of the panel."""
        return fitness_lines(self.model, size.width, size.height, logarithmic=self.logarithmic, colours=shades())
