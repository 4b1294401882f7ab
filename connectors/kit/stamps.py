"""Times as a poll keeps them, so that they compare as the times do: texts of one form, or whole seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)  # a day late: what a zone or an overlap takes off it is still a time


@dataclass(frozen=True, slots=True)
class Stamps:
    """Texts of one form, in UTC and to the second unless `form` says otherwise."""

    form: str = "%Y-%m-%dT%H:%M:%SZ"

    @property
    def earliest(self) -> str:
        """The stamp that comes before all others."""
        return EARLIEST.strftime(self.form)

    def of(self, moment: datetime | None) -> str:
        """Write a time; one that is missing or absurd comes first."""
        if moment is None or not 1971 < moment.year < 9000:
            return self.earliest
        return moment.astimezone(UTC).strftime(self.form)

    def read(self, stamp: Any) -> datetime:
        """Return the time that was written."""
        return datetime.strptime(str(stamp), self.form).replace(tzinfo=UTC)

    def back(self, stamp: Any, by: timedelta) -> str:
        """Move a stamp back."""
        return (self.read(stamp) - by).strftime(self.form)


def seconds(moment: datetime | None) -> int:
    """Return a time in whole seconds; one that is missing comes first."""
    return int(moment.timestamp()) if moment else 0
