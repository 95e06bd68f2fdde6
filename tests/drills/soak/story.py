"""What was asked of a run in a soak and took effect, in the order of generations: its twin is told the same."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

SETTINGS = {
    "pairs": "dataset.pairs",
    "population": "evolution.population",
    "inits": "policy.inits",
    "environments": "evaluation.environments",
}
"""Words of a resume -> setting."""


class Step(NamedTuple):
    """From generation `generation` on, these settings (dotted name, value) held."""

    generation: int
    changes: tuple[tuple[str, Any], ...]


Story = tuple[Step, ...]


def resizes(directory: Path) -> Story:
    """The resizes that a run's workers carried out.

    One that was not committed before a crash, or that a fallback undid, comes again with the next worker.
    """
    steps: list[Step] = []
    path = directory / "resumes.jsonl"
    for line in path.read_text().splitlines() if path.exists() else []:
        resume = json.loads(line)
        generation = resume["generation"]
        if resume["kind"] == "resume":
            steps = [step for step in steps if step.generation < generation]
        if resume["kind"] != "resize":
            continue
        sizes = re.findall(r"(\w+) \d+ → (\d+)", resume["text"])
        steps.append(Step(generation, tuple((SETTINGS[word], int(value)) for word, value in sizes)))
    return tuple(steps)


def nested(changes: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """Dotted names as nested settings."""
    out: dict[str, Any] = {}
    for name, value in changes:
        *sections, last = name.split(".")
        at = out
        for section in sections:
            at = at.setdefault(section, {})
        at[last] = value
    return out


def dotted(values: dict[str, Any], prefix: str = "") -> tuple[tuple[str, Any], ...]:
    """Nested settings as dotted names."""
    out: list[tuple[str, Any]] = []
    for key, value in values.items():
        out += dotted(value, f"{prefix}{key}.") if isinstance(value, dict) else [(f"{prefix}{key}", value)]
    return tuple(out)
