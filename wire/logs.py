"""The log as machines read it: one JSON object per line, what was said with its fields beside it.

structlog writes it for people; for the usual log it would bring 5 MB with it that nothing else here needs.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

_OWN = frozenset({*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"})
"""What every record holds; anything else was said in `extra`."""


class Lines(logging.Formatter):
    """Writes a record as one line: `event`, `level`, its own fields, `timestamp` (UTC), `exception` if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        said = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            **{name: value for name, value in record.__dict__.items() if name not in _OWN},
            "timestamp": datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            said["stack"] = record.stack_info
        return json.dumps(said, default=repr)
