"""A real daemon whose workers are fake_worker.py. Arguments: settings as JSON, laid over config.toml.

One of them is no setting: `send_queue`, events that are kept for a subscriber that does not keep up.
"""

import functools
import json
import sys
from pathlib import Path

from hades_protocol.errors import HadesError
from hades_protocol.paths import Paths
from hadesd.config import load_settings
from hadesd.daemon import sockets
from hadesd.daemon.serve import serve
from hadesd.supervisor.worker_process import Worker

FAKE_WORKER = Path(__file__).with_name("fake_worker.py")


def main() -> int:
    """Serve as `hadesd serve` does."""
    start = functools.partial(Worker, command=(sys.executable, str(FAKE_WORKER)))
    settings = json.loads(sys.argv[1])
    sockets.SEND_QUEUE = settings.pop("send_queue", sockets.SEND_QUEUE)
    try:
        paths = Paths()
        return serve(paths, load_settings(paths.config_file, settings), start_worker=start)
    except HadesError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
