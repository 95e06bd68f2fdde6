"""Seconds a generation under the daemon, with a checkpoint every generation and a screen attached, over a bare loop.

`python -m benchmarks.overhead [--long 0.15] [--short 0.02] [--rounds 3] [--set k=v]`

Both are measured in turn, on the same machine: what counts is the ratio. The bare loop is the same generation in a
process that does nothing else (benchmarks/generation_child.py). The population is chosen so that a bare generation
takes what is asked for, on this machine and with this code: a fixed one would say less with every gain in speed.
"""

import argparse
import contextlib
import json
import os
import pty
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.children import HERE, Side, SideError, a_home
from benchmarks.home import Home
from benchmarks.record import record
from hades_protocol.run_spec import build_spec, spec_to_dict
from hades_protocol.settings import parse_assignment, set_dotted

COMMON: dict[str, Any] = {
    "env": "CartPole-v1",
    "dataset": {"pairs": 2},
    "evaluation": {"environments": 2, "steps": 500, "normalisation": "none"},
}
LONG = COMMON | {
    "evolution": {"population": 192, "sigma": 0.3, "shaping": "ranks", "generations": 60},
    "policy": {"width": 64, "inits": 4},
    "cloning": {"epochs": 100},
}
SHORT = COMMON | {
    "evolution": {"population": 56, "sigma": 0.3, "shaping": "ranks", "generations": 600},
    "policy": {"width": 16, "inits": 2},
    "cloning": {"epochs": 50},
    "evaluation": {"environments": 2, "steps": 150, "normalisation": "none"},
}
WANTED = {"long": 1.10, "short": 1.3}
TRIES = 4
NEAR = 0.25
"""A population is taken whose generation is so near, relatively, to what is asked for."""

RUN_SECONDS = 15.0
"""A run under the daemon computes for about so long, and 60 generations at least."""

START_SECONDS = 600.0


def main(arguments: list[str] | None = None) -> int:
    """Measure both generations, print the table and record it."""
    options = _parser().parse_args(arguments)
    print("overhead: seconds a generation, daemon + checkpoints + screen / bare loop (median of rounds)")
    print(f"{'generation':>12} {'bare':>9} {'daemon':>9} {'ratio':>7}   rounds")
    figures = {}
    for name, values, seconds in (("long", LONG, options.long), ("short", SHORT, options.short)):
        found = _measured(_spec(values, options.set), seconds, options.rounds)
        listed = " ".join(f"{ratio:.3f}" for ratio in found["ratios"])
        print(
            f"{name:>12} {found['bare']:9.4f} {found['daemon']:9.4f} {found['ratio']:7.3f}   {listed} "
            f"(wanted: {WANTED[name]}; population {found['population']})",
            flush=True,
        )
        figures[name] = found | {"wanted": WANTED[name]}
    record("overhead", figures)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", type=float, default=0.15, help="seconds of a long bare generation (0.15)")
    parser.add_argument("--short", type=float, default=0.02, help="seconds of a short bare generation (0.02)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (3)")
    parser.add_argument("--set", metavar="K=V", action="append", default=[], help="a setting of both")
    return parser


def _spec(values: dict[str, Any], texts: list[str]) -> dict[str, Any]:
    spec = spec_to_dict(build_spec(values))
    for text in texts:
        set_dotted(spec, *parse_assignment(text))
    return spec


def _measured(spec: dict[str, Any], seconds: float, rounds: int) -> dict[str, Any]:
    with a_home("overhead") as directory, _sized(spec, seconds, directory / "bare") as (side, sized):
        generations = max(60, round(RUN_SECONDS / seconds))
        set_dotted(sized, "evolution.generations", generations)
        file = directory / "spec.json"
        file.write_text(json.dumps(sized))
        pairs = []
        for number in range(rounds):
            bare = side.ask("round", generations=generations)["seconds"]
            pairs.append((bare, _under_daemon(directory / f"round-{number}", directory / "bare", file)))
    ratios = [under / bare for bare, under in pairs]
    bare, under = (statistics.median(column) for column in zip(*pairs, strict=True))
    return {
        "population": sized["evolution"]["population"],
        "generations": generations,
        "rounds": pairs,
        "bare": bare,
        "daemon": under,
        "ratios": ratios,
        "ratio": statistics.median(ratios),
    }


@contextlib.contextmanager
def _sized(spec: dict[str, Any], seconds: float, home: Path) -> Iterator[tuple[Side, dict[str, Any]]]:
    """A bare loop whose generation takes about so long, and its settings: the population is found by trying."""
    population = spec["evolution"]["population"]
    for number in range(TRIES):
        set_dotted(spec, "evolution.population", population)
        with Side("bare", HERE, spec, home) as side:
            side.ready(START_SECONDS)
            side.ask("round", seconds=0.5)
            taken = side.ask("round", seconds=1.5)["seconds"]
            wanted = max(8, round(population * seconds / taken / 8) * 8)
            if abs(taken / seconds - 1) < NEAR or wanted == population or number == TRIES - 1:
                yield side, spec
                return
        population = wanted


def _under_daemon(directory: Path, bare: Path, spec_file: Path) -> float:
    """Median seconds between commits, from the run's own timings; compiled programs are those of the bare loop."""
    home = Home(directory, cache=bare / "cache" / "jax")
    run = json.loads(home.hadesd("start", "--spec", str(spec_file), "--json"))["id"]
    try:
        with _screen(home.environment):
            home.hadesd("wait", run)
    finally:
        home.stop()
    lines = home.timings(run)
    # The first ones contain the compilation, and the screen's start.
    return statistics.median([line["seconds"] for line in lines[len(lines) // 4 :]])


@contextlib.contextmanager
def _screen(environment: dict[str, str]) -> Iterator[None]:
    """A real `hades-tui attach` on a pseudo-terminal of 160 x 45, read and dropped."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-P", "-m", "hades_tui.cli", "attach"]
    size = {"COLUMNS": "160", "LINES": "45", "TERM": "xterm-256color"}
    screen = subprocess.Popen(command, env=environment | size, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    threading.Thread(target=_drain(ours), daemon=True).start()
    time.sleep(1.0)
    try:
        if screen.poll() is not None:
            raise SideError("the screen did not stay up: run 'hades-tui attach' by hand to see why")
        yield
        if screen.poll() is not None:
            raise SideError("the screen ended during the measurement")
    finally:
        screen.terminate()
        screen.wait(10)


def _drain(descriptor: int) -> Callable[[], None]:
    def drain() -> None:
        try:
            while os.read(descriptor, 65536):
                pass
        except OSError:
            return  # the screen has closed its terminal

    return drain


if __name__ == "__main__":
    sys.exit(main())
