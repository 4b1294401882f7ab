"""Calendly: appointments booked, moved and called off, pushed or polled.

Facts: developer.calendly.com (webhook payloads, list of scheduled events) and NangoHQ/nango (signature), read 2026-11.
A move is two deliveries: `invitee.canceled` with `rescheduled` true, and `invitee.created` with `old_invitee`. The
first gives no event, or the customer would hear "cancelled" for an appointment that only moved.
Each move makes a new invitee, so the first one names the appointment, as far as one step back: see `limits`.
Long because of a move that comes as two deliveries, and a poll that has to name it alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode

from connectors.base import AskFailed, Connector, Hook, Http, Option, Page
from connectors.kit import ask, naming, stamps
from connectors.kit.hooks import RestHooks
from model.event import Event, Incoming
from model.reasons import Refused
from wire import reading
from wire.http import Call
from wire.signatures import Hmac

OVERLAP = timedelta(minutes=10)
PAGES = 5
PATH = re.compile(r"/scheduled_events/[A-Za-z0-9-]+(/invitees/[A-Za-z0-9-]+)?\Z")

CREATED, CANCELED = "invitee.created", "invitee.canceled"
TYPES = {
    CREATED: "appointment.booked",  # appointment.rescheduled where it replaces another
    CANCELED: "appointment.cancelled",
    "invitee_no_show.created": "custom.appointment.no_show",
}
PHONE_QUESTIONS = ("phone", "mobile", "sms", "telefon", "handy", "teléfono", "téléphone")

APPOINTMENT_FIELDS = {
    "appointment_id": ("text", "The first invitee's id, the same before and after a move."),
    "invitee_uri": ("text", "Calendly's address of this invitee, new after each move."),
    "previous_id": ("text", "The invitee's id before the move."),
    "status": ("text", "active or canceled."),
    "starts_at": ("time", "When it begins."),
    "ends_at": ("time", "When it ends."),
    "service": ("text", "The event type's name."),
    "location": ("text", "Address, phone or video link."),
    "organizer": ("text", "Who the appointment is with."),
    "status_url": ("text", "The page to move it."),
    "cancel_url": ("text", "The page to cancel it."),
    "cancel_reason": ("text", "Why it was cancelled, in the words of who did it."),
    "price": ("money", "What was paid for it, in major units."),
    "currency": ("text", "ISO 4217 code of the price."),
    "customer.name": ("text", "The invitee's full name."),
    "customer.first_name": ("text", "The invitee's first name."),
    "customer.phone": ("phone", "The best number there is: for reminders, from an answer, or of the call."),
    "customer.mobile": ("phone", "The number given for text reminders."),
    "customer.email": ("text", "The invitee's mail address."),
    "customer.tz": ("text", "The invitee's time zone, IANA name."),
}


class Calendly(Connector):
    """One Calendly organisation or user."""

    name = "calendly"
    title = "Calendly"
    category = "booking"
    docs_url = "https://developer.calendly.com/api-docs/calendly-api/webhooks"
    scheme = Hmac(
        header="calendly-webhook-signature",
        signed="{timestamp}.{body}",
        prefix="v1=",
        separator=",",
        timestamp_prefix="t=",
        past=timedelta(minutes=3),
        future=timedelta(minutes=3),
    )
    event_types: ClassVar[Mapping[str, str]] = {
        "appointment.booked": "invitee.created",
        "appointment.rescheduled": "invitee.created with an old_invitee",
        "appointment.cancelled": "invitee.canceled, unless it was moved",
        "custom.appointment.no_show": "invitee_no_show.created",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = dict.fromkeys(event_types, APPOINTMENT_FIELDS)
    options: ClassVar[Mapping[str, Option]] = {
        "token": Option(text="Personal access token, to poll and to ask again.", default="", secret=True),
        "organization": Option(text="Poll: the organisation's URI, or a user's (.../users/...).", default=""),
        "api_url": Option(text="Where Calendly's API is.", default="https://api.calendly.com"),
        "phone_questions": Option(
            text="A question that holds one of these words is answered with a phone number.", default=PHONE_QUESTIONS
        ),
    }
    asks: ClassVar[Sequence[str]] = ("api_url",)
    setup: ClassVar[Sequence[str]] = (
        "With Calendly's API create a webhook subscription: the address of this source and a signing_key of your own.",
        "Subscribe to invitee.created, invitee.canceled and invitee_no_show.created.",
        "Put the same signing key into the environment variable of this source.",
        "Ask for the phone: switch on text reminders for the event type, or add a phone question.",
    )
    provider_texts: ClassVar[str] = "Calendly sends text reminders of its own to whom it asks for a number."
    limits: ClassVar[Sequence[str]] = (
        "An appointment moved twice is tied to the move before, not to the first booking.",
        "So let reminders `recheck`, with `token` set: the one for the old time is then dropped.",
        "Calendly tries again for about a day, then disables the webhook; the poll repairs gaps for coming dates.",
        "If Calendly's own workflows text the invitee too, switch one of the two off.",
    )
    poll_every: ClassVar[str] = "10m"

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one event; the cancelled half of a move and other topics give none."""
        body = reading.json_object(incoming.body)
        native, invitee = reading.required(body, "event"), reading.dig(body, "payload")
        return self._events(native, invitee, incoming, reading.moment(reading.dig(body, "created_at")))

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the invitee and its appointment again; one that was cancelled or moved away is gone."""
        invitee = self._get(http, _path(event.data, "invitee_uri")).get("resource")
        if reading.text(invitee, "status") == "canceled":
            raise AskFailed("The appointment was cancelled or moved in Calendly.", gone=True)
        booked = self._get(http, _path(invitee, "event")).get("resource")
        if not isinstance(invitee, dict) or reading.text(booked, "status") == "canceled":
            raise AskFailed("The appointment was cancelled in Calendly.", gone=True)
        return replace(event, data=self._data({**invitee, "scheduled_event": booked}))

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Page through the appointments to come; ask for the invitees of those that changed since `since`.

        Calendly lists by start and not by change, hence `min_start_time` and a look at every `updated_at`.
        """
        if not cursor:
            return Page(events=(), cursor={"floor": int(now.timestamp()), "since": int(now.timestamp())})
        since = max(int(cursor["floor"]), int(cursor["since"]) - int(OVERLAP.total_seconds()))
        begun, token = int(cursor.get("begun", now.timestamp())), str(cursor.get("page", ""))
        incoming, events = Incoming(source=self.name, received_at=now), list[Event]()
        for _ in range(PAGES):
            page = self._get(http, "/scheduled_events", {**self._listed(now), "page_token": token})
            for booked in reading.items(page, "collection"):
                if _stamp(booked, "updated_at") >= since and PATH.search(reading.text(booked, "uri")):
                    events += self._changes(booked, since, http, incoming)
            token = reading.text(page, "pagination.next_page_token")
            if not token:
                return Page(events=events, cursor={"floor": cursor["floor"], "since": begun})
        place = {"floor": cursor["floor"], "since": cursor["since"], "begun": begun, "page": token}
        return Page(events=events, cursor=place, more=True)

    def _listed(self, now: datetime) -> dict[str, str]:
        whose = str(self.settings["organization"])
        start = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        owner = "user" if "/users/" in whose else "organization"
        return {owner: whose, "count": "100", "min_start_time": start, "sort": "start_time:asc"}

    def _changes(self, booked: dict[str, Any], since: int, http: Http, incoming: Incoming) -> list[Event]:
        """Return what the invitees of one appointment would have given as webhooks."""
        events: list[Event] = []
        page = self._get(http, _path(booked, "uri") + "/invitees", {"count": "100"})
        for listed in reading.items(page, "collection"):
            invitee = {**listed, "scheduled_event": booked} if isinstance(listed, dict) else {}
            natives = [CREATED] if _stamp(invitee, "created_at") >= since else []
            if reading.text(invitee, "status") == "canceled" and _stamp(invitee, "updated_at") >= since:
                natives.append(CANCELED)
            for native in natives:
                with suppress(Refused):  # one odd invitee must not hold up the others for ever
                    events += [replace(event, raw=invitee) for event in self._events(native, invitee, incoming)]
        return events

    def _events(self, native: str, invitee: Any, incoming: Incoming, sent: datetime | None = None) -> list[Event]:
        if native not in TYPES or (native == CANCELED and reading.flag(invitee, "rescheduled")):
            return []
        uri, data = reading.required(invitee, "uri"), self._data(invitee)
        is_move = native == CREATED and data["previous_id"]
        own = ("created_at",) if native == CREATED else ("cancellation.created_at", "updated_at")
        happened = reading.moment(reading.first_text(invitee, *own)) if native in {CREATED, CANCELED} else None
        return [
            Event(
                source=incoming.source,
                type="appointment.rescheduled" if is_move else TYPES[native],
                native_type=native,
                # Calendly names no event; an invitee is created once and cancelled once, so the two name the fact.
                id=naming.digest(uri, native),
                key=data["appointment_id"],
                occurred_at=happened or sent or incoming.received_at,
                version=reading.text(invitee, "updated_at"),
                data=data,
            )
        ]

    def _data(self, invitee: Any) -> dict[str, Any]:
        uri, previous = reading.text(invitee, "uri"), _last_part(reading.text(invitee, "old_invitee"))
        place = "scheduled_event.location"
        return {
            "appointment_id": previous or _last_part(uri) or uri,
            "invitee_uri": uri,
            "previous_id": previous,
            "status": reading.text(invitee, "status"),
            "starts_at": reading.iso(reading.moment(reading.dig(invitee, "scheduled_event.start_time"))),
            "ends_at": reading.iso(reading.moment(reading.dig(invitee, "scheduled_event.end_time"))),
            "service": reading.text(invitee, "scheduled_event.name"),
            "location": reading.first_text(invitee, f"{place}.location", f"{place}.join_url"),
            "organizer": reading.text(invitee, "scheduled_event.event_memberships.0.user_name"),
            "status_url": reading.text(invitee, "reschedule_url"),
            "cancel_url": reading.text(invitee, "cancel_url"),
            "cancel_reason": reading.text(invitee, "cancellation.reason"),
            "price": reading.amount(reading.dig(invitee, "payment.amount")),
            "currency": reading.text(invitee, "payment.currency").upper(),
            "customer": self._customer(invitee),
        }

    def _customer(self, invitee: Any) -> dict[str, str]:
        name, reminders = reading.text(invitee, "name"), reading.text(invitee, "text_reminder_number")
        is_call = reading.text(invitee, "scheduled_event.location.type") == "outbound_call"
        called = reading.text(invitee, "scheduled_event.location.location") if is_call else ""
        return {
            "name": name,
            "first_name": reading.text(invitee, "first_name") or name.partition(" ")[0],
            "phone": reminders or self._answered(invitee) or called,
            "mobile": reminders,
            "email": reading.text(invitee, "email"),
            "tz": reading.text(invitee, "timezone"),
        }

    def _answered(self, invitee: Any) -> str:
        for pair in reading.items(invitee, "questions_and_answers"):
            question, answer = reading.text(pair, "question").lower(), reading.text(pair, "answer")
            if answer and any(word.lower() in question for word in self.settings["phone_questions"]):
                return answer
        return ""

    def subscriptions(self) -> RestHooks:
        """The organisation's webhook subscriptions; one that is off is removed and made again. Raises AskFailed."""
        ask.needs(self.settings, "token", "organization")
        organization = str(self.settings["organization"])
        if "/organizations/" not in organization:
            raise AskFailed("Subscribing needs the organisation's URI in `organization`, not a user's.", permanent=True)
        scope = {"organization": organization, "scope": "organization"}
        headers = {"Authorization": f"Bearer {self.settings['token']}"}
        return RestHooks(
            system="Calendly",
            topics=("invitee.created", "invitee.canceled", "invitee_no_show.created"),
            at_once=True,
            base=self.address("api_url"),
            place="/webhook_subscriptions",
            listed="collection",
            made="resource",
            query=f"?{urlencode({**scope, 'count': '100'})}",
            headers=headers,
            hook=lambda one: Hook(
                id=_last_part(reading.text(one, "uri")),
                address=reading.text(one, "callback_url"),
                topics=[str(topic) for topic in reading.items(one, "events")],
                is_on=reading.text(one, "state") == "active",
            ),
            new=lambda wish: {**scope, "url": wish.address, "events": list(wish.topics), "signing_key": wish.secret},
        )

    def _get(self, http: Http, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        ask.needs(self.settings, "token")
        call = Call(
            method="GET",
            url=self.address("api_url") + path,
            headers={"Authorization": f"Bearer {self.settings['token']}"},
            params={name: value for name, value in (params or {}).items() if value},
        )
        return ask.for_object(http, call, "Calendly")


def _path(record: Any, name: str) -> str:
    """Take the path of an address in a record: the token follows it to Calendly's API and nowhere else."""
    found = PATH.search(reading.text(record, name))
    if not found:
        raise AskFailed("The record names no appointment of Calendly.", permanent=True)
    return found[0]


def _last_part(uri: str) -> str:
    return uri.rstrip("/").rpartition("/")[2]


def _stamp(record: Any, name: str) -> int:
    return stamps.seconds(reading.moment(reading.dig(record, name)))


CONNECTOR = Calendly
