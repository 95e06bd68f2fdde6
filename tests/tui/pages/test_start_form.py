"""What is typed in the form of a new run, as settings."""

import pytest

from hades_protocol.errors import UsageError
from hades_tui.pages.start_form import OTHERS, settings_of


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("sigma=0.05  policy.width=64", {"evolution": {"sigma": 0.05}, "policy": {"width": 64}}),
        (
            "executor=slurm slurm='--time=00:02:00 --nodelist=n2' seed=4",
            {"resources": {"executor": "slurm", "slurm": "--time=00:02:00 --nodelist=n2"}, "seed": 4},
        ),
        (
            """slurm="--time=4:00:00 --comment='a b'" """,
            {"resources": {"slurm": "--time=4:00:00 --comment='a b'"}},
        ),
        ("slurm=''", {"resources": {"slurm": ""}}),
        ("", {}),
    ],
)
def test_other_settings_are_words_with_quotes_where_a_value_has_blanks(text: str, settings: dict[str, object]) -> None:
    assert settings_of({OTHERS: text}) == settings


@pytest.mark.parametrize("text", ["slurm='--time=1", 'slurm="', "seed=1 '", "slurm='a'b'"])
def test_a_quote_that_is_not_closed_is_one_line(text: str) -> None:
    with pytest.raises(UsageError, match="a quote is not closed") as caught:
        settings_of({OTHERS: text})
    assert "\n" not in str(caught.value)
