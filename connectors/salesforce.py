"""Salesforce: Outbound Messages (SOAP push without code in Salesforce) and a poller over SOQL.

Facts: Salesforce help "Outbound Message Notifications", REST guide, simple-salesforce 1.12.10, read 2026-10.
A message and a poll name the same change differently (04l... here, object/id/status there), but share the record's id
as `key`: a rule that texts once per key and type texts once, whichever comes first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from connectors.base import AskFailed, Connector, Http, Option, Page
from model.event import Answer, Event, Incoming, is_event_type
from model.reasons import Reason, Refused
from model.sending import Change
from wire import reading, salesforce_session
from wire.salesforce_session import LOGIN_SETTINGS, Session
from wire.signatures import Token

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
OUTBOUND = "{http://soap.sforce.com/2005/09/outbound}"
XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
ACK = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    '<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>'
    "</soapenv:Body></soapenv:Envelope>"
)

FINAL = frozenset(
    {
        "NOT_FOUND", "ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "INVALID_FIELD", "INVALID_TYPE",
        "INVALID_FIELD_FOR_INSERT_UPDATE", "FIELD_CUSTOM_VALIDATION_EXCEPTION", "MALFORMED_ID", "STRING_TOO_LONG",
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "HTTP 404",
    }
)  # fmt: skip
"""Error codes after which the same write can never succeed."""

REMEMBERED = 2000  # records per object whose last state travels in the cursor
ANY = "*"

# object -> its status -> our type; * is every other status. Objects without a status have * alone.
TYPES: Mapping[str, Mapping[str, str]] = {
    "Order": {
        "Draft": "order.created",
        "Activated": "order.created",
        "Cancelled": "order.cancelled",
        "Canceled": "order.cancelled",
        ANY: "order.updated",
    },
    "Contact": {ANY: "contact.updated"},
    "Lead": {ANY: "contact.updated"},
    "Case": {
        "New": "ticket.created",
        "Closed": "ticket.resolved",
        "Resolved": "ticket.resolved",
        "Solved": "ticket.resolved",
        ANY: "ticket.updated",
    },
    # the calendar's Event has no status: new and moved are told apart by its stamps
    "Event": {"(new)": "appointment.booked", "(changed)": "appointment.rescheduled"},
    "ServiceAppointment": {
        "None": "appointment.booked",
        "Scheduled": "appointment.booked",
        "Rescheduled": "appointment.rescheduled",
        "Canceled": "appointment.cancelled",
        "Cancelled": "appointment.cancelled",
    },
}
STATUS_FIELDS = {"Order": "Status", "Case": "Status", "ServiceAppointment": "Status"}
PERSON = ("FirstName", "LastName", "MobilePhone", "Phone")
QUERIES = {
    "Order": (
        *("OrderNumber", "Status", "TotalAmount", "EffectiveDate", "ShippingCountry", "BillToContactId"),
        *(f"BillToContact.{name}" for name in (*PERSON, "MailingCountry")),
    ),
    "Case": ("CaseNumber", "Subject", "Status", "SuppliedPhone", "ContactId", *(f"Contact.{name}" for name in PERSON)),
    "Contact": (*PERSON, "HomePhone", "MailingCountry"),
    "Lead": (*PERSON, "Country"),
    "Event": ("Subject", "StartDateTime", "EndDateTime", "Location", "WhoId"),
    "ServiceAppointment": (
        *("AppointmentNumber", "Subject", "Status", "SchedStartTime", "SchedEndTime", "ContactId"),
        *(f"Contact.{name}" for name in PERSON),
    ),
}
STARTS = {"Event": "StartDateTime", "ServiceAppointment": "SchedStartTime"}
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*")

# our name -> (kind, sentence, the native fields it is read from, best first)
Row = tuple[str, str, tuple[str, ...]]
BEFORE = ("", "BillToContact.", "Contact.")
MOBILES = ("MobilePhone", "PersonMobilePhone", "MobilePhone__c", "Mobile__c")
LANDLINES = ("Phone", "Phone__c", "HomePhone")
COUNTRIES = ("MailingCountryCode", "MailingCountry", "CountryCode", "Country")
BASIC: Mapping[str, Row] = {
    "id": ("text", "The record's id, its first 15 characters.", ()),
    "object": ("text", "Salesforce's name of the kind of record, such as Order.", ()),
    "status": ("text", "The status as Salesforce shows it.", ()),
}
PEOPLE: Mapping[str, Row] = {
    "customer.first_name": ("text", "First name.", ("FirstName", "BillToContact.FirstName", "Contact.FirstName")),
    "customer.last_name": ("text", "Last name.", ("LastName", "BillToContact.LastName", "Contact.LastName")),
    "customer.phone": (
        "phone",
        "The mobile, or else the other number.",
        (
            *(before + name for name in MOBILES for before in BEFORE),
            *(before + name for name in LANDLINES for before in BEFORE),
            "SuppliedPhone",
        ),
    ),
    "customer.country": (
        "text",
        "Country, as Salesforce writes it.",
        (
            *COUNTRIES,
            *(f"BillToContact.{name}" for name in COUNTRIES[:2]),
            *("ShippingCountryCode", "ShippingCountry", "BillingCountryCode", "BillingCountry"),
        ),
    ),
}
FAMILIES: Mapping[str, Mapping[str, Row]] = {
    "order": {
        "number": ("text", "The number the customer knows.", ("OrderNumber",)),
        "total": ("money", "The order's total in major units.", ("TotalAmount",)),
        "currency": ("text", "ISO 4217 code, in organisations with several currencies.", ("CurrencyIsoCode",)),
        "date": ("date", "The day the order starts.", ("EffectiveDate",)),
    },
    "contact": {},
    "ticket": {
        "number": ("text", "The case number.", ("CaseNumber",)),
        "subject": ("text", "What it is about.", ("Subject",)),
    },
    "appointment": {
        "number": ("text", "The appointment's number.", ("AppointmentNumber",)),
        "subject": ("text", "What it is about.", ("Subject",)),
        "starts_at": ("time", "When it begins.", ("SchedStartTime", "StartDateTime")),
        "ends_at": ("time", "When it ends.", ("SchedEndTime", "EndDateTime")),
        "place": ("text", "Where it is.", ("Location", "City")),
    },
}
NATIVE = {"fields.*": ("text", "Every field Salesforce sent, under its own name, as text: fields.Industry__c.")}
SENTENCES = {
    "order.created": "Order with Status Draft or Activated",
    "order.updated": "Order with any other Status",
    "order.cancelled": "Order with Status Cancelled",
    "contact.updated": "Contact, Lead",
    "ticket.created": "Case with Status New",
    "ticket.updated": "Case with any other Status",
    "ticket.resolved": "Case with Status Closed, Resolved or Solved",
    "appointment.booked": "ServiceAppointment with Status Scheduled; Event when new",
    "appointment.rescheduled": "ServiceAppointment whose start moved (poll); Event when changed",
    "appointment.cancelled": "ServiceAppointment with Status Canceled",
}

READERS: Mapping[str, Callable[[str], str | None]] = {
    "money": reading.amount,
    "time": lambda value: reading.iso(reading.moment(value)),
}


class Salesforce(Connector):
    """One Salesforce organisation."""

    name = "salesforce"
    title = "Salesforce"
    category = "CRM"
    docs_url = "https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging.htm"
    scheme = Token(query="token")
    sender_headers: ClassVar[Mapping[str, str]] = {"content-type": "text/xml; charset=utf-8", "soapaction": '""'}
    event_types: ClassVar[Mapping[str, str]] = SENTENCES
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        event_type: {
            **{name: row[:2] for name, row in {**BASIC, **FAMILIES[event_type.split(".")[0]], **PEOPLE}.items()},
            **NATIVE,
        }
        for event_type in SENTENCES
    }
    options: ClassVar[Mapping[str, Option]] = {
        "organization_id": Option(text="Take Outbound Messages of this organisation (00D...) only."),
        "types": Option(text="Table of objects and, for each, its statuses and our types; * is any other.", default={}),
        "status_fields": Option(text="Table of objects and the field that holds their status.", default={}),
        "queries": Option(
            text="Table of the objects to poll and the fields to read; an empty list takes the usual ones.",
            default={"Order": [], "Case": []},
        ),
        "api_percent": Option(text="Rest when this share of the day's API calls is used.", default=80),
        **{
            name: Option(text=f"Poll: {name} of the login.", secret=name not in {"username", "domain"})
            for name in LOGIN_SETTINGS
        },
        "session_id": Option(text="Poll: a session that exists already, together with instance_url.", secret=True),
        "instance_url": Option(text="Poll: the address of the organisation, for session_id."),
    }
    setup: ClassVar[Sequence[str]] = (
        "Setup > Outbound Messages > New: pick the object, tick what rules need, and Id, Status, LastModifiedDate.",
        "Endpoint URL: the address of this source with ?token= and the secret behind it.",
        "Call the message from a Flow (or workflow rule) that runs when the status changes.",
        "To poll instead: an External Client App with the client credentials flow; give domain (acme.my) and its key.",
    )
    limits: ClassVar[Sequence[str]] = (
        "Outbound Messages have no signature; the token in the address is the proof.",
        "They carry the record as it is when sent, not when triggered, and only fields of the object itself.",
        "The poll tells changes of status; an edit that leaves status and start as they were is no event.",
        "A case that reaches the same status again after a detour is polled as the same event.",
    )
    poll_every: ClassVar[str] = "2m"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        self._types = {**TYPES, **_types(self.settings["types"])}
        self._status_fields = {**STATUS_FIELDS, **_status_fields(self.settings["status_fields"])}
        self._queries = _queries(self.settings["queries"])
        if not isinstance(self.settings["api_percent"], int | float):
            raise ValueError("Setting api_percent: expected a number from 1 to 100.")
        self._session = Session(self.settings)
        self._rest_until: datetime | None = None

    def verify(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        """Check the token in the address and, where one is set, the organisation."""
        self.scheme.check(incoming, secrets, now)
        wanted = self.settings["organization_id"]
        if wanted and _text(_notifications(incoming.body), "OrganizationId")[:15] != str(wanted)[:15]:
            raise Refused(Reason.BAD_SIGNATURE, "The message comes from another organisation.")

    def parse(self, incoming: Incoming) -> list[Event]:
        """One event per notification. Records deleted before the message left have no data and give none."""
        found = _notifications(incoming.body).findall(f"{OUTBOUND}Notification")
        if not found:
            reading.bad_shape("The message holds no Notification.")
        return [event for one in found if (event := self._notified(incoming, one))]

    def answer(self, events: Sequence[Event]) -> Answer:
        """Acknowledge the whole message: anything else makes Salesforce send it again."""
        return Answer(body=ACK, content_type="text/xml; charset=utf-8")

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read one page of every object. `http` stays unused: simple-salesforce brings its own session."""
        if self._rest_until and now < self._rest_until:
            raise AskFailed("Salesforce: the share of API calls is used up.", retry_after=self._rest_until - now)
        events: list[Event] = []
        places = {name: cursor[name] for name in self._queries if name in cursor}
        for name, columns in self._queries.items():
            places[name] = self._page(name, columns, places.get(name), now, events)
            if self._session.used_percent >= self.settings["api_percent"]:
                self._rest_until = now + timedelta(minutes=15)
                return Page(events=events, cursor=places)
        return Page(events=events, cursor=places, more=any("scan" in place for place in places.values()))

    def write_back(self, event: Event, change: Change, http: Http, now: datetime) -> None:
        """Set fields of the record, and add a finished task that holds the note. `http` stays unused, see `poll`."""
        name, record_id = reading.text(dict(event.data), "object"), reading.text(dict(event.data), "id")
        if not (NAME.fullmatch(name) and record_id.isascii() and record_id.isalnum()):
            raise AskFailed("This event is about no record that can be written to.", permanent=True)
        try:
            if change.fields:
                self._session.write(name, record_id, change.fields)
            if change.note:
                about = "WhoId" if name in {"Contact", "Lead"} else "WhatId"
                task = {"Subject": "Answer by text", "Description": change.note, "Status": "Completed"}
                self._session.write("Task", "", {**task, "ActivityDate": f"{change.at:%Y-%m-%d}", about: record_id})
        except salesforce_session.Failed as failed:
            raise AskFailed(str(failed), permanent=failed.code in FINAL) from None

    def _page(
        self, name: str, columns: Sequence[str], place: Mapping[str, Any] | None, now: datetime, events: list[Event]
    ) -> dict[str, Any]:
        """Read one page of one object, add its transitions to `events`, and return where to go on."""
        try:
            status = [field for table in (self._status_fields, STARTS) if (field := table.get(name))]
            if place is None:  # remember how things stand, or the first poll would text every old customer
                records, after = salesforce_session.baseline(self._session, name, status)
                states = {salesforce_session.record_id(one)[:15]: self._state(name, one) for one in reversed(records)}
                return {**after, "since": after["stamp"], "states": states}
            records, after = salesforce_session.page(self._session, name, [*columns, *status], place, now)
            states = dict(place["states"])
            found = [self._transition(name, record, place["since"], states, now) for record in records]
            events.extend(event for event in found if event)
            return {**after, "states": dict(list(states.items())[-REMEMBERED:])}
        except salesforce_session.Failed as failed:
            if failed.code == "QUERY_TIMEOUT" and place and (half := salesforce_session.narrowed(place, now)):
                return half
            wait = timedelta(hours=1) if failed.code == "REQUEST_LIMIT_EXCEEDED" else timedelta(minutes=5)
            raise AskFailed(f"{name}: {failed}", retry_after=wait) from None

    def _state(self, name: str, record: Mapping[str, Any]) -> str:
        """Return what makes two readings of a record the same to its owner: status and start, else the stamp."""
        start = reading.iso(reading.moment(record.get(STARTS.get(name, "")))) if name in STARTS else None
        if name not in self._status_fields and name not in STARTS:
            return salesforce_session.stamp(record)
        status = self._status(name, record) if name in self._status_fields else ""
        return f"{status}@{start}" if start else status

    def _transition(
        self, name: str, record: dict[str, Any], since: str, states: dict[str, str], now: datetime
    ) -> Event | None:
        """Return the event when the record's state is new to us.

        A record older than the baseline and not among those remembered may have been edited for any reason: it is
        remembered without an event, because a text about nothing is worse than a late one.
        """
        short = salesforce_session.record_id(record)[:15]
        before, state = states.pop(short, None), self._state(name, record)
        states[short] = state
        created = reading.moment(record.get("CreatedDate"))
        if before == state or (before is None and created and salesforce_session.written(created) <= since):
            return None
        native = _native(record)
        status = (
            self._status(name, native) if name in self._status_fields else "(new)" if before is None else "(changed)"
        )
        has_moved = before is not None and before.partition("@")[0] == status and name in STARTS
        return self._event(
            name,
            native,
            status,
            f"{name}/{short}/{state}",
            Incoming(source=self.name, received_at=now),
            moved=has_moved,
        )

    def _notified(self, incoming: Incoming, notification: Element) -> Event | None:
        record = notification.find(f"{OUTBOUND}sObject")
        if record is None:
            return None
        native = {_local(field.tag): value for field in record if (value := reading.text(field.text or ""))}
        name = re.sub(r"[^A-Za-z0-9_]", "_", reading.text(_local(record.get(XSI_TYPE, ""))))[:80]
        if not native.get("Id") or not name:
            return None
        notified = _text(notification, "Id") or f"{name}/{native['Id']}/{native.get('LastModifiedDate', '')}"
        return self._event(name, native, self._status(name, native), notified, incoming)

    def _status(self, name: str, native: Mapping[str, Any]) -> str:
        if name in self._status_fields:
            return reading.text(native, self._status_fields[name]) or "None"
        created, changed = (reading.moment(native.get(field)) for field in ("CreatedDate", "LastModifiedDate"))
        return "(changed)" if created and changed and changed - created > timedelta(seconds=1) else "(new)"

    def _event(
        self, name: str, native: dict[str, Any], status: str, event_id: str, incoming: Incoming, *, moved: bool = False
    ) -> Event:
        table = self._types.get(name, {})
        event_type = table.get(status) or table.get(ANY) or f"custom.{name.lower()}"
        if moved and event_type == "appointment.booked":
            event_type = "appointment.rescheduled"
        changed = reading.first_text(native, "LastModifiedDate", "SystemModstamp", "CreatedDate")
        short = reading.text(native, "Id")[:15]
        return Event(
            source=incoming.source,
            type=event_type,
            native_type=f"{name} {status}",
            id=event_id,
            key=short,
            occurred_at=reading.moment(changed) or incoming.received_at,
            version=changed,
            data=_data(event_type, name, short, "" if status.startswith("(") else status, native),
            raw=native,
        )


def _notifications(body: bytes) -> Element:
    """Read the envelope, without entities, document types or anything fetched from elsewhere."""
    try:
        root = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        reading.bad_shape(f"The body is not XML: {type(error).__name__}.")
    found: Element | None = root.find(f"{SOAP}Body/{OUTBOUND}notifications")
    if found is None:
        reading.bad_shape("The body is not an Outbound Message.")
    return found


def _text(element: Element, name: str) -> str:
    return reading.text(element.findtext(f"{OUTBOUND}{name}") or "")


def _local(name: str) -> str:
    """Strip the namespace of a tag ({urn:...}Id) or of a type (sf:Order)."""
    return name.rpartition("}")[2].rpartition(":")[2]


def _native(record: Mapping[str, Any]) -> dict[str, Any]:
    """Write a polled record as a pushed one would be: all values as text, empty ones left out."""
    found: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            found[name] = _native(value)
        elif written := str(value).lower() if isinstance(value, bool) else reading.text(value):
            found[name] = written
    return found


def _data(event_type: str, name: str, short: str, status: str, native: dict[str, Any]) -> dict[str, Any]:
    family = FAMILIES.get(event_type.partition(".")[0])
    data: dict[str, Any] = {"id": short, "object": name, "status": status, "fields": native}
    if family is None:
        return data
    for path, (kind, _, sources) in {**family, **PEOPLE}.items():
        found = reading.first_text(native, *sources)
        outer, _, last = path.rpartition(".")
        place = data.setdefault(outer, {}) if outer else data
        place[last] = READERS[kind](found) if kind in READERS else found
    return data


def _types(given: Any) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, table in _table("types", given).items():
        found[name] = {ANY: table} if isinstance(table, str) else _table(f"types.{name}", table)
        for status, ours in found[name].items():
            if not (isinstance(ours, str) and is_event_type(ours)):
                raise ValueError(f"Setting types.{name}.{status}: {ours!r} is not an event type of ours.")
    return found


def _queries(given: Any) -> dict[str, tuple[str, ...]]:
    """Check the names: they are written into the query as they are."""
    found: dict[str, tuple[str, ...]] = {}
    for name, columns in _table("queries", given).items():
        if not isinstance(columns, list | tuple):
            raise ValueError(f"Setting queries.{name}: expected a list of fields, found {reading.kind(columns)}.")
        found[name] = tuple(columns) or QUERIES.get(name, ())
        for word in (name, *found[name]):
            if not (isinstance(word, str) and NAME.fullmatch(word)):
                raise ValueError(f"Setting queries.{name}: {word!r} is not a name of Salesforce.")
        if not found[name]:
            raise ValueError(f"Setting queries.{name}: name the fields to read; there is no usual list for it.")
    return found


def _status_fields(given: Any) -> dict[str, str]:
    for name, column in _table("status_fields", given).items():
        if not (isinstance(column, str) and NAME.fullmatch(column)):
            raise ValueError(f"Setting status_fields.{name}: {column!r} is not a field of Salesforce.")
    return dict(given)


def _table(name: str, given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise ValueError(f"Setting {name}: expected a table, found {reading.kind(given)}.")
    return dict(given)


CONNECTOR = Salesforce
