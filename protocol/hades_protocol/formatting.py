"""Bytes, durations and counts as text for people.

Counts and bytes are the same on the command line, in reasons and on the screen. Durations of measured work are finer on
the command line (hadesd.cli.output) and shorter in the columns of the screen (hades_tui.text.format).
"""


def count_of(number: int, noun: str, plural: str = "") -> str:
    """How many there are of something: 1 pair, 2 pairs. plural: where it is not the noun with an s."""
    return f"{number} {noun if number == 1 else plural or f'{noun}s'}"


def duration(seconds: float) -> str:
    """Seconds as 2 s, 5 min, 3 min 20 s, 1 h 30 min: zeros at the end are left out."""
    whole = max(1, round(seconds)) if seconds > 0 else 0
    units = (("h", whole // 3600), ("min", whole % 3600 // 60), ("s", whole % 60 if whole < 3600 else 0))
    return " ".join(f"{number} {unit}" for unit, number in units if number) or "0 s"


def size(count: int) -> str:
    """Bytes as 0 B, 12 KiB, 3.4 MiB."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            break
        value /= 1024
    return f"{count} B" if unit == "B" else f"{value:.3g} {unit}" if value < 1000 else f"{value:.0f} {unit}"
