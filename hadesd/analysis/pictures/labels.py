"""Names and numbers beside a picture."""

import numpy as np

from hadesd.spec.environments import EnvironmentInfo


def names(known: tuple[str, ...], count: int, letter: str) -> list[str]:
    """The catalogue's names where they fit, else letters with an index."""
    return list(known) if len(known) == count else [f"{letter}{i}" for i in range(count)]


def describe_action(entry: EnvironmentInfo | None, action: np.ndarray, most: int = 3) -> str:
    """An action in words: its name (with its probability where the label is soft), or its first numbers."""
    known = names(entry.action_names if entry else (), len(action), "a")
    if entry is not None and entry.discrete:
        best = int(np.argmax(action))
        bare = known[best].lstrip("+-").isdigit() and entry.family != "images"
        name = f"action {known[best]}" if bare else known[best]
        return name if action[best] > 0.995 else f"{name} {action[best]:.0%}"
    if len(action) > most:
        return ""
    return "  ".join(f"{name} {value:+.2f}" for name, value in zip(known, action, strict=True))


ANGLES = frozenset({"angle", "pitch"})


def describe_state(entry: EnvironmentInfo | None, state: np.ndarray, most: int = 4) -> str:
    """A short state in words; angles also in degrees, which people can picture."""
    known = names(entry.observation_names if entry else (), state.size, "s")
    if state.size > most:
        return ""
    parts = []
    for name, value in zip(known, state.ravel(), strict=True):
        degrees = f" ({np.degrees(value):+.0f}°)" if name in ANGLES else ""
        parts.append(f"{name} {value:+.2f}{degrees}")
    return "  ".join(parts)
