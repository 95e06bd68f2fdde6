"""What computes gives way to other people's processes, whatever session those are in."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

AUTOGROUP = Path("/proc/self/autogroup")
PROGRAM = """
import os
from hadesd.niceness import give_way
give_way()
print(os.nice(0), *open("/proc/self/autogroup").read().split()[-1:])
"""

pytestmark = pytest.mark.process


def after_giving_way(**options: bool) -> list[str]:
    """Nice value of a process and of its session, afterwards; none of a session that is in no autogroup."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, **options)
    return done.stdout.split()


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel has no autogroups")
def test_a_session_of_its_own_gives_way_as_a_whole() -> None:
    expected = str(min(19, os.nice(0) + 10))
    assert after_giving_way(start_new_session=True) == [expected, expected]


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="this kernel has no autogroups")
def test_a_session_of_others_is_left_alone() -> None:
    before = AUTOGROUP.read_text().split()[-1:]  # nothing where the session began before the first autogroup
    assert after_giving_way() == [str(min(19, os.nice(0) + 10)), *before]
