"""What a generation's metrics say of the health of a search."""

import pytest

from hadesd.supervisor.diagnosis import Symptom, symptom_of
from tests.helpers.protocol.protocol_server import a_generation


def what(found: Symptom | None) -> str:
    return str(found) if found is not None else ""


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, ""),
        ({"nan": 3}, ""),
        ({"nan": 8, "fitness_mean": None}, "every fitness is NaN since generation 12"),
        ({"nan": 8, "fitness_mean": None, "sigma": None}, "every fitness is NaN since generation 12"),
        ({"sigma": None}, "sigma is not finite since generation 12"),
        ({"sigma": 1e-9}, "sigma has collapsed since generation 12"),
        ({"sigma": 1e-6}, ""),
        ({"sigma": 1e6}, ""),
    ],
)
def test_what_is_said(fields: dict[str, object], said: str) -> None:
    assert what(symptom_of(a_generation(12, **fields), 0.3)) == said  # type: ignore[arg-type]


def test_the_detail_has_the_figures() -> None:
    found = symptom_of(a_generation(12, sigma=2.5e-9), 0.3)
    assert found is not None
    assert found.detail.startswith("sigma went from 0.3 to 2.5e-09; ")
