"""references.json of a run directory: levels to compare the run with. Whoever measured them writes the file."""

from pathlib import Path

import msgspec
import structlog

from hades_protocol.messages import Reference
from hadesd.storage.layout import RunPaths

MAX_BYTES = 64 * 1024
MAX_REFERENCES = 32

log = structlog.get_logger()


def read_references(directory: Path) -> tuple[Reference, ...]:
    """The references of a run; none where there is no file. A file that is not understood is a warning in the log."""
    path = RunPaths(directory).references
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES} bytes")
        found = msgspec.json.decode(data, type=tuple[Reference, ...])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        log.warning("references ignored", path=str(path), why=str(error))
        return ()
    if len(found) > MAX_REFERENCES:
        log.warning("references ignored", path=str(path), count=len(found), kept=MAX_REFERENCES)
    return found[:MAX_REFERENCES]
