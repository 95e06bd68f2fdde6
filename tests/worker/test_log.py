"""What a worker writes of its own end."""

import json
import subprocess
import sys
from pathlib import Path

CRASH = """
import sys
from hadesd.worker import __main__ as worker
worker.records.load = lambda directory: 1 // 0
worker.main(sys.argv[1:])
"""


def test_a_crash_is_a_line_of_the_log_with_its_traceback(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", CRASH, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    line = json.loads(done.stderr.splitlines()[0])
    assert (line["event"], line["level"]) == ("crashed", "error")
    assert line["exception"].splitlines()[0] == "Traceback (most recent call last):"
    assert line["exception"].splitlines()[-1].startswith("ZeroDivisionError")
