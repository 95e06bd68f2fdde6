"""Seconds from a command to a committed generation: cold, warm, and after a pause; memory; what a pause leaves running.

`python -m benchmarks.starts [--env CartPole-v1 --env hopper] [--rounds 3] [--against COMMIT] [--set k=v]`

One round is an installation of its own: a first start with empty caches (cold; the daemon is started too), a pause,
a resume, and a second, new run on what the first one compiled (warm). With another commit the rounds take turns. The
settings are the preset `cpu`'s. In the last round the second run goes on until the mean dataset was evaluated once
(generation 10), for the memory: the most that worker and daemon had resident (VmHWM).
"""

import argparse
import contextlib
import statistics
import sys
import time
from typing import Any

from benchmarks.children import HERE, SideError, Tree, a_home, tree_at
from benchmarks.home import Home, load
from benchmarks.record import commit, record

KINDS = ("cold", "resume", "warm")
EVALUATED = 11
"""By this generation the mean dataset was evaluated once under the preset `cpu`."""


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and record."""
    options = _parser().parse_args(arguments)
    settings = [part for text in options.set for part in ("--set", text)]
    figures: dict[str, Any] = {}
    with contextlib.ExitStack() as stack:
        trees = [HERE, *([stack.enter_context(tree_at(options.against))] if options.against else [])]
        commits = {tree.name: commit(tree.root) for tree in trees}
        for env in options.env or ["CartPole-v1", "hopper"]:
            try:
                figures[env] = _measured(trees, ["--env", env, *settings], options.rounds)
            except SideError as error:
                figures[env] = {"error": str(error)}
            _print(env, figures[env])
    record("starts", {"sides": commits, "settings": options.set, "environments": figures})
    return 1 if any("error" in found for found in figures.values()) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", action="append", help="environments (CartPole-v1 and hopper)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (3)")
    parser.add_argument("--against", metavar="COMMIT", help="measure this commit in turn with this tree")
    parser.add_argument("--set", metavar="K=V", action="append", default=[], help="a setting")
    return parser


def _measured(trees: list[Tree], options: list[str], rounds: int) -> dict[str, Any]:
    found: dict[str, Any] = {tree.name: {"rounds": [], "left": []} for tree in trees}
    for number in range(rounds):
        for tree in trees if number % 2 == 0 else trees[::-1]:
            with a_home("starts") as directory:
                one = _round(Home(directory, tree), options, last=number == rounds - 1)
            found[tree.name]["rounds"].append(one["seconds"])
            found[tree.name]["left"] += one["left"]
            found[tree.name]["memory"] = one["memory"]
    for side in found.values():
        side["seconds"] = {kind: statistics.median(one[kind] for one in side["rounds"]) for kind in KINDS}
        side["load_average"] = load()
    return found


def _round(home: Home, options: list[str], last: bool) -> dict[str, Any]:
    """One installation's cold start, resume and warm start."""
    seconds = {}
    try:
        run, seconds["cold"] = _start(home, options)
        left = home.pause(run)
        known = len(home.timings(run))
        began = time.time()
        home.hadesd("resume", run)
        seconds["resume"] = home.committed(run, known + 1) - began
        left += home.pause(run)
        again, seconds["warm"] = _start(home, options)
        home.committed(again, EVALUATED if last else 1)
        memory = home.memory(again)
        left += home.pause(again)
    finally:
        home.stop()
    return {"seconds": seconds, "left": left, "memory": memory}


def _start(home: Home, options: list[str]) -> tuple[str, float]:
    began = time.time()
    run = home.hadesd("start", "--preset", "cpu", *options, "--set", "evolution.generations=100000")
    return run, home.committed(run, 1) - began


def _print(env: str, found: dict[str, Any]) -> None:
    if "error" in found:
        print(f"{env}: {found['error']}", flush=True)
        return
    for name, side in found.items():
        words = []
        for kind in KINDS:
            listed = " ".join(f"{one[kind]:.1f}" for one in side["rounds"])
            words.append(f"{kind} {side['seconds'][kind]:.1f} s ({listed})")
        memory = ", ".join(f"{who} {peak / 2**20:.0f} MiB" for who, peak in side["memory"].items())
        print(f"{env}, {name}: {'; '.join(words)}; peak memory {memory}; load {side['load_average']:.1f}")
        print(f"    processes of paused runs (pgrep -af RUN): {len(side['left'])} {side['left'] or ''}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
