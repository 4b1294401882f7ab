"""Mollie: payments, payment links and sales invoices. Classic webhooks are a hint, the newer ones are signed.

Long because of two generations of webhooks, payments and invoices with their fields, and a poll that compares.
Facts: mollie/mollie-api-php (signature, event types) and docs.mollie.com "Webhooks" and "Next-gen webhooks", read
2026-11. Not confirmed: the fields of sales invoices and where a payer's phone stands, hence the option `phones`.
A classic webhook is a form with an id, the same for every change; it is a `custom.payment.updated` that is looked up.
What has become of a payment is told by the poll, which compares.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qs

from connectors.base import AskFailed, Connector, Http, Option, Page
from connectors.kit import ask
from connectors.kit.scan import Listing, Sight, scan
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from wire import reading
from wire.http import Call
from wire.signatures import Hmac, Token

STAMP = "%Y-%m-%dT%H:%M:%SZ"
SIZE, PAGES, LONGEST = 100, 30, 60
TOUCHED = "custom.payment.updated"

# type of a newer webhook -> ours, and where the record is in the API
TYPES = {
    "payment-link.paid": ("payment.succeeded", "payment-links"),
    "sales-invoice.issued": ("invoice.issued", "sales-invoices"),
    "sales-invoice.paid": ("invoice.paid", "sales-invoices"),
    "sales-invoice.canceled": ("invoice.voided", "sales-invoices"),
}
# status of a payment -> ours, and the field that says since when
STATUSES = {
    "paid": ("payment.succeeded", "paidAt"),
    "failed": ("payment.failed", "failedAt"),
    "canceled": ("custom.payment.cancelled", "canceledAt"),
    "expired": ("custom.payment.expired", "expiredAt"),
}
TIMES = ("createdAt", "authorizedAt", *(since for _, since in STATUSES.values()))
PHONES = ("billingAddress.phone", "shippingAddress.phone", "recipient.phone", "metadata.phone", "metadata.mobile")
PERSONS = ("recipient", "billingAddress", "shippingAddress")

FACT_FIELDS = {
    "id": ("text", "The record's id in Mollie: tr_..., pl_... or invoice_..."),
    "number": ("text", "The invoice's number, else the order number in the payment's metadata."),
    "status": ("text", "Mollie's own word for the state."),
    "total": ("money", "The amount in major units; of a refund all that was paid back by then."),
    "currency": ("text", "ISO 4217 code."),
    "description": ("text", "What it is for, in your words."),
    "method": ("text", "ideal, creditcard, banktransfer and others."),
    "reason": ("text", "Mollie's code for why it failed."),
    "pay_url": ("text", "The page on which it can be paid."),
    "country": ("text", "The payer's country, ISO 3166 code."),
    "customer.id": ("text", "The customer's id in Mollie."),
    "customer.name": ("text", "The payer's full name."),
    "customer.first_name": ("text", "The payer's first name."),
    "customer.email": ("text", "The payer's mail address."),
    "customer.phone": ("phone", "The payer's number, where the shop passes it on."),
    "customer.locale": ("text", "The payer's language."),
}
INVOICE_FIELDS = {
    **FACT_FIELDS,
    "amount_due": ("money", "What is still to be paid."),
    "due_date": ("time", "When it is due."),
}


class Mollie(Connector):
    """Mollie profiles."""

    name = "mollie"
    title = "Mollie"
    category = "billing"
    docs_url = "https://docs.mollie.com/reference/webhooks"
    scheme = Hmac(header="x-mollie-signature", prefix="sha256=", separator=",")
    classic: ClassVar[Token] = Token(query="token")
    event_types: ClassVar[Mapping[str, str]] = {
        TOUCHED: "a classic webhook about a payment that is neither paid nor over; `status` tells how it stands",
        **{ours: native for native, (ours, _) in TYPES.items()},
        "payment.succeeded": "payment-link.paid; classic or poll: a payment was paid",
        "payment.failed": "classic or poll: a payment failed",
        "payment.refunded": "classic or poll: more of a payment was paid back",
        "custom.payment.cancelled": "classic or poll: a payment was canceled",
        "custom.payment.expired": "classic or poll: a payment expired",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        event_type: INVOICE_FIELDS if event_type.startswith("invoice.") else FACT_FIELDS for event_type in event_types
    }
    options: ClassVar[Mapping[str, Option]] = {
        "api_key": Option(
            text="API key, to look up and to poll; with a test_ key all is a test.", default="", secret=True
        ),
        "api_url": Option(text="Where Mollie's API is.", default="https://api.mollie.com/v2"),
        "phones": Option(text="Where in a record the payer's number is, best first.", default=PHONES),
        "watch_days": Option(text="Poll: how many days a payment is watched after it was made.", default=7),
        "test_mode": Option(text="True for a webhook of test mode: its events are never texted.", default=False),
    }
    asks: ClassVar[Sequence[str]] = ("api_url",)
    setup: ClassVar[Sequence[str]] = (
        "Classic: let your shop pass the address of this source as webhookUrl, with ?token= and the secret behind it.",
        "Next-gen: in the dashboard under Developers > Webhooks add the address and choose events and full payload.",
        "Put the signing secret (next-gen), or a long word of your own (classic), into this source's variable.",
        "Set `api_key`: a classic webhook is an id and nothing else, and the poll needs it.",
        "Have your shop pass billingAddress.phone on to Mollie, or put the number into metadata.phone.",
    )
    limits: ClassVar[Sequence[str]] = (
        "A classic webhook becomes payment.succeeded and the like once the payment was fetched; until then it waits.",
        "A classic webhook is not signed: it is believed for its token, and only after the payment was fetched.",
        "Mollie lists payments by the day they were made: after `watch_days` a change is not seen any more.",
        "Mollie tries 10 times within 26 hours (not confirmed).",
    )
    poll_every: ClassVar[str] = "5m"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        days = reading.decimal(self.settings["watch_days"])
        if days is None or not 0 < days <= LONGEST:
            raise ValueError("Setting watch_days: expected a number of days, at most 60.")
        self._watched = timedelta(days=float(days))
        self._is_test = reading.flag(self.settings, "test_mode") or str(self.settings["api_key"]).startswith("test_")

    def verify(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        """Check the signature, or the token in the address of a classic webhook; JSON is never taken unsigned."""
        if incoming.header(self.scheme.header):
            self.scheme.check(incoming, secrets, now)
        elif _is_json(incoming.body):
            raise Refused(Reason.NO_SIGNATURE, "Header X-Mollie-Signature is missing.")
        else:
            self.classic.check(incoming, secrets, now)

    def sign(self, incoming: Incoming, secret: str, now: datetime) -> Incoming:
        """Sign as Mollie does, or call the address with its token."""
        scheme = self.scheme if _is_json(incoming.body) else self.classic
        return scheme.sign(incoming, secret, now)

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one event: a form is the classic kind, JSON the newer one."""
        if _is_json(incoming.body):
            return self._event(incoming, reading.json_object(incoming.body))
        record_id = reading.text(reading.form(incoming.body).get("id"))
        if not record_id:
            reading.bad_shape("Field id is missing.")
        if not record_id.startswith("tr_"):
            return []
        told = incoming.received_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M")
        return [
            Event(
                source=incoming.source,
                type=TOUCHED,
                native_type="payment",
                id=f"payment/{record_id}/touched/{told}",
                key=record_id,
                occurred_at=incoming.received_at,
                data=self._data({"id": record_id}, FACT_FIELDS),
                test=self._is_test,
                lookup=f"payments/{ask.part(record_id)}",
            )
        ]

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the payment, link or invoice; what a classic webhook was about is told as the poll tells it."""
        found = self._get(http, event.lookup)
        if event.type == TOUCHED:
            return self._became(event, found)
        return replace(event, data=self._data(found, self.fields[event.type]), lookup="")

    def _became(self, event: Event, payment: Mapping[str, Any]) -> Event:
        """Name a touched payment by the last it has reached; one that is only open stays a touched one."""
        asked_for = {**payment, "id": event.key}
        told = list(self._told(Sight(record=asked_for, before=None, is_new=True), event.occurred_at))
        if not told:
            return replace(event, data=self._data(payment, FACT_FIELDS), lookup="")
        return replace(told[-1], raw=None, lookup="", test=told[-1].test or event.test)

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the record again; an invoice that was paid or cancelled since is gone, and so is a changed payment."""
        place = {"tr_": "payments", "pl_": "payment-links"}.get(event.key[:3], "sales-invoices")
        found = self._get(http, f"{place}/{ask.part(event.key)}")
        status = reading.text(found, "status")
        before = reading.text(event.data, "status")
        if before and status != before:
            raise AskFailed(f"It was {before} in Mollie and is {status} now.", gone=True)
        return replace(event, data=self._data(found, self.fields[event.type]))

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read the payments made of late and tell what each has become.

        Mollie's list is sorted by the time of making and by nothing else, so all that are watched are read each time.
        """
        listing = Listing(
            read=lambda window: (sorted(self._payments(http, now), key=_changed, reverse=window.since is None), ""),
            identity=lambda payment: reading.text(payment, "id"),
            changed=_changed,
            created=lambda payment: _stamp(payment, "createdAt"),
            standing=lambda payment: [reading.text(payment, "status"), reading.text(payment, "amountRefunded.value")],
            news=lambda sight: self._told(sight, now),
            back=str,
            start="",
        )
        return scan(listing, cursor)

    def _payments(self, http: Http, now: datetime) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        oldest, params = (now - self._watched).astimezone(UTC).strftime(STAMP), {"limit": str(SIZE)}
        for _ in range(PAGES):
            page = self._get(http, "payments", params)
            listed = [one for one in reading.items(page, "_embedded.payments") if isinstance(one, dict)]
            found += listed
            following = parse_qs(reading.text(page, "_links.next.href").partition("?")[2]).get("from")
            if not following or not listed or _stamp(listed[-1], "createdAt") < oldest:
                break
            params = {"limit": str(SIZE), "from": following[0]}
        return found

    def _told(self, sight: Sight, now: datetime) -> Iterator[Event]:
        payment, before = sight.record, sight.before or ["", ""]
        payment_id, status = reading.text(payment, "id"), reading.text(payment, "status")
        refunded = reading.amount(reading.dig(payment, "amountRefunded.value"))
        tags = [(status, *STATUSES[status])] if status in STATUSES and status != before[0] else []
        if refunded and reading.decimal(refunded) and refunded != before[1]:
            tags.append((f"refunded-{refunded}", "payment.refunded", ""))
        for tag, event_type, since in tags:
            data = self._data(payment, FACT_FIELDS)
            yield Event(
                source=self.name,
                type=event_type,
                native_type="payment",
                id=f"payment/{payment_id}/{tag}",
                key=payment_id,
                occurred_at=reading.moment(reading.dig(payment, since)) or now,
                version=_changed(payment),
                data={**data, "total": refunded} if event_type == "payment.refunded" else data,
                raw=payment,
                test=self._is_test or reading.text(payment, "mode") == "test",
            )

    def _event(self, incoming: Incoming, body: dict[str, Any]) -> list[Event]:
        event_id, native = reading.required(body, "id"), reading.required(body, "type")
        if native not in TYPES:
            return []
        event_type, place = TYPES[native]
        entity = reading.dig(body, "_embedded.entity")
        record = entity if isinstance(entity, dict) else {}
        record_id = reading.first_text(body, "entityId") or reading.required(record, "id")
        created = reading.text(body, "createdAt")
        return [
            Event(
                source=incoming.source,
                type=event_type,
                native_type=native,
                id=event_id,
                key=record_id,
                occurred_at=reading.moment(created) or incoming.received_at,
                version=created,
                data=self._data({**record, "id": record_id}, self.fields[event_type]),
                test=self._is_test or "test" in {reading.text(body, "mode"), reading.text(record, "mode")},
                lookup="" if record else f"{place}/{ask.part(record_id)}",
            )
        ]

    def _data(self, record: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
        """Read whichever fields the record has; the full amount stands under another name in each kind."""
        money = next((one for name in ("totalAmount", "amount") if isinstance(one := record.get(name), dict)), {})
        facts = {
            "id": reading.text(record, "id"),
            "number": reading.first_text(record, "invoiceNumber", "metadata.order_number", "metadata.order_id"),
            "status": reading.text(record, "status"),
            "total": reading.amount(money.get("value")),
            "currency": reading.text(money, "currency"),
            "description": reading.first_text(record, "description", "memo"),
            "method": reading.text(record, "method"),
            "reason": reading.first_text(record, "details.failureReason", "details.bankReasonCode"),
            "pay_url": reading.first_text(
                record, "_links.checkout.href", "_links.paymentLink.href", "_links.invoicePayment.href"
            ),
            "country": reading.first_text(record, *(f"{place}.country" for place in PERSONS), "countryCode"),
            "amount_due": reading.amount(reading.dig(record, "amountDue.value")),
            "due_date": reading.iso(reading.moment(reading.dig(record, "dueAt"))),
            "customer": self._person(record),
        }
        return {name: value for name, value in facts.items() if name in fields or name == "customer"}

    def _person(self, record: Mapping[str, Any]) -> dict[str, str]:
        def first(name: str) -> str:
            return reading.first_text(record, *(f"{place}.{name}" for place in PERSONS))

        return {
            "id": reading.text(record, "customerId"),
            "name": f"{first('givenName')} {first('familyName')}".strip() or first("organizationName"),
            "first_name": first("givenName"),
            "email": first("email"),
            "phone": reading.first_text(record, *self.settings["phones"]),
            "locale": reading.first_text(record, "locale", "recipient.locale"),
        }

    def _get(self, http: Http, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        ask.needs(self.settings, "api_key")
        call = Call(
            method="GET",
            url=f"{self.address('api_url')}/{path}",
            headers={"Authorization": f"Bearer {self.settings['api_key']}"},
            params=params or {},
        )
        return ask.for_object(http, call, "Mollie")


def _is_json(body: bytes) -> bool:
    return body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"["))


def _changed(payment: Any) -> str:
    return max(_stamp(payment, name) for name in TIMES)


def _stamp(payment: Any, name: str) -> str:
    """Write a time so that texts compare like times; one that is missing comes first."""
    moment = reading.moment(reading.dig(payment, name))
    return moment.strftime(STAMP) if moment and 1971 < moment.year < 9000 else ""


CONNECTOR = Mollie
