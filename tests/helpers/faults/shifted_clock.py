"""A wall clock that jumps under real processes: a library of ours between them and the system's clock."""

import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("shifted_clock.c")


def can_compile() -> bool:
    """Whether there is a C compiler."""
    return shutil.which("cc") is not None


class ShiftedClock:
    """The clock of all processes that are started with `environ`."""

    def __init__(self, directory: Path) -> None:
        library = directory / "shifted_clock.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(SOURCE)], check=True)
        self._shift = directory / "shift"
        self.set(0)
        self.environ = {"LD_PRELOAD": str(library), "HADES_CLOCK_SHIFT": str(self._shift)}

    def set(self, seconds: int) -> None:
        """Set it to so many seconds after the true time, in one step."""
        temporary = self._shift.with_suffix(".tmp")
        temporary.write_text(str(seconds))
        temporary.replace(self._shift)
