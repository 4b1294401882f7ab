"""Zendesk Support: tickets opened, answered and solved, pushed or polled.

Facts: developer.zendesk.com "Verifying webhooks", "Ticket events" and "Incremental exports", read 2026-11. A webhook is
either subscribed to events (fixed body, ids only) or called by a trigger (a body of your own, see `setup`).
Not confirmed: `author.is_staff` of a comment, `sort=-updated_at` with `include=users` for the first poll, and that a
signature's time is the moment of sending (an older page of Zendesk's also had body and time the other way round).
Long because of two kinds of webhook, a poll, a look-up, and answers written back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from connectors.base import AskFailed, Connector, Http, Option, Page
from connectors.kit import ask
from connectors.kit.scan import Listing, Sight, Window, scan
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from wire import reading
from wire.http import Call
from wire.signatures import Hmac

TIMESTAMP = "x-zendesk-webhook-signature-timestamp"
PAST, FUTURE = timedelta(hours=1), timedelta(minutes=5)
OVERLAP = 120  # seconds; what changed within the last minute is left out of an export
SIZE = 100
PREFIX = "zen:event-type:"
CREATED, STATUS, COMMENT = "ticket.created", "ticket.status_changed", "ticket.comment_added"

# closed follows solved some days later without anybody doing anything, so it tells nothing
STATUSES = {
    "open": "ticket.updated",
    "pending": "ticket.updated",
    "hold": "ticket.updated",
    "solved": "ticket.resolved",
}
DONE, AT_WORK = {"solved", "closed", "deleted"}, {"new", "open", "pending", "hold", "deleted"}
# what makes a text about an event wrong: the ticket's status by now
OVERTAKEN = {"ticket.created": DONE, "ticket.updated": DONE, "ticket.resolved": AT_WORK}

TRIGGER_BODY = (
    '{"ticket": {"id": "{{ticket.id}}", "status": "{{ticket.status}}", "requester": {"name": '
    '"{{ticket.requester.name}}", "phone": "{{ticket.requester.phone}}"}}}'
)
FIELDS = {
    "id": ("text", "The ticket's id."),
    "number": ("text", "The number the customer knows; the same as the id."),
    "subject": ("text", "The ticket's subject."),
    "status": ("text", "new, open, pending, hold, solved or closed."),
    "priority": ("text", "urgent, high, normal or low."),
    "tags": ("list", "The ticket's tags."),
    "customer.id": ("text", "The requester's id."),
    "customer.name": ("text", "The requester's name."),
    "customer.first_name": ("text", "The first word of it."),
    "customer.email": ("text", "Mail address."),
    "customer.phone": ("phone", "The number of the requester's profile."),
    "customer.locale": ("text", "The requester's language, such as de."),
    "customer.tz": ("text", "The requester's time zone, IANA name (looked up)."),
}


class Zendesk(Connector):
    """One Zendesk account."""

    name = "zendesk"
    title = "Zendesk"
    category = "service desk"
    docs_url = "https://developer.zendesk.com/api-reference/webhooks/event-types/ticket-events/"
    # the time is signed as it is written, so it stands in for an id: see verify
    scheme = Hmac(header="x-zendesk-webhook-signature", signed="{id}{body}", id_header=TIMESTAMP, encoding="base64")
    event_types: ClassVar[Mapping[str, str]] = {
        "ticket.created": "ticket.created, or a ticket with status new by trigger",
        "ticket.updated": "ticket.status_changed to open, pending or hold, once per status",
        "ticket.resolved": "ticket.status_changed to solved",
        "custom.ticket.answered": "ticket.comment_added, public and by the staff",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = dict.fromkeys(event_types, FIELDS)
    options: ClassVar[Mapping[str, Option]] = {
        "url": Option(text="The account's address, such as https://acme.zendesk.com.", default=""),
        "email": Option(text="An agent's mail address, to look up and to poll.", default=""),
        "api_token": Option(text="An API token of the account.", default="", secret=True),
    }
    asks: ClassVar[Sequence[str]] = ("url",)
    setup: ClassVar[Sequence[str]] = (
        "In Zendesk's Admin Center open Apps and integrations > Webhooks and create one with this source's address.",
        "Choose Zendesk events: Ticket created, Ticket status changed, Comment added. Method POST, format JSON.",
        "Copy its signing secret into the environment variable of this source; set `url`, `email` and `api_token`.",
        "Or choose Trigger or automation, and let a trigger call it with the body below: then nothing is looked up.",
        f"`{TRIGGER_BODY}`",
    )
    limits: ClassVar[Sequence[str]] = (
        "A ticket that reaches the same status again, solved for instance, is told once.",
        "Zendesk repeats a delivery only after 409, 429 or 503 and pauses a webhook that keeps failing: let it poll.",
        "The poll sees a change after a minute and tells no comments.",
        "A body made by a trigger must stay JSON: leave out subject and comment, which may hold quotation marks.",
    )
    poll_every: ClassVar[str] = "2m"

    def verify(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        """Check the HMAC over time and body, and that the time is near."""
        super().verify(incoming, secrets, now)
        signed_at = reading.moment(incoming.header(TIMESTAMP))
        if signed_at is None or not -FUTURE <= now - signed_at <= PAST:
            raise Refused(Reason.STALE_SIGNATURE)

    def sign(self, incoming: Incoming, secret: str, now: datetime) -> Incoming:
        """Sign as Zendesk does."""
        at = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return super().sign(replace(incoming, headers={**incoming.headers, TIMESTAMP: at}), secret, now)

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one event; what no text is written for gives none."""
        body = reading.json_object(incoming.body)
        if "type" not in body:
            return self._triggered(incoming, body)
        native = reading.required(body, "type").removeprefix(PREFIX)
        if native not in {CREATED, STATUS, COMMENT}:
            return []
        ticket = reading.dig(body, "detail")
        data = _data(ticket, {"id": reading.text(ticket, "requester_id")})
        tag, event_type = _told(native, body, str(data["status"]))
        if not event_type:
            return []
        return [
            Event(
                source=incoming.source,
                type=event_type,
                native_type=native,
                id=f"ticket/{reading.required(ticket, 'id')}/{tag}",
                key=str(data["id"]),
                occurred_at=reading.moment(reading.dig(body, "time")) or incoming.received_at,
                version=reading.text(ticket, "updated_at"),
                data=data,
                lookup=f"users/{data['customer']['id']}" if data["customer"]["id"] else "",
            )
        ]

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the person who asked."""
        person = self._get(http, event.lookup).get("user")
        return replace(event, data={**event.data, "customer": _person(person)}, lookup="")

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the ticket again; a text about what is solved, or open again, would be wrong."""
        ticket = self._get(http, f"tickets/{event.key}").get("ticket")
        data = _data(ticket, {})
        if data["status"] in OVERTAKEN.get(event.type, {"deleted"}):
            raise AskFailed(f"The ticket is {data['status']} by now.", gone=True)
        return replace(event, data={**event.data, **data, "customer": event.data["customer"]})

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read one page of changed tickets and tell the new ones and the new statuses."""

        def news(sight: Sight) -> Iterator[Event]:
            ticket, status = sight.record, reading.text(sight.record, "status")
            told = [("created", "ticket.created")] if sight.is_new else []
            if status in STATUSES and not (sight.is_new and STATUSES[status] == "ticket.updated"):
                told.append((status, STATUSES[status]))
            for tag, event_type in told:
                yield self._polled(ticket, tag, event_type, now)

        listing = Listing(
            read=lambda window: self._changed(http, window, now),
            identity=lambda ticket: reading.text(ticket, "id"),
            changed=_stamp,
            created=lambda ticket: _epoch(ticket.get("created_at")),
            standing=lambda ticket: reading.text(ticket, "status"),
            news=news,
            back=lambda stamp: max(int(stamp) - OVERLAP, 0),
        )
        return scan(listing, cursor)

    def _polled(self, ticket: dict[str, Any], tag: str, event_type: str, now: datetime) -> Event:
        data = _data(ticket, ticket.get("requester") or {"id": reading.text(ticket, "requester_id")})
        return Event(
            source=self.name,
            type=event_type,
            native_type="ticket",
            id=f"ticket/{data['id']}/{tag}",
            key=str(data["id"]),
            occurred_at=reading.moment(ticket.get("updated_at")) or now,
            version=reading.text(ticket, "updated_at"),
            data=data,
            raw={name: value for name, value in ticket.items() if name != "requester"},
        )

    def _triggered(self, incoming: Incoming, body: dict[str, Any]) -> list[Event]:
        """Read the body that a trigger sends: the ticket as it is by now, with the number."""
        ticket = reading.dig(body, "ticket")
        status, ticket_id = reading.required(ticket, "status").lower(), reading.required(ticket, "id")
        event_type = "ticket.created" if status == "new" else STATUSES.get(status, "")
        if not event_type:
            return []
        changed = reading.text(ticket, "updated_at")
        return [
            Event(
                source=incoming.source,
                type=event_type,
                native_type="trigger",
                id=f"ticket/{ticket_id}/{'created' if status == 'new' else status}",
                key=ticket_id,
                occurred_at=reading.moment(changed) or incoming.received_at,
                version=changed,
                data=_data(ticket, reading.dig(ticket, "requester")),
            )
        ]

    def _changed(self, http: Http, window: Window, now: datetime) -> tuple[list[dict[str, Any]], str]:
        """Read one page: for the baseline the list, newest change first, then exports, each with its requesters."""
        if window.since is None:
            params = {"sort": "-updated_at", "page[size]": str(SIZE), "include": "users"}
            found = self._get(http, "tickets", {**params, **({"page[after]": window.place} if window.place else {})})
            after = reading.text(found, "meta.after_cursor") if reading.flag(found, "meta.has_more") else ""
        else:
            start = min(int(window.since), int(now.timestamp()) - OVERLAP // 2)
            where = {"cursor": window.place} if window.place else {"start_time": str(start)}
            found = self._get(http, "incremental/tickets/cursor", {**where, "include": "users"})
            after = "" if reading.flag(found, "end_of_stream") else reading.text(found, "after_cursor")
        people = {reading.text(one, "id"): one for one in reading.items(found, "users")}
        tickets = [ticket for ticket in reading.items(found, "tickets") if isinstance(ticket, dict)]
        return [{**ticket, "requester": people.get(reading.text(ticket, "requester_id"))} for ticket in tickets], after

    def _get(self, http: Http, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        ask.needs(self.settings, "url", "email", "api_token")
        call = Call(
            method="GET",
            url=f"{self.address('url')}/api/v2/{quote(path, errors='replace')}.json",
            params=params or {},
            auth=(f"{self.settings['email']}/token", str(self.settings["api_token"])),
        )
        return ask.for_object(http, call, "Zendesk")


def _told(native: str, body: Mapping[str, Any], status: str) -> tuple[str, str]:
    """Return what a subscribed event tells: the word that names it, and our type ("" for nothing)."""
    if native == CREATED:
        return "created", "ticket.created"
    if native == STATUS:
        reached = reading.text(body, "event.current").lower() or status
        return reached, STATUSES.get(reached, "")
    comment = reading.dig(body, "event.comment")
    is_answer = reading.flag(comment, "is_public") and reading.flag(comment, "author.is_staff")
    return f"comment-{reading.text(comment, 'id')}", "custom.ticket.answered" if is_answer else ""


def _data(ticket: Any, person: Any) -> dict[str, Any]:
    ticket_id = reading.text(ticket, "id")
    return {
        "id": ticket_id,
        "number": ticket_id,
        "subject": reading.first_text(ticket, "subject", "title"),
        "status": reading.text(ticket, "status").lower(),
        "priority": reading.text(ticket, "priority").lower(),
        "tags": [reading.text(tag) for tag in reading.items(ticket, "tags")],
        "customer": _person(person),
    }


def _person(found: Any) -> dict[str, str]:
    name = reading.text(found, "name")
    return {
        "id": reading.text(found, "id"),
        "name": name,
        "first_name": name.partition(" ")[0],
        "email": reading.text(found, "email"),
        "phone": reading.text(found, "phone"),
        "locale": reading.text(found, "locale"),
        "tz": reading.text(found, "iana_time_zone"),
    }


def _stamp(ticket: Mapping[str, Any]) -> int:
    """Return when a ticket changed, in seconds, as exports count it: what the system does to it counts too."""
    written = reading.decimal(ticket.get("generated_timestamp"))
    return int(written) if written is not None and written > 0 else _epoch(ticket.get("updated_at"))


def _epoch(written: Any) -> int:
    return max(int((reading.moment(written) or datetime(1970, 1, 1, tzinfo=UTC)).timestamp()), 0)


CONNECTOR = Zendesk
