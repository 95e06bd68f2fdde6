"""A real daemon whose workers cannot be killed, as one that hangs in a GPU's driver. Arguments: settings as JSON."""

import json
import sys

from hades_protocol.paths import Paths
from hadesd.config import Settings
from hadesd.daemon.serve import serve
from hadesd.supervisor import monitor
from hadesd.supervisor.worker_process import Worker
from tests.helpers.processes.fake_daemon import FAKE_WORKER


class Immortal(Worker):
    """SIGKILL is of no effect."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments, command=(sys.executable, str(FAKE_WORKER)))  # type: ignore[arg-type]

    def kill(self) -> None:
        """Nothing comes of it."""


if __name__ == "__main__":
    monitor.STUCK_SECONDS = 1.0
    sys.exit(serve(Paths(), Settings(**json.loads(sys.argv[1])), start_worker=Immortal))
