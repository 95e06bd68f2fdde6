"""hadesd evaluate as text: a figure that was cut short says so."""

from msgspec.structs import replace

from hades_protocol.run_spec import Cloning, Policy
from hadesd.analysis.evaluation.documents import (
    Computation,
    Level,
    MultitaskDocument,
    Returns,
    TaskReturns,
    TrainingSettings,
)
from hadesd.cli.datasets.evaluate import describe, table

WHOLE = Returns(mean=20.0, std=1.0, sem=0.5, per_init=(19.0, 21.0), episodes_completed=9, unfinished=0)


def test_a_return_says_where_no_episode_ended() -> None:
    assert describe(WHOLE).endswith("over 2 policies; 9 completed episodes)")
    cut = describe(replace(WHOLE, unfinished=8))
    assert cut.endswith(
        "9 completed episodes; no episode ended in 8 environments: the return so far was counted there)"
    )
    assert "in one environment" in describe(replace(WHOLE, unfinished=1))


def test_a_row_of_a_merged_file_says_where_no_episode_ended() -> None:
    level = Level(mean=1.0, sem=0.1, unfinished=0)
    whole = TaskReturns(env="hopper", pairs=2, returns=WHOLE, wrong=level, own=level, normalised=None)
    cut = replace(whole, env="ant", returns=replace(WHOLE, unfinished=3), own=replace(level, unfinished=4))
    document = MultitaskDocument(
        file="both.npz",
        envs=("hopper", "ant"),
        pairs=4,
        seed=0,
        inits=2,
        episodes=4,
        settings=TrainingSettings(policy=Policy(), cloning=Cloning()),
        computation=Computation(platform="cpu", device="", devices=1, threads=4, options=(), versions={}),
        tasks=(whole, cut),
    )
    _, first, second = table(document)
    assert "no episode ended" not in first
    assert second.endswith("no episode ended in 7 environments")
