"""What the service prints: one line per event, with its fields."""

from __future__ import annotations

import logging
import os
import sys

from wire.logs import Lines


def configure_logging(level: str = "", form: str = "") -> None:
    """Log one line per event, fields included: JSON, or with `form` "human" as people read it at a terminal."""
    is_human = (form or os.environ.get("TIDINGS_LOG_FORMAT", "")) == "human"
    handler = logging.StreamHandler()
    handler.setFormatter(_for_people() if is_human else Lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level or os.environ.get("TIDINGS_LOG", "WARNING"))


def _for_people() -> logging.Formatter:
    import structlog  # noqa: PLC0415 - it draws, for which it loads rich and pygments

    plain = structlog.dev.plain_traceback  # others print variables, so numbers
    render = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
    )
