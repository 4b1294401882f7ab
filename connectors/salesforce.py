"""Salesforce: Outbound Messages (SOAP, without code), change and platform events through a relay, and a poll by SOQL.

Facts: Salesforce help "Outbound Message Notifications", Change Data Capture and REST guides, simple-salesforce 1.12.10,
read 2026-10; the envelope of Event Relay, read 2026-11. What is posted is read in wire/salesforce_messages.py, what it
means in wire/salesforce_meaning.py and wire/salesforce_records.py.
A message and a poll name the same change differently (04l... here, object/id/status there), but share the record's id
as `key`: a rule that texts once per key and type texts once, whichever comes first. A change event of an order or a
case has the poll's name.
Long because of five ways: messages, change events, a poll, look-ups, and answers written back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from connectors.base import AskFailed, Connector, Http, Option, Page
from connectors.kit import audiences
from model.event import Answer, Event, Incoming
from model.reasons import Reason, Refused
from model.sending import Change
from wire import reading, salesforce_messages, salesforce_pages, salesforce_records
from wire.salesforce_meaning import Meaning, Told
from wire.salesforce_messages import ACK
from wire.salesforce_records import BASIC, FAMILIES, NAME, NATIVE, PEOPLE, QUERIES, SENTENCES
from wire.salesforce_terms import LOGIN_SETTINGS, Failed
from wire.signatures import Token

FINAL = frozenset(
    {
        "NOT_FOUND", "ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "INVALID_FIELD", "INVALID_TYPE",
        "INVALID_FIELD_FOR_INSERT_UPDATE", "FIELD_CUSTOM_VALIDATION_EXCEPTION", "MALFORMED_ID", "STRING_TOO_LONG",
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "HTTP 404",
    }
)  # fmt: skip
"""Error codes after which the same request can never succeed."""
REMEMBERED = 2000  # records per object whose last state travels in the cursor
# what makes a text about an event wrong: what its record would tell by now
OVERTAKEN = {
    "order.created": {"order.cancelled"},
    "order.updated": {"order.cancelled"},
    "ticket.created": {"ticket.resolved"},
    "ticket.updated": {"ticket.resolved"},
    "appointment.booked": {"appointment.cancelled"},
    "appointment.rescheduled": {"appointment.cancelled"},
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
        "organization_id": Option(text="Take what comes from this organisation (00D...) only."),
        "types": Option(text="Table of objects and, for each, its statuses and our types; * is any other.", default={}),
        "status_fields": Option(text="Table of objects and the field that holds their status.", default={}),
        "key_fields": Option(text="Table of platform events and the field that names their record.", default={}),
        "queries": Option(
            text="Table of the objects to poll and the fields to read; an empty list takes the usual ones.",
            default={"Order": [], "Case": []},
        ),
        "deleted": Option(text="Polled objects of which deleted records are told too.", default=tuple(QUERIES)),
        "api_percent": Option(text="Rest when this share of the day's API calls is used.", default=80),
        **{
            name: Option(text=f"Poll, look-up: {name} of the login.", secret=name not in {"username", "domain"})
            for name in LOGIN_SETTINGS
        },
        "session_id": Option(text="Poll: a session that exists already, together with instance_url.", secret=True),
        "instance_url": Option(text="Poll: the address of the organisation, for session_id."),
    }
    setup: ClassVar[Sequence[str]] = (
        "Setup > Outbound Messages > New: pick the object, tick what rules need, and Id, Status, LastModifiedDate.",
        "Endpoint URL: the address of this source with ?token= and the secret behind it.",
        "Call the message from a Flow (or workflow rule) that runs when the status changes.",
        "Or choose objects under Change Data Capture and let Event Relay and an EventBridge API destination post them",
        "to the same address with the query parameter token; a bridge of the Pub/Sub API may post its messages too.",
        "To poll, and to look up what a change leaves out: an External Client App with the client credentials flow;",
        "give domain (acme.my) and its key.",
    )
    limits: ClassVar[Sequence[str]] = (
        "Nothing of this is signed; the token in the address is the proof.",
        "Messages carry the record as it is when sent, not when triggered, and only fields of the object itself.",
        "A change event holds the changed fields only: people are looked up. Salesforce keeps it for 72 hours.",
        "The poll tells changes of status; an edit that leaves status and start as they were is no event.",
        "A case that reaches the same status again after a detour is told as the same event.",
    )
    poll_every: ClassVar[str] = "2m"
    audience_query: ClassVar[str] = "SOQL: SELECT FirstName, MobilePhone FROM Contact WHERE MailingCountry = 'Germany'"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        self._meaning = Meaning.of(self.settings)
        self._queries = salesforce_records.queries(self.settings["queries"])
        self._key_fields = salesforce_records.fields_of("key_fields", self.settings["key_fields"])
        if not isinstance(self.settings["api_percent"], int | float):
            raise ValueError("Setting api_percent: expected a number from 1 to 100.")
        from wire.salesforce_session import Session  # noqa: PLC0415 - who asks what a connector sends logs in nowhere

        self._session = Session(self.settings)
        self._rest_until: datetime | None = None

    def verify(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        """Check the token in the address and, where one is set, the organisation."""
        self.scheme.check(incoming, secrets, now)
        wanted = self.settings["organization_id"]
        if wanted and salesforce_messages.organization(incoming.body)[:15] != str(wanted)[:15]:
            raise Refused(Reason.BAD_SIGNATURE, "It comes from another organisation.")

    def parse(self, incoming: Incoming) -> list[Event]:
        """One event per record told of; changes that leave status and start as they were give none."""
        told = map(self._meaning.told, salesforce_messages.read(incoming.body))
        return [self._event(incoming, one) for one in told if one]

    def answer(self, events: Sequence[Event]) -> Answer:
        """Acknowledge the whole message: anything else makes Salesforce send it again. A relay wants any 200."""
        return Answer(body=ACK, content_type="text/xml; charset=utf-8")

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch what a change left out. `http` stays unused, see `poll`."""
        return replace(event, data=self._fresh(event, self._fetch(event)), lookup="")

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the record again; one that was deleted is gone, and so is what it became makes the text wrong."""
        record = self._fetch(event)
        name = reading.text(event.data, "object")
        now = self._meaning.event_type(name, self._meaning.status(name, record))
        if now in OVERTAKEN.get(event.type, set()):
            raise AskFailed("In Salesforce it was closed or called off meanwhile.", gone=True)
        return replace(event, data=self._fresh(event, record))

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
        name, record_id = _which(event)
        try:
            if change.fields:
                self._session.write(name, record_id, change.fields)
            if change.note:
                about = "WhoId" if name in {"Contact", "Lead"} else "WhatId"
                task = {"Subject": "Answer by text", "Description": change.note, "Status": "Completed"}
                self._session.write("Task", "", {**task, "ActivityDate": f"{change.at:%Y-%m-%d}", about: record_id})
        except Failed as failed:
            raise AskFailed(str(failed), permanent=failed.code in FINAL) from None

    def audience(self, query: str, http: Http) -> Iterator[Mapping[str, Any]]:
        """Yield the records of a SELECT. `http` stays unused, see `poll`."""
        wanted = audiences.select_of_soql(query)
        try:
            yield from self._session.records(wanted)
        except Failed as failed:
            raise AskFailed(str(failed), permanent=failed.code in {*FINAL, "MALFORMED_QUERY"}) from None

    def _page(
        self, name: str, columns: Sequence[str], place: Mapping[str, Any] | None, now: datetime, events: list[Event]
    ) -> dict[str, Any]:
        """Read one page of one object, add its transitions to `events`, and return where to go on."""
        try:
            told_by, state = self._meaning.told_by(name), self._meaning.state
            if place is None:  # remember how things stand, or the first poll would text every old customer
                records, after = salesforce_pages.baseline(self._session, name, told_by)
                states = {salesforce_pages.record_id(one)[:15]: state(name, one) for one in reversed(records)}
                return {**after, "since": after["stamp"], "states": states}
            deleted = name in self.settings["deleted"]
            wanted = [*columns, *told_by]
            records, after = salesforce_pages.page(self._session, name, wanted, place, now, deleted=deleted)
            states = dict(place["states"])
            told = [self._meaning.transition(name, record, place["since"], states) for record in records]
            events.extend(self._event(Incoming(source=self.name, received_at=now), one) for one in told if one)
            return {**after, "states": dict(list(states.items())[-REMEMBERED:])}
        except Failed as failed:
            if failed.code == "QUERY_TIMEOUT" and place and (half := salesforce_pages.narrowed(place, now)):
                return half
            wait = timedelta(hours=1) if failed.code == "REQUEST_LIMIT_EXCEEDED" else timedelta(minutes=5)
            raise AskFailed(f"{name}: {failed}", retry_after=wait) from None

    def _event(self, incoming: Incoming, told: Told) -> Event:
        notice, name, native = told.notice, told.notice.name, told.notice.native
        changed = reading.first_text(native, "LastModifiedDate", "SystemModstamp", "CreatedDate")
        version = changed or (salesforce_pages.written(notice.at) if notice.at else "")
        short = reading.text(native, "Id")[:15]
        data = salesforce_records.data(told.type, name, short, told.status, native)
        key = reading.text(native, self._key_fields[name]) if name in self._key_fields else short
        is_thin = notice.change in {"CREATE", "UPDATE", "UNDELETE"} and not reading.text(data, "customer.phone")
        return Event(
            source=incoming.source,
            type=told.type,
            native_type=f"{name} {told.status}",
            id=notice.id,
            key=key or notice.id,
            occurred_at=notice.at or reading.moment(changed) or incoming.received_at,
            version=version,
            data=data,
            raw=native,
            lookup=short if is_thin and self._columns(name) and self._can_ask else "",
        )

    @property
    def _can_ask(self) -> bool:
        return any(self.settings[name] for name in ("session_id", "consumer_key", "password"))

    def _columns(self, name: str) -> Sequence[str]:
        return self._queries.get(name) or QUERIES.get(name, ())

    def _fetch(self, event: Event) -> dict[str, Any]:
        """Fetch the record of an event as it is now."""
        name, record_id = _which(event)
        if not self._columns(name):
            raise AskFailed(f"The option queries names no fields of {name}.", permanent=True)
        try:
            found = salesforce_pages.one(
                self._session, name, [*self._columns(name), *self._meaning.told_by(name)], record_id
            )
        except Failed as failed:
            raise AskFailed(str(failed), permanent=failed.code in FINAL) from None
        if found is None:
            raise AskFailed("The record is not in Salesforce any more.", gone=True)
        return found

    def _fresh(self, event: Event, record: Mapping[str, Any]) -> dict[str, Any]:
        name, short = reading.text(event.data, "object"), reading.text(event.data, "id")
        native = {**dict(event.data["fields"]), **salesforce_records.native(record)}
        return salesforce_records.data(event.type, name, short, reading.text(event.data, "status"), native)


def _which(event: Event) -> tuple[str, str]:
    """Return object and id of an event's record, proven fit to stand in a query or an address."""
    name, record_id = reading.text(dict(event.data), "object"), reading.text(dict(event.data), "id")
    if not (NAME.fullmatch(name) and record_id.isascii() and record_id.isalnum()):
        raise AskFailed("This event is about no record of Salesforce.", permanent=True)
    return name, record_id


CONNECTOR = Salesforce
