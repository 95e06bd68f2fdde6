"""Logs of the daemon and of the workers: one JSON object a line."""

import logging
from typing import TextIO

import structlog


def configure(stream: TextIO, level: str = "info") -> None:
    """Send every log line of this process to a stream, as JSON with a UTC time."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )


def get_logger(**context: object) -> structlog.typing.FilteringBoundLogger:
    """A logger that adds these fields to each of its lines."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(**context)
    return logger
