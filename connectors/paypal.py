"""PayPal: payments, invoices, subscriptions and disputes, each request signed with PayPal's own certificate.

Long because of a proof by certificate, and payments, invoices, subscriptions and disputes with their fields.
Facts: paypal/PayPal-Python-SDK (the signed text, headers, checks) and developer.paypal.com "Verify webhook signature",
read 2026-11. Not confirmed: where a payer's phone stands, and whether a repeated delivery is signed anew, hence the
option `tolerance_hours`. How the certificate gets here is docs/decisions/0010-paypal-certificates.md.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from connectors.base import AskFailed, Connector, Http, Option
from connectors.kit import ask, naming
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from wire import reading
from wire.certificates import Certificates, fits, pinned, rehearsal_key
from wire.http import Call, Client, Forbidden, NotSent, Unclear
from wire.oauth import Session

SIGNED = ("auth_algo", "cert_url", "transmission_id", "transmission_sig", "transmission_time")
HEADERS = {name: f"paypal-{name.replace('_', '-')}" for name in SIGNED}
ALGORITHM = "SHA256withRSA"
CERT_HOSTS = ("api.paypal.com", "api-m.paypal.com", "api.sandbox.paypal.com", "api-m.sandbox.paypal.com")
CERT_PATH = re.compile(r"/v1/notifications/certs/CERT-[A-Za-z0-9-]{1,80}")
OWNER = ".paypal.com"
AHEAD, LONGEST = timedelta(minutes=5), 720

# PAYMENT.SALE.* are payments of subscriptions, in the shape of the older API.
TYPES = {
    "PAYMENT.CAPTURE.COMPLETED": "payment.succeeded",
    "PAYMENT.CAPTURE.DENIED": "payment.failed",
    "PAYMENT.CAPTURE.DECLINED": "payment.failed",
    "PAYMENT.CAPTURE.REFUNDED": "payment.refunded",
    "PAYMENT.SALE.COMPLETED": "payment.succeeded",
    "PAYMENT.SALE.REFUNDED": "payment.refunded",
    "CHECKOUT.ORDER.APPROVED": "custom.order.approved",
    "BILLING.SUBSCRIPTION.ACTIVATED": "subscription.created",
    "BILLING.SUBSCRIPTION.SUSPENDED": "subscription.updated",
    "BILLING.SUBSCRIPTION.CANCELLED": "subscription.cancelled",
    "BILLING.SUBSCRIPTION.EXPIRED": "subscription.cancelled",
    "BILLING.SUBSCRIPTION.PAYMENT.FAILED": "payment.failed",
    "INVOICING.INVOICE.PAID": "invoice.paid",
    "INVOICING.INVOICE.CANCELLED": "invoice.voided",
    "CUSTOMER.DISPUTE.CREATED": "custom.payment.disputed",
}

PERSON_FIELDS = {
    "country": ("text", "The payer's country, ISO 3166 code."),
    "customer.id": ("text", "The payer's id in PayPal."),
    "customer.name": ("text", "The payer's full name."),
    "customer.first_name": ("text", "The payer's first name."),
    "customer.email": ("text", "The payer's mail address."),
    "customer.phone": ("phone", "The payer's number, where PayPal tells it; often without its country code."),
}
MONEY_FIELDS = {
    "id": ("text", "The record's id in PayPal."),
    "number": ("text", "Your invoice or order number."),
    "status": ("text", "PayPal's own word for the state."),
    "total": ("money", "The amount in major units."),
    "currency": ("text", "ISO 4217 code."),
    **PERSON_FIELDS,
}
PAYMENT_FIELDS = {
    **MONEY_FIELDS,
    "order_id": ("text", "PayPal's id of the order it pays."),
    "subscription_id": ("text", "The subscription it pays."),
    "reason": ("text", "PayPal's word for why it failed or is disputed."),
}
INVOICE_FIELDS = {
    **MONEY_FIELDS,
    "amount_due": ("money", "What is still to be paid."),
    "due_date": ("date", "The day it is due."),
    "pay_url": ("text", "PayPal's page on which it can be seen and paid."),
}
SUBSCRIPTION_FIELDS = {
    "id": ("text", "The subscription's id."),
    "status": ("text", "ACTIVE, SUSPENDED, CANCELLED or EXPIRED."),
    "plan": ("text", "The plan's id."),
    "next_billed_at": ("time", "When it is billed again."),
    **PERSON_FIELDS,
}
FIELDS = {"payment": PAYMENT_FIELDS, "order": PAYMENT_FIELDS, "invoice": INVOICE_FIELDS,
          "subscription": SUBSCRIPTION_FIELDS}  # fmt: skip
PERSONS = ("payer", "subscriber", "payment_source.paypal", "primary_recipients.0.billing_info")


class PayPal(Connector):
    """PayPal business accounts. The secret of a source is the id of its webhook, which is part of what is signed."""

    name = "paypal"
    title = "PayPal"
    category = "billing"
    docs_url = "https://developer.paypal.com/api/rest/webhooks/"
    event_types: ClassVar[Mapping[str, str]] = naming.natives(TYPES)
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        ours: FIELDS[naming.area(ours)] for ours in TYPES.values()
    }
    options: ClassVar[Mapping[str, Option]] = {
        "certificates": Option(text="PayPal's certificates (PEM) to trust; empty to fetch what is named.", default=""),
        "check_by": Option(text="certificate, or api: ask PayPal about every request.", default="certificate"),
        "tolerance_hours": Option(text="How old a request may be; PayPal repeats for 3 days.", default=96),
        "client_id": Option(text="Client id of the REST app, to look up the payer of a payment.", default=""),
        "client_secret": Option(text="Its secret.", default="", secret=True),
        "api_url": Option(text="Where PayPal's API is.", default="https://api-m.paypal.com"),
        "token_url": Option(text="Where PayPal gives tokens.", default="https://api-m.paypal.com/v1/oauth2/token"),
        "test_mode": Option(text="True for an app of the sandbox: its events are never texted.", default=False),
    }
    asks: ClassVar[Sequence[str]] = ("api_url", "token_url")
    setup: ClassVar[Sequence[str]] = (
        "In PayPal's developer dashboard open your live app > Webhooks and add the address of this source.",
        "Choose the events you have rules for. Put the webhook's id into the environment variable of this source.",
        "Set the app's `client_id` and `client_secret`: a payment names its payer by the order only.",
        "For the sandbox: a source of its own, `test_mode` true, both addresses on api-m.sandbox.paypal.com.",
    )
    limits: ClassVar[Sequence[str]] = (
        "PayPal rarely tells a phone: have it asked for at checkout, or let a rule find it in another source.",
        "The webhook simulator's events cannot be verified and are refused.",
        "A certificate not seen before is fetched from PayPal while the request waits, at most six a minute.",
        "PayPal tries up to 25 times in 3 days (not confirmed); there is no poll.",
    )

    def __init__(self, settings: Mapping[str, Any] | None = None, http: Http | None = None) -> None:
        super().__init__(settings)
        if self.settings["check_by"] not in {"certificate", "api"}:
            raise ValueError("Setting check_by: expected certificate or api.")
        hours = reading.decimal(self.settings["tolerance_hours"])
        if hours is None or not 0 < hours <= LONGEST:
            raise ValueError("Setting tolerance_hours: expected a number of hours, at most 720.")
        self._oldest = timedelta(hours=float(hours))
        self._session = Session.of(self.settings)
        self._http: Http = http or Client(hosts=(*CERT_HOSTS, *self.hosts), connect=2.0, read=3.0)
        given = str(self.settings["certificates"])
        self._certificates = Certificates(fetch=self._fetched, given=pinned(given))
        if given.strip() and not self._certificates.given:
            raise ValueError("Setting certificates: expected certificates in PEM text.")

    def verify(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        """Check PayPal's RSA signature over id, time, webhook id and the checksum of the body."""
        told = {name: incoming.header(header) for name, header in HEADERS.items()}
        if not all(told.values()):
            raise Refused(Reason.NO_SIGNATURE, "A PayPal-Transmission header is missing.")
        sent = reading.moment(told["transmission_time"])
        if sent is None or told["auth_algo"] != ALGORITHM:
            raise Refused(Reason.BAD_SIGNATURE, "PAYPAL-AUTH-ALGO or PAYPAL-TRANSMISSION-TIME is none we know.")
        if not -AHEAD <= now - sent <= self._oldest:
            raise Refused(Reason.STALE_SIGNATURE)
        ids = [secret for secret in secrets if secret]
        if self.settings["check_by"] == "api":
            genuine = any(self._vouched(told, one, incoming.body) for one in ids)
        else:
            genuine = self._is_signed(told, ids, incoming.body, now)
        if not genuine:
            raise Refused(Reason.BAD_SIGNATURE)

    def sign(self, incoming: Incoming, secret: str, now: datetime) -> Incoming:
        """Sign as PayPal does, with the key of the samples: a source that pins its certificate takes the request."""
        told = {
            "auth_algo": ALGORITHM,
            "cert_url": f"https://{CERT_HOSTS[0]}/v1/notifications/certs/CERT-rehearsal",
            "transmission_id": "5c1bc5d0-2b1a-11f0-9cd2-0242ac120002",
            "transmission_time": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        signature = rehearsal_key().sign(_signed_text(told, secret, incoming.body), PKCS1v15(), SHA256())
        told["transmission_sig"] = base64.b64encode(signature).decode()
        return replace(incoming, headers={**incoming.headers, **{HEADERS[name]: told[name] for name in told}})

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one event; types that no text is written for give none."""
        body = reading.json_object(incoming.body)
        event_id, native = reading.required(body, "id"), reading.required(body, "event_type")
        if native not in TYPES:
            return []
        resource = reading.dig(body, "resource")
        if not isinstance(resource, dict):
            reading.bad_shape("The resource the event is about is missing.")
        inner = resource.get("invoice")
        record = inner if isinstance(inner, dict) else resource  # newer invoice events wrap the invoice
        area = naming.area(TYPES[native])
        data = _data(area, record)
        is_sandbox = ".sandbox." in incoming.header(HEADERS["cert_url"])
        return [
            Event(
                source=incoming.source,
                type=TYPES[native],
                native_type=native,
                id=event_id,
                key=_up(record) or reading.required(record, "id", "dispute_id"),
                occurred_at=reading.moment(reading.dig(body, "create_time")) or incoming.received_at,
                version=reading.text(body, "create_time"),
                data=data,
                test=is_sandbox or reading.flag(self.settings, "test_mode"),
                lookup=self._wanted(record, data),
            )
        ]

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the order, subscription or capture until a payer is found."""
        path = event.lookup
        found = self._get(http, path)
        if path.startswith("/v2/payments/captures/"):
            order_id = reading.text(found, "supplementary_data.related_ids.order_id")
            found = self._get(http, f"/v2/checkout/orders/{ask.part(order_id)}") if order_id else found
        person, country = _person(found)
        known = event.data["customer"]
        customer = {name: known[name] or value for name, value in person.items()}
        data = {**event.data, "country": event.data["country"] or country, "customer": customer}
        return replace(event, data=data, lookup="")

    def _wanted(self, record: Mapping[str, Any], data: Mapping[str, Any]) -> str:
        """Return what tells the payer, nothing where a phone is known or nobody else is named."""
        if data["customer"]["phone"]:
            return ""
        order_id, agreement = data.get("order_id", ""), data.get("subscription_id", "")
        if order_id:
            return f"/v2/checkout/orders/{ask.part(order_id)}"
        if agreement:
            return f"/v1/billing/subscriptions/{ask.part(agreement)}"
        capture = _up(record)
        return f"/v2/payments/captures/{ask.part(capture)}" if capture else ""

    def _get(self, http: Http, path: str) -> dict[str, Any]:
        ask.needs(self.settings, "client_id", "client_secret")
        call = Call(method="GET", url=f"{self.address('api_url')}{path}")
        return ask.for_object(self._session.over(http), call, "PayPal")

    def _is_signed(self, told: Mapping[str, str], ids: Sequence[str], body: bytes, now: datetime) -> bool:
        try:
            signature = base64.b64decode(told["transmission_sig"], validate=True)
        except ValueError:
            return False
        certificates = self._certificates.of(told["cert_url"], now)
        texts = [_signed_text(told, one, body) for one in ids]
        return any(fits(one, OWNER, text, signature, now) for one in certificates for text in texts)

    def _fetched(self, url: str) -> bytes:
        """Fetch a certificate, from PayPal's own hosts and places only. Raises Refused."""
        try:
            parts = urlsplit(url)
            is_paypals = parts.scheme == "https" and parts.netloc in CERT_HOSTS and not parts.query
        except ValueError:
            is_paypals = False
        if not is_paypals or not CERT_PATH.fullmatch(parts.path):
            raise Refused(Reason.BAD_SIGNATURE, "The certificate is not at PayPal.")
        try:
            reply = self._http.send(Call(method="GET", url=url))
        except (NotSent, Unclear, Forbidden) as error:
            raise Refused(Reason.BAD_SIGNATURE, f"The certificate cannot be fetched: {error}.") from None
        return reply.body if reply.status == 200 else b""

    def _vouched(self, told: Mapping[str, str], webhook_id: str, body: bytes) -> bool:
        """Ask PayPal whether the request is its own. The body is put in as it came: written anew it would not fit."""
        try:
            reading.json_object(body)  # or a clever body could bring a webhook id of its own along
        except Refused:
            return False
        head = ", ".join(f'"{name}": {json.dumps(value)}' for name, value in {**told, "webhook_id": webhook_id}.items())
        call = Call(
            method="POST",
            url=f"{self.address('api_url')}/v1/notifications/verify-webhook-signature",
            headers={"Content-Type": "application/json"},
            body=f'{{{head}, "webhook_event": '.encode() + body + b"}",
        )
        try:
            found = ask.for_object(self._session.over(self._http), call, "PayPal")
        except AskFailed as failure:
            raise Refused(Reason.BAD_SIGNATURE, f"PayPal cannot be asked: {failure}") from None
        return reading.text(found, "verification_status") == "SUCCESS"


def _signed_text(told: Mapping[str, str], webhook_id: str, body: bytes) -> bytes:
    parts = (told["transmission_id"], told["transmission_time"], webhook_id, str(zlib.crc32(body)))
    return "|".join(parts).encode("utf-8", "surrogateescape")


def _data(area: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Read whichever of an area's fields the record has: older and newer resources write the same in two ways."""
    unit = reading.dig(record, "purchase_units.0")
    money = next(
        (one for one in (record.get("amount"), record.get("dispute_amount"), reading.dig(unit, "amount"))
         if isinstance(one, dict)), {})  # fmt: skip
    person, country = _person(record)
    facts = {
        "id": reading.first_text(record, "id", "dispute_id"),
        "number": reading.first_text(
            record, "detail.invoice_number", "number", "invoice_id", "invoice_number", "custom_id", "custom"
        ) or reading.first_text(unit, "invoice_id", "custom_id"),
        "status": reading.first_text(record, "status", "state"),
        "total": reading.amount(money.get("value", money.get("total"))),
        "currency": reading.first_text(money, "currency_code", "currency"),
        "order_id": _order_id(record),
        "subscription_id": reading.text(record, "billing_agreement_id") or _subscription_id(record),
        "reason": reading.first_text(record, "status_details.reason", "reason_code", "reason"),
        "amount_due": reading.amount(reading.dig(record, "due_amount.value")),
        "due_date": reading.text(record, "detail.payment_term.due_date") or None,
        "pay_url": reading.text(record, "detail.metadata.recipient_view_url"),
        "plan": reading.text(record, "plan_id"),
        "next_billed_at": reading.iso(reading.moment(reading.dig(record, "billing_info.next_billing_time"))),
        "country": country,
        "customer": person,
    }  # fmt: skip
    return {name: value for name, value in facts.items() if name in FIELDS[area] or name == "customer"}


def _order_id(record: Mapping[str, Any]) -> str:
    """An order names itself; a capture names the order it belongs to."""
    if "purchase_units" in record:
        return reading.text(record, "id")
    return reading.text(record, "supplementary_data.related_ids.order_id")


def _subscription_id(record: Mapping[str, Any]) -> str:
    return reading.text(record, "id") if "plan_id" in record else ""


def _up(record: Mapping[str, Any]) -> str:
    """Return the id of the capture or sale a refund belongs to: its link `up`. Others lead up to their order."""
    for link in reading.items(record, "links"):
        *_, kind, found = ("", "", *_steps(reading.text(link, "href")))
        if reading.text(link, "rel") == "up" and kind in {"captures", "sale"}:
            return found
    return reading.text(record, "sale_id")


def _steps(url: str) -> list[str]:
    return url.partition("?")[0].rstrip("/").split("/")


def _person(record: Any) -> tuple[dict[str, str], str]:
    """Read the payer wherever the resource has one, and the country."""
    found = next((one for place in PERSONS if isinstance(one := reading.dig(record, place), dict)), {})
    first, last = reading.text(found, "name.given_name"), reading.text(found, "name.surname")
    phone = next((one for place in ("phone.phone_number", "phone_number", "phones.0")
                  if isinstance(one := reading.dig(found, place), dict)), {})  # fmt: skip
    code, number = reading.text(phone, "country_code"), reading.text(phone, "national_number")
    person = {
        "id": reading.first_text(found, "payer_id", "account_id"),
        "name": reading.first_text(found, "name.full_name") or f"{first} {last}".strip(),
        "first_name": first,
        "email": reading.text(found, "email_address"),
        "phone": f"+{code.lstrip('+')} {number}" if code and number else number,
    }
    return person, reading.text(found, "address.country_code")


CONNECTOR = PayPal
