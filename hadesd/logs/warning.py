"""Warnings of code that the daemon, workers and verbs share: each process has its own place for them."""

import sys


def warn(event: str, **fields: object) -> None:
    """A line in the log of a daemon or a worker; where a process keeps no log, as a verb does, a line on stderr."""
    # structlog takes a quarter of a second to import. Whoever keeps a log has imported it.
    structlog = sys.modules.get("structlog")
    if structlog is not None and structlog.is_configured():
        structlog.get_logger().warning(event, **fields)
    elif sys.stderr is not None:
        listed = ", ".join(f"{name} {value}" for name, value in fields.items())
        sys.stderr.write(f"warning: {event}{': ' if listed else ''}{listed}\n")
