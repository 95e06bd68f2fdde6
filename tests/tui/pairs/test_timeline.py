"""The slider over kept generations: nothing is ever shown under another generation's number."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hades_protocol.errors import NotFoundError, UnreachableError
from hades_protocol.messages import CheckpointList
from hades_tui.pairs import timeline as times
from hades_tui.pairs.generations import COMPARE, NEWER, OLDER, GenerationBrowser, Question
from hades_tui.pairs.timeline import Timeline
from hades_tui.state import model as models
from hades_tui.state.model import Model
from hades_tui.text.fit import length
from hades_tui.theme.glyphs import ASCII, UNICODE
from tests.helpers.protocol.protocol_server import FakeDaemon, a_dataset, a_run

KEPT = Timeline(kept=(30, 60, 90, 120))


def text_of(timeline: Timeline, newest: int, width: int = 76) -> str:
    return "".join(text for text, _ in times.slider_line(timeline, newest, width, UNICODE))


def test_the_line_of_the_newest() -> None:
    assert text_of(KEPT, 120) == "generation 120 of 30 60 90 120 · newest"
    assert text_of(KEPT, 123) == "generation 123 of 30 60 90 120 123 · newest"


def test_steps_go_back_and_forth_and_end_at_the_ends() -> None:
    seen = []
    timeline = KEPT
    for by in (-1, -1, -1, -1, 1, 1, 1, 1):
        timeline = times.step(timeline, by, 120)
        seen.append(timeline.at)
    assert seen == [90, 60, 30, 30, 60, 90, None, None]


@pytest.mark.parametrize(("by", "at"), [(-1, 30), (1, 90)])
def test_from_a_pruned_generation_to_its_neighbours(by: int, at: int) -> None:
    timeline = msgspec.structs.replace(KEPT, kept=(30, 90, 120), at=60)
    assert times.step(timeline, by, 120).at == at


def test_c_compares_with_the_slider_then_ends() -> None:
    back = times.step(times.step(KEPT, -1, 120), -1, 120)
    compared = times.compare(back, 120)
    assert (compared.at, compared.base) == (None, 60)
    assert text_of(compared, 120).startswith("change 60 → 120 of 30 60 90 120 · newest")
    assert times.compare(compared, 120).base is None


def test_c_at_the_newest_compares_with_the_oldest() -> None:
    assert times.compare(KEPT, 120).base == 30
    none = times.compare(Timeline(kept=(120,)), 120)
    assert none.base is None
    assert "no older pairs" in text_of(none, 120)


def test_while_it_is_read_nothing_else_is_shown() -> None:
    newest = a_dataset(120)
    timeline = times.step(KEPT, -1, 120)
    shown = times.shown(timeline, newest)
    assert shown.dataset is None
    assert "reading the pairs of generation 90" in shown.absence
    there = times.with_dataset(timeline, 90, a_dataset(90))
    assert times.shown(there, newest).dataset == a_dataset(90)


def test_a_daemon_that_answers_with_another_generation_is_not_believed() -> None:
    timeline = times.with_dataset(times.step(KEPT, -1, 120), 90, a_dataset(120))
    shown = times.shown(timeline, a_dataset(120))
    assert shown.dataset is None
    assert "answered with generation 120" in shown.absence


def test_generations_of_other_shapes_are_not_compared() -> None:
    timeline = times.with_dataset(times.compare(KEPT, 120), 30, a_dataset(30, 2))
    shown = times.shown(timeline, a_dataset(120, 4))
    assert shown.dataset is None
    assert "has 2 pairs and generation 120 has 4" in shown.absence
    assert "2 pairs" not in times.shown(timeline, a_dataset(120, 2)).absence


def test_a_run_that_went_back_takes_what_lies_after_with_it() -> None:
    timeline = times.with_dataset(times.step(KEPT, -1, 120), 90, a_dataset(90))
    after = times.cut(timeline, 70)
    assert after.at is None
    assert after.kept == (30, 60)
    assert after.datasets == {}
    assert "90 is void" in text_of(after, 70)
    before = times.cut(timeline, 100)
    assert (before.at, set(before.datasets)) == (90, {90})


@settings(max_examples=200)
@given(
    kept=st.lists(st.integers(1, 5000), unique=True, max_size=60),
    newest=st.integers(1, 5000),
    keys=st.lists(st.sampled_from([OLDER, NEWER, COMPARE, "cut"]), max_size=12),
    width=st.integers(40, 140),
)
def test_whatever_is_pressed_the_slider_is_at_a_kept_generation(
    kept: list[int], newest: int, keys: list[str], width: int
) -> None:
    timeline = times.with_kept(Timeline(), kept)
    for key in keys:
        if key == COMPARE:
            timeline = times.compare(timeline, newest)
        elif key == "cut":
            newest = max(1, newest - 7)
            timeline = times.cut(timeline, newest)
        else:
            timeline = times.step(timeline, -1 if key == OLDER else 1, newest)
        for generation in (timeline.at, timeline.base):
            assert generation is None or (generation in kept and generation <= newest)
        line = times.slider_line(timeline, newest, width, ASCII)
        if not timeline.note:
            assert length(line) <= max(width, 58)
            at = newest if timeline.at is None else timeline.at
            assert str(at) in "".join(text for text, _ in line)


# --- what is asked ---------------------------------------------------------------------------------------------------


def a_model(generation: int = 120, session: FakeDaemon | None = None) -> Model:
    daemon = session or FakeDaemon(runs=(a_run("one", generation=generation),))
    model = models.apply(Model(), daemon.snapshot())
    return models.with_dataset(model, "one", a_dataset(generation))


def a_browser(generation: int = 120) -> GenerationBrowser:
    browser = GenerationBrowser()
    browser.follow(a_model(generation))
    return browser


def listed(browser: GenerationBrowser, *kept: int) -> None:
    (question,) = browser.take_questions()
    assert question.generation is None
    assert browser.answer(question, CheckpointList(generations=kept, with_pairs=kept))


def test_nothing_is_asked_before_somebody_looks() -> None:
    browser = a_browser()
    assert browser.take_questions() == []
    browser.ensure_listed()
    assert [q.generation for q in browser.take_questions()] == [None]
    browser.ensure_listed()
    assert browser.take_questions() == []


def test_a_key_before_the_answer_is_done_after_it() -> None:
    browser = a_browser()
    browser.press(OLDER)
    browser.press(OLDER)
    assert browser.timeline.at is None
    listed(browser, 30, 60, 90)
    assert browser.timeline.at == 60
    assert [q.generation for q in browser.take_questions()] == [60]
    assert browser.take_questions() == []


def test_a_pruned_generation_is_said_and_the_list_asked_for_again() -> None:
    browser = a_browser()
    browser.press(OLDER)
    listed(browser, 30, 60, 90)
    (question,) = browser.take_questions()
    assert browser.answer(question, NotFoundError("no such generation"))
    assert "generation 90 are gone" in browser.shown().absence
    assert browser.shown().dataset is None
    listed(browser, 30, 60)
    assert browser.timeline.at == 60
    assert "90 is gone by now" in text_of(browser.timeline, 120)
    browser.press(OLDER)
    assert browser.timeline.at == 30
    assert "gone" not in text_of(browser.timeline, 120)


def test_what_is_gone_twice_leaves_the_newest() -> None:
    """A run that prunes faster than its pairs are read is not run after."""
    browser = a_browser()
    browser.press(OLDER)
    listed(browser, 80, 90)
    for kept in ((91, 92), (95, 96)):
        (question,) = browser.take_questions()
        browser.answer(question, NotFoundError("no such generation"))
        listed(browser, *kept)
    assert (browser.timeline.at, browser.timeline.base) == (None, None)
    assert browser.take_questions() == []
    assert browser.shown().dataset == a_dataset(120)


def test_a_key_waits_for_the_list_of_a_run_that_went_on() -> None:
    daemon = FakeDaemon(runs=(a_run("one", generation=120),))
    browser = GenerationBrowser()
    browser.follow(a_model(session=daemon))
    browser.press(OLDER)
    listed(browser, 60, 90)
    assert browser.timeline.at == 90
    browser.press(OLDER)
    assert browser.timeline.at == 60
    browser.follow(models.apply(browser._model, daemon.commit("one")))
    browser.press(NEWER)
    assert browser.timeline.at == 60
    browser.take_questions()
    assert browser.answer(Question("one", None, browser._epoch), CheckpointList(generations=(), with_pairs=(60, 110)))
    assert browser.timeline.at == 110


def test_a_comparison_with_what_is_gone_goes_on_with_the_nearest() -> None:
    browser = a_browser()
    browser.press(COMPARE)
    listed(browser, 30, 60)
    (question,) = browser.take_questions()
    browser.answer(question, NotFoundError("no such generation"))
    assert browser.shown().absence == "The pairs of generation 30 are gone by now. c ends the comparison."
    listed(browser, 60)
    assert (browser.timeline.at, browser.timeline.base) == (None, 60)
    (question,) = browser.take_questions()
    browser.answer(question, UnreachableError("no daemon answers"))
    assert browser.shown().absence == "no daemon answers. c ends the comparison."
    browser.press(COMPARE)
    assert browser.shown().dataset == a_dataset(120)


def test_an_answer_from_before_the_run_went_back_is_dropped() -> None:
    browser = a_browser()
    browser.press(OLDER)
    listed(browser, 30, 60, 90)
    (question,) = browser.take_questions()
    browser.follow(a_model(95))
    assert not browser.answer(question, a_dataset(90))
    assert browser.timeline.datasets == {}
    (again,) = browser.take_questions()
    assert again.generation == 90


def test_after_a_snapshot_everything_is_asked_again() -> None:
    browser = a_browser()
    browser.press(OLDER)
    listed(browser, 30, 60, 90)
    (question,) = browser.take_questions()
    browser.answer(question, a_dataset(90))
    assert browser.shown().dataset == a_dataset(90)
    browser.follow(a_model())
    assert browser.shown().dataset is None
    assert [q.generation for q in browser.take_questions()] == [90]


def test_an_unreachable_daemon_is_quoted_and_a_key_tries_again() -> None:
    browser = a_browser()
    browser.press(OLDER)
    (question,) = browser.take_questions()
    browser.answer(question, UnreachableError("no daemon answers"))
    assert "no daemon answers" in text_of(browser.timeline, 120)
    browser.press(OLDER)
    listed(browser, 30)
    assert browser.timeline.at == 30


def test_another_run_begins_at_its_newest() -> None:
    browser = a_browser()
    browser.press(OLDER)
    listed(browser, 30)
    old = Question("one", 30, 0)
    daemon = FakeDaemon(runs=(a_run("two", generation=5),))
    browser.follow(models.apply(Model(), daemon.snapshot()))
    assert browser.timeline == Timeline()
    assert not browser.answer(old, a_dataset(30))


def test_a_run_without_pairs_is_not_asked_about() -> None:
    browser = GenerationBrowser()
    browser.follow(models.apply(Model(), FakeDaemon(runs=(a_run("es", method="es"),)).snapshot()))
    browser.ensure_listed()
    browser.press(OLDER)
    assert browser.take_questions() == []


def test_the_newest_follows_and_an_older_one_stays() -> None:
    browser = a_browser()
    browser.ensure_listed()
    listed(browser, 30)
    model = browser._model
    after = models.with_dataset(model, "one", a_dataset(121))
    browser.follow(after)
    assert browser.shown().dataset == a_dataset(121)
    browser.press(OLDER)
    (question,) = browser.take_questions()
    browser.answer(question, a_dataset(30))
    browser.follow(models.with_dataset(after, "one", a_dataset(122)))
    assert browser.shown().dataset == a_dataset(30)
    assert text_of(browser.timeline, 122).startswith("generation 30 of 30 122 · kept")
