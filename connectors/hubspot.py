"""HubSpot: contacts, deals and tickets, by the webhooks of an app, by workflows, and by a poll.

Long because of three kinds of object, two forms of webhook, people looked up behind each, and a poll.
Facts: HubSpot-public-api-spec-collection (Webhooks v3), hubspot-api-python signature.py, the guide of the notes API,
read 2026-11. The numbers of object types, the closed stage of tickets and the values of the test button are not
confirmed, hence their options. An app's delivery is a list of up to 100 thin events: ids, and at most one changed
property. New records and new stages are named by the state reached, so that webhook and poll tell one event.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from connectors.base import AskFailed, Connector, Http, Option, Page
from connectors.kit import ask, batches
from connectors.kit.scan import Listing, Sight, Window, scan_each
from model.event import Event, Incoming
from model.sending import Change
from wire import reading
from wire.http import Call
from wire.signatures import Hmac

OVERLAP_MS = 5 * 60 * 1000  # search shows new records late
SIZE = 100

NOTES = {"contact": 202, "deal": 214, "ticket": 228}
"""How a note is tied to each kind of record (HUBSPOT_DEFINED); that of tickets is not confirmed."""

# our word -> HubSpot's in addresses, its time of change, its stage, what to ask for
OBJECTS = {
    "contact": ("contacts", "lastmodifieddate", "", ("firstname", "lastname", "email", "country", "hs_language")),
    "deal": ("deals", "hs_lastmodifieddate", "dealstage",
             ("dealname", "dealstage", "pipeline", "amount", "deal_currency_code")),
    "ticket": ("tickets", "hs_lastmodifieddate", "hs_pipeline_stage", ("subject", "hs_pipeline_stage", "hs_pipeline")),
}  # fmt: skip

BASE_FIELDS = {
    "id": ("text", "The record's id."),
    "portal_id": ("text", "The HubSpot account it is in."),
    "property": ("text", "Which property changed, where one did."),
    "value": ("text", "Its new value."),
    "properties.*": ("text", "The properties named by the option `properties`: properties.lifecyclestage."),
    "country": ("text", "The contact's country, as HubSpot writes it (looked up)."),
    "customer.id": ("text", "The contact's id; for deals and tickets that of the first one (looked up)."),
    "customer.first_name": ("text", "First name (looked up)."),
    "customer.last_name": ("text", "Last name (looked up)."),
    "customer.email": ("text", "Mail address (looked up)."),
    "customer.phone": ("phone", "The first number of the option `phones` that is not empty (looked up)."),
    "customer.locale": ("text", "The contact's language, such as de (looked up)."),
}
DEAL_FIELDS = {
    "title": ("text", "The deal's name (looked up)."),
    "stage": ("text", "The id of its stage, such as closedwon."),
    "pipeline": ("text", "The id of its pipeline (looked up)."),
    "total": ("money", "Its amount in major units (looked up)."),
    "currency": ("text", "ISO 4217 code (looked up)."),
}
TICKET_FIELDS = {
    "number": ("text", "The ticket's id, which customers are told."),
    "subject": ("text", "What it is about (looked up)."),
    "stage": ("text", "The number of its stage."),
    "pipeline": ("text", "The number of its pipeline (looked up)."),
}
FIELDS = {
    "contact": BASE_FIELDS,
    "privacy": BASE_FIELDS,
    "custom": {**BASE_FIELDS, **DEAL_FIELDS},
    "ticket": {**BASE_FIELDS, **TICKET_FIELDS},
}
LIFE = {
    ("contact", "creation"): ("contact.created", "created"),
    ("contact", "deletion"): ("contact.deleted", "deleted"),
    ("contact", "privacyDeletion"): ("privacy.erase", "erased"),
    ("deal", "creation"): ("custom.deal.created", "created"),
    ("deal", "deletion"): ("custom.deal.deleted", "deleted"),
    ("ticket", "creation"): ("ticket.created", "created"),
}

# what makes a text about an event wrong: what its record would tell by now
OVERTAKEN = {
    "ticket.created": {"ticket.resolved"},
    "ticket.updated": {"ticket.resolved"},
    "custom.deal.created": {"custom.deal.lost"},
    "custom.deal.updated": {"custom.deal.lost"},
}


class HubSpot(Connector):
    """One HubSpot account."""

    name = "hubspot"
    title = "HubSpot"
    category = "CRM"
    docs_url = "https://developers.hubspot.com/docs/api-reference/webhooks-webhooks-v3/guide"
    scheme = Hmac(
        header="x-hubspot-signature-v3",
        signed="{method}{url}{body}{timestamp}",
        encoding="base64",
        timestamp_header="x-hubspot-request-timestamp",
        milliseconds=True,
        past=timedelta(minutes=5),
        future=timedelta(minutes=5),  # HubSpot's own libraries take any time to come: it could be replayed
    )
    event_types: ClassVar[Mapping[str, str]] = {
        "contact.created": "contact.creation",
        "contact.updated": "contact.propertyChange, once per property; a workflow about a contact",
        "contact.deleted": "contact.deletion",
        "privacy.erase": "contact.privacyDeletion",
        "ticket.created": "ticket.creation",
        "ticket.updated": "ticket.propertyChange of hs_pipeline_stage",
        "ticket.resolved": "ticket.propertyChange of hs_pipeline_stage to one of `closed_stages`",
        "custom.deal.created": "deal.creation",
        "custom.deal.updated": "deal.propertyChange of dealstage",
        "custom.deal.won": "deal.propertyChange of dealstage to one of `won_stages`",
        "custom.deal.lost": "deal.propertyChange of dealstage to one of `lost_stages`",
        "custom.deal.deleted": "deal.deletion",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        event_type: FIELDS[event_type.partition(".")[0]] for event_type in event_types
    }
    options: ClassVar[Mapping[str, Option]] = {
        "access_token": Option(
            text="Token that may read contacts, deals and tickets, and write them where answers are written back.",
            default="",
            secret=True,
        ),
        "api_url": Option(text="Where HubSpot's API is.", default="https://api.hubapi.com"),
        "portal_id": Option(text="Take events of this account only; the poll needs it.", default=""),
        "phones": Option(text="Properties that hold a contact's number, best first.", default=("mobilephone", "phone")),
        "properties": Option(text="More properties to fetch and carry along.", default=()),
        "won_stages": Option(text="Stages of a deal that is won.", default=("closedwon",)),
        "lost_stages": Option(text="Stages of a deal that is lost.", default=("closedlost",)),
        "closed_stages": Option(text="Stages of a ticket that is solved.", default=("4",)),
        "object_types": Option(
            text="objectTypeId -> contact, deal or ticket.", default={"0-1": "contact", "0-3": "deal", "0-5": "ticket"}
        ),
        "test_deliveries": Option(text="eventId/objectId that the test button sends.", default=("100/123",)),
    }
    asks: ClassVar[Sequence[str]] = ("api_url",)
    setup: ClassVar[Sequence[str]] = (
        "Make an app in HubSpot, open its Webhooks and set the address of this source as target URL.",
        "Subscribe to contact.creation, deal.propertyChange of dealstage and whatever else you have rules for.",
        "Put the app's client secret into the environment variable of this source.",
        "Set `access_token` (it may read contacts, deals, tickets) and `portal_id`, or no phone is known.",
    )
    limits: ClassVar[Sequence[str]] = (
        "The signature covers the address: `public_url` must be exactly what HubSpot calls, without percent-escapes.",
        "HubSpot waits 5 s, tries 10 more times within 24 hours, and promises no order.",
        "A deal or ticket that reaches the same stage again is told once.",
        "The poll tells new records and new stages; other changes and deletions come by webhook only.",
    )
    poll_every: ClassVar[str] = "5m"

    def parse(self, incoming: Incoming) -> list[Event]:
        """A list comes from the app's webhooks, an object from a workflow."""
        body = reading.json_body(incoming.body)
        if isinstance(body, dict):
            return self._workflow(incoming, body)
        if not isinstance(body, list):
            reading.bad_shape(f"Expected a list of events, found {reading.kind(body)}.")
        return batches.all_of(body, lambda item: self._notified(incoming, item))

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the record, and for a deal or a ticket the first contact it belongs to."""
        kind, _, record_id = event.lookup.partition("/")
        found = self._record(http, kind, record_id)
        data = {**event.data, **self._data(kind, reading.dig(found, "properties"), record_id)}
        contact_id = reading.text(found, "associations.contacts.results.0.id")
        if kind != "contact" and contact_id:
            person = self._record(http, "contact", contact_id)
            data |= self._person(reading.dig(person, "properties"), contact_id)
        return replace(event, data=data, lookup="")

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the record again; one that was deleted is gone, and so is a case since solved or a deal since lost."""
        kind, _, record_id = event.key.partition("/")
        if kind not in OBJECTS or event.type.endswith((".deleted", ".erase")):
            return event
        fresh = self.lookup(replace(event, lookup=f"{kind}/{ask.part(record_id)}"), http)
        reached = self._reached(kind, reading.text(fresh.data, "stage"))
        if reached and reached[0] in OVERTAKEN.get(event.type, set()):
            raise AskFailed("In HubSpot it was closed meanwhile.", gone=True)
        return fresh

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read one page of each kind of record."""
        ask.needs(self.settings, "portal_id")
        return scan_each({kind: self._listing(http, kind, now) for kind in OBJECTS}, cursor)

    def _listing(self, http: Http, kind: str, now: datetime) -> Listing:
        return Listing(
            read=lambda window: self._search(http, kind, window),
            identity=lambda record: reading.text(record, "id"),
            changed=lambda record: _stamp(record, OBJECTS[kind][1]),
            created=lambda record: _stamp(record, "createdate"),
            standing=lambda record: _stage(kind, record),
            news=lambda sight: self._news(kind, sight, now),
            back=lambda stamp: int(stamp) - OVERLAP_MS,
        )

    def _news(self, kind: str, sight: Sight, now: datetime) -> Iterable[Event]:
        """Yield what a record tells that it did not tell before."""
        record, record_id = sight.record, reading.text(sight.record, "id")
        whats = [LIFE[kind, "creation"]] if sight.is_new else []
        reached = self._reached(kind, _stage(kind, record))
        if reached and not (sight.is_new and reached[0].endswith(".updated")):
            whats.append(reached)
        data = self._data(kind, reading.dig(record, "properties"), record_id)
        portal = str(self.settings["portal_id"])
        base = {"portal_id": portal, "property": "", "value": ""}
        at = reading.moment(reading.dig(record, f"properties.{OBJECTS[kind][1]}")) or now
        for event_type, tag in whats:
            yield Event(
                source=self.name,
                type=event_type,
                native_type=kind,
                id=f"{portal}/{kind}/{record_id}/{tag}",
                key=f"{kind}/{record_id}",
                occurred_at=at,
                data={**base, **data},
                raw=record,
                lookup="" if kind == "contact" else f"{kind}/{record_id}",
            )

    def _notified(self, incoming: Incoming, item: Any) -> list[Event]:
        """Return the event of one entry of a list, none where no text is written for it."""
        native, record_id = reading.required(item, "subscriptionType"), reading.text(item, "objectId")
        portal, event_id = reading.text(item, "portalId"), reading.text(item, "eventId")
        kind, _, verb = native.partition(".")
        kind = str(self.settings["object_types"].get(reading.text(item, "objectTypeId"), kind))
        wanted = str(self.settings["portal_id"])
        if kind not in OBJECTS or (wanted and wanted != portal):
            return []
        name, value = reading.text(item, "propertyName"), reading.text(item, "propertyValue")
        what = self._meant(kind, verb, item)
        if not what:
            return []
        if not record_id:
            reading.bad_shape("Field objectId is missing.")
        is_gone = what[1] in {"deleted", "erased"}
        stage = {OBJECTS[kind][2]: value} if name == OBJECTS[kind][2] else {}
        return [
            Event(
                source=incoming.source,
                type=what[0],
                native_type=native,
                id=f"{portal}/{kind}/{record_id}/{what[1]}",
                key=f"{kind}/{record_id}",
                occurred_at=reading.moment(reading.dig(item, "occurredAt"), milliseconds=True) or incoming.received_at,
                data={"portal_id": portal, "property": name, "value": value, **self._data(kind, stage, record_id)},
                raw=item,
                test=f"{event_id}/{record_id}" in self.settings["test_deliveries"],
                lookup="" if is_gone else f"{kind}/{ask.part(record_id)}",
            )
        ]

    def _meant(self, kind: str, verb: str, item: Any) -> tuple[str, str] | None:
        """Return our type for one entry, and the word that names the event; None where nobody texts about it."""
        if verb != "propertyChange":
            return LIFE.get((kind, verb))
        if kind == "contact":
            return "contact.updated", f"{reading.text(item, 'subscriptionId')}-{reading.text(item, 'eventId')}"
        is_stage = reading.text(item, "propertyName") == OBJECTS[kind][2]
        return self._reached(kind, reading.text(item, "propertyValue")) if is_stage else None

    def _workflow(self, incoming: Incoming, body: dict[str, Any]) -> list[Event]:
        """Read the whole record that a workflow sends; it names no event, so the request or the record's time does."""
        kind = "contact" if reading.text(body, "vid") else reading.required(body, "objectType").lower()
        if kind not in OBJECTS:
            return []
        record_id, listed = reading.required(body, "vid", "objectId"), reading.dig(body, "properties")
        values = {
            name: reading.dig(found, "value") for name, found in (listed if isinstance(listed, dict) else {}).items()
        }
        data = self._data(kind, values, record_id)
        changed = reading.moment(_whole(reading.text(values, OBJECTS[kind][1])), milliseconds=True)
        delivery = incoming.header("x-hubspot-correlation-id") or reading.iso(changed) or ""
        what = self._reached(kind, reading.text(data, "stage")) or ("contact.updated", "")
        portal = reading.first_text(body, "portal-id", "portalId")
        return [
            Event(
                source=incoming.source,
                type=what[0],
                native_type=f"workflow {kind}",
                id=f"{portal}/{kind}/{record_id}/workflow-{reading.text(delivery)}",
                key=f"{kind}/{record_id}",
                occurred_at=changed or incoming.received_at,
                data={"portal_id": portal, "property": "", "value": "", **data},
                lookup="" if kind == "contact" else f"{kind}/{ask.part(record_id)}",
            )
        ]

    def _reached(self, kind: str, stage: str) -> tuple[str, str] | None:
        """Return our type for a stage, and the word that names the event."""
        if kind == "ticket":
            solved = stage in self.settings["closed_stages"]
            return "ticket.resolved" if solved else "ticket.updated", f"stage-{stage}"
        if kind == "deal":
            lost = "lost" if stage in self.settings["lost_stages"] else "updated"
            return f"custom.deal.{'won' if stage in self.settings['won_stages'] else lost}", f"stage-{stage}"
        return None

    def _data(self, kind: str, values: Any, record_id: str) -> dict[str, Any]:
        data: dict[str, Any] = {"id": record_id}
        if extra := {str(name): reading.text(reading.dig(values, str(name))) for name in self.settings["properties"]}:
            data["properties"] = extra
        if kind == "contact":
            return {**data, **self._person(values, record_id)}
        data |= {"stage": reading.text(values, OBJECTS[kind][2]), **self._person({}, "")}
        if kind == "ticket":
            pipeline = reading.text(values, "hs_pipeline")
            return {**data, "number": record_id, "subject": reading.text(values, "subject"), "pipeline": pipeline}
        return {
            **data,
            "title": reading.text(values, "dealname"),
            "pipeline": reading.text(values, "pipeline"),
            "total": reading.amount(reading.dig(values, "amount")),
            "currency": reading.text(values, "deal_currency_code"),
        }

    def _person(self, values: Any, contact_id: str) -> dict[str, Any]:
        return {
            "country": reading.text(values, "country"),
            "customer": {
                "id": contact_id,
                "first_name": reading.text(values, "firstname"),
                "last_name": reading.text(values, "lastname"),
                "email": reading.text(values, "email"),
                "phone": reading.first_text(values, *map(str, self.settings["phones"])),
                "locale": reading.text(values, "hs_language"),
            },
        }

    def _wanted(self, kind: str) -> list[str]:
        phones = self.settings["phones"] if kind == "contact" else ()
        return list(map(str, [*OBJECTS[kind][3], *phones, *self.settings["properties"]]))

    def _record(self, http: Http, kind: str, record_id: str) -> dict[str, Any]:
        params = {"properties": ",".join(self._wanted(kind)), "associations": "" if kind == "contact" else "contacts"}
        path = f"/crm/v3/objects/{OBJECTS[kind][0]}/{record_id}"
        return self._send(http, "GET", path, params={name: value for name, value in params.items() if value})

    def _search(self, http: Http, kind: str, window: Window) -> tuple[list[dict[str, Any]], str]:
        """Return one page of records and the mark of the next, "" where there is none."""
        plural, changed = OBJECTS[kind][:2]
        since, direction = max(window.since or 0, 0), "DESCENDING" if window.since is None else "ASCENDING"
        body: dict[str, Any] = {
            "filterGroups": [{"filters": [{"propertyName": changed, "operator": "GTE", "value": str(since)}]}],
            "sorts": [{"propertyName": changed, "direction": direction}],
            "properties": [*self._wanted(kind), changed, "createdate"],
            "limit": SIZE,
            **({"after": window.place} if window.place else {}),
        }
        answer = self._send(http, "POST", f"/crm/v3/objects/{plural}/search", json=body)
        listed = [record for record in reading.items(answer, "results") if isinstance(record, dict)]
        return listed, reading.text(answer, "paging.next.after") if listed else ""

    def write_back(self, event: Event, change: Change, http: Http, now: datetime) -> None:
        """Set properties of the record, and add a note to it."""
        kind, _, record_id = event.key.partition("/")
        if kind not in OBJECTS or not record_id:
            raise AskFailed("This event is about no record that can be written to.", permanent=True)
        place = ask.part(record_id)
        if change.fields:
            body: dict[str, Any] = {"properties": dict(change.fields)}
            self._send(http, "PATCH", f"/crm/v3/objects/{OBJECTS[kind][0]}/{place}", json=body)
        if change.note:
            tie = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": NOTES[kind]}
            stamp = str(int(change.at.timestamp() * 1000))
            body = {
                "properties": {"hs_timestamp": stamp, "hs_note_body": html.escape(change.note)},
                "associations": [{"to": {"id": record_id}, "types": [tie]}],
            }
            self._send(http, "POST", "/crm/v3/objects/notes", json=body)

    def _send(
        self, http: Http, method: str, path: str, *, params: Mapping[str, str] | None = None, json: Any = None
    ) -> dict[str, Any]:
        token = self.settings["access_token"]
        ask.needs(self.settings, "access_token")
        url, headers = f"{self.address('api_url')}{path}", {"Authorization": f"Bearer {token}"}
        return ask.for_object(
            http,
            Call(method=method, url=url, headers=headers, params=params or {}, json=json),
            "HubSpot",
            fine=(200, 201),
        )


def _stage(kind: str, record: Any) -> str:
    return reading.text(record, f"properties.{OBJECTS[kind][2]}") if OBJECTS[kind][2] else ""


def _stamp(record: Any, name: str) -> int:
    moment = reading.moment(reading.dig(record, f"properties.{name}"), milliseconds=True)
    return int(moment.timestamp() * 1000) if moment else 0


def _whole(written: str) -> str | None:
    """Return a number of milliseconds, as workflows write times; None for anything else."""
    return written if written.isdecimal() and len(written) > 8 else None


CONNECTOR = HubSpot
