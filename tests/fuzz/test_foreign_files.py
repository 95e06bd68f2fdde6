"""Dataset files and archives of other people: Hypothesis bends them, in a process of little memory and small files."""

import os
import subprocess
import sys


def test_readers_of_foreign_files_say_one_line_within_bounds() -> None:
    """For longer: HADES_FUZZ_EXAMPLES=5000 python -m tests.fuzz.foreign_files"""
    examples = {"HADES_FUZZ_EXAMPLES": "60"} | os.environ
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.foreign_files"], env=examples, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, ""), (done.stdout + done.stderr)[-4000:]
