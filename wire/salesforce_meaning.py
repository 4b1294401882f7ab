"""What a status, a change or a deletion in Salesforce tells, in the words of one organisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Self

from model.event import is_event_type
from wire import reading, salesforce_pages, salesforce_records
from wire.salesforce_messages import Notice
from wire.salesforce_records import ANY, ENDED, STARTS, STATUS_FIELDS, TYPES, fields_of, table_of

DELETED = "(deleted)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A notice and what it means: the status reached, (new), (changed) or (deleted), and our type."""

    notice: Notice
    status: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What the statuses of one organisation mean: object -> status -> our type, and object -> its status field."""

    types: Mapping[str, Mapping[str, str]]
    status_fields: Mapping[str, str]

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Build it from a source's settings. Raises ValueError that names a bad one."""
        return cls(
            types={**TYPES, **_types(settings["types"])},
            status_fields={**STATUS_FIELDS, **fields_of("status_fields", settings["status_fields"])},
        )

    def status(self, name: str, native: Mapping[str, Any]) -> str:
        """Return a record's status; objects without one are (new) or (changed)."""
        if name in self.status_fields:
            return reading.text(native, self.status_fields[name]) or "None"
        created, changed = (reading.moment(native.get(field)) for field in ("CreatedDate", "LastModifiedDate"))
        return "(changed)" if created and changed and changed - created > timedelta(seconds=1) else "(new)"

    def state(self, name: str, record: Mapping[str, Any]) -> str:
        """Return what makes two readings of a record the same to its owner: status and start, else the stamp."""
        if reading.flag(record, "IsDeleted"):
            return DELETED
        start = reading.iso(reading.moment(record.get(STARTS.get(name, "")))) if name in STARTS else None
        if name not in self.status_fields and name not in STARTS:
            return salesforce_pages.stamp(record)
        status = self.status(name, record) if name in self.status_fields else ""
        return f"{status}@{start}" if start else status

    def event_type(self, name: str, status: str) -> str:
        """Return our type for an object that reached a status, or was deleted."""
        if status == DELETED:
            return ENDED.get(name, f"custom.{name.lower()}.deleted")
        table = self.types.get(name, {})
        return table.get(status) or table.get(ANY) or f"custom.{name.lower()}"

    def told_by(self, name: str) -> list[str]:
        """Return the fields that say where a record stands."""
        return [field for table in (self.status_fields, STARTS) if (field := table.get(name))]

    def told(self, notice: Notice) -> Told | None:
        """Return what a message or a change event tells, None for a change that leaves status and start as they were.

        A change is named as the poll names it where that can be: of objects with a status and no start.
        """
        name, native, has_status = notice.name, notice.native, notice.name in self.status_fields
        if notice.change == "DELETE":
            status = DELETED
        elif notice.change != "UPDATE":
            status = self.status(name, native) if not (notice.is_gap and has_status) else ""
        elif has_status and self.status_fields[name] in native:
            status = self.status(name, native)
        else:
            is_told = STARTS[name] in native if name in STARTS else not has_status
            status = "(changed)" if is_told else ""
        if not status:
            return None
        if notice.change and (status == DELETED or (has_status and name not in STARTS)):
            notice = replace(notice, id=f"{name}/{reading.text(native, 'Id')[:15]}/{status}")
        has_moved = notice.change == "UPDATE" and name in STARTS and status == "(changed)"
        event_type = "appointment.rescheduled" if has_moved else self.event_type(name, status)
        return Told(notice=notice, status=status, type=event_type)

    def transition(self, name: str, record: dict[str, Any], since: str, states: dict[str, str]) -> Told | None:
        """Return what a polled record tells when its state is new to us, and remember it in `states`.

        A record older than the baseline and not among those remembered may have been edited for any reason: it is
        remembered without an event, because a text about nothing is worse than a late one. That it was deleted is told.
        """
        short, state = salesforce_pages.record_id(record)[:15], self.state(name, record)
        before = states.pop(short, None)
        states[short] = state
        created = reading.moment(record.get("CreatedDate"))
        is_old = before is None and created is not None and salesforce_pages.written(created) <= since
        if before == state or (is_old and state != DELETED):
            return None
        native = salesforce_records.native({field: value for field, value in record.items() if field != "IsDeleted"})
        status = "(new)" if before is None else "(changed)"
        if state == DELETED:
            status = DELETED
        elif name in self.status_fields:
            status = self.status(name, native)
        event_type = self.event_type(name, status)
        has_moved = before is not None and before.partition("@")[0] == status and name in STARTS
        if has_moved and event_type == "appointment.booked":
            event_type = "appointment.rescheduled"
        notice = Notice(name=name, native=native, id=f"{name}/{short}/{state}")
        return Told(notice=notice, status=status, type=event_type)


def _types(given: Any) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, table in table_of("types", given).items():
        found[name] = {ANY: table} if isinstance(table, str) else table_of(f"types.{name}", table)
        for status, ours in found[name].items():
            if not (isinstance(ours, str) and is_event_type(ours)):
                raise ValueError(f"Setting types.{name}.{status}: {ours!r} is not an event type of ours.")
    return found
