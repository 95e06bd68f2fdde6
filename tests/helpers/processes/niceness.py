"""Of the processes that tests start."""

import os
import shutil

UNPOLITE = [shutil.which("nice") or "nice", "-n", "-10"] if os.geteuid() == 0 else []
"""Before a command: workers go to nice 10, and beside other tests they would take many times as long."""
