"""Odoo: webhooks of automation rules, and the poll that finds what a webhook lost.

Long because of four kinds of record with their states and fields, by webhook and poll, over three APIs by version.
Facts: odoo/odoo ir_actions.py (17 to 19), "External JSON-2 API" and "External RPC API" of Odoo's documentation,
OCA/partner-contact 2193, read 2026-11. Not confirmed: that RPC writes times in whole seconds, and phone_sanitized.
A webhook holds the fields somebody ticked, no event and no id, and is sent once. So an event is named by the state the
record reached, webhook and poll name it alike, and the rest is looked up: a phone is on the partner only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from connectors.base import AskFailed, Connector, Http, Option, Page
from connectors.kit import ask, audiences, mapping, rpc
from connectors.kit.scan import Listing, Sight, Window, scan_each
from connectors.kit.stamps import Stamps
from model.event import Event, Incoming
from wire import reading
from wire.http import Call
from wire.signatures import Token

STAMP = Stamps("%Y-%m-%d %H:%M:%S")
OVERLAP = timedelta(minutes=5)
SIZE, MANY = 80, 500
COMMON = {"id": "id", "status": "state", "number": "name"}
APIS = ("json2", "jsonrpc", "xmlrpc")

# model -> field -> its value -> the word that names the event, and our type
STATES: Mapping[str, Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "sale.order": {
        "state": {
            "sent": ("quoted", "custom.quotation.sent"),
            "sale": ("confirmed", "order.created"),
            "done": ("confirmed", "order.created"),  # locked, up to 16
            "cancel": ("cancelled", "order.cancelled"),
        }
    },
    "account.move": {
        "state": {"posted": ("issued", "invoice.issued"), "cancel": ("voided", "invoice.voided")},
        "payment_state": {
            "paid": ("paid", "invoice.paid"),
            "in_payment": ("paid", "invoice.paid"),
            "reversed": ("voided", "invoice.voided"),
        },
    },
    "stock.picking": {"state": {"done": ("shipped", "shipment.created")}},
    "calendar.event": {},  # named by when it begins, see _reached
}
# a model's records that concern a customer: a field, and the value it must have
OURS = {"account.move": ("move_type", "out_invoice"), "stock.picking": ("picking_type_code", "outgoing")}
STAMPS = ("write_date", "create_date")
COLUMNS = {
    "sale.order": ("name", "state", "amount_total", "currency_id", "partner_id", "commitment_date", "client_order_ref"),
    "account.move": (
        *("name", "state", "payment_state", "move_type", "amount_total", "amount_residual", "currency_id"),
        *("partner_id", "invoice_date_due", "invoice_origin"),
    ),
    "stock.picking": ("name", "state", "picking_type_code", "partner_id", "origin", "carrier_tracking_ref"),
    "calendar.event": ("name", "start", "stop", "location", "active", "partner_id", "partner_ids"),
}
PARTNER = ("name", "phone", "mobile", "phone_sanitized", "email", "lang", "country_code")
# what makes a text about an event wrong
OVERTAKEN = {
    "custom.quotation.sent": {"confirmed", "cancelled"},
    "order.created": {"cancelled"},
    "invoice.issued": {"paid", "voided"},
    "appointment.booked": {"cancelled"},
    "appointment.rescheduled": {"cancelled"},
}

PERSON_FIELDS = {
    "country": ("text", "The partner's country, ISO 3166 code (looked up)."),
    "customer.id": ("text", "The partner's id."),
    "customer.name": ("text", "The partner's name (looked up)."),
    "customer.email": ("text", "Mail address (looked up)."),
    "customer.phone": ("phone", "The mobile, or else the other number (looked up)."),
    "customer.locale": ("text", "The partner's language, such as de_DE (looked up)."),
    "fields.*": ("text", "Every field the webhook carries, under Odoo's name, as text: fields.x_studio_phone."),
}
RECORD_FIELDS = {"id": ("text", "The record's id in Odoo."), "status": ("text", "Odoo's word for the state.")}
ORDER_FIELDS = {
    **RECORD_FIELDS,
    "number": ("text", "The number the customer knows, such as S00042."),
    "reference": ("text", "The customer's own number for it."),
    "total": ("money", "The total in major units."),
    "currency": ("text", "ISO 4217 code."),
    "delivery_date": ("time", "The delivery date promised."),
    **PERSON_FIELDS,
}
INVOICE_FIELDS = {
    **RECORD_FIELDS,
    "number": ("text", "The invoice's number."),
    "order_number": ("text", "The order it bills."),
    "total": ("money", "The total in major units."),
    "amount_due": ("money", "What is still to be paid."),
    "currency": ("text", "ISO 4217 code."),
    "due_date": ("date", "When it is due."),
    **PERSON_FIELDS,
}
SHIPMENT_FIELDS = {
    **RECORD_FIELDS,
    "status": ("text", "pre_transit: Odoo tells when the goods leave the warehouse, and no more."),
    "number": ("text", "The transfer's number, such as WH/OUT/00017."),
    "order_number": ("text", "The order it belongs to."),
    "tracking_number": ("text", "The parcel's number."),
    **PERSON_FIELDS,
    "recipient.name": ("text", "The partner's name (looked up)."),
    "recipient.phone": ("phone", "The partner's number (looked up)."),
    "recipient.locale": ("text", "The partner's language (looked up)."),
}
APPOINTMENT_FIELDS = {
    "appointment_id": ("text", "The meeting's id, the same however often it is moved."),
    "status": ("text", "booked or cancelled."),
    "starts_at": ("time", "When it begins."),
    "ends_at": ("time", "When it ends."),
    "previous_starts_at": ("time", "When it was to begin before it was moved."),
    "service": ("text", "The meeting's subject."),
    "location": ("text", "Where it is."),
    **PERSON_FIELDS,
}


class Odoo(Connector):
    """One Odoo database."""

    name = "odoo"
    title = "Odoo"
    category = "ERP"
    docs_url = "https://www.odoo.com/documentation/19.0/developer/reference/external_api.html"
    scheme = Token(query="token")
    event_types: ClassVar[Mapping[str, str]] = {
        "custom.quotation.sent": "sale.order with state sent",
        "order.created": "sale.order with state sale, a confirmed order",
        "order.cancelled": "sale.order with state cancel",
        "invoice.issued": "account.move, a customer's invoice, with state posted",
        "invoice.paid": "account.move with payment_state paid or in_payment",
        "invoice.voided": "account.move with payment_state reversed or state cancel",
        "shipment.created": "stock.picking, a delivery, with state done",
        "appointment.booked": "calendar.event, new (poll)",
        "appointment.rescheduled": "calendar.event that begins at another time (poll)",
        "appointment.cancelled": "calendar.event that was archived (poll)",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        **dict.fromkeys(("custom.quotation.sent", "order.created", "order.cancelled"), ORDER_FIELDS),
        **dict.fromkeys(("invoice.issued", "invoice.paid", "invoice.voided"), INVOICE_FIELDS),
        "shipment.created": SHIPMENT_FIELDS,
        **dict.fromkeys(("appointment.booked", "appointment.rescheduled", "appointment.cancelled"), APPOINTMENT_FIELDS),
    }
    options: ClassVar[Mapping[str, Option]] = {
        "url": Option(text="Odoo's address, such as https://acme.odoo.example.", default=""),
        "database": Option(text="The database's name; json2 needs it where one address serves several.", default=""),
        "login": Option(text="The user's login (jsonrpc and xmlrpc).", default=""),
        "api_key": Option(text="An API key of a user who may read sales, invoices and contacts.", secret=True),
        "api": Option(text="json2 (Odoo 19 and later), jsonrpc or xmlrpc (before; gone in 22).", default="json2"),
        "models": Option(
            text="What to poll, of sale.order, account.move, stock.picking and calendar.event.",
            default=("sale.order", "account.move", "stock.picking"),
        ),
    }
    asks: ClassVar[Sequence[str]] = ("url",)
    setup: ClassVar[Sequence[str]] = (
        "Settings > Technical > Automation Rules: one for Sales Order, on save, action Send Webhook Notification.",
        "URL: the address of this source with ?token= and the secret behind it.",
        "Fields: State and Last Updated on; invoices also Type and Payment Status, transfers Type of Operation.",
        "In the user's profile make an API key and set `url`, `database`, `login`, `api_key`, or no phone is known.",
    )
    limits: ClassVar[Sequence[str]] = (
        "Odoo waits 1 s, sends a webhook once and does not sign it: let the poll run beside it.",
        "Odoo tells nothing when an invoice falls due: schedule a text by `due_date` when it is issued.",
        "A record that reaches the same state again is told once. Meetings come by poll, deleted ones not at all.",
        "On Odoo Online the external API needs the Custom plan.",
    )
    poll_every: ClassVar[str] = "2m"
    audience_query: ClassVar[str] = (
        'a model, a domain and fields: res.partner [["country_id.code", "=", "DE"]] name, phone, lang'
    )

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        if self.settings["api"] not in APIS:
            raise ValueError(f"Setting api: expected one of {', '.join(APIS)}.")
        mapping.choices(self.settings, "models", STATES)
        self._user = 0
        self._partner_columns: list[str] = []

    def parse(self, incoming: Incoming) -> list[Event]:
        """One webhook is one record; states nobody texts about, purchases and receipts give none."""
        body = reading.json_object(incoming.body)
        model, record_id = reading.required(body, "_model"), reading.required(body, "_id", "id")
        if not STATES.get(model):
            return []
        for name in (*STATES[model], *OURS.get(model, ())[:1]):
            reading.required(body, name)
        record = {**body, "id": record_id}
        told = self._told(incoming, model, record, [], is_new=False)
        extra = {name: reading.text(value) for name, value in body.items() if name and "." not in name}
        return [replace(event, data={**event.data, "fields": extra}) for event in told]

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the record and its partner, who has the phone."""
        return self._complete(event, self._record(event.key, http), http)

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch both again; a text about what is cancelled or paid by now is wrong."""
        record = self._record(event.key, http)
        reached = {tag for tag, _ in _reached(event.key.partition("/")[0], record, is_new=False)}
        if found := reached & OVERTAKEN.get(event.type, set()):
            raise AskFailed(f"In Odoo it is {min(found)} by now.", gone=True)
        return self._complete(event, record, http)

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read one page of each model, oldest change first."""
        return scan_each(
            {str(model): self._listing(str(model), http, now) for model in self.settings["models"]}, cursor
        )

    def audience(self, query: str, http: Http) -> Iterator[Mapping[str, Any]]:
        """Yield the records of a model that meet a domain, by their ids; without fields those that partners have."""
        model, domain, fields = audiences.domain(query)
        columns, last = fields or self._known(http, model), 0
        while True:
            terms = [*domain, ["id", ">", last]]
            found = self._search(http, model, columns, domain=terms, order="id asc", limit=MANY)
            # Odoo writes false for what is empty; a reference is told by its label.
            yield from ({name: _label(value) or value or "" for name, value in record.items()} for record in found)
            newest = max((one["id"] for one in found if isinstance(one.get("id"), int)), default=0)
            if len(found) < MANY:
                return
            if newest <= last:
                raise AskFailed("Odoo's answer cannot be read.")
            last = newest

    def _listing(self, model: str, http: Http, now: datetime) -> Listing:
        incoming = Incoming(source=self.name, received_at=now)
        return Listing(
            read=lambda window: self._changed(http, model, window),
            identity=lambda record: reading.text(record, "id"),
            changed=_stamp,
            created=lambda record: _stamp(record, "create_date"),
            standing=lambda record: [tag for tag, _ in _reached(model, record, is_new=False)],
            news=lambda sight: self._news(incoming, model, sight),
            back=lambda stamp: STAMP.back(stamp, OVERLAP),
            start=STAMP.earliest,
        )

    def _news(self, incoming: Incoming, model: str, sight: Sight) -> Iterable[Event]:
        before = sight.before if isinstance(sight.before, list) else []
        for event in self._told(incoming, model, sight.record, before, is_new=sight.is_new):
            yield replace(event, native_type=model, raw=sight.record)

    def _told(
        self, incoming: Incoming, model: str, record: dict[str, Any], before: Sequence[str], *, is_new: bool
    ) -> list[Event]:
        record_id, data = reading.required(record, "id"), _data(model, record)
        if model == "calendar.event":
            at = next((tag.removeprefix("at-") for tag in before if tag.startswith("at-")), "")
            data["previous_starts_at"] = at or None
        return [
            Event(
                source=incoming.source,
                type=event_type,
                native_type=reading.first_text(record, "_action") or model,
                id=f"{model}/{record_id}/{tag}",
                key=f"{model}/{record_id}",
                occurred_at=_moment(record, "write_date") or incoming.received_at,
                version=reading.text(record, "write_date"),
                data=data,
                lookup=f"{model}/{record_id}",
            )
            for tag, event_type in _reached(model, record, is_new=is_new)
            if tag not in before
        ]

    def _complete(self, event: Event, record: dict[str, Any], http: Http) -> Event:
        model = event.key.partition("/")[0]
        data = {**event.data, **_data(model, record, self._partner(_partner_id(record), http))}
        return replace(event, data=data, lookup="")

    def _record(self, key: str, http: Http) -> dict[str, Any]:
        model, _, record_id = key.partition("/")
        if not record_id.isdecimal() or model not in COLUMNS:
            raise AskFailed("Odoo's ids are numbers.", permanent=True)
        anyway = [["active", "in", [True, False]]] if model == "calendar.event" else []
        domain = [["id", "=", int(record_id)], *anyway]
        found = self._search(http, model, [*COLUMNS[model], *STAMPS], domain=domain, limit=1)
        if not found:
            raise AskFailed("The record is not in Odoo any more.", gone=True)
        return found[0]

    def _partner(self, partner_id: str, http: Http) -> dict[str, Any]:
        """Fetch the person; only fields this version has may be asked for (mobile is gone in 19)."""
        if not partner_id.isdecimal():
            return {}
        if not self._partner_columns:
            self._partner_columns = self._known(http, "res.partner")
        found = self._search(http, "res.partner", self._partner_columns, domain=[["id", "=", int(partner_id)]], limit=1)
        return {**found[0], "id": partner_id} if found else {}

    def _known(self, http: Http, model: str) -> list[str]:
        """Return which of a partner's fields a model has in this version."""
        known = self._ask(http, model, "fields_get", allfields=list(PARTNER), attributes=["type"])
        return [name for name in PARTNER if reading.dig(known, name)]

    def _changed(self, http: Http, model: str, window: Window) -> tuple[list[dict[str, Any]], str]:
        way, offset = "desc" if window.since is None else "asc", int(window.place or 0)
        domain: list[Any] = [[OURS[model][0], "=", OURS[model][1]]] if model in OURS else []
        if model == "calendar.event":
            domain.append(["active", "in", [True, False]])
        if window.since is not None:
            domain.append(["write_date", ">=", window.since])
        order = f"write_date {way}, id {way}"
        columns = [*COLUMNS[model], *STAMPS]
        found = self._search(http, model, columns, domain=domain, order=order, limit=SIZE, offset=offset)
        return found, str(offset + SIZE) if len(found) == SIZE else ""

    def _search(self, http: Http, model: str, columns: Sequence[str], **how: Any) -> list[dict[str, Any]]:
        found = self._ask(http, model, "search_read", fields=list(columns), **how)
        if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
            raise AskFailed("Odoo's answer cannot be read.")
        return found

    def _ask(self, http: Http, model: str, method: str, **named: Any) -> Any:
        """Call a method of a model in whichever way the version speaks."""
        if self.settings["api"] == "json2":
            ask.needs(self.settings, "url", "api_key")
            headers = {"Authorization": f"bearer {self.settings['api_key']}"}
            if self.settings["database"]:
                headers["X-Odoo-Database"] = str(self.settings["database"])
            url = f"{self.address('url')}/json/2/{model}/{method}"
            return ask.for_json(http, Call(method="POST", url=url, headers=headers, json=named), "Odoo")
        ask.needs(self.settings, "url", "database", "login", "api_key")
        database, key = str(self.settings["database"]), str(self.settings["api_key"])
        if not self._user:
            login = [database, str(self.settings["login"]), key, {}]
            user = self._remote(http, "common", "authenticate", login)
            if not isinstance(user, int) or not user:
                raise AskFailed("Odoo does not take this login.")
            self._user = user
        return self._remote(http, "object", "execute_kw", [database, self._user, key, model, method, [], named])

    def _remote(self, http: Http, service: str, method: str, args: list[Any]) -> Any:
        if self.settings["api"] == "jsonrpc":
            params = {"service": service, "method": method, "args": args}
            return rpc.json_call(http, f"{self.address('url')}/jsonrpc", params, "Odoo")
        return rpc.xml_call(http, f"{self.address('url')}/xmlrpc/2/{service}", method, args, "Odoo")


def _reached(model: str, record: Mapping[str, Any], *, is_new: bool) -> Iterator[tuple[str, str]]:
    """Yield what a record tells: the word for a state it is in, and our type."""
    ours = OURS.get(model)
    if ours and reading.text(record, ours[0]) != ours[1]:
        return
    if model == "calendar.event":
        start = reading.iso(_moment(record, "start"))
        if record.get("active") is False:
            yield "cancelled", "appointment.cancelled"
        elif start:
            yield f"at-{start}", "appointment.booked" if is_new else "appointment.rescheduled"
        return
    told = set()
    for name, values in STATES[model].items():
        found = values.get(reading.text(record, name))
        if found and found[0] not in told:
            told.add(found[0])
            yield found


def _data(model: str, record: Mapping[str, Any], partner: Mapping[str, Any] | None = None) -> dict[str, Any]:
    person = _person(record, partner or {})
    if model == "calendar.event":
        return {**_meeting(record), **person}
    common = {name: reading.text(record, path) for name, path in COMMON.items()}
    if model == "stock.picking":
        recipient = {name: person["customer"][name] for name in ("name", "phone", "locale")}
        return {**common, **_parcel(record), "recipient": recipient, **person}
    money = {"total": reading.amount(record.get("amount_total")), "currency": _label(record.get("currency_id"))}
    return {**common, **money, **(_order(record) if model == "sale.order" else _invoice(record)), **person}


def _order(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "reference": reading.text(record, "client_order_ref"),
        "delivery_date": reading.iso(_moment(record, "commitment_date")),
    }


def _invoice(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "status": reading.first_text(record, "payment_state", "state"),
        "amount_due": reading.amount(record.get("amount_residual")),
        "due_date": reading.text(record, "invoice_date_due"),
        "order_number": reading.text(record, "invoice_origin"),
    }


def _parcel(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "status": "pre_transit",
        "order_number": reading.text(record, "origin"),
        "tracking_number": reading.text(record, "carrier_tracking_ref"),
    }


def _meeting(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "appointment_id": reading.text(record, "id"),
        "status": "cancelled" if record.get("active") is False else "booked",
        "starts_at": reading.iso(_moment(record, "start")),
        "ends_at": reading.iso(_moment(record, "stop")),
        "service": reading.text(record, "name"),
        "location": reading.text(record, "location"),
    }


def _person(record: Mapping[str, Any], partner: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "country": reading.text(partner, "country_code"),
        "customer": {
            "id": _partner_id(record),
            "name": reading.text(partner, "name") or _label(record.get("partner_id")),
            "email": reading.text(partner, "email"),
            "phone": reading.first_text(partner, "mobile", "phone_sanitized", "phone"),
            "locale": reading.text(partner, "lang"),
        },
    }


def _partner_id(record: Mapping[str, Any]) -> str:
    """Return whom a record is for; of a meeting the first guest, who is not the one who called it."""
    host = _reference(record.get("partner_id"))
    if "partner_ids" not in record:
        return host
    guests = [_reference(one) for one in reading.items(record, "partner_ids")]
    return next((guest for guest in guests if guest and guest != host), "")


def _reference(value: Any) -> str:
    """Read a reference: a bare id, or up to Odoo 18 its id and its name."""
    return reading.text(value, "0") if isinstance(value, list) else reading.text(value)


def _label(value: Any) -> str:
    return reading.text(value, "1") if isinstance(value, list) else ""


def _moment(record: Mapping[str, Any], name: str) -> datetime | None:
    return reading.moment(record.get(name), zone=UTC)


def _stamp(record: Mapping[str, Any], name: str = "write_date") -> str:
    """Return a time of the record as Odoo writes it; such texts compare like times."""
    return STAMP.of(_moment(record, name))


CONNECTOR = Odoo
