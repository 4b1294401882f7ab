"""Pipedrive: persons, deals and meetings, by webhooks of version 2 (or 1), and a poll of persons and deals.

Long because of three kinds of record, two versions of webhooks, a poll, and answers written back.
Facts: pipedrive.readme.io "Guide for webhooks v2" and pipedrive/client-nodejs, read 2026-11. The name `phones`, the
zone of an activity's time and the API's address are not confirmed, hence the older name beside it and two options.
Every edit of a record is a change, so of deals only a new stage or status counts, of activities only a new time. What
a poll can see too is named by the state reached, and is the same event whichever way it came.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from connectors.base import AskFailed, Connector, Hook, Http, Option, Page
from connectors.kit import ask, stamps
from connectors.kit.hooks import RestHooks
from connectors.kit.scan import Listing, Sight, Window, scan_each
from model.event import Event, Incoming
from model.sending import Change
from wire import reading
from wire.http import Call
from wire.signatures import Token

CUSTOM = re.compile(r"[0-9a-f]{40}")
CLOCK = re.compile(r"([0-9]{1,3}):([0-5][0-9])(:[0-5][0-9])?")
OVERLAP = timedelta(minutes=5)
SIZE = 200
POLLED = {"persons": "person", "deals": "deal"}
PLURALS = {"person": "persons", "deal": "deals", "activity": "activities"}
ACTIONS = {"added": "create", "updated": "change", "deleted": "delete"}  # version 1 -> version 2

CUSTOMER_FIELDS = {
    "customer.id": ("text", "The person's id."),
    "customer.name": ("text", "Full name."),
    "customer.first_name": ("text", "First name."),
    "customer.last_name": ("text", "Last name."),
    "customer.phone": ("phone", "The mobile, or else the primary, or else the first number."),
    "customer.phones": ("list", "All numbers."),
    "customer.email": ("text", "Primary mail address."),
}
RECORD_FIELDS = {
    "id": ("text", "The record's id."),
    "owner_id": ("text", "The user who owns it."),
    "is_bulk_edit": ("bool", "True where the change was made to many records at once."),
    "custom_fields.*": ("text", "Your own fields under Pipedrive's 40-letter keys."),
}
DEAL_FIELDS = {
    "title": ("text", "The deal's title."),
    "status": ("text", "open, won, lost or deleted."),
    "stage_id": ("text", "The number of its stage."),
    "pipeline_id": ("text", "The number of its pipeline."),
    "total": ("money", "Its value in major units."),
    "currency": ("text", "ISO 4217 code."),
    "lost_reason": ("text", "Why it was lost."),
}
APPOINTMENT_FIELDS = {
    "starts_at": ("time", "When it begins."),
    "ends_at": ("time", "When it ends."),
    "previous_starts_at": ("time", "When it would have begun before the move."),
    "service": ("text", "The activity's subject."),
    "location": ("text", "Where it is."),
}
FIELDS = {
    "contact": {**RECORD_FIELDS, **CUSTOMER_FIELDS},
    "custom": {**RECORD_FIELDS, **DEAL_FIELDS, **CUSTOMER_FIELDS},
    "appointment": {**RECORD_FIELDS, **APPOINTMENT_FIELDS, **CUSTOMER_FIELDS},
}


class Pipedrive(Connector):
    """One Pipedrive company."""

    name = "pipedrive"
    title = "Pipedrive"
    category = "CRM"
    docs_url = "https://pipedrive.readme.io/docs/guide-for-webhooks-v2"
    scheme = Token(kind="basic")
    event_types: ClassVar[Mapping[str, str]] = {
        "contact.created": "create person",
        "contact.updated": "change person",
        "contact.deleted": "delete person",
        "appointment.booked": "create activity, of the types in `appointment_types`, with a time",
        "appointment.rescheduled": "change activity, when its time changed",
        "appointment.cancelled": "delete activity",
        "custom.deal.created": "create deal",
        "custom.deal.updated": "change deal, when its stage changed or it was opened again",
        "custom.deal.won": "change deal, when its status became won",
        "custom.deal.lost": "change deal, when its status became lost",
        "custom.deal.deleted": "delete deal",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        event_type: FIELDS[event_type.partition(".")[0]] for event_type in event_types
    }
    options: ClassVar[Mapping[str, Option]] = {
        "api_token": Option(text="API token that may read persons and deals.", default="", secret=True),
        "api_url": Option(text="Where your Pipedrive's API is.", default="https://api.pipedrive.com"),
        "appointment_types": Option(text="Types of activity that are appointments.", default=("meeting",)),
        "activity_zone": Option(text="The zone of an activity's due_time.", default="UTC"),
    }
    asks: ClassVar[Sequence[str]] = ("api_url",)
    setup: ClassVar[Sequence[str]] = (
        "In Pipedrive open Tools and apps > Webhooks and add one per object: person, deal, activity; action *.",
        "Endpoint URL: the address of this source. Choose a user name and a password for HTTP authentication.",
        "Put both into the environment variable of this source as user:password.",
        "Deals and activities name a person only: set `api_token`, and `api_url` to https://yourcompany.pipedrive.com.",
    )
    limits: ClassVar[Sequence[str]] = (
        "Pipedrive signs nothing: the password is the only proof, so use HTTPS and a long one.",
        "It waits 10 s and tries 3 more times; after 10 failures it stops for 30 minutes and those events are lost.",
        "A deal that reaches the same stage or status again is told once.",
        "The poll does not see deleted records and activities.",
    )
    poll_every: ClassVar[str] = "10m"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        self._zone = ZoneInfo(str(self.settings["activity_zone"]))

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is at most one event; changes without a text to send give none."""
        body = reading.json_object(incoming.body)
        meta = reading.dig(body, "meta")
        native = reading.required(meta, "action")
        action = ACTIONS.get(native, native)
        entity, record_id = reading.required(meta, "entity", "object"), reading.required(meta, "entity_id", "id")
        now, before = _record(body, "data", "current"), _record(body, "previous")
        what = self._what(entity, action, now, before)
        if not what:
            return []
        if not now and action != "delete":
            reading.bad_shape("The record the event is about is missing.")
        event_type, tag = what
        if tag == "updated-0":  # no update_time: the delivery has to name the event, and no poll will
            tag = f"updated-{reading.required(meta, 'id', 'timestamp_micro')}"
        data = self._data(entity, now or before, record_id)
        data["is_bulk_edit"] = reading.flag(meta, "is_bulk_edit")
        if entity == "activity":
            data["previous_starts_at"] = reading.iso(self._start({**now, **before})) if before else None
        moment = reading.moment(reading.dig(meta, "timestamp")) or incoming.received_at
        return [_event(incoming, (event_type, f"{native} {entity}"), f"{entity}/{record_id}/{tag}", moment, data)]

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the person a deal or an activity names."""
        answer = self._get(http, f"persons/{ask.part(event.lookup)}")
        person = reading.dig(answer, "data")
        if not isinstance(person, dict):
            raise AskFailed("Pipedrive's answer holds no person.", permanent=True)
        return replace(event, data={**event.data, "customer": _customer(person, event.lookup)}, lookup="")

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read one page of changed persons and one of changed deals."""
        return scan_each({name: self._listing(http, name, now) for name in POLLED}, cursor)

    def _listing(self, http: Http, name: str, now: datetime) -> Listing:
        entity = POLLED[name]
        return Listing(
            read=lambda window: self._list(http, name, window),
            identity=lambda record: reading.text(record, "id"),
            changed=_stamp,
            created=lambda record: _stamp(record, "add_time"),
            standing=lambda record: _state(entity, record),
            news=lambda sight: self._news(entity, sight, now),
            back=lambda stamp: int(stamp) - int(OVERLAP.total_seconds()),
            strangers=entity == "person",
        )

    def _news(self, entity: str, sight: Sight, now: datetime) -> Iterable[Event]:
        """Yield what a record tells that it did not tell before."""
        record, record_id = sight.record, reading.text(sight.record, "id")
        older = dict(zip(("status", "stage_id"), (sight.before or "").split("/"), strict=False))
        whats = [self._what(entity, "create", record, {})] if sight.is_new else []
        if not sight.is_new or reading.text(record, "status") in {"won", "lost"}:
            whats.append(self._what(entity, "change", record, {"status": "open"} if sight.is_new else older))
        incoming, data = Incoming(source=self.name, received_at=now), self._data(entity, record, record_id)
        moment = reading.moment(reading.dig(record, "update_time"), zone=UTC) or now
        for event_type, tag in filter(None, whats):
            event = _event(incoming, (event_type, entity), f"{entity}/{record_id}/{tag}", moment, data)
            yield replace(event, raw=record)

    def _what(
        self, entity: str, action: str, now: Mapping[str, Any], before: Mapping[str, Any]
    ) -> tuple[str, str] | None:
        """Return our type and a word for what was reached, None where nothing was that matters."""
        if entity == "person":
            return {
                "create": ("contact.created", "created"),
                "change": ("contact.updated", f"updated-{_stamp(now)}"),
                "delete": ("contact.deleted", "deleted"),
            }.get(action)
        if entity == "deal":
            if action in {"create", "delete"}:
                return f"custom.deal.{action}d", f"{action}d"
            return _deal_change(now, before) if action == "change" else None
        return self._appointment(action, now, before) if entity == "activity" else None

    def _appointment(self, action: str, now: Mapping[str, Any], before: Mapping[str, Any]) -> tuple[str, str] | None:
        kind = reading.first_text(now, "type") or reading.text(before, "type")
        if action == "delete":
            return (
                ("appointment.cancelled", "deleted") if not kind or kind in self.settings["appointment_types"] else None
            )
        start = reading.iso(self._start(now))
        if kind not in self.settings["appointment_types"] or not start:
            return None
        if action == "create":
            return "appointment.booked", "created"
        is_moved = start != reading.iso(self._start({**now, **before}))
        return ("appointment.rescheduled", f"at-{start}") if action == "change" and is_moved else None

    def _start(self, activity: Mapping[str, Any]) -> datetime | None:
        day, clock = reading.text(activity, "due_date"), reading.text(activity, "due_time")
        return reading.moment(f"{day}T{clock}", zone=self._zone) if day and clock else None

    def _data(self, entity: str, record: Mapping[str, Any], record_id: str) -> dict[str, Any]:
        own = record.get("custom_fields")
        data: dict[str, Any] = {
            "id": record_id,
            "owner_id": reading.first_text(record, "owner_id.id", "owner_id", "user_id.id", "user_id"),
            "is_bulk_edit": False,
        }
        if custom := own if isinstance(own, dict) else {key: record[key] for key in record if CUSTOM.fullmatch(key)}:
            data["custom_fields"] = reading.clean(custom)
        if entity == "person":
            return {**data, "customer": _customer(record, record_id)}
        person = reading.first_text(record, "person_id.value", "person_id", "participants.0.person_id")
        data["customer"] = _customer({}, person)
        return {**data, **(_deal(record) if entity == "deal" else self._meeting(record))}

    def _meeting(self, record: Mapping[str, Any]) -> dict[str, Any]:
        start, lasts = self._start(record), CLOCK.fullmatch(reading.text(record, "duration"))
        length = timedelta(hours=int(lasts[1]), minutes=int(lasts[2])) if lasts else None
        try:
            end = start + length if start and length else None
        except OverflowError:
            end = None
        return {
            "starts_at": reading.iso(start),
            "ends_at": reading.iso(end),
            "previous_starts_at": None,
            "service": reading.text(record, "subject"),
            "location": reading.first_text(record, "location.value", "location"),
        }

    def _list(self, http: Http, name: str, window: Window) -> tuple[list[dict[str, Any]], str]:
        """Return one page of records and the mark of the next, "" where there is none."""
        direction = "desc" if window.since is None else "asc"
        params = {"sort_by": "update_time", "sort_direction": direction, "limit": str(SIZE), "cursor": window.place}
        if window.since is not None and window.since > 0:
            params["updated_since"] = datetime.fromtimestamp(window.since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        answer = self._get(http, name, {key: value for key, value in params.items() if value})
        listed = [record for record in reading.items(answer, "data") if isinstance(record, dict)]
        return listed, reading.text(answer, "additional_data.next_cursor")

    def write_back(self, event: Event, change: Change, http: Http, now: datetime) -> None:
        """Set fields of the record; a note hangs on the deal or the person, an activity can hold none of its own."""
        entity, _, record_id = event.key.partition("/")
        if entity not in PLURALS or not record_id.isdecimal():
            raise AskFailed("This event is about no record that can be written to.", permanent=True)
        if change.fields:
            self._send(http, "PATCH", f"v2/{PLURALS[entity]}/{record_id}", json=dict(change.fields))
        if change.note:
            person = record_id if entity == "person" else reading.text(dict(event.data), "customer.id")
            holder = {"deal_id": int(record_id)} if entity == "deal" else {"person_id": int(person or 0)}
            if not any(holder.values()):
                raise AskFailed("The activity has no person whose note this could be.", permanent=True)
            self._send(http, "POST", "v1/notes", json={"content": html.escape(change.note), **holder})

    def subscriptions(self) -> RestHooks:
        """The company's webhooks (v2); one that is off is removed and made again. Raises AskFailed."""
        ask.needs(self.settings, "api_token")
        headers = {"x-api-token": str(self.settings["api_token"])}
        base = f"{self.address('api_url')}/api/v1/"
        return RestHooks(
            system="Pipedrive",
            topics=("*.person", "*.deal", "*.activity"),
            base=base,
            place="webhooks",
            listed="data",
            made="data",
            headers=headers,
            hook=lambda one: Hook(
                id=reading.text(one, "id"),
                address=reading.text(one, "subscription_url"),
                topics=(f"{reading.text(one, 'event_action')}.{reading.text(one, 'event_object')}",),
                is_on=reading.text(one, "is_active") not in {"0", "false"},
            ),
            new=lambda wish: {
                "subscription_url": wish.address,
                "event_action": wish.topics[0].partition(".")[0],
                "event_object": wish.topics[0].partition(".")[2],
                "http_auth_user": wish.secret.partition(":")[0],
                "http_auth_password": wish.secret.partition(":")[2],
                "version": "2.0",
            },
        )

    def _get(self, http: Http, path: str, params: Mapping[str, str] | None = None) -> Any:
        return self._send(http, "GET", f"v2/{path}", params=params)

    def _send(
        self, http: Http, method: str, path: str, *, params: Mapping[str, str] | None = None, json: Any = None
    ) -> Any:
        ask.needs(self.settings, "api_token")
        call = Call(
            method=method,
            url=f"{self.address('api_url')}/api/{path}",
            headers={"x-api-token": str(self.settings["api_token"])},
            params=params or {},
            json=json,
        )
        return ask.for_object(http, call, "Pipedrive", fine=(200, 201))


def _event(incoming: Incoming, kinds: tuple[str, str], event_id: str, moment: datetime, data: dict[str, Any]) -> Event:
    entity = event_id.partition("/")[0]
    return Event(
        source=incoming.source,
        type=kinds[0],
        native_type=kinds[1],
        id=event_id,
        key=f"{entity}/{data['id']}",
        occurred_at=moment,
        data=data,
        lookup="" if entity == "person" else data["customer"]["id"],
    )


def _deal_change(now: Mapping[str, Any], before: Mapping[str, Any]) -> tuple[str, str] | None:
    """Version 2 lists what changed in `previous`, version 1 the whole record: compare what is there."""
    status, stage = reading.text(now, "status"), reading.text(now, "stage_id")
    if "status" in before and reading.text(before, "status") != status:
        if status in {"won", "lost"}:
            return f"custom.deal.{status}", status
        return ("custom.deal.updated", "open") if status == "open" else None
    is_moved = "stage_id" in before and reading.text(before, "stage_id") != stage
    return ("custom.deal.updated", f"stage-{stage}") if is_moved else None


def _deal(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "title": reading.text(record, "title"),
        "status": reading.text(record, "status"),
        "stage_id": reading.text(record, "stage_id"),
        "pipeline_id": reading.text(record, "pipeline_id"),
        "total": reading.amount(reading.dig(record, "value")),
        "currency": reading.text(record, "currency"),
        "lost_reason": reading.text(record, "lost_reason"),
    }


def _customer(person: Mapping[str, Any], person_id: str) -> dict[str, Any]:
    name, listed = reading.text(person, "name"), reading.items(person, "phones") or reading.items(person, "phone")
    numbers = [item for item in listed if reading.text(item, "value")]
    best = sorted(
        numbers, key=lambda item: (reading.text(item, "label") != "mobile", not reading.flag(item, "primary"))
    )
    mails = reading.items(person, "emails") or reading.items(person, "email")
    mails = sorted(mails, key=lambda item: not reading.flag(item, "primary"))
    return {
        "id": person_id,
        "name": name,
        "first_name": reading.text(person, "first_name") or name.partition(" ")[0],
        "last_name": reading.text(person, "last_name"),
        "phone": reading.text(best, "0.value"),
        "phones": [reading.text(item, "value") for item in numbers],
        "email": reading.text(mails, "0.value"),
    }


def _record(body: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return next((found for name in names if isinstance(found := body.get(name), dict)), {})


def _state(entity: str, record: Mapping[str, Any]) -> str:
    if entity == "deal":
        return f"{reading.text(record, 'status')}/{reading.text(record, 'stage_id')}"
    return str(_stamp(record))


def _stamp(record: Mapping[str, Any], name: str = "update_time") -> int:
    return stamps.seconds(reading.moment(reading.dig(record, name), zone=UTC))


CONNECTOR = Pipedrive
