"""Tryton: a poll of sales, invoices, customer shipments and parties over JSON-RPC. Tryton sends no webhooks.

Long because of four models with their states and fields, values with types of their own, and sessions.
Facts: trytond 8.2 with sale and account_invoice_stock, installed and asked, 2026-11. Older series leave write_date
empty until the first change (not confirmed), hence two terms in the search. A change of a phone moves the party's time
of change and not the sale's; the phone is read along with each record, so it is the one of now.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from connectors.base import AskFailed, Http, Option, Page, PolledOnly
from connectors.kit import ask, mapping
from connectors.kit.scan import Listing, Sight, Window, scan_each, steps
from model.event import Event
from wire import reading
from wire.http import Call

OVERLAP = timedelta(minutes=5)
SIZE = 100

# model -> its state -> what it has reached by then: the word that names the event, and our type
CONFIRMED, CANCELLED = ("confirmed", "order.created"), ("cancelled", "order.cancelled")
ISSUED, PAID, VOIDED = ("issued", "invoice.issued"), ("paid", "invoice.paid"), ("voided", "invoice.voided")
PACKED, SHIPPED = ("packed", "shipment.created"), ("shipped", "shipment.updated")
STATES: Mapping[str, Mapping[str, Sequence[tuple[str, str]]]] = {
    "sale.sale": {
        "quotation": [("quoted", "custom.quotation.sent")],
        **dict.fromkeys(("confirmed", "processing", "done"), (CONFIRMED,)),
        "cancelled": [CANCELLED],
    },
    "account.invoice": {"posted": [ISSUED], "paid": [ISSUED, PAID], "cancelled": [VOIDED]},
    "stock.shipment.out": {
        "packed": [PACKED],
        **dict.fromkeys(("shipped", "done"), (PACKED, SHIPPED)),  # done is also pressed when the goods leave
    },
    "party.party": {"": [("created", "contact.created")]},
}
WHERE: Mapping[str, list[Any]] = {"account.invoice": [["type", "=", "out"]]}
PERSON = ("name", "lang.code", "contact_mechanisms.type", "contact_mechanisms.value_compact")
COLUMNS = {
    "sale.sale": (
        *("number", "reference", "state", "shipment_state", "total_amount", "currency.code", "shipping_date"),
        *(f"party.{name}" for name in PERSON),
    ),
    "account.invoice": (
        *("number", "state", "total_amount", "amount_to_pay", "currency.code", "lines_to_pay.maturity_date"),
        *("origins", *(f"party.{name}" for name in PERSON)),
    ),
    "stock.shipment.out": (
        *("number", "state", "origins", "planned_date", "delivery_address.country.code"),
        *(f"customer.{name}" for name in PERSON),
    ),
    "party.party": PERSON,
}
PARCELS = {"packed": "pre_transit", "shipped": "in_transit", "done": "in_transit"}
# what makes a text about an event wrong
OVERTAKEN = {
    "custom.quotation.sent": {"confirmed", "cancelled"},
    "order.created": {"cancelled"},
    "invoice.issued": {"paid", "voided"},
}

PERSON_FIELDS = {
    "customer.id": ("text", "The party's id."),
    "customer.name": ("text", "The party's name."),
    "customer.email": ("text", "Mail address."),
    "customer.phone": ("phone", "The party's first mobile, or else its first phone."),
    "customer.locale": ("text", "The party's language, such as de."),
}
RECORD_FIELDS = {
    "id": ("text", "The record's id in Tryton."),
    "number": ("text", "The number the customer knows."),
    "status": ("text", "Tryton's word for the state."),
    **PERSON_FIELDS,
}
MONEY_FIELDS = {
    "total": ("money", "The total in major units."),
    "currency": ("text", "ISO 4217 code."),
    **RECORD_FIELDS,
}
ORDER_FIELDS = {
    **MONEY_FIELDS,
    "reference": ("text", "The customer's own number for it."),
    "delivery_date": ("date", "When it is to be shipped, where a day is agreed."),
}
INVOICE_FIELDS = {
    **MONEY_FIELDS,
    "amount_due": ("money", "What is still to be paid."),
    "due_date": ("date", "When the next part of it is due."),
    "order_number": ("text", "The numbers of the sales it bills."),
}
SHIPMENT_FIELDS = {
    **RECORD_FIELDS,
    "status": ("text", "pre_transit (packed) or in_transit (shipped or done)."),
    "order_number": ("text", "The numbers of the sales in it."),
    "planned_date": ("date", "When it is planned to leave."),
    "country": ("text", "Country of delivery, ISO 3166 code."),
    "recipient.name": ("text", "The party's name."),
    "recipient.phone": ("phone", "The party's number."),
    "recipient.locale": ("text", "The party's language."),
}


class Tryton(PolledOnly):
    """One Tryton database."""

    name = "tryton"
    title = "Tryton"
    category = "ERP"
    docs_url = "https://docs.tryton.org/latest/server/topics/rpc.html"
    event_types: ClassVar[Mapping[str, str]] = {
        "custom.quotation.sent": "sale.sale with state quotation",
        "order.created": "sale.sale with state confirmed, processing or done",
        "order.fulfilled": "sale.sale with shipment_state sent",
        "order.cancelled": "sale.sale with state cancelled",
        "invoice.issued": "account.invoice, a customer's, with state posted",
        "invoice.paid": "account.invoice with state paid",
        "invoice.voided": "account.invoice with state cancelled",
        "shipment.created": "stock.shipment.out with state packed",
        "shipment.updated": "stock.shipment.out with state shipped or done",
        "contact.created": "party.party, new",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        **dict.fromkeys(("custom.quotation.sent", "order.created", "order.fulfilled", "order.cancelled"), ORDER_FIELDS),
        **dict.fromkeys(("invoice.issued", "invoice.paid", "invoice.voided"), INVOICE_FIELDS),
        **dict.fromkeys(("shipment.created", "shipment.updated"), SHIPMENT_FIELDS),
        "contact.created": {"id": RECORD_FIELDS["id"], **PERSON_FIELDS},
    }
    options: ClassVar[Mapping[str, Option]] = {
        "url": Option(text="Tryton's address, such as https://erp.acme.example.", default=""),
        "database": Option(text="The database's name.", default=""),
        "login": Option(text="The login of a user who may read sales, invoices, shipments and parties.", default=""),
        "password": Option(text="That user's password.", default="", secret=True),
        "models": Option(text=f"What to poll, of {', '.join(STATES)}.", default=tuple(STATES)[:3]),
    }
    asks: ClassVar[Sequence[str]] = ("url",)
    setup: ClassVar[Sequence[str]] = (
        "In Tryton make a user of its own who may read, and set `url`, `database`, `login` and `password`.",
        "Leave out of `models` whatever module is not installed.",
    )
    limits: ClassVar[Sequence[str]] = (
        "Tryton sends nothing by itself: what happens is told at the next poll.",
        "Tryton tells nothing when an invoice falls due: schedule a text by `due_date` when it is issued.",
        "Several states passed between two polls are told together; one that is reached again is told once.",
        "Parcels have no tracking number and are not followed: that is in modules that are not asked for.",
    )
    poll_every: ClassVar[str] = "1m"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        mapping.choices(self.settings, "models", STATES)
        self._session = ""
        self._context: dict[str, Any] = {}

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read one page of each model, oldest change first."""
        return scan_each(
            {str(model): self._listing(str(model), http, now) for model in self.settings["models"]}, cursor
        )

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the record again; a text about what is cancelled or paid by now is wrong."""
        model, _, record_id = event.key.partition("/")
        if not record_id.isdecimal() or model not in COLUMNS:
            raise AskFailed("Tryton's ids are numbers.", permanent=True)
        found = self._search(http, model, [["id", "=", int(record_id)]], 0, "ASC")
        if not found:
            raise AskFailed("The record is not in Tryton any more.", gone=True)
        if over := {tag for tag, _ in _reached(model, found[0])} & OVERTAKEN.get(event.type, set()):
            raise AskFailed(f"In Tryton it is {min(over)} by now.", gone=True)
        return replace(event, data=_data(model, found[0], ""))

    def _listing(self, model: str, http: Http, now: datetime) -> Listing:
        def news(sight: Sight) -> Iterable[Event]:
            is_known_contact = model == "party.party" and not sight.is_new
            for tag, event_type in steps(() if is_known_contact else _reached(model, sight.record), sight):
                yield self._event(model, sight.record, tag, event_type, now)

        return Listing(
            read=lambda window: self._changed(http, model, window),
            identity=lambda record: reading.text(record, "id"),
            changed=_stamp,
            created=lambda record: _stamp(record, "create_date"),
            standing=lambda record: [tag for tag, _ in _reached(model, record)],
            news=news,
            back=lambda stamp: _written(_read(stamp) - OVERLAP),
            start=_written(_read("")),
        )

    def _event(self, model: str, record: dict[str, Any], tag: str, event_type: str, now: datetime) -> Event:
        record_id = reading.text(record, "id")
        return Event(
            source=self.name,
            type=event_type,
            native_type=model,
            id=f"{model}/{record_id}/{tag}",
            key=f"{model}/{record_id}",
            occurred_at=_moment(record.get("write_date")) or _moment(record.get("create_date")) or now,
            version=_stamp(record),
            data=_data(model, record, PARCELS.get(tag, "")),
            raw=record,
        )

    def _changed(self, http: Http, model: str, window: Window) -> tuple[list[dict[str, Any]], str]:
        start, domain = int(window.place or 0), list(WHERE.get(model, ()))
        if window.since is not None:
            since = _tagged(_read(window.since))
            fresh = [["write_date", "=", None], ["create_date", ">=", since]]
            domain.append(["OR", [["write_date", ">=", since]], fresh])
        found = self._search(http, model, domain, start, "DESC" if window.since is None else "ASC")
        return found, str(start + SIZE) if len(found) == SIZE else ""

    def _search(self, http: Http, model: str, domain: list[Any], start: int, way: str) -> list[dict[str, Any]]:
        columns = [*COLUMNS[model], "write_date", "create_date"]
        order = [["write_date", way], ["id", way]]
        found = self._ask(http, f"model.{model}.search_read", domain, start, SIZE, order, columns)
        return [record for record in reading.items(found) if isinstance(record, dict)]

    def _ask(self, http: Http, method: str, *args: Any) -> Any:
        """Call a method within a session; a session ends after some minutes of rest, and is then begun again."""
        for _ in range(2):
            if not self._session:
                self._log_in(http)
            answer = self._send(http, method, [*args, self._context], f"Session {self._session}")
            if answer is not None:
                return answer.get("result")
            self._session = ""
        raise AskFailed("Tryton ended the session at once.")

    def _log_in(self, http: Http) -> None:
        ask.needs(self.settings, "url", "database", "login", "password")
        login = str(self.settings["login"])
        answer = self._send(http, "common.db.login", [login, {"password": str(self.settings["password"])}], "")
        user, token = (reading.text(answer, f"result.{place}") for place in (0, 1))
        if not user or not token:
            raise AskFailed("Tryton does not take this login.")
        self._session = base64.b64encode(f"{login}:{user}:{token}".encode()).decode()
        found = self._send(http, "model.res.user.get_preferences", [True, {}], f"Session {self._session}")
        context = reading.dig(found, "result")
        self._context = context if isinstance(context, dict) else {}

    def _send(self, http: Http, method: str, args: Sequence[Any], proof: str) -> dict[str, Any] | None:
        """Send one call; None where the session (or the login) is not taken. Errors arrive with status 200."""
        call = Call(
            method="POST",
            url=f"{self.address('url')}/{quote(str(self.settings['database']), safe='')}/rpc/",
            headers={"Authorization": proof} if proof else {},
            json={"id": 1, "method": method, "params": list(args)},
        )
        reply = ask.send(http, call, "Tryton", fine=(200, 401))
        if reply.status == 401:
            return None
        answer = reply.json()
        if not isinstance(answer, dict):
            raise AskFailed("Tryton's answer cannot be read.")
        if "error" in answer:
            raise AskFailed(f"Tryton answered an error: {reading.text(answer, 'error.0')[:80]}.")
        return answer


def _reached(model: str, record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a record has reached: the word that names the event, and our type."""
    state = "" if model == "party.party" else reading.text(record, "state")
    yield from STATES[model].get(state, ())
    if model == "sale.sale" and reading.text(record, "shipment_state") == "sent" and state != "cancelled":
        yield "shipped", "order.fulfilled"


def _data(model: str, record: Mapping[str, Any], status: str) -> dict[str, Any]:
    person = _person(record if model == "party.party" else record.get("party.") or record.get("customer."))
    record_id = reading.text(record, "id")
    if model == "party.party":
        return {"id": record_id, "customer": person}
    data = {
        "id": record_id,
        "number": reading.text(record, "number"),
        "status": reading.text(record, "state"),
        "customer": person,
    }
    if model == "stock.shipment.out":
        return {
            **data,
            "status": status or PARCELS.get(str(data["status"]), "unknown"),
            "order_number": reading.text(record, "origins"),
            "planned_date": _day(record.get("planned_date")),
            "country": _dotted(record, "delivery_address.", "country.", "code"),
            "recipient": {name: person[name] for name in ("name", "phone", "locale")},
        }
    money = {
        "total": reading.amount(reading.dig(record.get("total_amount"), "decimal")),
        "currency": _dotted(record, "currency.", "code"),
    }
    if model == "sale.sale":
        reference, planned = reading.text(record, "reference"), _day(record.get("shipping_date"))
        return {**data, **money, "reference": reference, "delivery_date": planned}
    days = [_day(line.get("maturity_date")) for line in _lines(record.get("lines_to_pay."))]
    return {
        **data,
        **money,
        "amount_due": reading.amount(reading.dig(record.get("amount_to_pay"), "decimal")),
        "due_date": min(filter(None, days), default=""),
        "order_number": reading.text(record, "origins"),
    }


def _person(party: Any) -> dict[str, str]:
    """Read a party; value_compact is the number in E.164, where Tryton knows how to read it."""
    ways = _lines(party.get("contact_mechanisms.")) if isinstance(party, dict) else []

    def first(kind: str) -> str:
        return next((reading.text(way, "value_compact") for way in ways if reading.text(way, "type") == kind), "")

    return {
        "id": reading.text(party, "id"),
        "name": reading.text(party, "name"),
        "email": first("email"),
        "phone": first("mobile") or first("phone"),
        "locale": _dotted(party, "lang.", "code"),
    }


def _lines(value: Any) -> list[dict[str, Any]]:
    return [line for line in reading.items(value) if isinstance(line, dict)]


def _dotted(value: Any, *names: str) -> str:
    """Follow what Tryton writes for a field of another record: its name ends with a dot."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return reading.text(value)


def _moment(value: Any) -> datetime | None:
    """Read a tagged time; it is UTC."""
    if not isinstance(value, Mapping):
        return None
    try:
        parts = [value.get(name, 0) for name in ("year", "month", "day", "hour", "minute", "second", "microsecond")]
        return datetime(*parts, tzinfo=UTC)  # type: ignore[misc]
    except (TypeError, ValueError, OverflowError):
        return None


def _day(value: Any) -> str:
    try:
        return date(value["year"], value["month"], value["day"]).isoformat()
    except (TypeError, KeyError, ValueError, OverflowError):
        return ""


def _tagged(moment: datetime) -> dict[str, Any]:
    names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return {"__class__": "datetime", **{name: getattr(moment, name) for name in names}}


def _stamp(record: Mapping[str, Any], name: str = "write_date") -> str:
    """Return a time of the record as text that compares like times."""
    return _written(_moment(record.get(name)) or _moment(record.get("create_date")) or _read(""))


def _written(moment: datetime) -> str:
    return max(moment, datetime(1970, 1, 1, tzinfo=UTC)).isoformat(timespec="microseconds")


def _read(stamp: Any) -> datetime:
    return datetime.fromisoformat(str(stamp)) if stamp else datetime(1970, 1, 1, tzinfo=UTC)


CONNECTOR = Tryton
