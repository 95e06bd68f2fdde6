"""The words and sizes of the watch, health and log screens."""

import itertools
import time

from hypothesis import given
from hypothesis import strategies as st

from hades_protocol.messages import LOG_LEVELS, CheckpointList, LogLine
from hades_protocol.replies import ShowResult
from hades_protocol.resync import LinkPhase, LinkStatus
from hades_protocol.run_state import RunState
from hades_tui.pages import health, log_text
from hades_tui.pages.log_text import Question, headline, log_lines, next_level
from hades_tui.pages.watch import watch_lines
from hades_tui.state.model import Model, apply
from hades_tui.text.digits import ROWS, large
from hades_tui.text.fit import length
from hades_tui.text.format import Line
from hades_tui.theme.glyphs import ASCII, UNICODE, Glyphs, plain
from hades_tui.theme.palette import style
from tests.helpers.protocol.protocol_server import FakeDaemon, a_run

NOW = 1_700_000_000.0


def text_of(lines: list[Line]) -> str:
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def a_model(phase: LinkPhase = LinkPhase.LIVE, **fields: object) -> Model:
    daemon = FakeDaemon(runs=(a_run("one", **fields),))  # type: ignore[arg-type]
    model = apply(apply(Model(), daemon.snapshot()), LinkStatus(phase, 10.0))
    for _ in range(3):
        model = apply(model, daemon.commit("one"))
    return model


def test_large_numbers_have_their_height_and_one_width() -> None:
    offenders = []
    texts = ("-312.4", "1.23M", "67k", "∞", "–")
    for rows, glyphs, text in itertools.product(ROWS, (UNICODE, ASCII), texts):
        lines = large(text, rows, glyphs)
        height = 1 if rows == 3 and not glyphs.braille else rows
        is_ink = glyphs.braille or rows == 3 or set("".join(lines)) <= set("# ")
        if len(lines) != height or len({len(line) for line in lines}) != 1 or not is_ink:
            offenders.append((text, rows, glyphs.braille))
    assert offenders == []


@given(
    st.integers(1, 250), st.integers(0, 90), st.sampled_from(LinkPhase), st.sampled_from([UNICODE, ASCII]),
    st.sampled_from(["", "out of memory " * 12]),
)  # fmt: skip
def test_the_watch_screen_fits(width: int, height: int, phase: LinkPhase, glyphs: Glyphs, reason: str) -> None:
    lines = watch_lines(a_model(phase, reason=reason), width, height, 15.0, glyphs)
    assert len(lines) <= height
    assert all(length(line) <= width for line in lines)
    assert all(style(hue) is not None for line in lines for _, hue in line)


def test_numbers_of_a_link_that_is_not_live_are_called_old() -> None:
    for phase in set(LinkPhase) - {LinkPhase.LIVE}:
        lines = watch_lines(a_model(phase), 120, 40, 15.0)
        assert "these numbers are old" in text_of(lines), phase
        assert "done at" not in text_of(lines), phase
        assert not {hue for line in lines for _, hue in line} & {"mean", "best", "ever"}, phase


def test_a_large_screen_takes_larger_numbers() -> None:
    def ink(width: int, height: int) -> int:
        return text_of(watch_lines(a_model(), width, height, 0.0)).count("█")

    assert ink(60, 16) < ink(80, 24) < ink(120, 40)


def test_watch_without_runs_or_generations_says_so() -> None:
    assert "Nothing is known of any run yet." in text_of(watch_lines(Model(), 80, 24, 0.0))
    assert "No runs yet." in text_of(watch_lines(apply(Model(), FakeDaemon().snapshot()), 80, 24, 0.0))
    fresh = apply(Model(), FakeDaemon(runs=(a_run("one", RunState.STARTING),)).snapshot())
    assert "No generation was committed yet." in text_of(watch_lines(fresh, 80, 24, 0.0))


def shown(**fields: object) -> str:
    result = ShowResult(
        run=a_run("one", directory="/runs/one"), spec={}, history=(), checkpoints=CheckpointList(**fields)
    )  # type: ignore[arg-type]
    return text_of(health.row_lines(health.checkpoint_rows(result, NOW), 100))


def test_checkpoints_in_words() -> None:
    words = shown(
        generations=(1, 50, 98, 99, 100),
        with_pairs=(98, 99, 100),
        bytes=5 * 1024**2,
        bytes_newest=1536,
        committed_at=NOW - 75,
        keep_newest=3,
        keep_every=50,
        keep_best=True,
        verified_generation=99,
        verified_at=NOW - 7300,
    )
    assert "last commit   generation 100, 1m15s ago" in words
    assert "size          1.5 KiB the newest, 5.0 MiB all" in words
    assert "kept          5: 1, 50, 98-100" in words
    assert "with pairs    3 of them" in words
    assert "retention     the newest 3, every 50th and the one with the best fitness" in words
    assert "✔ generation 99 was restored and found whole, 2h01m ago" in words
    assert "damaged       ✔ none was found" in words
    assert "/runs/one" in words


def test_damage_and_absence_are_said() -> None:
    words = shown(damaged=("bad-7-1",), keep_newest=1)
    assert "no checkpoint yet: it would begin anew" in words
    assert "✘ 1 passed over and set aside, none deleted: bad-7-1" in words
    assert "retention     the newest one" in words
    assert "no worker has restored one yet" in words


def test_a_late_commit_stands_out() -> None:
    def hue(state: RunState, age: float) -> str:
        run = a_run("one", state, seconds_per_generation=1.5)
        kept = CheckpointList(generations=(1,), committed_at=NOW - age)
        return health.checkpoint_rows(ShowResult(run=run, spec={}, history=(), checkpoints=kept), NOW)[0][2]

    assert hue(RunState.RUNNING, 59.0) == "text"
    assert hue(RunState.RUNNING, 61.0) == "warn"
    assert hue(RunState.PAUSED, 900.0) == "text"


def test_many_ranges_are_counted() -> None:
    words = shown(generations=tuple(range(0, 2000, 50)))
    assert "40: 0, 50, 100, 150, 200, 250, … 28 more …" in words


@given(st.sets(st.integers(0, 60)))
def test_ranges_hold_every_generation(generations: set[int]) -> None:
    covered: list[int] = []
    for piece in health.ranges(sorted(generations)):
        first, _, last = piece.partition("-")
        covered += range(int(first), int(last or first) + 1)
    assert covered == sorted(generations)


def test_sizes() -> None:
    sizes = (0, 1023, 1536, 3 * 2**30, 2**52)
    assert [health.size_text(s) for s in sizes] == ["0 B", "1023 B", "1.5 KiB", "3.0 GiB", "4096.0 TiB"]


def test_the_daemon_in_words() -> None:
    words = text_of(health.row_lines(health.daemon_rows(a_model(LinkPhase.STALE), 25.0, NOW + 3600), 100))
    for part in ("▲ stale for 15s", "'hadesd serve' starts one", "session-1", "pid 1", "it was up since", "slots  "):
        assert part in words
    assert "1h00m" not in words
    assert "1h00m, since" in text_of(
        health.row_lines(health.daemon_rows(a_model(LinkPhase.LIVE), 25.0, NOW + 3600), 100)
    )
    assert "daemon        not heard yet" in text_of(health.row_lines(health.daemon_rows(Model(), 0.0, NOW), 100))


@given(st.integers(1, 200), st.integers(0, 60))
def test_a_mismatch_fits_any_size(width: int, height: int) -> None:
    link = LinkStatus(
        LinkPhase.MISMATCH, 0.0, "the daemon speaks protocol 2, this program 1: upgrade the older of them"
    )
    lines = health.mismatch_lines(link, "0.1.0", width, height)
    assert len(lines) <= height
    if width >= 20:
        assert all(length(line) <= width for line in lines)
    if width >= 80 and height >= 24:
        assert "The daemon speaks protocol 2, this program 1: upgrade the older of them." in text_of(lines)
        assert "'hadesd stop' lets every run commit" in text_of(lines)


lines_of_logs = st.builds(
    LogLine, time=st.floats(0, 2e9), level=st.sampled_from([*LOG_LEVELS, "odd"]), text=st.text(max_size=120)
)


@given(st.lists(lines_of_logs, max_size=8), st.integers(3, 160), st.text(max_size=3))
def test_every_line_of_a_log_fits_and_is_there(lines: list[LogLine], width: int, search: str) -> None:
    out = log_lines(lines, width, search, NOW)
    assert len(out) >= len(lines)
    assert all(length(line) <= width for line in out)
    assert all(style(hue) is not None for line in out for _, hue in line)


def test_a_log_has_time_level_and_hits() -> None:
    at = time.mktime((2026, 11, 21, 15, 42, 10, 0, 0, -1))
    lines = [LogLine(time=at, level="warning", text="Disk nearly full: disk " + "x" * 30)]
    first, second = log_lines(lines, 50, "disk", at + 60)
    assert "".join(text for text, _ in first) == "15:42:10 ▲ warning  Disk nearly full: disk"
    assert [text for text, hue in first if hue == "badge"] == ["Disk", "disk"]
    assert text_of([second]) == " " * 20 + "x" * 30
    (other, *_) = log_lines(lines, 80, "", at + 90_000)
    assert text_of([other]).startswith("21 Nov 15:42:10 ▲ warning ")


def test_every_level_has_a_sign_a_word_and_a_next_one() -> None:
    assert set(log_text.SIGNS) == set(LOG_LEVELS)
    assert [next_level(level) for level in LOG_LEVELS] == [*LOG_LEVELS[1:], LOG_LEVELS[0]]
    assert all("?" not in plain(sign) for sign, _ in log_text.SIGNS.values())


def test_the_headline_says_what_is_asked_and_how_fresh() -> None:
    question = Question("one", "error", "disk")
    assert text_of([headline(question, 1, True, NOW, "")]) == (
        "Log of one  error and above  with 'disk'  1 line  ● following"
    )
    assert "f follows again" in text_of([headline(question, 2, False, NOW, "")])
    assert "✘ no daemon (shown as of " in text_of([headline(Question(""), 2, True, NOW, "no daemon")])
    assert log_text.absence(question, False) == "asking the daemon…"
    assert "l changes the level" in log_text.absence(question, True)
    assert log_text.absence(Question("one", "debug"), True) == "Nothing was written yet."
