"""Seconds from `hadesd start` to a population mean: what a person at a desk waits for.

`python -m benchmarks.time_to_return [--env hopper] [--return 1500] [--seeds 3] [--set k=v]`

One installation of its own, with a compilation cache that a first, short run has filled. Then one run a seed, with the
preset `cpu`, from the command until the first generation whose population mean reaches the return; the time is that of
its commit.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.children import HERE, a_home
from benchmarks.home import Home
from benchmarks.record import record

PATIENCE_SECONDS = 900.0


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and record."""
    options = _parser().parse_args(arguments)
    settings = ["--env", options.env, *[part for text in options.set for part in ("--set", text)]]
    found = []
    with a_home("return") as directory:
        home = Home(directory, HERE)
        try:
            _until(home, settings, float("inf"), 12)
            for seed in range(options.seeds):
                found.append(_until(home, [*settings, "--set", f"seed={seed}"], options.target, None))
                print(f"seed {seed}: {json.dumps(found[-1])}", flush=True)
        finally:
            home.stop()
    seconds = [one["seconds"] for one in found if one["reached"]]
    if seconds:
        print(f"{options.env} to {options.target:g}: median {statistics.median(seconds):.1f} s of {len(seconds)} seeds")
    record("time_to_return", {"env": options.env, "return": options.target, "settings": options.set, "runs": found})
    return 0 if len(seconds) == options.seeds else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="hopper")
    parser.add_argument("--return", dest="target", type=float, default=1500.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", metavar="K=V", action="append", default=[], help="a setting")
    return parser


def _until(home: Home, settings: list[str], target: float, generation: int | None) -> dict[str, Any]:
    """Start a run and wait until its mean reaches the target (or a generation is committed); then cancel it."""
    began = time.time()
    run = home.hadesd("start", "--preset", "cpu", *settings)
    directory = home.directory / "runs" / run
    deadline = time.monotonic() + PATIENCE_SECONDS
    reached: dict[str, Any] | None = None
    best, lines = -float("inf"), 0
    while reached is None and time.monotonic() < deadline:
        time.sleep(0.05)
        metrics, timings = (_lines(directory / name) for name in ("metrics.jsonl", "timings.jsonl"))
        for line, timing in zip(metrics[lines:], timings[lines:], strict=False):
            lines += 1
            best = max(best, line["fitness_mean"] or best)
            if (generation is None and best >= target) or line["generation"] == generation:
                reached = {
                    "reached": True,
                    "seconds": round(timing["committed_at"] - began, 2),
                    "generation": line["generation"],
                    "env_steps": sum(one["env_steps"] for one in metrics[:lines]),
                }
                break
    home.hadesd("cancel", run)
    return reached or {"reached": False, "seconds": PATIENCE_SECONDS, "best": best, "generation": lines}


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


if __name__ == "__main__":
    sys.exit(main())
