"""What a person waits for: `hadesd status`, beside a bare Python start in the same environment."""

import os
import statistics
import subprocess
import sys
import tempfile
import time

from benchmarks.record import record

ROUNDS = 15


def main() -> int:
    """Print medians in milliseconds."""
    with tempfile.TemporaryDirectory(prefix="hades-bench-") as home:
        environment = os.environ | {"HADES_HOME": home}
        cli = [sys.executable, "-m", "hadesd.cli.main"]
        daemon = subprocess.Popen([*cli, "serve"], env=environment, stderr=subprocess.DEVNULL)
        try:
            while subprocess.run([*cli, "status"], env=environment, capture_output=True, check=False).returncode:
                time.sleep(0.1)
            status = _median([*cli, "status"], environment)
            python = _median([sys.executable, "-c", "pass"], environment)
        finally:
            daemon.terminate()
            daemon.wait(30)
    record("start_up", {"hadesd status": status, "python -c pass": python, "rounds": ROUNDS})
    print(f"start-up: hadesd status {status * 1e3:.0f} ms, python -c pass {python * 1e3:.0f} ms (median of {ROUNDS})")
    return 0


def _median(command: list[str], environment: dict[str, str]) -> float:
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        subprocess.run(command, env=environment, capture_output=True, check=True)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


if __name__ == "__main__":
    sys.exit(main())
