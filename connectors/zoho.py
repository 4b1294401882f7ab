"""Zoho CRM: people, deals, cases, meetings and sales orders, by notifications, by workflow webhooks, and by a poll.

Long because of six modules with their fields, two kinds of webhook, a channel that is renewed, and a poll.
Facts: zoho.com/crm/developer/docs/api v7 and v8 "Notification APIs" and Pipedream's zoho_crm component, read 2026-11.
Not confirmed: the names of fields besides Phone and Mobile, the stages and statuses (hence options), how often Zoho
repeats a notification, that If-Modified-Since takes seconds.
A notification holds ids and, where the channel asks for them, the changed values; so a stage reached is known at once
and everything else is looked up. It has no event id: an event is named by the state reached, as the poll names it.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from typing import Any, ClassVar

from connectors.base import AskFailed, Connector, Http, Option, Page
from connectors.kit import ask, mapping, naming
from connectors.kit.scan import Listing, Sight, Window, scan_each
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from wire import reading
from wire.http import Call
from wire.oauth import Session
from wire.signatures import Token

log = logging.getLogger("tidings.connectors")
OVERLAP, SIZE, FIRST_PAGES = 300, 200, 10  # seconds; records; beyond 2000 records a page has a mark instead of a number
RENEW_EVERY, LASTS = timedelta(hours=12), timedelta(days=6)  # a channel ends after a week at the latest

# module -> our word, the field that says where a record stands, the field that names its person, what else to list
MODULES = {
    "Contacts": ("contact", "", "", ("First_Name", "Last_Name", "Email", "Mailing_Country")),
    "Leads": ("contact", "", "", ("First_Name", "Last_Name", "Email", "Country")),
    "Deals": ("deal", "Stage", "Contact_Name", ("Deal_Name", "Pipeline", "Amount", "Currency", "Closing_Date")),
    "Cases": ("ticket", "Status", "Related_To", ("Case_Number", "Subject", "Priority", "Email")),
    "Events": ("appointment", "Start_DateTime", "Who_Id", ("Event_Title", "End_DateTime", "Venue")),
    "Sales_Orders": ("order", "Status", "Contact_Name", ("SO_Number", "Grand_Total", "Currency", "Due_Date")),
}
BORN = {"contact": "contact.created", "deal": "custom.deal.created", "ticket": "ticket.created",
        "appointment": "appointment.booked", "order": "order.created"}  # fmt: skip
ENDED = {"contact": "contact.deleted", "deal": "custom.deal.deleted", "appointment": "appointment.cancelled",
         "order": "custom.order.deleted"}  # fmt: skip
CHANGED = {"contact.updated", "custom.deal.updated", "ticket.updated", "appointment.rescheduled", "order.updated"}
# what makes a text about an event wrong: what the record would tell by now
OVERTAKEN = {
    "order": {"order.cancelled"},
    "ticket": {"ticket.resolved"},
    "custom": {"custom.deal.lost"},
}

BASE_FIELDS = {
    "id": ("text", "The record's id."),
    "module": ("text", "Zoho's name of the kind of record, such as Deals."),
    "fields.*": ("text", "The fields named by the option `fields`: fields.Lead_Source."),
    "country": ("text", "The person's country, as Zoho writes it (looked up)."),
    "customer.id": ("text", "The contact's or lead's id (looked up)."),
    "customer.first_name": ("text", "First name (looked up)."),
    "customer.last_name": ("text", "Last name (looked up)."),
    "customer.email": ("text", "Mail address (looked up)."),
    "customer.phone": ("phone", "The first number of the option `phones` that is not empty (looked up)."),
}
MORE_FIELDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "contact": {},
    "deal": {
        "title": ("text", "The deal's name (looked up)."),
        "stage": ("text", "Its stage, such as Closed Won."),
        "pipeline": ("text", "Its pipeline (looked up)."),
        "total": ("money", "Its amount in major units (looked up)."),
        "currency": ("text", "ISO 4217 code, in organisations with several currencies (looked up)."),
    },
    "ticket": {
        "number": ("text", "The case number (looked up)."),
        "subject": ("text", "What it is about (looked up)."),
        "status": ("text", "Its status, such as Closed."),
        "priority": ("text", "Its priority (looked up)."),
    },
    "appointment": {
        "starts_at": ("time", "When it begins."),
        "ends_at": ("time", "When it ends (looked up)."),
        "service": ("text", "The meeting's title (looked up)."),
        "location": ("text", "Where it is (looked up)."),
    },
    "order": {
        "number": ("text", "The order number (looked up)."),
        "status": ("text", "Its status, such as Delivered."),
        "total": ("money", "The grand total in major units (looked up)."),
        "currency": ("text", "ISO 4217 code, in organisations with several currencies (looked up)."),
        "due_date": ("date", "The day it is due (looked up)."),
    },
}


class Zoho(Connector):
    """One organisation in Zoho CRM."""

    name = "zoho"
    title = "Zoho CRM"
    category = "CRM"
    docs_url = "https://www.zoho.com/crm/developer/docs/api/v8/notifications/overview.html"
    scheme = Token(query="token")  # of workflow webhooks; a notification has it in its body: see verify
    event_types: ClassVar[Mapping[str, str]] = {
        "contact.created": "Contacts or Leads insert",
        "contact.updated": "Contacts or Leads update, for every change",
        "contact.deleted": "Contacts or Leads delete",
        "ticket.created": "Cases insert",
        "ticket.updated": "Cases update of Status",
        "ticket.resolved": "Cases update of Status to one of `closed_statuses`",
        "appointment.booked": "Events insert",
        "appointment.rescheduled": "Events update of Start_DateTime",
        "appointment.cancelled": "Events delete",
        "order.created": "Sales_Orders insert",
        "order.updated": "Sales_Orders update of Status",
        "order.fulfilled": "Sales_Orders update of Status to one of `fulfilled_statuses`",
        "order.cancelled": "Sales_Orders update of Status to one of `cancelled_statuses`",
        "custom.order.deleted": "Sales_Orders delete",
        "custom.deal.created": "Deals insert",
        "custom.deal.updated": "Deals update of Stage",
        "custom.deal.won": "Deals update of Stage to one of `won_stages`",
        "custom.deal.lost": "Deals update of Stage to one of `lost_stages`",
        "custom.deal.deleted": "Deals delete",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        event_type: {**BASE_FIELDS, **MORE_FIELDS[naming.area(event_type)]} for event_type in event_types
    }
    options: ClassVar[Mapping[str, Option]] = {
        "client_id": Option(text="The client id of a self client in Zoho's API console.", default=""),
        "client_secret": Option(text="Its secret.", default="", secret=True),
        "refresh_token": Option(text="A refresh token it was given.", default="", secret=True),
        "api_url": Option(text="Where the API is; .eu, .in, .com.au, .jp elsewhere.", default="https://www.zohoapis.com"),
        "login_url": Option(text="Where tokens are given; the same ending.", default="https://accounts.zoho.com"),
        "modules": Option(text="What is polled and watched.", default=("Contacts", "Deals", "Cases", "Events")),
        "phones": Option(text="Fields that hold a person's number, best first.", default=("Mobile", "Phone")),
        "fields": Option(text="More fields of every module to carry along, by their API names.", default=()),
        "won_stages": Option(text="Stages of a deal that is won.", default=("Closed Won",)),
        "lost_stages": Option(text="Stages of a deal lost.", default=("Closed Lost", "Closed-Lost to Competition")),
        "closed_statuses": Option(text="Statuses of a case that is solved.", default=("Closed",)),
        "fulfilled_statuses": Option(text="Statuses of a sales order that was delivered.", default=("Delivered",)),
        "cancelled_statuses": Option(text="Statuses of a sales order called off.", default=("Cancelled",)),
        "notification_url": Option(text="The address of this source: a channel is opened and renewed.", default=""),
        "channel_token": Option(text="For that: the secret of this source, 50 characters at most.", default="",
                                secret=True),
        "channel_id": Option(text="For that: a number of your choice.", default=77001),
    }  # fmt: skip
    asks: ClassVar[Sequence[str]] = ("api_url", "login_url")
    setup: ClassVar[Sequence[str]] = (
        "In Zoho's API console make a self client; scopes ZohoCRM.modules.READ and ZohoCRM.notifications.ALL.",
        "Get it a refresh token; set `client_id`, `client_secret`, `refresh_token`, and outside the US `api_url`.",
        "Set `notification_url` to the address of this source and `channel_token` to its secret, to be told at once.",
        "Or let a workflow rule call a webhook: the address plus ?token= and the secret.",
        "Its parameters: module, id, operation (insert, update or delete), and any fields under their API names.",
    )
    limits: ClassVar[Sequence[str]] = (
        "Notifications carry a token and no signature: use HTTPS, and a long token.",
        "A channel lasts a week at most and is renewed by the poll. Opened by hand, let it return affected values:",
        "without them changes of stage, status and start come by the poll alone.",
        "A deal, case or order that reaches the same stage or status again is told once.",
        "Changed people and deleted records come by notification only. Not confirmed: how often Zoho tries again.",
    )
    poll_every: ClassVar[str] = "5m"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        mapping.choices(self.settings, "modules", MODULES)
        self._session = Session(
            token_url=f"{self.address('login_url')}/oauth/v2/token",
            client_id=str(self.settings["client_id"]),
            client_secret=str(self.settings["client_secret"]),
            refresh_token=str(self.settings["refresh_token"]),
            word="Zoho-oauthtoken",
            key_in_form=True,
        )
        self._renew_at: datetime | None = None

    def verify(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        """Check the token in the body of a notification, or in the address a workflow calls."""
        try:
            stated = reading.text(_body(incoming), "token")
        except Refused:
            stated = ""
        if not stated:
            self.scheme.check(incoming, secrets, now)
        elif not any(compare_digest(secret.encode(), stated.encode()) for secret in secrets if secret):
            raise Refused(Reason.BAD_SIGNATURE)

    def sign(self, incoming: Incoming, secret: str, now: datetime) -> Incoming:
        """Put the secret where this sender puts it."""
        if b'"token": ""' not in incoming.body:
            return self.scheme.sign(incoming, secret, now)
        stated = b'"token": ' + json.dumps(secret).encode()
        return replace(incoming, body=incoming.body.replace(b'"token": ""', stated))

    def parse(self, incoming: Incoming) -> list[Event]:
        """One event per record in a notification; changes without a text to send give none."""
        body = _body(incoming)
        module = reading.required(body, "module")
        if module not in MODULES:
            return []
        operation = reading.text(body, "operation").lower() or "update"
        if not isinstance(reading.dig(body, "ids"), list):  # a workflow writes what its parameters say
            token_free = {name: value for name, value in body.items() if name != "token"}
            return self._told(incoming, module, operation, {**token_free, "id": reading.required(body, "id")}, {})
        values = {
            reading.text(one, "record_id"): reading.dig(one, "values") for one in reading.items(body, "affected_values")
        }
        events: list[Event] = []
        for record_id in filter(None, map(reading.text, reading.items(body, "ids"))):
            changed = values.get(record_id)
            record = {**changed, "id": record_id} if isinstance(changed, dict) else {"id": record_id}
            events += self._told(incoming, module, operation, record, body)
        return events

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the record and the person it is about."""
        return replace(event, data=self._complete(event, http), lookup="")

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the record again; one that was deleted is gone, and so is what it became makes the text wrong."""
        data = self._complete(event, http)
        module, family = event.key.partition("/")[0], event.type.partition(".")[0]
        reached = self._reached(module, reading.first_text(data, "stage", "status"))
        if reached and reached[0] != event.type and reached[0] in OVERTAKEN.get(family, set()):
            raise AskFailed(f"In Zoho CRM it is {reached[1].partition('-')[2]} by now.", gone=True)
        return replace(event, data=data)

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read one page of each module, and see that the channel of notifications lives on."""
        if self.settings["notification_url"] and (self._renew_at is None or now >= self._renew_at):
            self._renew_at = now + RENEW_EVERY
            self._keep_watching(http, now)
        return scan_each({str(name): self._listing(http, str(name), now) for name in self.settings["modules"]}, cursor)

    def _told(
        self, incoming: Incoming, module: str, operation: str, record: dict[str, Any], sent: dict[str, Any]
    ) -> list[Event]:
        """Return the event of one record; `sent` is the notification it stood in, {} for a workflow's webhook."""
        family, state = MODULES[module][0], reading.text(record, MODULES[module][1]) if MODULES[module][1] else ""
        at = reading.moment(reading.dig(sent, "server_time"), milliseconds=True)
        what = None
        if operation == "insert":
            what = BORN[family], "created"
        elif operation == "delete":
            what = (ENDED[family], "deleted") if family in ENDED else None
        elif family == "contact":
            what = "contact.updated", f"changed-{int(at.timestamp() * 1000) if at else _digest(incoming.body)}"
        elif state:
            what = self._reached(module, state)
        return [self._event(incoming, module, record, what, at)] if what else []

    def _event(
        self, incoming: Incoming, module: str, record: dict[str, Any], what: tuple[str, str], at: datetime | None
    ) -> Event:
        record_id = reading.text(record, "id")
        return Event(
            source=incoming.source,
            type=what[0],
            native_type=module,
            id=f"{module}/{record_id}/{what[1]}",
            key=f"{module}/{record_id}",
            occurred_at=at or incoming.received_at,
            version=reading.iso(at) or "",
            data=self._data(module, record, {}),
            raw={name: value for name, value in record.items() if name != "token"},
            lookup="" if what[1] == "deleted" else f"{module}/{record_id}",
        )

    def _listing(self, http: Http, module: str, now: datetime) -> Listing:
        incoming, state = Incoming(source=self.name, received_at=now), MODULES[module][1]

        def news(sight: Sight) -> Iterator[Event]:
            whats = [(BORN[MODULES[module][0]], "created")] if sight.is_new else []
            reached = self._reached(module, reading.text(sight.record, state)) if state else None
            if reached and not (sight.is_new and reached[0] in CHANGED):
                whats.append(reached)
            for what in whats:
                yield self._event(incoming, module, sight.record, what, _moment(sight.record))

        return Listing(
            read=lambda window: self._changed(http, module, window),
            identity=lambda record: reading.text(record, "id"),
            changed=_stamp,
            created=lambda record: _stamp(record, "Created_Time"),
            standing=lambda record: reading.text(record, state) if state else "",
            news=news,
            back=lambda stamp: max(int(stamp) - OVERLAP, 0),
        )

    def _reached(self, module: str, state: str) -> tuple[str, str] | None:
        """Return our type for where a record stands, and the word that names the event."""
        if not state or module in {"Contacts", "Leads"}:
            return None
        if module == "Events":
            at = reading.moment(state)
            return ("appointment.rescheduled", f"start-{reading.iso(at)}") if at else None
        named = {
            "Deals": {"won_stages": "custom.deal.won", "lost_stages": "custom.deal.lost"},
            "Cases": {"closed_statuses": "ticket.resolved"},
            "Sales_Orders": {"fulfilled_statuses": "order.fulfilled", "cancelled_statuses": "order.cancelled"},
        }[module]
        usual = {"Deals": "custom.deal.updated", "Cases": "ticket.updated", "Sales_Orders": "order.updated"}[module]
        return next((ours for name, ours in named.items() if state in self.settings[name]), usual), f"reached-{state}"

    def _complete(self, event: Event, http: Http) -> dict[str, Any]:
        module, _, record_id = event.key.partition("/")
        record = self._record(http, module, record_id)
        if module in {"Contacts", "Leads"}:
            return self._data(module, record, record)
        whose, kind = reading.text(record, f"{MODULES[module][2]}.id"), "Contacts"
        if not whose and reading.text(record, "$se_module") == "Leads":  # a meeting with somebody who is no contact yet
            whose, kind = reading.text(record, "What_Id.id"), "Leads"
        return self._data(module, record, ask.if_there(lambda: self._record(http, kind, whose)) if whose else {})

    def _data(self, module: str, record: Mapping[str, Any], person: Mapping[str, Any]) -> dict[str, Any]:
        family, state = MODULES[module][0], reading.text(record, MODULES[module][1]) if MODULES[module][1] else ""
        person = record if family == "contact" else person
        more = {str(name): reading.text(reading.dig(record, str(name))) for name in self.settings["fields"]}
        phones = [reading.text(one, str(name)) for one in (person, record) for name in self.settings["phones"]]
        data: dict[str, Any] = {
            "id": reading.text(record, "id"),
            "module": module,
            **({"fields": more} if more else {}),
            "country": reading.first_text(person, "Mailing_Country", "Country"),
            "customer": {
                "id": reading.text(person, "id"),
                "first_name": reading.text(person, "First_Name"),
                "last_name": reading.text(person, "Last_Name"),
                "email": reading.first_text(person, "Email") or reading.text(record, "Email"),
                "phone": next(filter(None, phones), ""),
            },
        }
        return data | _facts(family, state, record)

    def _record(self, http: Http, module: str, record_id: str) -> dict[str, Any]:
        """Fetch one record; Zoho answers 204 where there is none."""
        found = self._send(http, "GET", f"{module}/{ask.part(record_id)}", fine=(200, 204))
        if not found or reading.dig(found, "data") == []:
            raise AskFailed("The record is not in Zoho CRM any more.", gone=True)
        record = reading.dig(found, "data.0")
        if not isinstance(record, dict):
            raise AskFailed("Zoho CRM's answer cannot be read.")
        return record

    def _changed(self, http: Http, module: str, window: Window) -> tuple[list[dict[str, Any]], str]:
        """Read one page of a module; 204 and 304 are an empty one."""
        _, state, person, others = MODULES[module]
        wanted = dict.fromkeys((*others, *self.settings["phones"], *self.settings["fields"], state, person,
                                "Created_Time", "Modified_Time"))  # fmt: skip
        place = window.place or "1"
        params = {
            "fields": ",".join(str(name) for name in wanted if name),
            "sort_by": "Modified_Time",
            "sort_order": "desc" if window.since is None else "asc",
            "per_page": str(SIZE),
            ("page" if len(place) < 3 else "page_token"): place,
        }
        since = datetime.fromtimestamp(window.since or 0, tz=UTC).isoformat()
        found = self._send(
            http, "GET", module, fine=(200, 204, 304), params=params,
            headers={} if window.since is None else {"If-Modified-Since": since},
        )  # fmt: skip
        listed = [record for record in reading.items(found, "data") if isinstance(record, dict)]
        if not listed or not reading.flag(found, "info.more_records"):
            return listed, ""
        number = int(place) + 1 if len(place) < 3 else FIRST_PAGES + 1
        return listed, str(number) if number <= FIRST_PAGES else reading.text(found, "info.next_page_token")

    def _keep_watching(self, http: Http, now: datetime) -> None:
        """Renew the channel, or open it where there is none; a poll goes on without it."""
        watch = {
            "channel_id": str(self.settings["channel_id"]),
            "events": [f"{name}.all" for name in self.settings["modules"]],
            "channel_expiry": (now + LASTS).astimezone(UTC).replace(microsecond=0).isoformat(),
            "token": str(self.settings["channel_token"]),
            "notify_url": str(self.settings["notification_url"]),
            "return_affected_field_values": True,
        }
        trouble = "Zoho CRM opened no channel."
        for method in ("PUT", "POST"):
            try:
                ask.needs(self.settings, "channel_token")
                answer = self._send(http, method, "actions/watch", fine=(200, 201, 202), json={"watch": [watch]})
                if reading.text(answer, "watch.0.status") == "success":
                    return
            except AskFailed as failure:
                trouble = str(failure)
        self._renew_at = None
        log.warning("notifications not renewed", extra={"connector": self.name, "detail": trouble})

    def _send(self, http: Http, method: str, path: str, *, fine: Sequence[int], **how: Any) -> Any:
        ask.needs(self.settings, "client_id", "client_secret", "refresh_token")
        call = Call(method=method, url=f"{self.address('api_url')}/crm/v8/{path}", **how)
        return ask.for_json(self._session.over(http), call, "Zoho CRM", fine=fine)


def _facts(family: str, state: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Read what only this kind of record has."""
    money = {"currency": reading.text(record, "Currency")}
    if family == "deal":
        total = reading.amount(reading.dig(record, "Amount"))
        named = {"title": reading.text(record, "Deal_Name"), "pipeline": reading.text(record, "Pipeline")}
        return {**named, "stage": state, "total": total, **money}
    if family == "ticket":
        named = {"number": reading.text(record, "Case_Number"), "subject": reading.text(record, "Subject")}
        return {**named, "status": state, "priority": reading.text(record, "Priority")}
    if family == "order":
        total, due = reading.amount(reading.dig(record, "Grand_Total")), reading.text(record, "Due_Date")
        return {"number": reading.text(record, "SO_Number"), "status": state, "total": total, "due_date": due, **money}
    if family == "appointment":
        return {
            "starts_at": reading.iso(reading.moment(state)),
            "ends_at": reading.iso(reading.moment(reading.dig(record, "End_DateTime"))),
            "service": reading.text(record, "Event_Title"),
            "location": reading.text(record, "Venue"),
        }
    return {}


def _body(incoming: Incoming) -> dict[str, Any]:
    """Read a notification, or what a workflow posts as JSON or as a form."""
    is_form = "form" in incoming.header("content-type")
    return reading.form(incoming.body) if is_form else reading.json_object(incoming.body)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:16]


def _moment(record: Mapping[str, Any]) -> datetime | None:
    return reading.moment(reading.dig(record, "Modified_Time"))


def _stamp(record: Any, name: str = "Modified_Time") -> int:
    moment = reading.moment(reading.dig(record, name))
    return max(int(moment.timestamp()), 0) if moment else 0


CONNECTOR = Zoho
