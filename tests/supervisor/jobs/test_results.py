"""What came of a job, in words."""

import json
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hadesd.supervisor.jobs.process import MAX_ANSWER, Finished
from hadesd.supervisor.jobs.results import MAX_TEXT, Evaluated, Exported, NoAnswer, evaluated, exported, read_answer

RETURNS = {"inits": 10, "returns": {"mean": 491.58, "std": 12.52, "sem": 4.0}, "more": [1]}


def answer(value: object) -> Finished:
    return Finished(0, json.dumps(value).encode(), "training 10 policies …\n")


def test_returns() -> None:
    assert evaluated(read_answer(answer(RETURNS), Evaluated), 7) == (
        "491.6 ± 12.52 over 10 policies, trained on generation 7"
    )
    cut = RETURNS | {"returns": {"mean": 20.0, "std": 0.0, "unfinished": 8}}
    assert evaluated(read_answer(answer(cut), Evaluated), 7).endswith(
        "generation 7, no episode ended in 8 environments"
    )
    large = RETURNS | {"returns": {"mean": -12345.6, "std": 0.0}}
    assert evaluated(read_answer(answer(large), Evaluated), 7).startswith("-12346 ± 0 over 10")


def test_a_return_may_be_no_number() -> None:
    found = read_answer(answer(RETURNS | {"returns": {"mean": None, "std": None}}), Evaluated)
    assert evaluated(found, 7).startswith("nan ± nan over 10 policies")


def test_accuracies() -> None:
    found = read_answer(answer({"inits": 5, "accuracies": {"test": {"mean": 0.8765, "std": 0.01}}}), Evaluated)
    assert evaluated(found, 7) == "test accuracy 0.876 ± 0.010 over 5 classifiers, trained on generation 7"


def test_an_export() -> None:
    found = read_answer(answer({"files": ["/x/a.csv", "/x/a.csv.json"], "pairs": 2, "generation": 30}), Exported)
    assert found.files == ("/x/a.csv", "/x/a.csv.json")
    assert exported(found) == "2 pairs after generation 30"


@pytest.mark.parametrize(
    ("errors", "text"),
    [
        ("training …\nhadesd: run x has no dataset yet: wait\n", "run x has no dataset yet: wait"),
        ("hadesd: out of room\nE1121 something of XLA\n", "out of room"),
        ("hadesd export: argument -o: no\n", "argument -o: no"),
        ("some library\n  gave up \n\n", "gave up"),
        ("", "it exited with status 1"),
    ],
)
def test_why_it_failed(errors: str, text: str) -> None:
    with pytest.raises(NoAnswer) as caught:
        read_answer(Finished(1, b"", errors), Exported)
    assert str(caught.value) == text


def test_one_that_was_killed() -> None:
    with pytest.raises(NoAnswer, match="it was killed by SIGKILL"):
        read_answer(Finished(-signal.SIGKILL, b"", ""), Exported)
    with pytest.raises(NoAnswer, match="more than"):
        read_answer(Finished(-signal.SIGKILL, b"x" * (MAX_ANSWER + 1), ""), Exported)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b"\xff", b"[" * 9999, b'{"inits": "ten"}'])
def test_an_answer_that_makes_no_sense(data: bytes) -> None:
    with pytest.raises(NoAnswer, match="is not understood") as caught:
        read_answer(Finished(0, data, ""), Evaluated)
    assert "\n" not in str(caught.value)


def test_an_evaluation_without_a_return() -> None:
    with pytest.raises(NoAnswer, match="no return"):
        evaluated(Evaluated(inits=3), 1)


@given(st.text(), st.integers(1, 255))
def test_a_complaint_is_always_one_bounded_line(errors: str, code: int) -> None:
    with pytest.raises(NoAnswer) as caught:
        read_answer(Finished(code, b"", errors), Exported)
    text = str(caught.value)
    assert text
    assert len(text) <= MAX_TEXT
    assert len(text.splitlines()) == 1
