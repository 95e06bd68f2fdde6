"""What a resize says about time and memory before it is done."""

import pytest

from hades_protocol import commands
from hades_protocol.run_state import RunState
from hadesd.spec.cost import expected, seconds_like
from tests.helpers.processes.daemon import Home
from tests.helpers.runs.specs import tiny

MIB = 2**20


def test_time_grows_with_population_inits_environments_and_steps() -> None:
    after = tiny(evolution={"population": 16}, policy={"inits": 4}, evaluation={"environments": 4, "steps": 48})
    assert expected(tiny(), after, 0.5, None)[0] == "time: about 8 s a generation, now 0.5 s"


def test_more_pairs_add_an_amount_that_nobody_knows() -> None:
    time, memory = expected(tiny(), tiny(dataset={"pairs": 6}), 12.0, (700 * MIB, "of main memory"))
    assert time == ("time: about 12 s a generation, now 12 s, and more, as cloning trains on 6 instead of 2 pairs")
    assert memory == "memory: now 700 MiB of main memory; the strategy's state is about 3 times as large"


def test_fewer_pairs_take_less() -> None:
    time, _ = expected(tiny(dataset={"pairs": 4}), tiny(), 1.0, None)
    assert time.endswith("or less, as cloning trains on 2 instead of 4 pairs")


def test_a_full_matrix_grows_with_the_square_of_the_pairs() -> None:
    before, after = (tiny(evolution={"strategy": "cmaes"}, dataset={"pairs": pairs}) for pairs in (2, 4))
    assert expected(before, after, None, None)[1].endswith("the strategy's state is about 4 times as large")


def test_without_a_measurement_nothing_is_made_up() -> None:
    time, memory = expected(tiny(), tiny(evolution={"population": 16}), None, None)
    assert time == "time: no generation was measured yet, so how long one will take is not known"
    assert memory == (
        "memory: no worker of it runs on this machine, so what it takes is not known; "
        "candidates are evaluated in chunks: another number of them hardly changes it"
    )


def test_a_chunk_holds_more_rollouts() -> None:
    after = tiny(evaluation={"environments": 6})
    assert "what a chunk of candidates takes is about 3 times as much" in expected(tiny(), after, 1.0, None)[1]


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ({"gpus": "0,2"}, "; on 2 instead of 1 GPUs at best 0.5 times that"),
        ({"devices": 1}, "; what other devices change is not counted"),
    ],
)
def test_other_devices_are_said_but_not_counted(resources: dict[str, object], words: str) -> None:
    assert expected(tiny(), tiny(resources=resources), 1.0, None)[0].endswith(words)


def test_a_dry_run_says_both_and_changes_nothing(home: Home) -> None:
    home.fake_daemon()
    run = home.start()
    home.reaches(run, RunState.RUNNING, generation=5)
    result = home.ask(commands.Resize, run=run, changes={"evolution": {"population": 4096}}, dry_run=True)
    assert result.run is None
    step, time, memory = result.notes
    assert step == "a generation takes about 2 times as many environment steps"
    assert time.startswith("time: about ")
    assert memory.startswith("memory: now ")
    assert "MiB of main memory" in memory
    assert home.record(run)["spec"]["evolution"]["population"] == 2048
    said = home.hadesd("resize", run, "--population", "4096", "--dry-run")
    assert said.returncode == 0
    assert "note: time: about " in said.stderr


def test_a_run_takes_as_long_as_its_like_and_more_with_more_candidates_and_generations() -> None:
    spec = tiny(evolution={"population": 8, "generations": 100})
    like = tiny(evolution={"population": 4, "generations": 7, "sigma": 0.5}, seed=9)
    assert seconds_like(spec, like, 0.25) == 0.25 * 2 * 100
    assert seconds_like(spec, tiny(evolution={"population": 4}, policy={"width": 99}), 0.25) is None
