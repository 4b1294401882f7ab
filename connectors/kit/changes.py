"""Change events of Debezium: what a database did to a row, read as what became of a record.

Facts: debezium.io/documentation (change event values of the MySQL and PostgreSQL connectors, 2.x and 3.x), read
2026-11: op is c (insert), u (update), d (delete), r (snapshot), t (truncate) or m (message); the value stands under
`payload` where schemas are sent along; `before` of a PostgreSQL update is null unless the table's replica identity is
full; a delete may be followed by an empty message, the tombstone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from connectors.base import Option
from connectors.kit import mapping, records
from connectors.kit.records import Records
from connectors.kit.scan import Sight
from model.event import Event, Incoming
from model.reasons import Refused
from wire import reading

OPTIONS = {
    **{name: option for name, option in records.OPTIONS.items() if name != "created"},
    "deleted": Option(text="Our type for a row that was deleted; empty: that tells nothing.", default=""),
    "tables": Option(text="Tables to read, such as [public.orders]; empty: every one that is sent.", default=()),
}
KINDS: Mapping[str, Any] = {**records.KINDS, "tables": list | tuple}
SILENT = {"r", "t", "m"}


class Changes:
    """Reads change events as the settings say."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings, self._records = settings, Records({**settings, "created": ""})
        if settings["deleted"]:
            mapping.check_type("deleted", settings["deleted"])

    def read(self, incoming: Incoming) -> list[Event]:
        """Read one change or a list of them; one that cannot be read does not cost the others."""
        body = reading.json_body(incoming.body) if incoming.body.strip() else None
        events: list[Event] = []
        refusal: Refused | None = None
        for change in body if isinstance(body, list) else [body]:
            try:
                events += self._events(incoming, change)
            except Refused as refused:
                refusal = refusal or refused
        if refusal and not events:
            raise refusal
        return events

    def _events(self, incoming: Incoming, change: Any) -> list[Event]:
        if change is None:  # a tombstone
            return []
        inner = reading.dig(change, "payload")
        value = inner if isinstance(inner, dict) else change
        kind = reading.required(value, "op")
        if kind in SILENT or not self._is_ours(value):
            return []
        when = reading.moment(reading.dig(value, "source.ts_ms"), milliseconds=True)
        timed = replace(incoming, received_at=when) if when else incoming  # the commit's, where a row has no time
        before = reading.dig(value, "before")
        if kind == "d":
            return [self._records.gone(timed, _known(before), ours)] if (ours := self._settings["deleted"]) else []
        return self._changed(timed, kind == "c", before, reading.dig(value, "after"))

    def _changed(self, incoming: Incoming, is_new: bool, before: Any, after: Any) -> list[Event]:  # noqa: FBT001
        if not isinstance(after, dict):
            reading.bad_shape("The change has no row in after.")
        mapping.name_of(after, self._settings["key"])
        status = str(self._settings["status"])
        if is_new or not status:
            sight = Sight(record=after, before=None, is_new=is_new)
        else:
            row = _known(before)
            if status.partition(".")[0] not in row:
                _known(None)
            sight = Sight(record=after, before=self._records.standing(row), is_new=False)
        return list(self._records.told(incoming, sight))

    def _is_ours(self, value: Mapping[str, Any]) -> bool:
        """Tell whether the table is one that is read: named with its schema or database, or alone."""
        if not self._settings["tables"]:
            return True
        table = reading.text(value, "source.table")
        home = reading.first_text(value, "source.schema", "source.db")
        return table in self._settings["tables"] or f"{home}.{table}" in self._settings["tables"]


def _known(before: Any) -> dict[str, Any]:
    """Return the row as it was; without it nobody can say what changed."""
    if not isinstance(before, dict):
        reading.bad_shape("It does not say what was before: set the table's replica identity to full.")
    return before
