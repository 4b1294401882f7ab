"""Adyen: payments, captures, refunds and disputes, by standard webhooks.

Facts: Adyen/adyen-python-api-library (signature, its test vectors) and docs.adyen.com "Webhook structure and types",
read 2026-11. Not confirmed: under which key of additionalData a shopper's number comes, hence the option `phone_keys`.
The signature is inside each item and covers eight of its fields, not the body: nothing else in an item is proven.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from connectors.base import Connector, Option
from connectors.kit import batches, naming
from model.event import Answer, Event, Incoming
from model.reasons import Reason, Refused
from wire import reading
from wire.signatures import Hmac

HEADER = "hmacsignature"
SIGNED = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference", "amount.value",
          "amount.currency", "eventCode", "success")  # fmt: skip

# eventCode/success -> ours. An authorisation is a promise of the bank, the money moves with the capture.
TYPES = {
    "AUTHORISATION/true": "custom.payment.authorised",
    "AUTHORISATION/false": "payment.failed",
    "CAPTURE/true": "payment.succeeded",
    "CAPTURE/false": "custom.payment.capture_failed",
    "CAPTURE_FAILED/true": "custom.payment.capture_failed",
    "REFUND/true": "payment.refunded",
    "REFUND/false": "custom.payment.refund_failed",
    "REFUND_FAILED/true": "custom.payment.refund_failed",
    "REFUNDED_REVERSED/true": "custom.payment.refund_failed",
    "CHARGEBACK/true": "custom.payment.disputed",
}

PAYMENT_FIELDS = {
    "id": ("text", "Adyen's reference of this step (pspReference)."),
    "payment_id": ("text", "Adyen's reference of the payment it belongs to."),
    "number": ("text", "Your own reference of the order (merchantReference)."),
    "status": ("text", "The event in Adyen's words, such as CAPTURE."),
    "total": ("money", "The amount in major units."),
    "currency": ("text", "ISO 4217 code."),
    "method": ("text", "visa, ideal, paypal and others."),
    "reason": ("text", "Why it failed, in Adyen's words."),
    "account": ("text", "The merchant account."),
    "country": ("text", "The shopper's country, where Adyen tells it."),
    "customer.id": ("text", "Your own reference of the shopper, where Adyen tells it."),
    "customer.email": ("text", "The shopper's mail address, where Adyen tells it."),
    "customer.phone": ("phone", "The shopper's number, where Adyen tells it."),
    "customer.locale": ("text", "The shopper's language, where Adyen tells it."),
}


class Adyen(Connector):
    """Adyen merchant accounts."""

    name = "adyen"
    title = "Adyen"
    category = "billing"
    docs_url = "https://docs.adyen.com/development-resources/webhooks/"
    scheme = Hmac(header=HEADER, encoding="base64", key="hex")
    event_types: ClassVar[Mapping[str, str]] = naming.natives(TYPES, " with success ")
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = dict.fromkeys(event_types, PAYMENT_FIELDS)
    options: ClassVar[Mapping[str, Option]] = {
        "auto_capture": Option(
            text="True where Adyen captures at once: AUTHORISATION is payment.succeeded.", default=False
        ),
        "phone_keys": Option(
            text="Keys of additionalData that hold the shopper's number, best first.",
            default=("shopperTelephone", "telephoneNumber", "metadata.phone"),
        ),
    }
    setup: ClassVar[Sequence[str]] = (
        "In Adyen's Customer Area open Developers > Webhooks, add a Standard webhook with the address of this source.",
        "Choose JSON, generate an HMAC key and put it into the environment variable of this source.",
        "Under Additional settings add the shopper's details to the webhook, where your account offers them.",
        "Where payments are captured automatically set `auto_capture`: Adyen then tells the authorisation alone.",
    )
    limits: ClassVar[Sequence[str]] = (
        "Adyen rarely tells a phone: put it into the payment's metadata, or let a rule find it in another source.",
        "The signature covers references, amount, event and success; phone and mail beside them are not proven.",
        "The signature has no time in it; a repeated delivery is recognised by its reference, event and success.",
        "Webhooks of platforms, tokens and reports are taken and give no event.",
        "Adyen waits 10 s, then holds back what follows and tries for up to a week (not confirmed).",
    )

    def verify(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        """Check every item of a standard webhook; webhooks of platforms are signed as a whole, in a header."""
        if incoming.header(HEADER):
            self.scheme.check(incoming, secrets, now)
            return
        items = _items(_readable(incoming.body))
        if not items:
            raise Refused(Reason.NO_SIGNATURE, "There is no item that could be signed.")
        for item in items:
            given = reading.text(reading.dig(item, "additionalData.hmacSignature"))
            self.scheme.check(_as_signed(incoming, item, {HEADER: given}), secrets, now)

    def sign(self, incoming: Incoming, secret: str, now: datetime) -> Incoming:
        """Sign every item as Adyen does, or the whole body where there is none."""
        body = _readable(incoming.body)
        if not _items(body):
            return self.scheme.sign(incoming, secret, now)
        for item in _items(body):
            signature = self.scheme.sign(_as_signed(incoming, item, {}), secret, now).header(HEADER)
            item["additionalData"] = {**(item.get("additionalData") or {}), "hmacSignature": signature}
        return replace(incoming, body=json.dumps(body, ensure_ascii=False).encode())

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery holds one item, or several; one that cannot be read does not hold up the others."""
        body = reading.json_object(incoming.body)
        if "notificationItems" not in body and reading.text(body, "type"):
            return []
        events = batches.all_of(
            _items(body), lambda item: self._event(item, incoming, is_live=reading.flag(body, "live"))
        )
        if not isinstance(body.get("notificationItems"), list):
            reading.bad_shape("The list of items is missing.")
        return events

    def answer(self, events: Sequence[Event]) -> Answer:
        """Say the words that Adyen's older webhooks wait for; the newer ones look at the status."""
        return Answer(body="[accepted]")

    def _event(self, item: Any, incoming: Incoming, *, is_live: bool) -> list[Event]:
        code, reference = reading.required(item, "eventCode"), reading.required(item, "pspReference")
        success = "true" if reading.flag(item, "success") else "false"
        event_type = TYPES.get(f"{code}/{success}", "")
        if event_type == "custom.payment.authorised" and self.settings["auto_capture"]:
            event_type = "payment.succeeded"
        if not event_type:
            return []
        payment = reading.text(item, "originalReference") or reference
        happened = reading.text(item, "eventDate")
        return [
            Event(
                source=incoming.source,
                type=event_type,
                native_type=code,
                id=f"{reference}/{code}/{success}",
                key=payment,
                occurred_at=reading.moment(happened) or incoming.received_at,
                version=happened,
                data=self._data(item, reference, payment),
                raw=item,
                test=not is_live,
            )
        ]

    def _data(self, item: Mapping[str, Any], reference: str, payment: str) -> dict[str, Any]:
        more = item.get("additionalData")
        told = more if isinstance(more, dict) else {}  # its keys have dots in them: metadata.phone
        currency = reading.text(item, "amount.currency")
        return {
            "id": reference,
            "payment_id": payment,
            "number": reading.text(item, "merchantReference"),
            "status": reading.text(item, "eventCode"),
            "total": reading.minor_amount(reading.dig(item, "amount.value"), currency),
            "currency": currency,
            "method": reading.text(item, "paymentMethod"),
            "reason": reading.text(item, "reason"),
            "account": reading.text(item, "merchantAccountCode"),
            "country": reading.text(told.get("shopperCountry")),
            "customer": {
                "id": reading.text(told.get("shopperReference")),
                "email": reading.text(told.get("shopperEmail")),
                "phone": next((n for key in self.settings["phone_keys"] if (n := reading.text(told.get(key)))), ""),
                "locale": reading.text(told.get("shopperLocale")),
            },
        }


def _readable(body: bytes) -> Any:
    try:
        return reading.json_body(body)
    except Refused:
        return None


def _items(body: Any) -> list[Any]:
    found = [reading.dig(one, "NotificationRequestItem") for one in reading.items(body, "notificationItems")]
    return [one for one in found if isinstance(one, dict)] if all(isinstance(one, dict) for one in found) else []


def _as_signed(incoming: Incoming, item: Mapping[str, Any], headers: Mapping[str, str]) -> Incoming:
    """Write what one item's signature covers: eight fields joined by colons, what is missing as nothing."""
    text = ":".join(_written(reading.dig(item, path)) for path in SIGNED)
    return replace(incoming, headers=headers, body=text.encode("utf-8", "surrogatepass"))


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else ""


CONNECTOR = Adyen
