"""Lago: invoices, payments, subscriptions, wallets and customers, in the cloud or on your own machine.

Facts: getlago/lago-openapi (webhooks, schemas), getlago/lago-api (both signatures) and getlago.com/docs "Format and
signature", read 2026-11. The key that names a delivery is a header; where a proxy drops it, declared fields stand in.
A JWT holds the whole body once more, in a header: the HMAC is the better choice, and the only one that is your own.
Long because of two kinds of signature and five kinds of record with their fields.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from connectors.base import AskFailed, Connector, Http, Option
from connectors.kit import ask, naming
from model.event import Event, Incoming
from model.reasons import Reason, Refused
from wire import jwt, reading
from wire.certificates import rehearsal_key
from wire.http import Call
from wire.signatures import Hmac

SIGNATURE, ALGORITHM, UNIQUE_KEY = "x-lago-signature", "x-lago-signature-algorithm", "x-lago-unique-key"
PUBLIC = "-----BEGIN"  # how a public key starts; known to everybody, so it never serves as an HMAC key
LONGEST_TOKEN = 2_000_000
FAILURE = "payment_provider_invoice_payment_error"

# webhook_type, or webhook_type/payment_status -> (ours, the object it is about). Drafts are no news for a customer.
TYPES = {
    "invoice.created": ("invoice.issued", "invoice"),
    "invoice.one_off_created": ("invoice.issued", "invoice"),
    "invoice.paid_credit_added": ("invoice.issued", "invoice"),
    "invoice.payment_status_updated/succeeded": ("invoice.paid", "invoice"),
    "invoice.payment_overdue": ("invoice.overdue", "invoice"),
    "invoice.voided": ("invoice.voided", "invoice"),
    "invoice.payment_failure": ("payment.failed", FAILURE),
    "payment.succeeded": ("payment.succeeded", "payment"),
    "subscription.started": ("subscription.created", "subscription"),
    "subscription.updated": ("subscription.updated", "subscription"),
    "subscription.terminated": ("subscription.cancelled", "subscription"),
    "subscription.termination_alert": ("custom.subscription.ending", "subscription"),
    "subscription.trial_ended": ("custom.subscription.trial_ended", "subscription"),
    "wallet.depleted_ongoing_balance": ("custom.wallet.depleted", "wallet"),
    "customer.created": ("contact.created", "customer"),
    "customer.updated": ("contact.updated", "customer"),
}

PERSON_FIELDS = {
    "country": ("text", "The customer's country, ISO 3166 code."),
    "customer.id": ("text", "Your own id of the customer."),
    "customer.name": ("text", "The customer's full name, or the company's."),
    "customer.first_name": ("text", "First name."),
    "customer.email": ("text", "Mail address."),
    "customer.phone": ("phone", "The customer's number, as somebody typed it; may have an extension."),
    "customer.locale": ("text", "The language of the customer's documents."),
    "customer.tz": ("text", "The customer's time zone, IANA name."),
}
INVOICE_FIELDS = {
    "id": ("text", "The record's id in Lago."),
    "number": ("text", "The invoice's number."),
    "status": ("text", "draft, finalized, voided, failed or pending; of a payment what Lago says of it."),
    "payment_status": ("text", "pending, succeeded or failed."),
    "total": ("money", "The amount in major units."),
    "amount_due": ("money", "What is still to be paid, where Lago says so."),
    "currency": ("text", "ISO 4217 code."),
    "due_date": ("date", "The day it is due."),
    "file_url": ("text", "Where the invoice is as a PDF."),
    "reason": ("text", "The payment provider's code for why a payment failed."),
    "reason_text": ("text", "The same in a sentence."),
    **PERSON_FIELDS,
}
SUBSCRIPTION_FIELDS = {
    "id": ("text", "Your own id of the subscription."),
    "status": ("text", "active, pending, canceled or terminated."),
    "plan": ("text", "The plan's name, else its code."),
    "ends_at": ("time", "When it ended or will end."),
    "trial_ends_at": ("time", "When the free trial ended."),
    **PERSON_FIELDS,
}
WALLET_FIELDS = {
    "id": ("text", "The wallet's id in Lago."),
    "name": ("text", "The wallet's name."),
    "currency": ("text", "ISO 4217 code."),
    "balance": ("money", "What is left in it by now, in major units."),
    **PERSON_FIELDS,
}
CONTACT_FIELDS = {"id": ("text", "Your own id of the customer."), **PERSON_FIELDS}
FIELDS = {
    "invoice": INVOICE_FIELDS,
    "payment": INVOICE_FIELDS,
    FAILURE: INVOICE_FIELDS,
    "subscription": SUBSCRIPTION_FIELDS,
    "wallet": WALLET_FIELDS,
    "customer": CONTACT_FIELDS,
}


class Lago(Connector):
    """One organization in Lago."""

    name = "lago"
    title = "Lago"
    category = "billing"
    docs_url = "https://getlago.com/docs/api-reference/webhooks/format---signature"
    scheme = Hmac(header=SIGNATURE, encoding="base64")
    event_types: ClassVar[Mapping[str, str]] = {
        normal: ", ".join(
            native.replace("/", " with payment_status ") for native, (found, _) in TYPES.items() if found == normal
        )
        for normal, _ in TYPES.values()
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {
        ours: FIELDS[name] for ours, name in TYPES.values()
    }
    options: ClassVar[Mapping[str, Option]] = {
        "api_key": Option(text="API key, to look up customers and invoices.", default="", secret=True),
        "api_url": Option(text="Where Lago's API is.", default="https://api.getlago.com/api/v1"),
        "organization_id": Option(text="Take webhooks of this organization only; needed with JWT.", default=""),
        "test_mode": Option(text="True for an organization used for tests.", default=False),
    }
    asks: ClassVar[Sequence[str]] = ("api_url",)
    setup: ClassVar[Sequence[str]] = (
        "In Lago open Developers > Webhooks, add the address of this source and choose HMAC as signature.",
        "Copy the HMAC key into the environment variable of this source.",
        "Set a read-only `api_key`: failed payments, payments and wallets name their customer and no more.",
        "With JWT instead: put Lago's public key (PEM) there, and set `organization_id`.",
    )
    limits: ClassVar[Sequence[str]] = (
        "Lago Cloud signs JWTs of all organizations with one key, so JWT is taken with `organization_id` only.",
        "Lago tries three times in all; there is no list of changes that could be polled.",
        "Of invoice.paid and payment.succeeded let only one lead to a text: both tell of the same payment.",
        "Phones are free text: let the rule check `customer.phone`.",
    )

    def verify(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        """Check the HMAC of the body, or the JWT that holds it. A public key is never taken for an HMAC key."""
        algorithm = incoming.header(ALGORITHM) or "jwt"
        if algorithm == "hmac":
            self.scheme.check(incoming, [one for one in secrets if not one.strip().startswith(PUBLIC)], now)
        elif algorithm == "jwt":
            self._check_token(incoming, [one for one in secrets if one.strip().startswith(PUBLIC)])
        else:
            raise Refused(Reason.BAD_SIGNATURE, "The signature is of a kind we do not know.")

    def sign(self, incoming: Incoming, secret: str, now: datetime) -> Incoming:
        """Sign as Lago does; a JWT with the key of the samples."""
        if not secret.startswith(PUBLIC):
            signed = self.scheme.sign(incoming, secret, now)
            return replace(signed, headers={**signed.headers, ALGORITHM: "hmac"})
        token = jwt.sign_rs256({"data": incoming.body.decode(), "iss": self.address("api_url")}, rehearsal_key())
        return replace(incoming, headers={**incoming.headers, SIGNATURE: token, ALGORITHM: "jwt"})

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one event; types that no text is written for give none."""
        body = reading.json_object(incoming.body)
        native = reading.required(body, "webhook_type")
        if self._is_foreign(body):
            return []
        found = TYPES.get(native) or TYPES.get(f"{native}/{reading.text(body, 'invoice.payment_status')}")
        if not found:
            return []
        event_type, name = found
        record = reading.dig(body, name)
        record_id = reading.required(record, "lago_invoice_id", "lago_id")
        changed = reading.first_text(record, "updated_at", "created_at")
        data = _data(name, record)
        return [
            Event(
                source=incoming.source,
                type=event_type,
                native_type=native,
                id=reading.text(incoming.header(UNIQUE_KEY)) or naming.digest(native, record_id, changed),
                key=record_id,
                occurred_at=reading.moment(reading.dig(record, "updated_at")) or incoming.received_at,
                version=changed,
                data=data,
                test=reading.flag(self.settings, "test_mode"),
                lookup=self._wanted(name, data),
            )
        ]

    def lookup(self, event: Event, http: Http) -> Event:
        """Fetch the invoice of a failed payment; of anything else the customer."""
        found = self._get(http, event.lookup)
        if event.lookup.startswith("invoices/"):
            known = {"reason": event.data["reason"], "reason_text": event.data["reason_text"]}
            return replace(event, data={**_data("invoice", found.get("invoice")), **known}, lookup="")
        return replace(event, data={**event.data, **_person(found.get("customer"))}, lookup="")

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch an invoice again; one that was paid or voided since is gone."""
        if event.type not in {"invoice.issued", "invoice.overdue", "payment.failed"}:
            return event
        found = self._get(http, f"invoices/{ask.part(event.key)}").get("invoice")
        if reading.text(found, "payment_status") == "succeeded" or reading.text(found, "status") == "voided":
            raise AskFailed("The invoice was paid or voided in Lago.", gone=True)
        known = {name: event.data[name] for name in ("reason", "reason_text") if name in event.data}
        return replace(event, data={**_data("invoice", found), **known})

    def _check_token(self, incoming: Incoming, keys: Sequence[str]) -> None:
        if not incoming.header(SIGNATURE):
            raise Refused(Reason.NO_SIGNATURE, f"Header {SIGNATURE} is missing.")
        claims = jwt.claims_by_public_key(incoming.header(SIGNATURE), keys, LONGEST_TOKEN)
        told = claims.get("data")
        if not isinstance(told, str) or not hmac.compare_digest(told.encode("utf-8", "surrogatepass"), incoming.body):
            raise Refused(Reason.BAD_SIGNATURE, "The token was made for another body.")
        if not self.settings["organization_id"]:
            raise Refused(Reason.BAD_SIGNATURE, "With JWT the setting organization_id is needed.")

    def _is_foreign(self, body: Mapping[str, Any]) -> bool:
        wanted = str(self.settings["organization_id"])
        return bool(wanted) and reading.text(body, "organization_id") != wanted

    def _wanted(self, name: str, data: Mapping[str, Any]) -> str:
        if name == FAILURE:
            return f"invoices/{ask.part(data['id'])}"
        customer_id = data["customer"]["id"]
        is_known = data["customer"]["phone"] or name == "customer"
        return "" if is_known or not customer_id else f"customers/{ask.part(customer_id)}"

    def _get(self, http: Http, path: str) -> dict[str, Any]:
        ask.needs(self.settings, "api_key")
        headers = {"Authorization": f"Bearer {self.settings['api_key']}"}
        return ask.for_object(
            http, Call(method="GET", url=f"{self.address('api_url')}/{path}", headers=headers), "Lago"
        )


def _data(name: str, record: Any) -> dict[str, Any]:
    """Read whichever of an object's fields the record has."""
    currency = reading.first_text(record, "currency", "amount_currency")
    cents = reading.dig(record, "total_amount_cents")
    own_id = "external_id" if name in {"subscription", "customer"} else "lago_invoice_id"
    person = record if name == "customer" else reading.dig(record, "customer")
    facts = {
        "id": reading.first_text(record, own_id, "lago_id"),
        "number": reading.first_text(record, "number", "invoice_numbers.0"),
        "status": reading.text(record, "status"),
        "payment_status": reading.text(record, "payment_status"),
        "total": reading.minor_amount(reading.dig(record, "amount_cents") if cents is None else cents, currency),
        "amount_due": reading.minor_amount(reading.dig(record, "total_due_amount_cents"), currency),
        "currency": currency,
        "due_date": reading.text(record, "payment_due_date") or None,
        "file_url": reading.text(record, "file_url"),
        "reason": reading.first_text(record, "provider_error.error_code", "error_details.code"),
        "reason_text": reading.text(record, "provider_error.message"),
        "plan": reading.first_text(record, "plan.name", "plan_code"),
        "ends_at": _time(record, "terminated_at") or _time(record, "ending_at"),
        "trial_ends_at": _time(record, "trial_ended_at"),
        "name": reading.text(record, "name"),
        "balance": reading.minor_amount(reading.dig(record, "ongoing_balance_cents"), currency),
    }
    known = {field: value for field, value in facts.items() if field in FIELDS[name]}
    found = _person(person)
    if not found["customer"]["id"]:
        found["customer"]["id"] = reading.text(record, "external_customer_id")
    return {**known, **found}


def _person(customer: Any) -> dict[str, Any]:
    first, last = reading.text(customer, "firstname"), reading.text(customer, "lastname")
    return {
        "country": reading.text(customer, "country"),
        "customer": {
            "id": reading.text(customer, "external_id"),
            "name": f"{first} {last}".strip() or reading.first_text(customer, "name", "legal_name"),
            "first_name": first,
            "email": reading.text(customer, "email"),
            "phone": reading.text(customer, "phone"),
            "locale": reading.text(customer, "billing_configuration.document_locale"),
            "tz": reading.first_text(customer, "timezone", "applicable_timezone"),
        },
    }


def _time(record: Any, path: str) -> str | None:
    return reading.iso(reading.moment(reading.dig(record, path)))


CONNECTOR = Lago
