"""Telnyx Messaging v2. Callbacks are signed with Ed25519; the account's public key stands in the portal.

Sources: team-telnyx/telnyx-python 4.189.0, Telnyx's pages on API and messaging errors, nyaruka/courier of 2026-08-19;
read 2026-10. Telnyx takes neither a validity nor a reference of ours and documents no idempotency for messages: after
an unclear submit only the callback at the per-message address tells.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateways.base import FROM, Capabilities, HttpGateway, Option, api_at, money, not_understood, of_class, throttled
from model.event import Incoming
from model.message import State
from model.reasons import Reason, Refused
from model.sending import ErrorClass, Outcome, Receipt, Reply, Result, Submission
from wire import reading
from wire.http import Call
from wire.http import Reply as HttpReply

WINDOW = timedelta(minutes=5)
INBOUND = "message.received"

STOP, SLOW, LATER, NEVER = ErrorClass.ROUTE_STOP, ErrorClass.THROTTLE, ErrorClass.RETRY, ErrorClass.PERMANENT
SENDER, CONTENT = ErrorClass.SENDER_CONFIG, ErrorClass.CONTENT

CODES: Mapping[str, tuple[ErrorClass, str]] = {
    "10001": (NEVER, "The number is not valid."),
    "10002": (NEVER, "The number is not valid."),
    "10004": (NEVER, "A parameter is missing."),
    "10009": (STOP, "The API key is wrong."),
    "10010": (STOP, "The API key may not do this."),
    "10011": (SLOW, "Too many requests."),
    "10015": (NEVER, "The request is not valid."),
    "10016": (NEVER, "The number is not in E.164 form."),
    "40001": (NEVER, "The number is a landline or cannot be routed to."),
    "40002": (CONTENT, "The text is blocked as spam for the time being."),
    "40003": (CONTENT, "The text is blocked as spam."),
    "40004": (LATER, "The carrier refused the text without a reason."),
    "40005": (NEVER, "The text expired before it could be delivered."),
    "40006": (LATER, "The carrier cannot be reached."),
    "40008": (NEVER, "The carrier could not deliver the text."),
    "40009": (CONTENT, "The text is not valid."),
    "40010": (SENDER, "The sender is not registered (US)."),
    "40011": (SLOW, "Too many texts for this sender."),
    "40300": (ErrorClass.OPT_OUT, "The person replied STOP."),
    "40333": (STOP, "The spending limit is reached."),  # from memory
}
"""Telnyx's error codes, in answers and receipts. The names are Telnyx's, what they mean for us is our judgement."""

STATES: Mapping[str, State] = {
    "queued": State.ACCEPTED,
    "sending": State.SENDING,
    "sent": State.SENT,
    "delivered": State.DELIVERED,
    "delivery_failed": State.UNDELIVERED,
    "sending_failed": State.FAILED,
    "expired": State.EXPIRED,
    "delivery_unconfirmed": State.UNCONFIRMED,
}
OVER = {"delivery_failed", "sending_failed", "expired"}


class Telnyx(HttpGateway):
    """One Telnyx account or messaging profile."""

    kind = "telnyx"
    title = "Telnyx"
    docs_url = "https://developers.telnyx.com/api/messaging/send-message"
    options: ClassVar[Mapping[str, Option]] = {
        "api_key": Option(text="API key (KEY...).", required=True, secret=True),
        "public_key": Option(
            text="The account's public key; without it the secret in the address is the only proof of a callback.",
            default="",
        ),
        "from": FROM,
        "messaging_profile_id": Option(text="Messaging profile; needed for names and number pools.", default=""),
        "base_url": api_at("https://api.telnyx.com"),
    }
    capabilities = Capabilities(per_message_callback=True, receipts="signed", replies=True)

    def encode(self, submission: Submission) -> Call:
        """Write POST /v2/messages."""
        body = {
            "to": submission.to,
            "from": submission.sender or self.setting("from"),
            "messaging_profile_id": self.setting("messaging_profile_id"),
            "text": submission.text,
            "encoding": submission.encoding,  # else the profile's smart encoding may change letters
            "webhook_url": submission.receipt_url,
        }
        kept = {name: value for name, value in body.items() if value or name == "text"}
        headers = {"Authorization": f"Bearer {self.setting('api_key')}"}
        url = self.url("/v2/messages")
        return Call(method="POST", url=url, headers=headers, json=kept)

    def decode(self, reply: HttpReply, submission: Submission) -> Result:
        """Read 200 with an id and no error as a yes, and Telnyx's own {errors: [...]} as a no."""
        body = reply.json()
        data = reading.dig(body, "data") if reply.status == 200 else None
        failed = reading.first_text(data, "errors.0.code") or reading.text(body, "errors.0.code")
        status = reading.text(data, "to.0.status")
        if reply.status == 200 and reading.text(data, "id") and status in STATES:
            return _failed(failed, status) if failed or status in OVER else _accepted(data)
        if reply.status < 400:
            return not_understood(reply)
        if reply.status == 429:
            return throttled(reply, failed)
        if failed in CODES:
            return of_class(CODES[failed][0], failed, CODES[failed][1])
        if reply.status in (401, 402, 403, 404):
            return of_class(STOP, failed or f"http_{reply.status}", "Telnyx refuses the key or what it may do.")
        if reply.status in (400, 422) and failed:
            return of_class(NEVER, failed, reading.first_text(body, "errors.0.detail", "errors.0.title"))
        return not_understood(reply)

    def verify(self, incoming: Incoming, now: datetime) -> None:
        """Check the Ed25519 signature over time and body, and the time."""
        key = self.setting("public_key")
        if not key:
            return
        given, stamp = incoming.header("telnyx-signature-ed25519"), incoming.header("telnyx-timestamp")
        if not given or not stamp:
            raise Refused(Reason.NO_SIGNATURE, "The headers of Telnyx's signature are missing.")
        check_signature(key, given, stamp, incoming.body)
        at = reading.moment(stamp)
        if at is None or abs(now - at) > WINDOW:
            raise Refused(Reason.STALE_SIGNATURE)

    def parse_receipt(self, incoming: Incoming) -> list[Receipt]:
        """Read the status of the one recipient; a text from a phone at the same address holds none."""
        data = reading.dig(reading.json_object(incoming.body), "data")
        payload = reading.dig(data, "payload")
        if reading.text(data, "event_type") == INBOUND or reading.text(payload, "direction") == "inbound":
            return []
        status, code = reading.required(payload, "to.0.status"), reading.text(payload, "errors.0.code")
        state, amount = STATES.get(status, State.UNCONFIRMED), reading.amount(reading.dig(payload, "cost.amount"))
        return [
            Receipt(
                state=state,
                provider_id=reading.required(payload, "id"),
                raw_status=status,
                error_code=code,
                error=CODES[code][0] if code in CODES and status in OVER else ErrorClass.NONE,
                at=reading.moment(reading.dig(data, "occurred_at")),
                cost=amount or "",
                currency=reading.text(payload, "cost.currency").upper() if amount else "",
            )
        ]

    def parse_reply(self, incoming: Incoming) -> list[Reply]:
        """Read a text from a phone; every other event holds none."""
        data = reading.dig(reading.json_object(incoming.body), "data")
        if reading.text(data, "event_type") != INBOUND:
            return []
        payload = reading.dig(data, "payload")
        return [
            Reply(
                id=reading.required(payload, "id"),
                number=reading.required(payload, "from.phone_number"),
                to=reading.text(payload, "to.0.phone_number"),
                text=reading.text(payload, "text"),
                at=reading.moment(reading.dig(payload, "received_at")),
            )
        ]

    def balance_call(self) -> Call:
        """Ask for the account's balance (team-telnyx/telnyx-python 4.189.0, read 2026-11)."""
        headers = {"Authorization": f"Bearer {self.setting('api_key')}"}
        return Call(method="GET", url=self.url("/v2/balance"), headers=headers)

    def read_balance(self, body: Any) -> str:
        """Read the money left, with its currency."""
        return money(reading.dig(body, "data.balance"), reading.text(body, "data.currency").upper())


def check_signature(public_key: str, signature: str, timestamp: str, body: bytes) -> None:
    """Refuse unless `signature` (base64) over "timestamp|body" was made by the owner of `public_key` (base64)."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key, validate=True))
        given = base64.b64decode(signature, validate=True)
        key.verify(given, timestamp.encode("utf-8", "surrogatepass") + b"|" + body)
    except (InvalidSignature, ValueError):
        raise Refused(Reason.BAD_SIGNATURE) from None


def _accepted(data: Any) -> Result:
    parts, amount = reading.text(data, "parts"), reading.amount(reading.dig(data, "cost.amount"))
    return Result(
        outcome=Outcome.ACCEPTED,
        provider_id=reading.text(data, "id"),
        segments=int(parts) if parts.isdecimal() and 0 < len(parts) < 3 and int(parts) else None,
        cost=amount or "",
        currency=reading.text(data, "cost.currency").upper() if amount else "",
    )


def _failed(code: str, status: str) -> Result:
    error, says = CODES.get(code, (NEVER, "Telnyx could not send this text."))
    return of_class(error, code or status, says)


GATEWAY = Telnyx
