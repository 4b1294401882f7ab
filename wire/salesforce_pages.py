"""Reading one kind of Salesforce record page by page, by the time of its last change.

A place is where reading one object stands, as plain JSON: `stamp` is the newest SystemModstamp seen, the server's
clock and never ours; `scan` is the pair to go on from while a run is unfinished; `span` narrows a query that timed out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from wire import reading
from wire.salesforce_terms import Failed

if TYPE_CHECKING:
    from wire.salesforce_session import Session

OVERLAP = timedelta(minutes=5)  # a stamp is set when a transaction starts, its record is seen when it ends
PAGE_SIZE = 2000
SHORTEST_SPAN = 60  # seconds; a query that times out even then needs a person
EPOCH = "1970-01-01T00:00:00.000Z"
CURSOR_FIELDS = ("Id", "SystemModstamp", "CreatedDate")


def baseline(session: Session, name: str, columns: Sequence[str]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return how things stand, newest first, and the place to start from."""
    wanted = ", ".join(dict.fromkeys((*CURSOR_FIELDS, *columns)))
    order = f"ORDER BY SystemModstamp DESC, Id DESC LIMIT {PAGE_SIZE}"
    records = session.query(f"SELECT {wanted} FROM {name} {order}")  # noqa: S608 - the names are checked settings
    return records, {"stamp": stamp(records[0]) if records else EPOCH}


def page(
    session: Session,
    name: str,
    columns: Sequence[str],
    place: Mapping[str, Any],
    now: datetime,
    *,
    deleted: bool = False,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Read what changed since `place`, at most one page; return it and the next place.

    By pair and not by offset: rows that move while we read are then not missed. With `deleted` the recycle bin is read
    along, and IsDeleted says which records are in it.
    """
    since, last_id = _start(place)
    where = f"(SystemModstamp > {since} OR (SystemModstamp = {since} AND Id > '{last_id}'))"
    if not last_id:
        where = f"SystemModstamp >= {since}"
    until = written(_moment(since) + timedelta(seconds=place["span"])) if place.get("span") else ""
    if until:
        where += f" AND SystemModstamp < {until}"
    wanted = ", ".join(dict.fromkeys((*CURSOR_FIELDS, *columns, *(["IsDeleted"] if deleted else []))))
    order = f"ORDER BY SystemModstamp, Id LIMIT {PAGE_SIZE}"
    soql = f"SELECT {wanted} FROM {name} WHERE {where} {order}"  # noqa: S608 - checked settings
    records = session.query(soql, deleted=deleted)
    after = {**place, "stamp": max([place["stamp"], *(stamp(record) for record in records)])}
    if len(records) >= PAGE_SIZE:
        return records, {**after, "scan": [stamp(records[-1]), record_id(records[-1])]}
    if until and _moment(until) < now:
        return records, {**after, "scan": [until, ""]}
    return records, {part: value for part, value in after.items() if part not in {"scan", "span"}}


def one(session: Session, name: str, columns: Sequence[str], ident: str) -> dict[str, Any] | None:
    """Return one record as it is now, None where it was deleted."""
    wanted = ", ".join(dict.fromkeys((*CURSOR_FIELDS, "LastModifiedDate", *columns)))
    found = session.query(f"SELECT {wanted} FROM {name} WHERE Id = '{ident}'")  # noqa: S608 - checked by the caller
    return found[0] if found else None


def narrowed(place: Mapping[str, Any], now: datetime) -> dict[str, Any] | None:
    """Return the place with half the span of time, for a query that took too long; None when that cannot help."""
    since, last_id = _start(place)
    span = (place.get("span") or (now - _moment(since)).total_seconds()) / 2
    return {**place, "scan": [since, last_id], "span": span} if span >= SHORTEST_SPAN else None


def stamp(record: Mapping[str, Any]) -> str:
    """Return when the record changed, in the one form that sorts as text."""
    return written(_moment(record.get("SystemModstamp")))


def record_id(record: Mapping[str, Any]) -> str:
    """Return the record's id, proven fit to stand in the next query."""
    found = reading.text(record, "Id")
    if not (found.isascii() and found.isalnum()):
        raise Failed("a record without Id")
    return found


def written(moment: datetime) -> str:
    """Write a time as SOQL reads it, without the quotes texts need."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _start(place: Mapping[str, Any]) -> tuple[str, str]:
    since, last_id = place.get("scan") or ("", "")
    if since:
        return since, last_id
    newest = _moment(place["stamp"])
    return written(newest - OVERLAP if place["stamp"] > EPOCH else newest), ""


def _moment(value: Any) -> datetime:
    found = reading.moment(value)
    if found is None:
        raise Failed("a record without SystemModstamp")
    return found
