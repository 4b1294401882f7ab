"""Bodies that are events already, by webhook or by bus: JSON, forms and CloudEvents, read as the settings say.

Facts: cloudevents.io (HTTP binding, 1.0.2), read 2026-10. CloudEvents are recognised by themselves, structured, binary
or as a batch; everything else follows the settings.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from connectors.base import Option
from connectors.kit import mapping
from connectors.kit.mapping import ANY, IGNORE
from model.event import Event, Incoming
from model.reasons import Refused
from wire import reading

CLOUD_ATTRIBUTES = ("specversion", "id", "source", "type")
OPTIONS = {
    "key": Option(text="Path of the id of the record an event is about, the same in all its events.", default=""),
    "events": Option(text="Path of the array of events, where a request holds several.", default=""),
    "id": Option(text="Path of the event's id, or a list of paths that name it together.", default="id"),
    "type": Option(text="Path of the sender's own event type.", default="type"),
    **mapping.OPTIONS,
}
KINDS: Mapping[str, Any] = {"id": str | list, "types": dict, "fields": dict}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One event as its sender wrote it, and what sets it apart from the others of the same body."""

    body: Mapping[str, Any]
    is_cloud: bool
    is_whole_body: bool
    transport_id: str


class Messages:
    """Reads bodies. `delivery` names the header whose value names the delivery, "" for none."""

    def __init__(self, settings: Mapping[str, Any], delivery: str = "") -> None:
        self._settings, self._delivery = settings, delivery
        self._map = mapping.read(settings, "timestamp", "time")

    def read(self, incoming: Incoming) -> list[Event]:
        """Read every event of the body. One that cannot be read does not cost the others."""
        events: list[Event] = []
        refusal: Refused | None = None
        for item in self._items(incoming):
            try:
                events += self._events(incoming, item)
            except Refused as refused:
                refusal = refusal or refused
        if refusal and not events:
            raise refusal
        return events

    def _items(self, incoming: Incoming) -> list[Item]:
        if all(incoming.header(f"ce-{name}") for name in CLOUD_ATTRIBUTES):
            return [_item(_binary(incoming), whole=False)]
        kind = incoming.header("content-type").partition(";")[0].strip().lower()
        is_form = kind == "application/x-www-form-urlencoded"
        body = reading.form(incoming.body) if is_form else reading.json_body(incoming.body)
        found = self._array(body)
        delivery = reading.text(incoming.header(self._delivery)) if self._delivery else ""
        if found is not None:
            ids = [f"{delivery}/{number}" if delivery else "" for number in range(len(found))]
            return [_item(entry, whole=False, transport_id=one) for entry, one in zip(found, ids, strict=True)]
        if not isinstance(body, dict):
            reading.bad_shape(f"Expected a JSON object, found {reading.kind(body)}.")
        return [_item(body, whole=not is_form, transport_id=delivery)]

    def _array(self, body: Any) -> list[Any] | None:
        """Return the events of a body that may hold several; None where the body itself is the event."""
        if _is_cloud(body):
            return None
        if not self._settings["events"]:
            return body if isinstance(body, list) else None
        found = reading.dig(body, self._settings["events"])
        if not isinstance(found, list):
            reading.bad_shape(f"Field {self._settings['events']} is not a list.")
        return found

    def _events(self, incoming: Incoming, item: Item) -> list[Event]:
        body = item.body
        if not body:
            reading.bad_shape("An event of the list is not an object.")
        native = reading.text(body, self._settings["type"])
        event_type = self._map.type_of(native)
        if not event_type:
            reading.bad_shape(f"Field {self._settings['type']} is missing.")
        if event_type == IGNORE:
            return []
        event_id = self._id(item)
        paths = [path for path in (self._settings["key"], "subject" if item.is_cloud else "", "data.id") if path]
        return [
            Event(
                source=incoming.source,
                type=event_type,
                native_type=native or ANY,
                id=event_id,
                key=reading.first_text(body, *paths) or event_id,
                occurred_at=self._map.time_of(body) or incoming.received_at,
                data=self._map.data_of(body),
                raw=None if item.is_whole_body else reading.clean(dict(body)),
                test=self._map.is_test(body),
            )
        ]

    def _id(self, item: Item) -> str:
        """Name the event: CloudEvents are unique by source and id, Standard Webhooks by their header."""
        if item.is_cloud:
            return mapping.name_of(item.body, ("source", "id"))
        paths: str | list[str] = self._settings["id"]
        if isinstance(paths, str) and item.transport_id:
            return item.transport_id
        return mapping.name_of(item.body, paths)


def _item(body: Any, *, whole: bool, transport_id: str = "") -> Item:
    """Wrap one event; anything but an object becomes an empty one, which is refused on its own."""
    if not isinstance(body, dict):
        return Item(body={}, is_cloud=False, is_whole_body=False, transport_id="")
    is_cloud = _is_cloud(body)
    if is_cloud and "data" not in body and isinstance(body.get("data_base64"), str):
        try:
            packed = base64.b64decode(body["data_base64"], validate=True)
            body, whole = {**body, "data": reading.json_body(packed)}, False
        except (ValueError, Refused):  # its data is no JSON: the attributes alone still make an event
            pass
    return Item(body=body, is_cloud=is_cloud, is_whole_body=whole, transport_id=transport_id)


def _is_cloud(body: Any) -> bool:
    return isinstance(body, dict) and all(isinstance(body.get(name), str) for name in CLOUD_ATTRIBUTES)


def _binary(incoming: Incoming) -> dict[str, Any]:
    """Rebuild the structured form: attributes are percent-encoded headers, the body is the data."""
    event: dict[str, Any] = {
        name[3:]: reading.text(unquote(value)) for name, value in incoming.headers.items() if name.startswith("ce-")
    }
    kind = incoming.header("content-type").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        event["data"] = reading.form(incoming.body)
    elif incoming.body:
        event["data"] = reading.json_body(incoming.body)
    return event
