"""The form of a new run: typed texts as nested settings, and the daemon's plan in words. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from hades_protocol.errors import UsageError
from hades_protocol.replies import PlanResult
from hades_protocol.run_spec import build_spec
from hades_protocol.settings import nearest, set_dotted
from hades_tui.pages.form_view import in_form
from hades_tui.pages.settings_form import known, read, text_of
from hades_tui.text.format import Line

FIELDS = {
    "environment": "env",
    "method": "method",
    "preset": "preset",
    "pairs": "dataset.pairs",
    "population": "evolution.population",
    "generations": "evolution.generations",
    "seed": "seed",
}
"""Name of a field -> its setting."""

OTHERS = "others"
"""Name of the field for all other settings, as `name=value`, separated by spaces; quotes hold a value together."""

WORD = re.compile(r"""(?:[^\s'"]|'[^']*'|"(?:[^"\\]|\\.)*")+""")
"""A word of such a text; quotes are closed in it."""


def settings_of(texts: Mapping[str, str]) -> dict[str, Any]:
    """The nested settings that were typed; an empty field leaves its setting to the preset.

    Raises:
        UsageError: a text is not a valid value, or there is no such setting. One line.
    """
    settings: dict[str, Any] = {}
    typed = [(setting, texts.get(field, "").strip()) for field, setting in FIELDS.items()]
    for name, text in [pair for pair in typed if pair[1]] + _others(texts.get(OTHERS, "")):
        set_dotted(settings, name, read(name, text))
    return settings


def _others(text: str) -> list[tuple[str, str]]:
    if WORD.sub("", text).strip():
        raise UsageError("other settings: a quote is not closed; a pair holds a value together: slurm='--time=1:00:00'")
    found = []
    for word in WORD.findall(text):
        short, sep, value = word.partition("=")
        if not sep or not value:
            raise UsageError(f"other settings are name=value, separated by spaces, not '{word[:60]}'")
        ending = [name for name in known() if short in (name, name.rpartition(".")[2])]
        exact = [name for name in ending if name == short]
        if len(exact or ending) != 1:
            hint = f"it may be {' or '.join(ending)}" if ending else nearest(short, known())
            raise UsageError(f"which setting is '{short[:60]}'? {hint}")
        found.append(((exact or ending)[0], _unquoted(value)))
    return found


def _unquoted(value: str) -> str:
    """The value without a pair of quotes around it; those inside stay, as JSON needs them."""
    return value[1:-1] if len(value) > 1 and value[0] in "'\"" and value[0] == value[-1] else value


def planned_text(plan: PlanResult, field: str) -> str:
    """The value that the plan has for a field."""
    value: Any = plan.spec
    for part in FIELDS[field].split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return text_of(value)


def plan_lines(plan: PlanResult) -> list[Line]:
    """What would be started, then the daemon's notes."""
    spec = build_spec(dict(plan.spec))
    what = "policies directly" if spec.method == "es" else f"{spec.dataset.pairs} pairs"
    evaluations = spec.inits * spec.evaluation.environments
    text = (
        f"{spec.env} with {spec.method}, {what}, population {spec.evolution.population} x {evaluations} environments, "
        f"{spec.evolution.generations} generations, seed {spec.seed}"
    )
    return [
        [("✔ ", "state.running"), (text, "text")],
        *([("› ", "dim"), (in_form(note), "text")] for note in plan.notes),
    ]
