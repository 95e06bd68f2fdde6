"""Which runs rm, archive and retain mean: those that are named, or those that pass every filter."""

from argparse import Namespace
from typing import Any

import pytest

from hades_protocol.errors import NotFoundError, UsageError
from hades_protocol.run_state import RunState
from hadesd.cli.storage.selection import choose
from tests.helpers.protocol.protocol_server import a_run

S = RunState
DAY = 86_400.0
KNOWN = [
    a_run("a-1-x", S.FINISHED, group="g", tags=("draft", "paper"), name="first", changed_at=0.0),
    a_run("a-1-y", S.FAILED, group="g", tags=("draft",), changed_at=9 * DAY),
    a_run("a-1-z", S.FINISHED, tags=("draft",), changed_at=9 * DAY),
    a_run("a-1-w", S.FINISHED),
]


def chosen(runs: tuple[str, ...] = (), **given: Any) -> list[str]:
    """The last parts of the ids of the runs that arguments choose, on the tenth day."""
    args = Namespace(runs=list(runs), **({"group": None, "tags": [], "state": None, "older": None} | given))
    return [item.run.id[-1] for item in choose(KNOWN, args, 10 * DAY)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"runs": ("first", "z", "a-1-x")}, "xz"),
        ({"tags": ["draft"]}, "xyz"),
        ({"tags": ["draft", "paper"]}, "x"),
        ({"tags": ["draft"], "group": "g"}, "xy"),
        ({"tags": ["draft"], "state": (S.FINISHED,)}, "xz"),
        ({"tags": ["draft"], "older": 2 * DAY}, "x"),
    ],
)
def test_runs_by_name_or_those_that_pass_every_filter(given: dict[str, Any], expected: str) -> None:
    assert "".join(chosen(**given)) == expected


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({}, UsageError, "--tag T"),
        ({"older": 1.0}, UsageError, "name the runs"),
        ({"runs": ("x",), "tags": ["draft"]}, UsageError, "choose one of them"),
        ({"tags": ["dratf"]}, NotFoundError, "no run has the tag dratf; there are: draft, paper"),
        ({"tags": ["paper"], "state": (S.FAILED,)}, NotFoundError, "no run matches"),
    ],
)
def test_what_chooses_none_or_means_two_things_is_one_line(
    given: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        chosen(**given)
