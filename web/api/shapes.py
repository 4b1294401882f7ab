"""The words that requests and answers are made of. A model is the check, the JSON Schema and the docs in one."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from model.event import EVENT_TYPES
from rules.fields import did_you_mean

DURATION = re.compile(r"([1-9][0-9]{0,5})([smhd])")
EVENT_SOURCE = "api"
"""The source of what programs post and say no other of."""

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
WHOLE = re.compile(r"[0-9]{1,9}")
CUSTOM = r"^custom\.[A-Za-z0-9_.]{1,100}$"
PRINTABLE = r"^[^\u0000-\u001f\u007f]*$"
DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?([Zz]|[+-][0-9:]{2,6})"
)
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Taken(BaseModel):
    """Something that comes in: whatever it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class Given(BaseModel):
    """Something that goes out."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def _moment(value: Any) -> datetime:
    if not isinstance(value, str) or not DATE_TIME.fullmatch(value):
        raise ValueError("must be a time with its zone, such as 2026-11-23T08:00:00+01:00")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{value[:40]} is not a time there is") from None


def _day(value: Any) -> datetime:
    try:
        if not isinstance(value, str) or not DATE.fullmatch(value):
            raise ValueError
        found = datetime.fromisoformat(value).replace(tzinfo=UTC)
    except ValueError:
        raise ValueError("must be a day such as 2026-11-23") from None
    if not 1970 <= found.year <= 9998:
        raise ValueError("must be a day of this age")
    return found


def _length(value: Any) -> timedelta:
    found = DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("must be a length of time such as 30s, 5m, 24h or 2d")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def _event_type(value: Any) -> str:
    if isinstance(value, str) and (value in EVENT_TYPES or re.fullmatch(CUSTOM, value)):
        return value
    hint = did_you_mean(value, EVENT_TYPES) if isinstance(value, str) else ""
    raise ValueError(f"must be one of our event types, or custom.<name>. {hint}".strip())


def count_in_query(value: Any) -> Any:
    """Query parameters are texts; so is a number in them."""
    if isinstance(value, str) and WHOLE.fullmatch(value):
        return int(value)
    raise ValueError("must be a whole number")


Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
Day = Annotated[datetime, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Length = Annotated[
    timedelta, BeforeValidator(_length), WithJsonSchema({"type": "string", "pattern": f"^{DURATION.pattern}$"})
]
EventType = Annotated[
    str,
    BeforeValidator(_event_type),
    WithJsonSchema({"anyOf": [{"enum": list(EVENT_TYPES)}, {"type": "string", "pattern": CUSTOM}]}),
]
Word = Annotated[str, Field(max_length=200, pattern=PRINTABLE)]
"""A short text in one line."""


class Paged(Taken):
    """What every list can be asked."""

    limit: Annotated[int, Field(ge=1, le=200), BeforeValidator(count_in_query)] = Field(
        default=50, description="How many at most."
    )
    cursor: str = Field(default="", max_length=400, description="`next` of the page before.")


class Gate(Given):
    """One check of a decision: what was asked, what was seen, whether it let the event pass."""

    name: str
    passed: bool
    saw: str
    line: int


class Entry(Given):
    """One row of the journal; of a decision also what its gates saw, and where the rule stands."""

    at: datetime
    kind: str
    message_id: str
    rule: str
    step: str
    reason: str
    gateway: str
    actor: str
    detail: str
    file: str
    line: int
    gates: list[Gate]
