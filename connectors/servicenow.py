"""ServiceNow: incidents and other tasks opened, worked on and resolved; by a business rule of yours, or by poll.

Facts: ServiceNow's Table API and RESTMessageV2 as integrators describe them, read 2026-11. Not confirmed on a live
instance: states (1 new, 2 in progress, 3 on hold, 6 resolved, 7 closed, 8 cancelled; hence the option `states`), and
that times in a query are read in the zone of the user who asks (hence UTC in `setup`).
ServiceNow has no webhooks: a business rule posts the body that `setup` gives, shaped like a record of the Table API.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from connectors.base import AskFailed, Connector, Http, Option, Page
from connectors.kit import ask
from connectors.kit.scan import Listing, Sight, Window, scan
from connectors.kit.stamps import Stamps
from model.event import Event, Incoming, is_event_type
from wire import reading
from wire.http import Call
from wire.signatures import Token

STAMP = Stamps("%Y-%m-%d %H:%M:%S")
OVERLAP = timedelta(minutes=5)
SIZE = 100
NAME = re.compile(r"[a-z][a-z0-9_]{0,79}")
# closed follows resolved some days later without anybody doing anything, so it tells nothing
STATES = {
    "2": "ticket.updated",
    "3": "ticket.updated",
    "6": "ticket.resolved",
    "8": "custom.ticket.cancelled",
}
# what makes a text about an event wrong: what its state tells by now
OVERTAKEN = {
    "ticket.created": {"ticket.resolved", "custom.ticket.cancelled", ""},
    "ticket.updated": {"ticket.resolved", "custom.ticket.cancelled", ""},
    "ticket.resolved": {"ticket.updated", "custom.ticket.cancelled"},
}
COLUMNS = ("sys_id", "number", "state", "short_description", "priority", "sys_created_on", "sys_updated_on")
PERSON = ("sys_id", "name", "first_name", "email", "mobile_phone", "phone", "preferred_language", "time_zone")
BUSINESS_RULE = (
    "var r = {}, p = current.caller_id.getRefRecord(); "
    "'sys_id number state short_description priority sys_created_on sys_updated_on'.split(' ')"
    ".forEach(function (f) { r[f] = current.getValue(f); }); "
    "'sys_id name first_name email mobile_phone phone preferred_language time_zone'.split(' ')"
    ".forEach(function (f) { r['caller_id.' + f] = p.getValue(f); }); "
    "var m = new sn_ws.RESTMessageV2(); m.setHttpMethod('POST'); m.setEndpoint('ADDRESS OF THIS SOURCE'); "
    "m.setRequestHeader('Authorization', 'Bearer ' + gs.getProperty('tidings.secret')); "
    "m.setRequestHeader('Content-Type', 'application/json'); "
    "m.setRequestBody(JSON.stringify({table: current.getTableName(), operation: current.operation(), record: r})); "
    "m.executeAsync();"
)

FIELDS = {
    "id": ("text", "The record's sys_id."),
    "number": ("text", "The number the customer knows, such as INC0010001."),
    "table": ("text", "The table it is in, such as incident."),
    "subject": ("text", "Its short description."),
    "status": ("text", "The number of its state: 1 new, 2 in progress, 3 on hold, 6 resolved, 7 closed."),
    "priority": ("text", "1 critical to 5 planning."),
    "customer.id": ("text", "The person's sys_id."),
    "customer.name": ("text", "Full name."),
    "customer.first_name": ("text", "First name."),
    "customer.email": ("text", "Mail address."),
    "customer.phone": ("phone", "The mobile, or else the business phone."),
    "customer.locale": ("text", "The person's language."),
    "customer.tz": ("text", "The person's time zone."),
}


class ServiceNow(Connector):
    """One table of a ServiceNow instance."""

    name = "servicenow"
    title = "ServiceNow"
    category = "service desk"
    docs_url = (
        "https://www.servicenow.com/docs/bundle/api-reference/page/integrate/inbound-rest/concept/c_TableAPI.html"
    )
    scheme = Token(kind="bearer")
    event_types: ClassVar[Mapping[str, str]] = {
        "ticket.created": "a new record",
        "ticket.updated": "a record with state In Progress (2) or On Hold (3)",
        "ticket.resolved": "a record with state Resolved (6)",
        "custom.ticket.cancelled": "a record with state Cancelled (8)",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = dict.fromkeys(event_types, FIELDS)
    options: ClassVar[Mapping[str, Option]] = {
        "url": Option(text="Poll: the instance, such as https://acme.service-now.com.", default=""),
        "user": Option(text="Poll: a user who may read the table and its people, with time zone GMT.", default=""),
        "password": Option(text="Poll: that user's password.", default="", secret=True),
        "table": Option(text="The table.", default="incident"),
        "person": Option(text="The field that names the customer: caller_id, opened_by, contact.", default="caller_id"),
        "states": Option(text="More or other states: number -> event type, empty for none.", default={}),
    }
    asks: ClassVar[Sequence[str]] = ("url",)
    setup: ClassVar[Sequence[str]] = (
        "For the poll make a user with role itil and time zone GMT; set `url`, `user` and `password`. Or, at once:",
        "Add a system property tidings.secret (type string, private) with the secret of this source.",
        "Add a business rule to the table: when after, on insert and on update when State changes, with this script:",
        f"`{BUSINESS_RULE}`",
    )
    limits: ClassVar[Sequence[str]] = (
        "A record that reaches the same state again is told once.",
        "A business rule posts once and does not try again: let the poll run beside it.",
        "The poll reads one table; make a source for each.",
    )
    poll_every: ClassVar[str] = "2m"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        for name in ("table", "person"):
            if not NAME.fullmatch(str(self.settings[name])):
                raise ValueError(f"Setting {name}: {self.settings[name]!r} is no name of ServiceNow.")
        self._states: dict[str, str] = {**STATES, **self.settings["states"]}
        for state, event_type in self._states.items():
            if event_type and not is_event_type(str(event_type)):
                raise ValueError(f"Setting states: {state!r} leads to {event_type!r}, which is no event type.")

    def parse(self, incoming: Incoming) -> list[Event]:
        """One request tells how the record stands by now."""
        body = reading.json_object(incoming.body)
        table, record = reading.required(body, "table"), reading.dig(body, "record")
        operation = reading.required(body, "operation")
        if table != self.settings["table"] or operation not in {"insert", "update"}:
            return []
        reading.required(record, "sys_id")
        reached = self._reached(record, is_new=operation == "insert")
        return [self._event(incoming.source, operation, record, incoming.received_at, *one) for one in reached]

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the record again; a text about what is resolved, or open again, would be wrong."""
        found = self._get(http, f"/{ask.part(event.key)}", {})
        record = reading.dig(found, "result")
        if self._states.get(reading.text(record, "state"), _other(record)) in OVERTAKEN.get(event.type, set()):
            raise AskFailed(f"In ServiceNow the state is {reading.text(record, 'state')} by now.", gone=True)
        return replace(event, data=self._data(record))

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read one page of changed records and tell the new ones and the new states."""

        def news(sight: Sight) -> Iterator[Event]:
            for tag, event_type in self._reached(sight.record, is_new=sight.is_new):
                yield self._event(self.name, "poll", sight.record, now, tag, event_type)

        listing = Listing(
            read=lambda window: self._changed(http, window),
            identity=lambda record: reading.text(record, "sys_id"),
            changed=_stamp,
            created=lambda record: _stamp(record, "sys_created_on"),
            standing=lambda record: reading.text(record, "state"),
            news=news,
            back=lambda stamp: STAMP.back(stamp, OVERLAP),
            start=STAMP.earliest,
        )
        return scan(listing, cursor)

    def _reached(self, record: Any, *, is_new: bool) -> Iterator[tuple[str, str]]:
        """Yield what a record tells: the word that names the event, and our type."""
        state = reading.text(record, "state")
        event_type = self._states.get(state, "")
        if is_new:
            yield "created", "ticket.created"
        if event_type and not (is_new and event_type == "ticket.updated"):
            yield f"state-{state}", event_type

    def _event(self, source: str, native: str, record: Any, now: datetime, tag: str, event_type: str) -> Event:
        key = reading.text(record, "sys_id")
        return Event(
            source=source,
            type=event_type,
            native_type=f"{self.settings['table']} {native}",
            id=f"{self.settings['table']}/{key}/{tag}",
            key=key,
            occurred_at=_moment(record, "sys_updated_on") or now,
            version=reading.text(record, "sys_updated_on"),
            data=self._data(record),
            raw=record,
        )

    def _data(self, record: Any) -> dict[str, Any]:
        person = {name: reading.text(_flat(record, f"{self.settings['person']}.{name}")) for name in PERSON}
        return {
            "id": reading.text(record, "sys_id"),
            "number": reading.text(record, "number"),
            "table": str(self.settings["table"]),
            "subject": reading.text(record, "short_description"),
            "status": reading.text(record, "state"),
            "priority": reading.text(record, "priority"),
            "customer": {
                "id": person["sys_id"],
                "name": person["name"],
                "first_name": person["first_name"],
                "email": person["email"],
                "phone": person["mobile_phone"] or person["phone"],
                "locale": person["preferred_language"],
                "tz": person["time_zone"],
            },
        }

    def _changed(self, http: Http, window: Window) -> tuple[list[dict[str, Any]], str]:
        start = int(window.place or 0)
        order = "^ORDERBYDESCsys_updated_on" if window.since is None else "^ORDERBYsys_updated_on"
        since = "" if window.since is None else f"sys_updated_on>={window.since}"
        query = f"{since}{order}^ORDERBYsys_id".removeprefix("^")
        page = {"sysparm_limit": str(SIZE), "sysparm_offset": str(start)}
        listed = reading.items(self._get(http, "", {"sysparm_query": query, **page}), "result")
        records = [record for record in listed if isinstance(record, dict)]
        return records, str(start + SIZE) if len(listed) == SIZE else ""

    def _get(self, http: Http, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        ask.needs(self.settings, "url", "user", "password")
        columns = [*COLUMNS, *(f"{self.settings['person']}.{name}" for name in PERSON)]
        always = {"sysparm_display_value": "false", "sysparm_exclude_reference_link": "true"}
        call = Call(
            method="GET",
            url=f"{self.address('url')}/api/now/table/{self.settings['table']}{path}",
            params={**params, **always, "sysparm_fields": ",".join(columns)},
            headers={"Accept": "application/json"},
            auth=(str(self.settings["user"]), str(self.settings["password"])),
        )
        return ask.for_object(http, call, "ServiceNow")


def _other(record: Any) -> str:
    """Return what a state without an event stands for: new is open, anything else is over."""
    return "ticket.created" if reading.text(record, "state") == "1" else ""


def _flat(record: Any, name: str) -> Any:
    """Return a field of a record; walked-to ones have dots in their names, so this is no path."""
    return record.get(name) if isinstance(record, dict) else None


def _moment(record: Any, name: str) -> datetime | None:
    return reading.moment(_flat(record, name), zone=UTC)


def _stamp(record: Any, name: str = "sys_updated_on") -> str:
    return STAMP.of(_moment(record, name))


CONNECTOR = ServiceNow
